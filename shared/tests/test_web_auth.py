"""Tokens: whose signature, for whom, until when, and with which claims a caller is let in."""

import base64
import hashlib
import hmac
import threading
import time
from datetime import datetime
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from jalsa.dev.issuer import Issuer
from jalsa.dev.kit import ServiceKit
from jalsa.http import current_principal
from jalsa.http.auth import Authenticator
from jalsa.service.policy import Principal
from jalsa.service.problems import Problem

from .lamps import RUN
from .tokens import KID, PROVIDER, authenticator_of, claims, encoded, part, private_key, refused, signed


@pytest.fixture(scope="module")
def authenticator(issuer: Issuer) -> Authenticator:
    return authenticator_of(issuer)


def test_a_good_token_says_who_calls(authenticator: Authenticator, issuer: Issuer) -> None:
    token = signed(issuer, roles=["clinician", "unheard-of", 7, None], provider_id=str(PROVIDER).upper())
    for scheme in ("Bearer", "bearer"):
        principal = authenticator.principal(f"{scheme} {token}")
        assert (principal.subject, principal.tenant, principal.provider_id) == ("u-1", "agdar", PROVIDER)
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
        {"sub": ""},
        {"sub": "x" * 201},
        {"sub": " u-1"},
        {"sub": "u\u200b1"},
        {"sub": "u\u202e1"},
        {"sub": "u\n1"},
        {"sub": "u\u03011"},
        {"sub": "\u3164"},
        {"sub": "u\ud8001"},
        {"sub": "system:relay"},
        {"sub": "System:relay"},
        {"sub": "ｓystem：relay"},
        {"exp": 4_000_000_000},
        {"exp": 1e300},
        {"exp": True},
        {"exp": "4000000000"},
        {"iat": 4_000_000_000},
        {"iat": 1_700_000_000},
        {"iat": "now"},
        {"nbf": "now"},
        {"roles": ["subscriber"], "events": "scheduling.session"},
        {"roles": ["subscriber"], "events": ["*"]},
        {"roles": ["subscriber"], "events": ["scheduling.*"]},
        {"roles": ["subscriber"], "events": ["scheduling"]},
        {"roles": ["subscriber"], "events": [7]},
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


def test_a_good_subject_may_have_any_script_and_spaces_within(authenticator: Authenticator, issuer: Issuer) -> None:
    for subject in ("ليلى حداد", "u@example.com", "auth0|7", "é", "x" * 200, "systems:7"):
        assert authenticator.principal(f"Bearer {signed(issuer, sub=subject)}").subject == subject


def test_a_token_is_valid_for_a_day_at_most(issuer: Issuer) -> None:
    now = int(time.time())
    authenticator = authenticator_of(issuer)
    authenticator.principal(f"Bearer {signed(issuer, iat=now, exp=now + 86_400)}")
    for times in ({"exp": now + 86_500}, {"iat": now - 86_400, "exp": now + 600}):
        assert "too long" in refused(authenticator, signed(issuer, **times)).detail


@pytest.mark.parametrize("provider", [None, "", "layla", "p-1", 7, ["x"], {"a": 1}, "0" * 31, "ü" * 32], ids=repr)
def test_who_is_no_provider_by_a_uuid_is_none(provider: Any, authenticator: Authenticator, issuer: Issuer) -> None:
    principal = authenticator.principal(f"Bearer {signed(issuer, provider_id=provider, roles=['clinician'])}")
    assert principal.provider_id is None
    assert (principal.roles, principal.acting_roles) == (frozenset({"clinician"}), frozenset())


def test_a_subscribers_grants_are_read_of_subscribers_alone(authenticator: Authenticator, issuer: Issuer) -> None:
    granted = ["scheduling.session", "patient-files.patient"]
    subscriber = authenticator.principal(f"Bearer {signed(issuer, roles=['subscriber'], events=granted)}")
    assert subscriber.events == frozenset(granted)
    assert authenticator.principal(f"Bearer {signed(issuer, roles=['manager'], events=['*'])}").events is None
    assert authenticator.principal(f"Bearer {signed(issuer, roles=['subscriber'])}").events is None


