"""Public keys with which tokens are checked, which are JSON Web Key Sets, read from a file or over HTTPS.

Keys that were read once are kept for hours, so that an identity provider that is away for a moment locks nobody out.
"""

import ipaddress
import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import jwt
import structlog
import urllib3
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from jalsa.service.config import ConfigError

log = structlog.get_logger()

#: A key set is read again, in the background, after so many seconds, and is taken as good for so many without an
#: answer.
FRESH_SECONDS = 300.0
KEPT_SECONDS = 12 * 3600.0
#: Seconds between two questions to the provider, after an answer and after none, however many requests ask meanwhile.
PAUSE_SECONDS = 10.0
RETRY_SECONDS = 2.0
#: How long a request waits for keys that are not known yet, and how many may do so. Others are answered immediately.
PATIENCE_SECONDS = 1.5
MAX_WAITING = 4
#: What an answer may take, in bytes and in seconds.
MAX_BYTES = 256 * 1024
ANSWER_SECONDS = 5.0
_MIN_RSA_BITS = 2048
#: The one algorithm that a key of a type is for.
_ALGORITHMS = {"RSA": "RS256", "EC": "ES256"}


@dataclass(frozen=True)
class Key:
    """A public key, bound to its one algorithm. `service` names the service of ours that has it, if one does."""

    kid: str | None
    algorithm: str
    public: RSAPublicKey | EllipticCurvePublicKey
    service: str | None = None


Keys = Mapping[tuple[str | None, str], Key]


class KeysAway(Exception):
    """The keys are not available, which says nothing about a token."""


def read_keys(document: str | bytes) -> Keys:
    """The keys of a JSON Web Key Set that sign by RS256 or ES256, by key id and algorithm. Others are passed over.

    Raises ValueError where there is none, or the text is no key set.
    """
    try:
        entries = json.loads(document)["keys"]
        found = [key for entry in entries if isinstance(entry, dict) and (key := _key(entry)) is not None]
    except (TypeError, LookupError, RecursionError):
        raise ValueError("not a JSON Web Key Set") from None
    if not found:
        raise ValueError("no usable key")
    return {(key.kid, key.algorithm): key for key in found}


def _key(entry: dict[str, object]) -> Key | None:
    algorithm = _ALGORITHMS.get(str(entry.get("kty")), "")
    if not algorithm or entry.get("alg", algorithm) != algorithm or entry.get("use", "sig") != "sig":
        return None
    kid, service = entry.get("kid"), entry.get("service")
    if not isinstance(kid, str | None) or not isinstance(service, str | None):
        return None
    try:
        public = jwt.PyJWK(entry, algorithm).key
    except (jwt.PyJWTError, UnsupportedAlgorithm, ValueError, TypeError, LookupError, AttributeError):
        return None
    strong = (isinstance(public, RSAPublicKey) and public.key_size >= _MIN_RSA_BITS) or (
        isinstance(public, EllipticCurvePublicKey) and isinstance(public.curve, SECP256R1)
    )
    return Key(kid, algorithm, public, service) if strong else None


class FileKeys:
    """A key set in a file, read again when the file changes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._keys: Keys = {}
        self._seen: tuple[int, int, int] | None = None
        self._good_at = -KEPT_SECONDS

    def find(self, kid: str | None, algorithm: str) -> Key | None:
        """The key, or None where the set has none such. Raises KeysAway where no set was read for hours."""
        try:
            stat = self.path.stat()
            state = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            if state != self._seen:
                self._keys = read_keys(self.path.read_bytes())
                self._seen = state
            self._good_at = time.monotonic()
        except (OSError, ValueError) as error:
            log.warning("keys-away", error=type(error).__name__)
            if time.monotonic() - self._good_at >= KEPT_SECONDS or not self._keys:
                raise KeysAway from None
        return self._keys.get((kid, algorithm))


class HttpKeys:
    """A key set over HTTP. It is asked for in the background, at most once in some seconds, never once a request."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = urllib3.PoolManager(timeout=urllib3.Timeout(connect=2, read=3), retries=False)
        self._changed = threading.Condition()
        self._keys: Keys = {}
        self._good_at: float | None = None
        self._asking = False
        self._waiting = 0
        self._not_before = 0.0
        self._ask()

    def find(self, kid: str | None, algorithm: str) -> Key | None:
        """The key, or None where the set has none such. Raises KeysAway where no set was had for hours.

        For a key id that is unknown the set is asked for again, unless it was a moment ago.
        """
        with self._changed:
            age = self._age()
            if age >= FRESH_SECONDS or not self._knows(kid):
                self._ask()
                if self._asking and (age >= KEPT_SECONDS or not self._knows(kid)):
                    self._wait()
            if self._age() >= KEPT_SECONDS:
                raise KeysAway
            return self._keys.get((kid, algorithm))

    def _age(self) -> float:
        return KEPT_SECONDS if self._good_at is None else time.monotonic() - self._good_at

    def _knows(self, kid: str | None) -> bool:
        return any(known == kid for known, _ in self._keys)

    def _ask(self) -> None:
        with self._changed:
            if self._asking or time.monotonic() < self._not_before:
                return
            self._asking = True
            threading.Thread(target=self._fetch, name="keys", daemon=True).start()

    def _wait(self) -> None:
        """Only some wait, because a provider that hangs must not take every thread of the process."""
        if self._waiting >= MAX_WAITING:
            return
        self._waiting += 1
        try:
            self._changed.wait_for(lambda: not self._asking, PATIENCE_SECONDS)
        finally:
            self._waiting -= 1

    def _fetch(self) -> None:
        keys: Keys | None = None
        try:
            keys = read_keys(self._download())
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            log.warning("keys-away", error=type(error).__name__)
        finally:
            with self._changed:
                now = time.monotonic()
                if keys is not None:
                    self._keys, self._good_at = keys, now
                self._not_before = now + (RETRY_SECONDS if keys is None else PAUSE_SECONDS)
                self._asking = False
                self._changed.notify_all()

    def _download(self) -> bytes:
        """The body of a plain 200. Raises ValueError for any other answer, and for one that is too long or too slow."""
        until = time.monotonic() + ANSWER_SECONDS
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        response = self._http.request("GET", self.url, headers=headers, redirect=False, preload_content=False)
        try:
            if response.status != 200:
                raise ValueError(f"status {response.status}")
            body = bytearray()
            while chunk := response.read1(16_384, decode_content=False):
                body += chunk
                if len(body) > MAX_BYTES or time.monotonic() > until:
                    raise ValueError("too long")
            return bytes(body)
        finally:
            response.close()


def key_source(setting: str, url: str) -> FileKeys | HttpKeys:
    """Where a key set is read. Raises ConfigError, naming the setting, for a missing file and for plain HTTP.

    Whoever can change an answer on its way could sign every token. Only this machine itself may answer without TLS.
    """
    parts = urlsplit(url)
    if parts.scheme != "file":
        if parts.scheme != "https" and not _is_loopback(parts.hostname or ""):
            raise ConfigError(f"{setting} must be an https URL; plain http is for this machine's own addresses")
        return HttpKeys(url)
    path = Path(url2pathname(parts.path))
    if not path.is_file():
        raise ConfigError(f"{setting} names a file that does not exist")
    return FileKeys(path)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
