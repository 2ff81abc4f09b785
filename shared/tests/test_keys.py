"""The keys that tokens are checked with: where they are read, how long they are kept, and whose they are."""

import json
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from flask import Flask, Response, jsonify, redirect
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from jalsa.dev.issuer import AUDIENCE, ISSUER, Issuer
from jalsa.dev.kit import Client, ServiceKit, eventually
from jalsa.dev.serving import make_certificate, serving
from jalsa.events.tokens import ServiceTokens
from jalsa.http import create_app, keys
from jalsa.http.auth import Authenticator
from jalsa.http.keys import FileKeys, HttpKeys, key_source, read_keys
from jalsa.service.config import ConfigError
from jalsa.service.problems import Problem

from .lamps import ALPHA
from .tokens import KID, authenticator_of, claims, private_key, refused, signed


class Provider:
    """An identity provider that answers as it is told to."""

    def __init__(self, issuer: Issuer) -> None:
        self.jwks: Any = json.loads((issuer.folder / "jwks.json").read_text())
        self.status = 200
        self.asked = 0
        self.hangs: threading.Event | None = None
        self.app = Flask("provider")
        self.app.add_url_rule("/jwks", view_func=self.answer)
        self.app.add_url_rule("/moved", view_func=lambda: redirect("/jwks"))

    def answer(self) -> Any:
        self.asked += 1
        if self.hangs is not None:
            self.hangs.wait(10)
        if isinstance(self.jwks, str | Response):
            return self.jwks, self.status
        return jsonify(self.jwks), self.status


@pytest.fixture
def provider(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Provider, Authenticator]]:
    monkeypatch.setattr(keys, "RETRY_SECONDS", 0.05)
    made = Provider(issuer)
    with serving(made.app) as address:
        yield made, authenticator_of(issuer, f"{address}/jwks")


def let_in(authenticator: Authenticator, issuer: Issuer, **changes: Any) -> bool:
    """Whether a token that was not seen before is good. Nothing but a 503 may come instead."""
    try:
        authenticator.principal(f"Bearer {signed(issuer, **changes, jti=os.urandom(8).hex())}")
    except Problem as problem:
        if problem.status != 503:
            raise
        return False
    return True


