"""What cannot be served now is a 503 that says when to come again, and what may be known in a moment is waited for."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from jalsa.db.transactions import Limits
from jalsa.dev.kit import Client, ServiceKit, eventually
from jalsa.http import edge
from jalsa.http.edge import Patience

from .lamps import ALPHA, RUN, Lamp, Logs, MakeKit, UnknownLamp


@pytest.fixture(autouse=True)
def no_views_left_over(alpha: ServiceKit) -> Iterator[None]:
    yield
    RUN.clear()
    alpha.app.pulse._full_until = float("-inf")
    alpha.app.gate._stuck.clear()


def raising(state: str) -> Callable[[Session], Any]:
    def view(db: Session) -> Any:
        db.add(Lamp(name="lost", level=1))
        db.flush()
        return db.execute(text(f"DO $$ BEGIN RAISE SQLSTATE '{state}' USING MESSAGE = 'Sara'; END $$"))

    return view


def assert_refused(answer: TestResponse, words: str) -> None:
    document = answer.get_json()
    assert (answer.status_code, document["code"]) == (503, "temporarily-unavailable")
    assert int(answer.headers["Retry-After"]) >= 1
    assert words in document["detail"]
    assert "Sara" not in answer.get_data(as_text=True)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("55P03", "held by others"),
        ("57014", "held by others"),
        ("40001", "at the same time"),
        ("40P01", "at the same time"),
        ("53100", "disk is full"),
        ("25006", "only be read"),
        ("53300", "cannot be reached"),
        ("57P01", "cannot be reached"),
    ],
)
def test_what_the_database_cannot_do_now_is_a_503_that_says_why(
    state: str, words: str, client: Client, logs: Logs
) -> None:
    RUN["view"] = raising(state)
    assert_refused(client.post("/run/view", Idempotency_Key="k"), words)
    RUN["view"] = lambda db: {"lamps": db.execute(text("SELECT count(*) FROM lamps")).scalar()}
    assert client.post("/run/view", Idempotency_Key="k").get_json() == {"lamps": 0}
    assert "Sara" not in str(logs)


def test_a_service_that_found_the_disk_full_is_not_ready_for_some_seconds(alpha: ServiceKit, client: Client) -> None:
    anyone = alpha.app.test_client()
    assert anyone.get("/readyz").status_code == 200
    RUN["view"] = raising("53100")
    client.post("/run/view")
    answer = anyone.get("/readyz")
    assert (answer.status_code, answer.get_json()["checks"]) == (503, {"database": "disk-full"})
    assert client.get("/lamps").status_code == 200, "what only reads is answered"
    alpha.app.pulse._full_until = time.monotonic()
    assert anyone.get("/readyz").status_code == 200


def test_a_request_has_the_database_asked_whether_it_answers_and_a_look_at_health_does_not(
    alpha: ServiceKit, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[int] = []
    monkeypatch.setattr(alpha.app.pulse, "used", lambda: told.append(1))
    alpha.app.test_client().get("/readyz")
    assert not told
    assert client.get("/lamps").status_code == 200
    assert told


def test_readiness_takes_no_connection_of_the_requests(alpha: ServiceKit) -> None:
    connections = [alpha.database.engine.connect() for _ in range(alpha.database.size + 2)]
    try:
        assert alpha.app.test_client().get("/readyz").status_code == 200
    finally:
        for connection in connections:
            connection.close()


def test_a_lock_is_not_waited_for_longer_than_a_caller_should_wait(make_kit: MakeKit, tenant: str) -> None:
    kit = make_kit()
    kit.patience = Patience(limits=Limits(lock=0.2, statement=0.4))
    client = kit.client(tenant)
    RUN["lock"] = lambda db: {"got": db.execute(text("SELECT pg_advisory_xact_lock(4711)")).scalar()}
    with kit.transaction(tenant) as db:
        db.execute(text("SELECT pg_advisory_xact_lock(4711)"))
        assert_refused(client.post("/run/lock"), "held by others")
    assert client.post("/run/lock").status_code == 200
    RUN["sleep"] = lambda db: {"slept": str(db.execute(text("SELECT pg_sleep(5)")).scalar())}
    assert_refused(client.post("/run/sleep"), "held by others")


def test_the_defaults_refuse_within_two_seconds_and_after_postgresql_has_seen_a_deadlock(alpha: ServiceKit) -> None:
    patience = Patience()
    assert patience.turn < 2
    assert patience.limits.lock < 2
    with alpha.database.engine.connect() as conn:
        detection = conn.execute(text("SELECT extract(epoch FROM current_setting('deadlock_timeout')::interval)"))
        assert patience.limits.lock > detection.scalar_one()


def test_there_are_threads_beside_those_that_use_the_database_and_those_that_wait() -> None:
    assert Patience(waiting=10).threads(4) > 14
    assert Patience(waiting=10).threads(4, services=5) > 70


# What may be known in a moment


class Late:
    """A view that finds something only after `misses` looks, and notes what it holds while it is waited for."""

    def __init__(self, kit: ServiceKit, misses: int) -> None:
        self.kit, self.misses = kit, misses
        self.looks = 0

    def __call__(self, db: Session) -> Any:
        self.looks += 1
        db.add(Lamp(name=f"look {self.looks}", level=1))
        db.flush()
        if self.looks <= self.misses:
            raise UnknownLamp
        return {"looks": self.looks}


def test_what_comes_in_a_moment_is_found_and_the_looks_before_have_changed_nothing(
    alpha: ServiceKit, client: Client, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edge, "KNOWN_WITHIN", 30.0)
    RUN["late"] = Late(alpha, misses=3)
    assert client.post("/run/late", Idempotency_Key="k").get_json() == {"looks": 4}
    assert [item["name"] for item in client.get("/lamps").get_json()["items"]] == ["look 4"]
    assert client.post("/run/late", Idempotency_Key="k").get_json() == {"looks": 4}


def test_nobody_holds_a_connection_or_a_place_while_waiting(
    alpha: ServiceKit, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[tuple[int, int]] = []

    def sleep(_: float) -> None:
        held.append((len(alpha.database._in_use), alpha.app.gate._inside.total()))

    monkeypatch.setattr(time, "sleep", sleep)
    RUN["late"] = Late(alpha, misses=3)
    assert client.post("/run/late").status_code == 200
    assert held == [(0, 0)] * 3


def test_what_does_not_come_is_answered_as_the_view_says_after_a_second(client: Client, alpha: ServiceKit) -> None:
    RUN["late"] = late = Late(alpha, misses=10**6)
    began = time.monotonic()
    answer = client.post("/run/late")
    assert (answer.status_code, answer.get_json()["code"]) == (422, "unknown-lamp")
    assert time.monotonic() - began >= edge.KNOWN_WITHIN == 1.0
    assert late.looks > 2
    assert client.get("/lamps").get_json()["items"] == []


def test_only_so_many_wait_and_whoever_comes_then_is_answered_at_once(
    alpha: ServiceKit, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edge, "KNOWN_WITHIN", 60.0)
    come = threading.Event()

    def view(_: Session) -> Any:
        if not come.is_set():
            raise UnknownLamp
        return {"known": True}

    RUN["view"] = view
    waiters = alpha.app._waiters
    with ThreadPoolExecutor(edge.MAX_WAITERS) as pool:
        waiting = [pool.submit(client.post, "/run/view") for _ in range(edge.MAX_WAITERS)]
        try:
            eventually(lambda: waiters._value == 0)
            assert client.post("/run/view").get_json()["code"] == "unknown-lamp"
            assert not any(each.done() for each in waiting)
        finally:
            come.set()
        assert {each.result(20).status_code for each in waiting} == {200}
    assert waiters._value == edge.MAX_WAITERS


def test_the_pool_in_use_is_measured(make_kit: MakeKit, tenant: str) -> None:
    kit = make_kit(ALPHA)

    def in_use() -> list[str]:
        lines = kit.app.test_client().get("/metrics").get_data(as_text=True).splitlines()
        return [line for line in lines if line.startswith('jalsa_database_connections_in_use{pool="jalsa"}')]

    with kit.transaction(tenant), kit.transaction(tenant):
        assert in_use()[0].endswith(" 2.0")
    assert in_use()[0].endswith(" 0.0")
