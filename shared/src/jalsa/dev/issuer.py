"""A token issuer for development, the local run and tests: keys in a folder. A hospital's own issuer replaces it."""

import json
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from jwt.algorithms import RSAAlgorithm

from jalsa.events.tokens import ServiceTokens, private_key, public_jwk
from jalsa.service.policy import SYSTEM

ISSUER = "https://issuer.jalsa.test"
AUDIENCE = "jalsa"
_KID = "jalsa-development"
#: The key with which a token of the role `system` is signed that somebody asks for by hand.
_DEVELOPER = "developer"


@dataclass(frozen=True)
class Issuer:
    """The keys in `folder`: the issuer's RSA key and its JWKS, and in `folder/services` a key or two of each service.

    `services/<service>.pem` is the key with which the service signs, `services/<service>.next.pem` and
    `services/<service>.old.pem` are accepted beside it. `services.json` is the set of all of them.
    """

    folder: Path

    @classmethod
    def in_folder(cls, folder: Path) -> "Issuer":
        """The issuer of a folder. Its keys are made, readable by their owner only, where they do not exist yet."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        (folder / "services").mkdir(exist_ok=True, mode=0o700)
        issuer = cls(folder)
        if not (folder / "issuer.pem").exists():
            key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            public = json.loads(RSAAlgorithm.to_jwk(key.public_key()))
            jwks = {"keys": [{**public, "kid": _KID, "use": "sig", "alg": "RS256"}]}
            (folder / "jwks.json").write_text(json.dumps(jwks))
            _write(folder / "issuer.pem", key)
        issuer.list_service_keys()
        return issuer

    @property
    def jwks_url(self) -> str:
        """The JWKS as a file URL."""
        return (self.folder / "jwks.json").resolve().as_uri()

    @property
    def service_jwks_url(self) -> str:
        """The set of our own services' keys as a file URL."""
        return (self.folder / "services.json").resolve().as_uri()

    def service_key(self, service: str) -> str:
        """The private key with which a service signs, as PEM. It is made and listed if it does not exist yet."""
        path = self.folder / "services" / f"{service}.pem"
        if not path.exists():
            _write(path, ec.generate_private_key(ec.SECP256R1()))
            self.list_service_keys()
        return path.read_text()

    def list_service_keys(self) -> str:
        """Write and return `services.json`: the public halves of all service keys, each with its service's name."""
        listed = [
            {**public_jwk(private_key(path.read_text()).public_key()), "service": path.name.split(".")[0]}
            for path in sorted((self.folder / "services").glob("*.pem"))
        ]
        document = json.dumps({"keys": listed}, indent=2)
        written = self.folder / "services.json.new"
        written.write_text(document)
        written.replace(self.folder / "services.json")
        return document

    def token(
        self,
        tenant: str,
        roles: Iterable[str],
        *,
        subject: str = "developer",
        provider_id: str | None = None,
        events: Iterable[str] | None = None,
        seconds: int = 86_400,
    ) -> str:
        """A token. With the role `system` it is one of our own services'. `events` are a subscriber's grants."""
        roles = list(roles)
        if SYSTEM in roles:
            key = self.service_key(_DEVELOPER)
            return ServiceTokens(_DEVELOPER, audience=AUDIENCE, service_key=key).token()
        now = int(time.time())
        claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": subject, "iat": now, "exp": now + seconds}
        claims |= {"tenant": tenant, "roles": roles}
        if provider_id:
            claims["provider_id"] = provider_id
        if events is not None:
            claims["events"] = list(events)
        signing = load_pem_private_key((self.folder / "issuer.pem").read_bytes(), password=None)
        assert isinstance(signing, rsa.RSAPrivateKey)
        return jwt.encode(claims, signing, algorithm="RS256", headers={"kid": _KID})


def _write(path: Path, key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
