"""Tokens: whose signature, for whom, until when, and with which claims a caller is let in."""

import base64
import hashlib
import hmac
import json
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from flask import Flask, jsonify
from lamps import ALPHA, RUN
from running import serving

from jalsa.auth import Authenticator, Principal
from jalsa.config import ConfigError
from jalsa.errors import Problem
from jalsa.issuer import AUDIENCE, ISSUER, Issuer
from jalsa.testing.kit import Client, ServiceKit
from jalsa.web import create_app, current_principal

KID = "jalsa-development"


def claims(**changes: Any) -> dict[str, Any]:
    """A good token's claims, with these instead; None takes one away."""
    good = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "u-1",
        "exp": int(time.time()) + 600,
        "tenant": "agdar",
        "roles": ["manager"],
    }
    return {name: value for name, value in (good | changes).items() if value is not None}


@pytest.fixture
def authenticator(issuer: Issuer) -> Authenticator:
    return Authenticator(
        issuer=ISSUER, audience=AUDIENCE, jwks_url=issuer.jwks_url, service_public_key=issuer.service_public_key
    )


def private_key(issuer: Issuer) -> rsa.RSAPrivateKey:
    key = load_pem_private_key((issuer.folder / "issuer.pem").read_bytes(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


def signed(issuer: Issuer, **changes: Any) -> str:
    return jwt.encode(claims(**changes), private_key(issuer), algorithm="RS256", headers={"kid": KID})


def refused(authenticator: Authenticator, token: str) -> Problem:
    with pytest.raises(Problem) as found:
        authenticator.principal(f"Bearer {token}")
    assert found.value.code in ("unauthenticated", "identity-provider-unavailable")
    return found.value


def test_a_good_token_says_who_calls(authenticator: Authenticator, issuer: Issuer) -> None:
    token = signed(issuer, roles=["clinician", "unheard-of"], provider_id="p-1")
    for scheme in ("Bearer", "bearer"):
        principal = authenticator.principal(f"{scheme} {token}")
        assert (principal.subject, principal.tenant, principal.provider_id) == ("u-1", "agdar", "p-1")
        assert principal.roles == {"clinician"}


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": 1_700_000_000},
        {"exp": None},
        {"exp": "tomorrow"},
        {"nbf": 4_000_000_000},
        {"iss": "https://issuer.elsewhere.test"},
        {"iss": None},
        {"aud": "another"},
        {"aud": None},
        {"sub": None},
        {"sub": 1},
        {"tenant": None},
        {"tenant": ""},
        {"tenant": "*"},
        {"tenant": "AGDAR"},
        {"tenant": "a' OR 1=1 --"},
        {"tenant": ["agdar"]},
        {"roles": None},
        {"roles": "manager"},
    ],
    ids=str,
)
def test_a_token_with_a_wrong_claim_is_refused(
    changes: dict[str, Any], authenticator: Authenticator, issuer: Issuer
) -> None:
    problem = refused(authenticator, signed(issuer, **changes))
    assert (problem.status, problem.headers) == (401, {"WWW-Authenticate": "Bearer"})


def part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def test_an_unsigned_token_is_refused(authenticator: Authenticator) -> None:
    for algorithm in ("none", "None", "NONE"):
        for signature in ("", "e30"):
            refused(authenticator, f"{part({'alg': algorithm, 'kid': KID})}.{part(claims())}.{signature}")


def test_the_public_key_as_a_shared_secret_is_refused(authenticator: Authenticator, issuer: Issuer) -> None:
    for encoding, form in ((Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), (Encoding.DER, PublicFormat.PKCS1)):
        secret = private_key(issuer).public_key().public_bytes(encoding, form)
        message = f"{part({'alg': 'HS256', 'kid': KID})}.{part(claims())}"
        signature = hmac.digest(secret, message.encode(), hashlib.sha256)
        refused(authenticator, f"{message}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}")


def test_another_issuers_key_is_refused_also_under_our_key_id(authenticator: Authenticator) -> None:
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    for kid in (KID, "another", None):
        headers = {"kid": kid} if kid else {}
        refused(authenticator, jwt.encode(claims(), other, algorithm="RS256", headers=headers))
    with_its_own_key = jwt.encode(
        claims(), other, algorithm="RS256", headers={"kid": KID, "jku": "http://127.0.0.1:1/", "x5u": "http://x"}
    )
    refused(authenticator, with_its_own_key)


