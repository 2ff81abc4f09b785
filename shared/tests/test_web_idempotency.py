"""Idempotency keys. A repeat gets the first answer and has no second effect."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from jalsa.dev.kit import Client, ServiceKit
from jalsa.dev.provision import Urls
from jalsa.work.jobs import JobTools, purge_idempotency_keys

from .lamps import RUN, Lamp, MakeKit, as_owner


def create(client: Client, key: str, name: str = "a") -> TestResponse:
    return client.post("/lamps", {"name": name}, Idempotency_Key=key)


def names(client: Client) -> list[str]:
    return [item["name"] for item in client.get("/lamps").get_json()["items"]]


def test_a_repeat_gets_the_same_answer_and_has_no_second_effect(alpha: ServiceKit, client: Client, tenant: str) -> None:
    first, second = create(client, "k"), create(client, "k")
    assert (first.status_code, second.status_code) == (201, 201)
    assert second.get_data() == first.get_data()
    for name in ("ETag", "Content-Type"):
        assert second.headers[name] == first.headers[name]
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"
    assert names(client) == ["a"]
    assert len(alpha.events(tenant)) == 1


def test_without_a_key_the_effect_comes_twice(client: Client) -> None:
    """The control."""
    calls: list[int] = []

    def view(db: Session) -> Any:
        calls.append(1)
        db.add(Lamp(name=f"lamp {len(calls)}", level=1))
        return {"calls": len(calls)}

    RUN["twice"] = view
    assert [client.post("/run/twice").get_json()["calls"] for _ in range(2)] == [1, 2]
    assert [client.post("/run/twice", Idempotency_Key="k").get_json()["calls"] for _ in range(2)] == [3, 3]
    assert names(client) == ["lamp 1", "lamp 2", "lamp 3"]


def test_an_answer_without_a_body_is_repeated_too(client: Client) -> None:
    RUN["empty"] = lambda _: ("", 204)
    for _ in range(2):
        answer = client.post("/run/empty", Idempotency_Key="k")
        assert (answer.status_code, answer.get_data()) == (204, b"")


@pytest.mark.parametrize("change", ["body", "path", "query"])
def test_a_key_for_another_request_is_refused(change: str, client: Client) -> None:
    create(client, "k")
    RUN["other"] = lambda _: {}
    path = {"body": "/lamps", "path": "/run/other", "query": "/lamps?x=1"}[change]
    answer = client.post(path, {"name": "b" if change == "body" else "a"}, Idempotency_Key="k")
    assert (answer.status_code, answer.get_json()["code"]) == (422, "idempotency-key-reused")
    assert names(client) == ["a"]


def test_a_key_belongs_to_one_tenant_and_one_caller(alpha: ServiceKit, client: Client, tenant: str) -> None:
    assert create(client, "k").status_code == 201
    neighbour, stranger = alpha.client(tenant, subject="another"), alpha.client(f"{tenant}b")
    assert create(neighbour, "k", "b").status_code == 201
    assert create(stranger, "k").status_code == 201
    assert names(client) == ["a", "b"]
    assert names(stranger) == ["a"]


def test_tenants_and_callers_whose_names_run_together_do_not_share_a_key(alpha: ServiceKit, tenant: str) -> None:
    for subject, key in (("a", "b:c"), ("a:b", "c")):
        answer = create(alpha.client(tenant, subject=subject), key, name=f"{subject} {key}")
        assert answer.status_code == 201


def test_a_refused_request_leaves_its_key_free(client: Client) -> None:
    assert create(client, "k", name="").status_code == 422
    assert create(client, "k", name="a").status_code == 201


@pytest.mark.parametrize("key", ["", "x" * 201, "é", "a\tb"])
def test_an_unusable_key_is_a_422(key: str, client: Client) -> None:
    answer = create(client, key)
    assert (answer.status_code, answer.get_json()["code"]) == (422, "validation-error")
    assert list(answer.get_json()["errors"]) == ["Idempotency-Key"]
    assert names(client) == []


def test_keys_of_other_methods_mean_nothing(client: Client) -> None:
    assert client.call("GET", "/lamps", headers={"Idempotency-Key": "é"}).status_code == 200


def test_requests_at_the_same_time_with_one_key_have_one_effect(client: Client) -> None:
    calls: list[int] = []
    at_work, go_on = threading.Event(), threading.Event()

    def slow(db: Session) -> Any:
        calls.append(1)
        db.add(Lamp(name=f"lamp {len(calls)}", level=1))
        at_work.set()
        assert go_on.wait(10)
        return {"calls": len(calls)}

    RUN["slow"] = slow
    with ThreadPoolExecutor(6) as pool:
        first = pool.submit(client.post, "/run/slow", Idempotency_Key="k")
        assert at_work.wait(10)
        others = [pool.submit(client.post, "/run/slow", Idempotency_Key="k") for _ in range(5)]
        go_on.set()
        answers = [first.result(20), *(other.result(20) for other in others)]
    assert [answer.get_json() for answer in answers] == [{"calls": 1}] * 6
    assert names(client) == ["lamp 1"]


def test_where_the_first_fails_the_one_that_waited_does_the_work(client: Client) -> None:
    calls: list[int] = []
    at_work, go_on = threading.Event(), threading.Event()

    def first_fails(db: Session) -> Any:
        calls.append(1)
        number = len(calls)
        db.add(Lamp(name=f"lamp {number}", level=1))
        db.flush()
        if number == 1:
            at_work.set()
            assert go_on.wait(10)
            raise RuntimeError
        return {"calls": number}

    RUN["first"] = first_fails
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(client.post, "/run/first", Idempotency_Key="k")
        assert at_work.wait(10)
        second = pool.submit(client.post, "/run/first", Idempotency_Key="k")
        go_on.set()
        assert (first.result(20).status_code, second.result(20).status_code) == (500, 200)
    assert names(client) == ["lamp 2"]


def test_keys_are_forgotten_after_a_day(make_kit: MakeKit, tenant: str) -> None:
    kit = make_kit()
    config = kit.config
    client = kit.client(tenant)
    create(client, "old")
    with as_owner(Urls(config.database_owner_url, config.database_url, config.database_relay_url)) as conn:
        conn.execute(text("SELECT set_config('jalsa.tenant', :tenant, true)"), {"tenant": tenant})
        conn.execute(text("UPDATE idempotency_keys SET created_at = now() - interval '25 hours'"))
    create(client, "new", "b")
    assert purge_idempotency_keys(JobTools(kit.database, kit.relay, kit.config)) == 1
    assert create(client, "new", "b").headers["Idempotent-Replayed"]
    assert create(client, "old").status_code == 409, "the key is free again, and the lamp is there"