# Whatever is made up is a 401

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
HEADERS = st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "b64", "jku", "x"]), JSON, max_size=4)
CLAIMS = st.dictionaries(st.sampled_from(["iss", "aud", "sub", "exp", "iat", "nbf", "tenant", "roles", "x"]), JSON)
ODD = [
    b'{"alg":"RS256","kid":' + b"9" * 5000 + b"}",
    b'{"alg":"RS256","kid":["x"]}',
    b'{"alg":["RS256"],"kid":"x"}',
    b'{"alg":"RS256","kid":"\\ud800"}',
    b'{"alg":"ES256","kid":"jalsa-development"}',
    b'{"alg":"RS256","kid":"jalsa-development","crit":[]}',
    b'{"alg":"RS256","kid":"jalsa-development","b64":false,"crit":["b64"]}',
    b"[" * 5000,
    b'{"exp":1e999}',
    b'{"exp":' + b"9" * 5000 + b"}",
    b'{"exp":NaN}',
    b'{"iss":"jalsa-services","exp":1e999}',
    b'{"sub":"\\ud800"}',
    b"\xff\xfe",
    b"null",
]


def is_refused(authenticator: Authenticator, token: str) -> None:
    problem = refused(authenticator, token)
    assert problem.status == 401, problem.detail


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: odd[:40])
def test_an_odd_header_or_payload_is_refused(odd: bytes, authenticator: Authenticator, issuer: Issuer) -> None:
    header = part({"alg": "RS256", "kid": KID})
    for first, second in ((encoded(odd), part(claims())), (header, encoded(odd)), (encoded(odd), encoded(odd))):
        is_refused(authenticator, f"{first}.{second}.{encoded(b'x' * 256)}")
        signature = sign(issuer, f"{first}.{second}")
        is_refused(authenticator, f"{first}.{second}.{signature}")


def sign(issuer: Issuer, message: str) -> str:
    return encoded(
        jwt.algorithms.RSAAlgorithm(jwt.algorithms.RSAAlgorithm.SHA256).sign(message.encode(), private_key(issuer))
    )


@settings(max_examples=100, deadline=None)
@given(HEADERS, CLAIMS, st.booleans(), st.booleans(), st.binary(max_size=40))
def test_no_token_that_somebody_makes_up_is_a_fault_of_ours(
    authenticator: Authenticator,
    issuer: Issuer,
    header: dict[str, Any],
    changes: dict[str, Any],
    keep_header: bool,
    keep_claims: bool,
    junk: bytes,
) -> None:
    """Signed with the issuer's own key, so that also what is behind the signature is looked at."""
    first = {"alg": "RS256", "kid": KID} | ({} if keep_header else header)
    message = f"{part(first)}.{part({**(claims() if keep_claims else {}), **changes})}"
    for token in (f"{message}.{sign(issuer, message)}", f"{message}.{encoded(junk)}", junk.decode("latin-1")):
        try:
            authenticator.principal(f"Bearer {token}")
        except Problem as problem:
            if problem.status != 401:
                raise


def test_a_token_that_was_good_is_refused_once_it_has_expired(
    authenticator: Authenticator, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = signed(issuer, exp=int(time.time()) + 30)
    authenticator.principal(f"Bearer {token}")
    later = time.time() + 40
    monkeypatch.setattr("jalsa.http.auth.time.time", lambda: later)
    monkeypatch.setattr("jwt.api_jwt.datetime", Frozen(later))
    assert "expired" in refused(authenticator, token).detail


class Frozen:
    """PyJWT's clock."""

    def __init__(self, timestamp: float) -> None:
        self.timestamp_now = timestamp

    def now(self, tz: Any) -> Any:
        return datetime.fromtimestamp(self.timestamp_now, tz)


def test_the_view_sees_the_caller(alpha: ServiceKit, tenant: str) -> None:
    seen: list[Principal] = []
    RUN["who"] = lambda _: seen.append(current_principal())
    alpha.client(tenant, "manager", "clinician", provider_id=PROVIDER, subject="u-7").post("/run/who")
    [principal] = seen
    assert (principal.subject, principal.tenant, principal.provider_id) == ("u-7", tenant, PROVIDER)
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