def test_a_changed_payload_is_refused(authenticator: Authenticator, issuer: Issuer) -> None:
    header, _, signature = signed(issuer).split(".")
    refused(authenticator, f"{header}.{part(claims(tenant='noor'))}.{signature}")


@pytest.mark.parametrize("token", ["", "x", "x.y", "..", "a.b.c", "\x00", "é.é.é", "x" * 10_000, "e30.e30.e30"])
def test_what_is_no_token_is_refused(token: str, authenticator: Authenticator) -> None:
    assert refused(authenticator, token).status == 401


def test_a_service_token_needs_the_services_key(authenticator: Authenticator, issuer: Issuer) -> None:
    good = issuer.token("*", ["system"])
    principal = authenticator.principal(f"Bearer {good}")
    assert (principal.tenant, principal.roles) == ("*", frozenset({"system"}))
    other = ec.generate_private_key(ec.SECP256R1())
    forged = {"iss": "jalsa-services", "aud": AUDIENCE, "sub": "billing", "exp": int(time.time()) + 60}
    refused(authenticator, jwt.encode(forged, other, algorithm="ES256"))
    refused(authenticator, jwt.encode(forged, private_key(issuer), algorithm="RS256", headers={"kid": KID}))


def test_a_token_that_was_good_is_refused_once_it_has_expired(
    authenticator: Authenticator, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = signed(issuer, exp=int(time.time()) + 30)
    authenticator.principal(f"Bearer {token}")
    later = time.time() + 40
    monkeypatch.setattr("jalsa.auth.time.time", lambda: later)
    monkeypatch.setattr("jwt.api_jwt.datetime", Frozen(later))
    assert "expired" in refused(authenticator, token).detail


class Frozen:
    """PyJWT's clock."""

    def __init__(self, timestamp: float) -> None:
        self.timestamp_now = timestamp

    def now(self, tz: Any) -> Any:
        return datetime.fromtimestamp(self.timestamp_now, tz)


def test_a_key_that_the_issuer_has_replaced_no_longer_counts(tmp_path: Path) -> None:
    old = Issuer.in_folder(tmp_path / "old")
    new = Issuer.in_folder(tmp_path / "new")
    shared = tmp_path / "jwks.json"
    shared.write_bytes((old.folder / "jwks.json").read_bytes())
    authenticator = Authenticator(
        issuer=ISSUER, audience=AUDIENCE, jwks_url=shared.as_uri(), service_public_key=old.service_public_key
    )
    authenticator.principal(f"Bearer {signed(old)}")
    shared.write_bytes((new.folder / "jwks.json").read_bytes())
    later = shared.stat().st_mtime + 5
    os.utime(shared, (later, later))
    authenticator.principal(f"Bearer {signed(new, sub='u-2')}")
    refused(authenticator, signed(old, sub="u-3"))


# A JWKS over HTTP


class Provider:
    """An identity provider that answers as it is told to."""

    def __init__(self, issuer: Issuer) -> None:
        self.jwks: Any = json.loads((issuer.folder / "jwks.json").read_text())
        self.status = 200
        self.asked = 0
        self.app = Flask("provider")
        self.app.add_url_rule("/jwks", view_func=self.answer)

    def answer(self) -> Any:
        self.asked += 1
        if isinstance(self.jwks, str):
            return self.jwks, self.status
        return jsonify(self.jwks), self.status


@pytest.fixture
def provider(issuer: Issuer) -> Iterator[tuple[Provider, Authenticator]]:
    made = Provider(issuer)
    with serving(made.app) as address:
        yield (
            made,
            Authenticator(
                issuer=ISSUER,
                audience=AUDIENCE,
                jwks_url=f"{address}/jwks",
                service_public_key=issuer.service_public_key,
            ),
        )


def test_keys_are_fetched_over_http_once(provider: tuple[Provider, Authenticator], issuer: Issuer) -> None:
    asked, authenticator = provider
    for number in range(5):
        authenticator.principal(f"Bearer {signed(issuer, sub=f'u-{number}')}")
    assert asked.asked == 1


def test_unknown_keys_do_not_make_us_ask_each_time(provider: tuple[Provider, Authenticator], issuer: Issuer) -> None:
    asked, authenticator = provider
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    for number in range(5):
        token = jwt.encode(claims(), other, algorithm="RS256", headers={"kid": f"k-{number}"})
        assert refused(authenticator, token).status == 401
    assert asked.asked <= 2


@pytest.mark.parametrize(
    "jwks", ["not JSON", [1], {}, {"keys": []}, {"keys": [{"kty": "RSA"}]}, {"keys": "x"}], ids=str
)
def test_a_provider_that_answers_nonsense_is_away_and_found_again(
    jwks: Any, provider: tuple[Provider, Authenticator], issuer: Issuer
) -> None:
    asked, authenticator = provider
    good, asked.jwks = asked.jwks, jwks
    problem = refused(authenticator, signed(issuer))
    assert (problem.status, problem.code) == (503, "identity-provider-unavailable")
    asked.jwks = good
    authenticator.principal(f"Bearer {signed(issuer)}")


def test_a_provider_that_fails_is_away(provider: tuple[Provider, Authenticator], issuer: Issuer) -> None:
    asked, authenticator = provider
    asked.status = 500
    assert refused(authenticator, signed(issuer)).status == 503
    asked.status = 200
    authenticator.principal(f"Bearer {signed(issuer)}")


def test_without_its_provider_a_service_answers_503_and_its_own_peers_are_still_let_in(
    alpha: ServiceKit, issuer: Issuer, tenant: str
) -> None:
    config = replace(alpha.config, jwks_url="http://127.0.0.1:1/jwks")
    app = create_app(ALPHA, config, alpha.database)
    answer = Client(app, issuer.token(tenant, ["manager"])).get("/lamps")
    assert (answer.status_code, answer.get_json()["code"]) == (503, "identity-provider-unavailable")
    assert answer.headers["Retry-After"]
    assert Client(app, issuer.token("*", ["system"])).get("/events", limit=1).status_code == 200


def test_a_key_file_that_is_away_for_a_moment_is_a_503(tmp_path: Path) -> None:
    issuer = Issuer.in_folder(tmp_path)
    authenticator = Authenticator(
        issuer=ISSUER, audience=AUDIENCE, jwks_url=issuer.jwks_url, service_public_key=issuer.service_public_key
    )
    kept = (tmp_path / "jwks.json").read_text()
    (tmp_path / "jwks.json").unlink()
    assert refused(authenticator, signed(issuer)).status == 503
    (tmp_path / "jwks.json").write_text(kept[:20])
    assert refused(authenticator, signed(issuer)).status == 503
    (tmp_path / "jwks.json").write_text(kept)
    authenticator.principal(f"Bearer {signed(issuer)}")


def test_a_key_file_that_never_was_and_a_service_key_that_is_none_stop_the_start(issuer: Issuer) -> None:
    good = {
        "issuer": ISSUER,
        "audience": AUDIENCE,
        "jwks_url": issuer.jwks_url,
        "service_public_key": issuer.service_public_key,
    }
    rsa_key = (issuer.folder / "issuer.pem").read_text()
    for wrong in ({"jwks_url": "file:///nowhere.json"}, {"service_public_key": "x"}, {"service_public_key": rsa_key}):
        with pytest.raises(ConfigError, match=r"JWKS_URL|SERVICE_PUBLIC_KEY"):
            Authenticator(**{**good, **wrong})


def test_the_view_sees_the_caller(alpha: ServiceKit, tenant: str) -> None:
    seen: list[Principal] = []
    RUN["who"] = lambda _: seen.append(current_principal())
    alpha.client(tenant, "manager", "clinician", provider_id="p-1", subject="u-7").post("/run/who")
    [principal] = seen
    assert (principal.subject, principal.tenant, principal.provider_id) == ("u-7", tenant, "p-1")
    assert principal.roles == {"manager", "clinician"}


def test_callers_at_the_same_time_do_not_see_each_other(alpha: ServiceKit, tenant: str) -> None:
    together = threading.Barrier(4, timeout=10)

    def who(_: Any) -> dict[str, str]:
        together.wait()
        return {"subject": current_principal().subject}

    RUN["who"] = who
    found: list[tuple[str, str]] = []

    def call(subject: str) -> None:
        answer = alpha.client(tenant, subject=subject).post("/run/who")
        found.append((subject, answer.get_json()["subject"]))

    threads = [threading.Thread(target=call, args=(f"u-{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [(f"u-{number}", f"u-{number}") for number in range(4)]
