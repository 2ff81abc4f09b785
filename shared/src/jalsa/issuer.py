"""A token issuer for development, the local run and tests: keys in a folder. A hospital's own issuer replaces it."""

import json
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from jwt.algorithms import RSAAlgorithm

from jalsa.auth import SERVICE_ISSUER, SYSTEM

ISSUER = "https://issuer.jalsa.test"
AUDIENCE = "jalsa"
_KID = "jalsa-development"


@dataclass(frozen=True)
class Issuer:
    """The keys in `folder`: the issuer's RSA key, its JWKS, and the key of our own services."""

    folder: Path

    @classmethod
    def in_folder(cls, folder: Path) -> "Issuer":
        """The issuer of a folder; its keys are made, readable by their owner only, where they do not exist yet."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        issuer = cls(folder)
        if not (folder / "issuer.pem").exists():
            key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            public = json.loads(RSAAlgorithm.to_jwk(key.public_key()))
            jwks = {"keys": [{**public, "kid": _KID, "use": "sig", "alg": "RS256"}]}
            (folder / "jwks.json").write_text(json.dumps(jwks))
            _write(folder / "service.pem", ec.generate_private_key(ec.SECP256R1()))
            _write(folder / "issuer.pem", key)
        return issuer

    @property
    def jwks_url(self) -> str:
        """The JWKS as a file URL."""
        return (self.folder / "jwks.json").resolve().as_uri()

    @property
    def service_key(self) -> str:
        """The private key of our own services, PEM."""
        return (self.folder / "service.pem").read_text()

    @property
    def service_public_key(self) -> str:
        """Its public half, PEM."""
        key = load_pem_private_key(self.service_key.encode(), password=None)
        return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    def token(
        self,
        tenant: str,
        roles: Iterable[str],
        *,
        subject: str = "developer",
        provider_id: str | None = None,
        seconds: int = 86_400,
    ) -> str:
        """A token; with the role `system` it is one of our own services'."""
        claims = {"aud": AUDIENCE, "sub": subject, "iat": int(time.time()), "exp": int(time.time()) + seconds}
        roles = list(roles)
        if SYSTEM in roles:
            return jwt.encode({**claims, "iss": SERVICE_ISSUER}, self.service_key, algorithm="ES256")
        claims |= {"iss": ISSUER, "tenant": tenant, "roles": roles}
        if provider_id:
            claims["provider_id"] = provider_id
        key = load_pem_private_key((self.folder / "issuer.pem").read_bytes(), password=None)
        assert isinstance(key, rsa.RSAPrivateKey)
        return jwt.encode(claims, key, algorithm="RS256", headers={"kid": _KID})


def _write(path: Path, key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
