"""Who calls: bearer tokens (JWT) of people and of outside systems, and our own services' tokens for the feeds."""

import re
import time
import unicodedata
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import jwt
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from jalsa.events.tokens import SERVICE_ISSUER
from jalsa.http.keys import Key, KeysAway, key_source
from jalsa.service.context import TENANT
from jalsa.service.policy import ROLES, SUBSCRIBER, SYSTEM, Principal
from jalsa.service.problems import EDGE_CODES, Problem

#: How long one of our own services' tokens may be valid. They are made for five minutes.
_SERVICE_SECONDS = 900
#: How far the clocks of issuer and service may be apart.
_LEEWAY_SECONDS = 5
_MAX_TOKEN = 8192
#: Whatever a token that somebody made up brings the libraries to raise.
_MALFORMED = (
    jwt.PyJWTError,
    InvalidSignature,
    UnsupportedAlgorithm,
    ArithmeticError,
    AttributeError,
    LookupError,
    NotImplementedError,
    RecursionError,
    TypeError,
    ValueError,
)
# letters and symbols that show nothing, though Unicode counts them as printable
_BLANKS = frozenset("\u115f\u1160\u2800\u3164\uffa0")
_GRANT = re.compile(r"[a-z][a-z-]{0,40}\.[a-z][a-z-]{0,40}")


class Authenticator:
    """Checks the signature of tokens against a key set (RS256, ES256), issuer, audience, times, and what they say."""

    def __init__(
        self, *, issuer: str, audience: str, jwks_url: str, service_jwks_url: str, max_hours: float = 24
    ) -> None:
        self.issuer = issuer
        self.audience = audience
        self.max_seconds = max_hours * 3600
        self.keys = key_source("JWKS_URL", jwks_url)
        self.service_keys = key_source("SERVICE_JWKS_URL", service_jwks_url)
        self._known: dict[str, tuple[Principal, float]] = {}

    def principal(self, authorization: str | None) -> Principal:
        """The caller of a request, from its Authorization header. Raises a 401 problem, or 503 without a key set.

        A token that was found good is taken as good for up to a minute, never beyond its expiry.
        """
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise _unauthenticated(EDGE_CODES["unauthenticated"][1])
        known = self._known.get(token)
        if known is not None and time.time() < known[1]:
            return known[0]
        try:
            principal, expiry = self._verify(token)
        except KeysAway:
            raise _provider_away() from None
        except jwt.ExpiredSignatureError:
            raise _unauthenticated("The token has expired.") from None
        except _MALFORMED:
            raise _unauthenticated("The token is not valid.") from None
        if len(self._known) > 1000:
            self._known.clear()
        self._known[token] = principal, min(expiry, time.time() + 60)
        return principal

    def _verify(self, token: str) -> tuple[Principal, float]:
        if len(token) > _MAX_TOKEN:
            raise jwt.InvalidTokenError
        header = jwt.get_unverified_header(token)
        ours = jwt.decode(token, options={"verify_signature": False}).get("iss") == SERVICE_ISSUER
        key = (self.service_keys if ours else self.keys).find(header.get("kid"), str(header.get("alg")))
        if key is None:
            raise jwt.InvalidKeyError
        if ours:
            return self._verify_service(token, key)
        claims = self._decode(token, key, self.issuer, self.max_seconds)
        return person(claims), float(claims["exp"])

    def _verify_service(self, token: str, key: Key) -> tuple[Principal, float]:
        claims = self._decode(token, key, SERVICE_ISSUER, _SERVICE_SECONDS)
        if claims["sub"] != key.service:
            raise _unauthenticated("The token is not valid.")
        return Principal(claims["sub"], "*", frozenset({SYSTEM})), float(claims["exp"])

    def _decode(self, token: str, key: Key, issuer: str, max_seconds: float) -> dict[str, Any]:
        claims: dict[str, Any] = jwt.decode(
            token,
            key.public,
            algorithms=[key.algorithm],
            audience=self.audience,
            issuer=issuer,
            leeway=_LEEWAY_SECONDS,
            options={"require": ["exp", "iss", "aud", "sub"]},
        )
        if any(type(claims[name]) not in (int, float) for name in ("exp", "iat", "nbf") if name in claims):
            raise _unauthenticated("The token's times are not numbers.")
        begins = min(time.time(), claims.get("iat", time.time()))
        if claims["exp"] - begins > max_seconds + _LEEWAY_SECONDS:
            raise _unauthenticated("The token is valid for too long.")
        return claims


def person(claims: Mapping[str, Any]) -> Principal:
    """The caller whom a verified token of the users' issuer names. Raises a 401 problem for what it may not say."""
    subject, tenant, roles = claims["sub"], claims.get("tenant"), claims.get("roles")
    if not is_login(subject):
        raise _unauthenticated("The token's subject is not a login.")
    if not isinstance(tenant, str) or not TENANT.fullmatch(tenant):
        raise _unauthenticated("The token names no tenant.")
    if not isinstance(roles, list):
        raise _unauthenticated("The token names no roles.")
    allowed = frozenset(role for role in roles if isinstance(role, str)) & ROLES
    events = _grants(claims["events"]) if SUBSCRIBER in allowed and "events" in claims else None
    return Principal(subject, tenant, allowed, _uuid(claims.get("provider_id")), events)


def is_login(subject: object) -> bool:
    """Whether a token may name this login: 1 to 200 characters that everybody sees.

    It stands in the audit log, where `system:` is our own.
    """
    if not isinstance(subject, str) or not 1 <= len(subject) <= 200 or subject != subject.strip():
        return False
    if not subject.isprintable() or any(c in _BLANKS or unicodedata.category(c)[0] == "M" for c in subject):
        return False
    return not unicodedata.normalize("NFKC", subject).casefold().startswith("system:")


def _grants(events: object) -> frozenset[str]:
    if not isinstance(events, list) or not all(isinstance(one, str) and _GRANT.fullmatch(one) for one in events):
        raise _unauthenticated("The token's events must be a list of <service>.<aggregate>.")
    return frozenset(events)


def _uuid(value: object) -> str | None:
    try:
        return str(UUID(value)) if isinstance(value, str) else None
    except ValueError:
        return None


def _unauthenticated(detail: str) -> Problem:
    return Problem(401, "unauthenticated", detail, headers={"WWW-Authenticate": "Bearer"})


def _provider_away() -> Problem:
    return Problem(
        503,
        "identity-provider-unavailable",
        "Tokens cannot be checked at the moment.",
        headers={"Retry-After": "5"},
    )
