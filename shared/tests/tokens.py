"""Tokens of the test issuer, good and bad, and whether they are let in."""

import base64
import json
import time
from typing import Any
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from jalsa.dev.issuer import AUDIENCE, ISSUER, Issuer
from jalsa.http.auth import Authenticator
from jalsa.service.problems import Problem

KID = "jalsa-development"
PROVIDER = str(uuid4())


def claims(**changes: Any) -> dict[str, Any]:
    """A good token's claims, with these instead. None takes one away."""
    good = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "u-1",
        "exp": int(time.time()) + 600,
        "tenant": "agdar",
        "roles": ["manager"],
    }
    return {name: value for name, value in (good | changes).items() if value is not None}


def authenticator_of(issuer: Issuer, jwks_url: str | None = None) -> Authenticator:
    """What checks the tokens of an issuer, and those of the service `billing`."""
    issuer.service_key("billing")
    return Authenticator(
        issuer=ISSUER,
        audience=AUDIENCE,
        jwks_url=jwks_url or issuer.jwks_url,
        service_jwks_url=issuer.service_jwks_url,
    )


def private_key(issuer: Issuer) -> rsa.RSAPrivateKey:
    """The issuer's own key."""
    key = load_pem_private_key((issuer.folder / "issuer.pem").read_bytes(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


def signed(issuer: Issuer, **changes: Any) -> str:
    """A token that is good but for these claims."""
    return jwt.encode(claims(**changes), private_key(issuer), algorithm="RS256", headers={"kid": KID})


def refused(authenticator: Authenticator, token: str) -> Problem:
    """The problem with which a token is refused."""
    with pytest.raises(Problem) as found:
        authenticator.principal(f"Bearer {token}")
    assert found.value.code in ("unauthenticated", "identity-provider-unavailable")
    return found.value


def encoded(value: bytes) -> str:
    """A part of a token."""
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def part(value: Any) -> str:
    """A part of a token that is JSON."""
    return encoded(json.dumps(value).encode())