class Clock:
    """The keys' clock, which can be moved on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ahead = 0.0
        real = time.monotonic
        monkeypatch.setattr("jalsa.http.keys.time.monotonic", lambda: real() + self.ahead)


def test_keys_are_fetched_over_http_once(provider: tuple[Provider, Authenticator], issuer: Issuer) -> None:
    asked, authenticator = provider
    for number in range(5):
        authenticator.principal(f"Bearer {signed(issuer, sub=f'u-{number}')}")
    assert asked.asked == 1


def test_unknown_keys_do_not_make_us_ask_each_time(provider: tuple[Provider, Authenticator], issuer: Issuer) -> None:
    asked, authenticator = provider
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    for number in range(20):
        token = jwt.encode(claims(), other, algorithm="RS256", headers={"kid": f"k-{number}"})
        assert refused(authenticator, token).status == 401
    assert asked.asked <= 2


def test_a_key_that_is_new_at_the_provider_is_known_with_the_next_question(
    provider: tuple[Provider, Authenticator], issuer: Issuer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, authenticator = provider
    clock = Clock(monkeypatch)
    assert let_in(authenticator, issuer)
    new = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    entry = {**RSAAlgorithm.to_jwk(new.public_key(), as_dict=True), "kid": "new"}
    asked.jwks = {"keys": [*asked.jwks["keys"], entry]}
    token = jwt.encode(claims(sub="u-9"), new, algorithm="RS256", headers={"kid": "new"})
    assert refused(authenticator, token).status == 401, "it was asked a moment ago"
    clock.ahead = keys.PAUSE_SECONDS
    assert authenticator.principal(f"Bearer {token}").subject == "u-9"
    assert asked.asked == 2


@pytest.mark.parametrize(
    "jwks", ["not JSON", "[" * 9000, [1], {}, {"keys": []}, {"keys": [{"kty": "RSA"}]}, {"keys": "x"}], ids=repr
)
def test_a_provider_that_answers_nonsense_is_away_and_found_again(
    jwks: Any, provider: tuple[Provider, Authenticator], issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, _ = provider
    good, asked.jwks = asked.jwks, jwks
    with serving(asked.app) as address:
        authenticator = authenticator_of(issuer, f"{address}/jwks")
        problem = refused(authenticator, signed(issuer))
        assert (problem.status, problem.code) == (503, "identity-provider-unavailable")
        asked.jwks = good
        assert eventually(lambda: let_in(authenticator, issuer))


def test_what_is_too_long_redirected_or_not_a_200_is_no_key_set(issuer: Issuer, provider: tuple[Provider, Any]) -> None:
    asked, _ = provider
    good = json.dumps(asked.jwks)
    with serving(asked.app) as address:
        source = HttpKeys(f"{address}/moved")
        with pytest.raises(keys.KeysAway):
            source.find(KID, "RS256")
        for body, status in ((good, 500), (good + " " * keys.MAX_BYTES, 200)):
            asked.jwks, asked.status = body, status
            with pytest.raises(keys.KeysAway):
                HttpKeys(f"{address}/jwks").find(KID, "RS256")
        asked.jwks, asked.status = good, 200
        assert HttpKeys(f"{address}/jwks").find(KID, "RS256"), "the control"


def test_the_last_good_keys_are_kept_for_hours_while_the_provider_is_away_and_it_is_not_asked_each_time(
    provider: tuple[Provider, Authenticator], issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, authenticator = provider
    monkeypatch.setattr(keys, "RETRY_SECONDS", 2.0)
    clock = Clock(monkeypatch)
    assert let_in(authenticator, issuer)
    asked.status = 500
    for hours in (0.2, 1, 6, 11.9):
        clock.ahead = hours * 3600
        before = asked.asked
        assert all(let_in(authenticator, issuer) for _ in range(10))

        def once_more(before: int = before) -> bool:
            return asked.asked == before + 1

        assert eventually(once_more), "once, in the background"
    clock.ahead = keys.KEPT_SECONDS + 60
    assert not let_in(authenticator, issuer)
    asked.status = 200
    clock.ahead += keys.RETRY_SECONDS
    assert let_in(authenticator, issuer)


def test_a_provider_that_hangs_holds_nobody_who_is_known_and_only_some_who_are_not(
    provider: tuple[Provider, Authenticator], issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, authenticator = provider
    monkeypatch.setattr(keys, "PATIENCE_SECONDS", 5.0)
    clock = Clock(monkeypatch)
    assert let_in(authenticator, issuer)
    asked.hangs, clock.ahead = threading.Event(), keys.FRESH_SECONDS + 1
    assert let_in(authenticator, issuer), "with the keys that are there"
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    token = jwt.encode(claims(), other, algorithm="RS256", headers={"kid": "unknown"})
    answered: list[int] = []
    callers = [
        threading.Thread(target=lambda: answered.append(refused(authenticator, token).status), daemon=True)
        for _ in range(keys.MAX_WAITING + 3)
    ]
    for caller in callers:
        caller.start()
    assert eventually(lambda: len(answered) == 3), "beyond those who may wait, everybody is answered at once"
    assert sum(caller.is_alive() for caller in callers) == keys.MAX_WAITING
    asked.hangs.set()
    for caller in callers:
        caller.join(10)
    assert answered == [401] * len(callers)


def test_without_its_provider_a_service_answers_503_and_its_own_peers_are_still_let_in(
    alpha: ServiceKit, issuer: Issuer, tenant: str
) -> None:
    config = replace(alpha.config, jwks_url="http://127.0.0.1:1/jwks")
    app = create_app(ALPHA, config, alpha.database)
    answer = Client(app, issuer.token(tenant, ["manager"])).get("/lamps")
    assert (answer.status_code, answer.get_json()["code"]) == (503, "identity-provider-unavailable")
    assert answer.headers["Retry-After"]
    assert Client(app, issuer.token("*", ["system"])).get("/events", limit=1).status_code == 200


# Files


def test_a_key_file_that_is_away_is_a_503_at_first_and_later_no_reason_to_shut_anybody_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    issuer = Issuer.in_folder(tmp_path)
    file, clock = tmp_path / "jwks.json", Clock(monkeypatch)
    authenticator = authenticator_of(issuer)
    kept = file.read_text()
    file.write_text(kept[:20])
    assert refused(authenticator, signed(issuer)).status == 503
    file.write_text(kept)
    assert let_in(authenticator, issuer)
    file.unlink()
    clock.ahead = 6 * 3600
    assert let_in(authenticator, issuer)
    clock.ahead = keys.KEPT_SECONDS + 1
    assert not let_in(authenticator, issuer)


def test_a_key_that_the_issuer_has_replaced_no_longer_counts(tmp_path: Path) -> None:
    old = Issuer.in_folder(tmp_path / "old")
    new = Issuer.in_folder(tmp_path / "new")
    shared = tmp_path / "jwks.json"
    shared.write_bytes((old.folder / "jwks.json").read_bytes())
    authenticator = authenticator_of(old, shared.as_uri())
    authenticator.principal(f"Bearer {signed(old)}")
    shared.write_bytes((new.folder / "jwks.json").read_bytes())
    later = shared.stat().st_mtime + 5
    os.utime(shared, (later, later))
    authenticator.principal(f"Bearer {signed(new, sub='u-2')}")
    refused(authenticator, signed(old, sub="u-3"))


@pytest.mark.parametrize("url", ["http://issuer.example/jwks", "http://10.0.0.1/jwks", "http://localhost.example/"])
def test_plain_http_from_another_machine_stops_the_start(url: str, issuer: Issuer) -> None:
    with pytest.raises(ConfigError, match="JWKS_URL must be an https URL"):
        authenticator_of(issuer, url)


@pytest.mark.parametrize(
    "url", ["http://localhost:1/", "http://127.0.0.9:1/", "http://[::1]:1/", "https://10.0.0.1:1/"]
)
def test_https_and_this_machine_are_asked(url: str) -> None:
    assert isinstance(key_source("JWKS_URL", url), HttpKeys)


def test_keys_whose_server_nobody_vouches_for_are_none(
    issuer: Issuer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, certificate = Provider(issuer), make_certificate(tmp_path)
    with serving(made.app, certificate) as address:
        assert not let_in(authenticator_of(issuer, f"{address}/jwks"), issuer)
        assert made.asked == 0
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert let_in(authenticator_of(issuer, f"{address}/jwks"), issuer)


def test_a_key_file_that_never_was_and_a_service_key_that_is_none_stop_the_start(issuer: Issuer) -> None:
    with pytest.raises(ConfigError, match="JWKS_URL"):
        authenticator_of(issuer, "file:///nowhere.json")
    rsa_key = (issuer.folder / "issuer.pem").read_text()
    other_curve = ec.generate_private_key(ec.SECP384R1()).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    for wrong in ("x", rsa_key, other_curve.decode()):
        with pytest.raises(ConfigError, match="SERVICE_KEY"):
            ServiceTokens("billing", audience=AUDIENCE, service_key=wrong)


def test_a_set_gives_only_keys_that_are_strong_public_and_for_signatures() -> None:
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 it must be refused
    strong = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    curve = ec.generate_private_key(ec.SECP256R1())
    good_rsa = RSAAlgorithm.to_jwk(strong.public_key(), as_dict=True)
    good_ec = ECAlgorithm.to_jwk(curve.public_key(), as_dict=True)
    entries = [
        {**good_rsa, "kid": "rsa"},
        {**good_ec, "kid": "ec", "alg": "ES256", "use": "sig"},
        {**RSAAlgorithm.to_jwk(weak.public_key(), as_dict=True), "kid": "weak"},
        {**RSAAlgorithm.to_jwk(strong, as_dict=True), "kid": "private"},
        {**good_rsa, "kid": "other-algorithm", "alg": "PS256"},
        {**good_ec, "kid": "for-secrecy", "use": "enc"},
        {**ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP384R1()).public_key(), as_dict=True), "kid": "P-384"},
        {"kty": "oct", "k": "c2VjcmV0", "kid": "shared"},
        {**good_rsa, "kid": 7},
        {**good_ec, "kid": "x", "x": 7},
        "no key",
    ]
    assert set(read_keys(json.dumps({"keys": entries}))) == {("rsa", "RS256"), ("ec", "ES256")}


def test_a_key_is_good_for_its_own_algorithm_alone(issuer: Issuer) -> None:
    """An ES256 header with an RSA key's id made the library raise a TypeError."""
    authenticator = authenticator_of(issuer)
    other = ec.generate_private_key(ec.SECP256R1())
    assert refused(authenticator, jwt.encode(claims(), other, algorithm="ES256", headers={"kid": KID})).status == 401
    for algorithm in ("RS384", "RS512", "PS256"):
        token = jwt.encode(claims(), private_key(issuer), algorithm=algorithm, headers={"kid": KID})
        assert refused(authenticator, token).status == 401
    assert authenticator.principal(f"Bearer {signed(issuer)}"), "the control"


