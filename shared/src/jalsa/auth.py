"""Who calls: bearer tokens (JWT) of people and of outside systems, and our own services' tokens for the feeds."""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import jwt
import structlog
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from jalsa.config import ConfigError
from jalsa.context import TENANT
from jalsa.errors import Problem

log = structlog.get_logger()

#: The issuer of our own services' tokens; only it can give the role `system`.
SERVICE_ISSUER = "jalsa-services"
SYSTEM = "system"
ROLES = frozenset({"front-desk", "clinician", "biller", "records", "manager", "integration"})
#: permission -> the roles that have it; what is not named is refused.
Policy = Mapping[str, frozenset[str]]


@dataclass(frozen=True)
class Principal:
    """The caller. `tenant` is `*` only for our own services; `provider_id` is set for clinicians."""

    subject: str
    tenant: str
    roles: frozenset[str]
    provider_id: str | None = None


class Authenticator:
    """Checks tokens: signature against the issuer's JWKS (RS256, ES256), issuer, audience, expiry, claims."""

    def __init__(self, *, issuer: str, audience: str, jwks_url: str, service_public_key: str) -> None:
        self.issuer = issuer
        self.audience = audience
        self.keys = _keys(jwks_url)
        self._known: dict[str, tuple[Principal, float]] = {}
        self.service_key = _public_key(service_public_key) if service_public_key else None

    def principal(self, authorization: str | None) -> Principal:
        """The caller of a request, from its Authorization header. Raises a 401 problem, or 503 without a JWKS.

        A token that was found good is taken as good for up to a minute, never beyond its expiry.
        """
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise _unauthenticated("A bearer token is required.")
        known = self._known.get(token)
        if known is not None and time.time() < known[1]:
            return known[0]
        try:
            principal, expiry = self._verify(token)
        except _KeysAway:
            raise Problem(
                503,
                "identity-provider-unavailable",
                "Tokens can not be checked at the moment.",
                headers={"Retry-After": "5"},
            ) from None
        except jwt.ExpiredSignatureError:
            raise _unauthenticated("The token has expired.") from None
        except jwt.PyJWTError:
            raise _unauthenticated("The token is not valid.") from None
        if len(self._known) > 1000:
            self._known.clear()
        self._known[token] = principal, min(expiry, time.time() + 60)
        return principal

    def _verify(self, token: str) -> tuple[Principal, float]:
        unverified = jwt.decode(token, options={"verify_signature": False})
        if unverified.get("iss") == SERVICE_ISSUER:
            return self._verify_service(token)
        key = self.keys.get_signing_key_from_jwt(token)
        claims = self._decode(token, key.key, ["RS256", "ES256"], self.issuer)
        tenant, roles = claims.get("tenant"), claims.get("roles")
        if not isinstance(tenant, str) or not TENANT.fullmatch(tenant):
            raise _unauthenticated("The token names no tenant.")
        if not isinstance(roles, list):
            raise _unauthenticated("The token names no roles.")
        provider = claims.get("provider_id")
        allowed = ROLES & {str(role) for role in roles}
        return Principal(claims["sub"], tenant, allowed, str(provider) if provider else None), float(claims["exp"])

    def _verify_service(self, token: str) -> tuple[Principal, float]:
        if self.service_key is None:
            raise _unauthenticated("The token is not valid.")
        claims = self._decode(token, self.service_key, ["ES256"], SERVICE_ISSUER)
        return Principal(claims["sub"], "*", frozenset({SYSTEM})), float(claims["exp"])

    def _decode(self, token: str, key: Any, algorithms: list[str], issuer: str) -> dict[str, Any]:
        return jwt.decode(
            token,
            key,
            algorithms=algorithms,
            audience=self.audience,
            issuer=issuer,
            leeway=5,
            options={"require": ["exp", "iss", "aud", "sub"]},
        )


class _KeysAway(Exception):
    """The issuer's keys can not be had: that says nothing about the token."""


class _HttpKeys(jwt.PyJWKClient):
    """A JWKS over HTTP, kept for five minutes."""

    def get_jwk_set(self, refresh: bool = False) -> jwt.PyJWKSet:
        try:
            return super().get_jwk_set(refresh)
        except (jwt.PyJWTError, OSError, ValueError) as error:
            raise _KeysAway from error


class _FileKeys:
    """A JWKS in a file, read again when it changes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read: tuple[float, jwt.PyJWKSet] | None = None

    def get_signing_key_from_jwt(self, token: str) -> jwt.PyJWK:
        kid = jwt.get_unverified_header(token).get("kid")
        for key in self._keys():
            if key.key_id == kid:
                return key
        raise jwt.InvalidKeyError("unknown key")

    def _keys(self) -> list[jwt.PyJWK]:
        try:
            changed = self.path.stat().st_mtime
            if self._read is None or self._read[0] != changed:
                self._read = changed, jwt.PyJWKSet.from_json(self.path.read_text())
        except (jwt.PyJWTError, OSError, ValueError) as error:
            raise _KeysAway from error
        return self._read[1].keys


def _keys(url: str) -> _HttpKeys | _FileKeys:
    if not url.startswith("file:"):
        return _HttpKeys(url, lifespan=300, timeout=5)
    path = Path(url2pathname(urlsplit(url).path))
    if not path.is_file():
        raise ConfigError("JWKS_URL names a file that is not there")
    return _FileKeys(path)


class ServiceTokens:
    """Short-lived tokens with which a service reads the others' feeds."""

    def __init__(self, service: str, *, audience: str, service_key: str) -> None:
        self.service = service
        self.audience = audience
        self.key = _private_key(service_key)
        self._lock = threading.Lock()
        self._token, self._until = "", 0.0

    def token(self) -> str:
        """A token that is valid for at least a minute more."""
        with self._lock:
            if time.time() > self._until - 60:
                self._until = time.time() + 300
                claims = {"iss": SERVICE_ISSUER, "aud": self.audience, "sub": self.service, "exp": int(self._until)}
                self._token = jwt.encode(claims, self.key, algorithm="ES256")
            return self._token


#: The mark of a view that needs no token.
PUBLIC = "public"


def authorise(policy: Policy, permission: str | None, principal: Principal) -> None:
    """Raises the 403 problem `forbidden` unless one of the caller's roles has the permission."""
    allowed = policy.get(permission, frozenset()) if permission else frozenset()
    if not allowed & principal.roles:
        raise Problem(403, "forbidden", "Your roles do not allow this.")


def _unauthenticated(detail: str) -> Problem:
    return Problem(401, "unauthenticated", detail, headers={"WWW-Authenticate": "Bearer"})


def _public_key(pem: str) -> EllipticCurvePublicKey:
    try:
        key = load_pem_public_key(pem.encode())
    except ValueError:
        key = None
    if not isinstance(key, EllipticCurvePublicKey):
        raise ConfigError("SERVICE_PUBLIC_KEY is not an EC public key in PEM")
    return key


def _private_key(pem: str) -> EllipticCurvePrivateKey:
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except ValueError:
        key = None
    if not isinstance(key, EllipticCurvePrivateKey):
        raise ConfigError("SERVICE_KEY is not an EC private key in PEM")
    return key
