"""Our own services' tokens, with which they read each other's feeds, and the keys that sign them."""

import base64
import hashlib
import json
import threading
import time
from typing import Any

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from jwt.algorithms import ECAlgorithm

from jalsa.service.config import ConfigError

#: The issuer of our own services' tokens. Only it can give the role `system`.
SERVICE_ISSUER = "jalsa-services"


class ServiceTokens:
    """Short-lived tokens with which a service reads the others' feeds, signed with the service's own key."""

    def __init__(self, service: str, *, audience: str, service_key: str) -> None:
        self.service = service
        self.audience = audience
        self.key = private_key(service_key)
        self._kid = public_jwk(self.key.public_key())["kid"]
        self._lock = threading.Lock()
        self._token, self._until = "", 0.0

    def token(self) -> str:
        """A token that is valid for at least a minute more."""
        with self._lock:
            if time.time() > self._until - 60:
                now = int(time.time())
                self._until = now + 300
                claims = {
                    "iss": SERVICE_ISSUER,
                    "aud": self.audience,
                    "sub": self.service,
                    "iat": now,
                    "exp": now + 300,
                }
                self._token = jwt.encode(claims, self.key, algorithm="ES256", headers={"kid": self._kid})
            return self._token


def private_key(pem: str) -> EllipticCurvePrivateKey:
    """An EC P-256 private key in PEM. Raises ConfigError for any other text."""
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
        raise ConfigError("SERVICE_KEY is not an EC P-256 private key in PEM format")
    return key


def public_jwk(public: EllipticCurvePublicKey) -> dict[str, Any]:
    """A public key as a set lists it. Its id is its thumbprint (RFC 7638), which its holder can tell from the key."""
    jwk: dict[str, Any] = ECAlgorithm.to_jwk(public, as_dict=True)
    members = json.dumps({name: jwk[name] for name in ("crv", "kty", "x", "y")}, separators=(",", ":"))
    kid = base64.urlsafe_b64encode(hashlib.sha256(members.encode()).digest()).decode().rstrip("=")
    return {**jwk, "kid": kid, "use": "sig", "alg": "ES256"}