# Keys of our own services


def service_token(key: str, service: str, **changes: Any) -> str:
    """A token as a service makes it, with these claims instead."""
    good = ServiceTokens(service, audience=AUDIENCE, service_key=key).token()
    made = {**jwt.decode(good, options={"verify_signature": False}), **changes}
    return jwt.encode(made, key, algorithm="ES256", headers={"kid": jwt.get_unverified_header(good)["kid"]})


def test_a_service_speaks_for_itself_alone(issuer: Issuer) -> None:
    billing, scheduling = issuer.service_key("billing"), issuer.service_key("scheduling")
    authenticator = authenticator_of(issuer)
    principal = authenticator.principal(f"Bearer {service_token(billing, 'billing')}")
    assert (principal.subject, principal.tenant, principal.roles) == ("billing", "*", frozenset({"system"}))
    assert authenticator.principal(f"Bearer {service_token(scheduling, 'scheduling')}").subject == "scheduling"
    for key, service in ((billing, "scheduling"), (scheduling, "billing"), (billing, "nobody")):
        assert refused(authenticator, service_token(key, service)).status == 401


def test_a_service_token_needs_a_listed_key_and_is_valid_for_minutes(issuer: Issuer, tmp_path: Path) -> None:
    authenticator = authenticator_of(issuer)
    elsewhere = Issuer.in_folder(tmp_path).service_key("billing")
    assert refused(authenticator, service_token(elsewhere, "billing")).status == 401
    own = issuer.service_key("billing")
    now = int(time.time())
    for changes in ({"exp": now + 86_400}, {"exp": now - 60}, {"iat": now + 600}, {"iss": ISSUER}, {"aud": "x"}):
        assert refused(authenticator, service_token(own, "billing", **changes)).status == 401
    forged = {"iss": "jalsa-services", "aud": AUDIENCE, "sub": "billing", "exp": now + 60}
    token = jwt.encode(forged, private_key(issuer), algorithm="RS256", headers={"kid": KID})
    assert refused(authenticator, token).status == 401


def test_two_keys_of_a_service_are_accepted_while_one_replaces_the_other_without_a_restart(tmp_path: Path) -> None:
    issuer = Issuer.in_folder(tmp_path)
    first = issuer.service_key("billing")
    authenticator = authenticator_of(issuer)
    second = issuer.service_key("billing.next")
    for key in (first, second):
        assert authenticator.principal(f"Bearer {service_token(key, 'billing')}").subject == "billing"
    (tmp_path / "services" / "billing.next.pem").replace(tmp_path / "services" / "billing.pem")
    issuer.list_service_keys()
    assert refused(authenticator, service_token(first, "billing", nonce="1")).status == 401
    assert authenticator.principal(f"Bearer {service_token(second, 'billing', nonce='2')}").subject == "billing"


def test_the_files_of_keys_are_for_their_owner_alone(tmp_path: Path) -> None:
    issuer = Issuer.in_folder(tmp_path / "keys")
    issuer.service_key("billing")
    for path in (tmp_path / "keys").rglob("*.pem"):
        assert path.stat().st_mode & 0o077 == 0
    assert isinstance(key_source("X", issuer.service_jwks_url), FileKeys)
