"""The ordered inbox. Duplicates are forgotten, early events wait, and one that fails holds up its own subject alone."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from jalsa.db.transactions import context_of
from jalsa.dev.kit import ServiceKit
from jalsa.events.inbox import Inbox, Received
from jalsa.service import clock
from jalsa.service.ids import new_id

from .lamps import (
    STREAM,
    LampBusy,
    LampSwitched,
    Logs,
    MakeKit,
    Switchable,
    beta,
    impatient,
    kept,
    lamp_event,
    on_lamp_switched,
    receive,
    switch,
    trail,
)


class Broken(Exception):
    pass


@pytest.fixture
def handler() -> Switchable:
    return Switchable()


@pytest.fixture
def kit(make_kit: MakeKit, handler: Switchable) -> ServiceKit:
    return make_kit(beta(handler))


class Clock:
    """The database's clock as a test sets it. The worker's own does not matter, and has leapt."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ahead = timedelta()
        self.real = clock.now
        monkeypatch.setattr(clock, "database_now", lambda _: self.now())
        monkeypatch.setattr(clock, "now", lambda: self.now() + timedelta(days=3))

    def now(self) -> datetime:
        return self.real() + self.ahead


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


# Order and duplicates


def test_events_in_order_are_applied_at_once_and_nothing_is_kept(kit: ServiceKit, tenant: str, lamp: UUID) -> None:
    receive(kit, tenant, lamp, 1, 2, 3)
    assert trail(kit, tenant, lamp) == "1,2,3"
    assert kept(kit, tenant) == []


def test_a_duplicate_is_forgotten_for_ever(kit: ServiceKit, tenant: str, lamp: UUID, handler: Switchable) -> None:
    receive(kit, tenant, lamp, 1, 1, 2, 1, 2, 2)
    assert trail(kit, tenant, lamp) == "1,2"
    assert handler.calls == 2
    assert kept(kit, tenant) == []


def test_early_events_wait_and_follow_as_soon_as_the_gap_is_filled(kit: ServiceKit, tenant: str, lamp: UUID) -> None:
    receive(kit, tenant, lamp, 4, 2, 3, 2)
    assert trail(kit, tenant, lamp) == ""
    assert kept(kit, tenant) == [(2, "waiting", 0), (3, "waiting", 0), (4, "waiting", 0)]
    receive(kit, tenant, lamp, 1)
    assert trail(kit, tenant, lamp) == "1,2,3,4"
    assert kept(kit, tenant) == []


def test_subjects_tenants_and_sources_do_not_wait_for_each_other(kit: ServiceKit, tenant: str, lamp: UUID) -> None:
    other = new_id()
    receive(kit, tenant, lamp, 2)
    receive(kit, tenant, other, 1)
    receive(kit, f"{tenant}b", new_id(), 1)
    assert trail(kit, tenant, other) == "1"
    assert kept(kit, tenant) == [(2, "waiting", 0)]


def test_without_the_head_a_duplicate_is_applied_twice(kit: ServiceKit, tenant: str, lamp: UUID) -> None:
    """The control of the duplicates: the same handler, without the inbox."""
    for _ in range(2):
        with kit.transaction(tenant) as db:
            kit.inbox._handle(db, lamp_event(tenant, lamp, 1))
    assert trail(kit, tenant, lamp) == "1,1"


def test_deduplication_by_id_alone_applies_in_the_wrong_order(kit: ServiceKit, tenant: str, lamp: UUID) -> None:
    """The control of the order: what most inboxes do, which is to remember the ids that they have seen."""
    seen: set[UUID] = set()
    first, second = lamp_event(tenant, lamp, 1), lamp_event(tenant, lamp, 2)
    for event in (second, first, second):
        if event.id not in seen:
            seen.add(event.id)
            with kit.transaction(tenant) as db:
                kit.inbox._handle(db, event)
    assert trail(kit, tenant, lamp) == "2,1"


def test_the_same_event_in_many_threads_is_applied_once(kit: ServiceKit, tenant: str, lamp: UUID) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda sequence: receive(kit, tenant, lamp, sequence), [3, 1, 2, 1, 3, 2, 4, 1, 2, 3, 4, 4] * 4))
    while kit.inbox.retry_due():
        pass
    assert trail(kit, tenant, lamp) == "1,2,3,4"
    assert kept(kit, tenant) == []


# Failures


def test_a_failing_event_waits_for_its_next_time_and_its_effect_is_undone(
    kit: ServiceKit, tenant: str, lamp: UUID, handler: Switchable, wall: Clock
) -> None:
    handler.error = Broken()
    began = wall.now()
    receive(kit, tenant, lamp, 1)
    assert trail(kit, tenant, lamp) == ""
    assert kept(kit, tenant) == [(1, "retrying", 1)]
    assert timedelta(seconds=0.5) <= next_at(kit, tenant) - began <= timedelta(seconds=4)
    handler.error = None
    assert kit.inbox.retry_due() == 0, "its time has not come"
    receive(kit, tenant, lamp, 1)
    assert trail(kit, tenant, lamp) == "", "a duplicate does not get it another try"
    wall.ahead = timedelta(seconds=5)
    assert kit.inbox.retry_due() == 1
    assert trail(kit, tenant, lamp) == "1"
    assert kept(kit, tenant) == []


def next_at(kit: ServiceKit, tenant: str) -> Any:
    with kit.transaction(tenant) as db:
        return db.execute(text("SELECT next_at FROM inbox WHERE state = 'retrying'")).scalar_one()


def test_later_events_of_the_subject_wait_behind_it_while_others_flow(
    kit: ServiceKit, tenant: str, lamp: UUID, handler: Switchable, wall: Clock
) -> None:
    handler.error = Broken()
    receive(kit, tenant, lamp, 1)
    handler.error = None
    other = new_id()
    receive(kit, tenant, lamp, 2, 3)
    receive(kit, tenant, other, 1)
    assert trail(kit, tenant, lamp) == ""
    assert trail(kit, tenant, other) == "1"
    assert kept(kit, tenant) == [(1, "retrying", 1), (2, "waiting", 0), (3, "waiting", 0)]
    wall.ahead = timedelta(seconds=5)
    kit.inbox.retry_due()
    assert trail(kit, tenant, lamp) == "1,2,3"


def test_the_pauses_grow_and_after_the_last_attempt_the_event_is_dead(
    make_kit: MakeKit, tenant: str, lamp: UUID, wall: Clock
) -> None:
    handler = Switchable(Broken())
    kit = make_kit(beta(handler))
    inbox = Inbox("beta", kit.database, kit.relay, [STREAM], {"alpha.LampSwitched.v1": handler}, max_attempts=6)
    inbox.receive(lamp_event(tenant, lamp, 1))
    pauses = []
    for attempt in range(1, 6):
        assert kept(kit, tenant) == [(1, "retrying", attempt)]
        pauses.append((next_at(kit, tenant) - wall.now()).total_seconds())
        wall.ahead += timedelta(seconds=60)
        assert inbox.retry_due() == 1
    assert all(2**n / 4 - 1 <= pause <= 2**n * 3 / 4 for n, pause in enumerate(pauses, 1)), pauses
    assert kept(kit, tenant) == [(1, "dead", 6)]
    assert handler.calls == 6
    wall.ahead += timedelta(days=1)
    assert inbox.retry_due() == 0
    inbox.receive(lamp_event(tenant, lamp, 1))
    assert handler.calls == 6, "a dead event is not tried again by itself"


@pytest.mark.parametrize("data", [{"level": "bright"}, {"lamp_id": None}, {"level": None}])
def test_data_that_does_not_fit_is_dead_at_once(
    data: dict[str, Any], kit: ServiceKit, tenant: str, lamp: UUID, handler: Switchable
) -> None:
    kit.inbox.receive(lamp_event(tenant, lamp, 1, **data))
    assert kept(kit, tenant) == [(1, "dead", 1)]
    assert handler.calls == 0


def test_a_refusal_by_the_domain_is_a_failure_like_any_other(
    kit: ServiceKit, tenant: str, lamp: UUID, handler: Switchable
) -> None:
    handler.error = LampBusy(["heat"])
    receive(kit, tenant, lamp, 1)
    assert kept(kit, tenant) == [(1, "retrying", 1)]


def test_what_is_kept_of_a_failure_holds_no_message(
    kit: ServiceKit, tenant: str, lamp: UUID, handler: Switchable, logs: Logs
) -> None:
    handler.error = Broken("Sara Al-Otaibi +966501234567")
    receive(kit, tenant, lamp, 1)
    with kit.transaction(tenant) as db:
        assert db.execute(text("SELECT error FROM inbox")).scalar_one() == "Broken"
    [entry] = [e for e in logs if e["event"] == "event-failed"]
    assert entry["error"] == "Broken"
    assert "Sara" not in str(logs)


def test_a_constraint_that_a_handler_breaks_is_named_without_its_values(
    make_kit: MakeKit, tenant: str, lamp: UUID
) -> None:
    def clumsy(db: Session, event: Received[Any]) -> None:
        for _ in range(2):
            db.execute(
                text("INSERT INTO lamps (id, name, level) VALUES (gen_random_uuid(), 'Sara', 1)"),
            )

    kit = make_kit(beta(clumsy))
    kit.inbox.receive(lamp_event(tenant, lamp, 1))
    with kit.transaction(tenant) as db:
        assert db.execute(text("SELECT error FROM inbox")).scalar_one() == "IntegrityError 23505 lamps_name_key"


def test_a_failing_handler_publishes_nothing(make_kit: MakeKit, tenant: str, lamp: UUID) -> None:
    def publishes_and_fails(db: Session, event: Received[Any]) -> None:
        switch(db, lamp, 1)
        raise Broken

    kit = make_kit(beta(publishes_and_fails))
    kit.inbox.receive(lamp_event(tenant, lamp, 1))
    assert kit.events(tenant) == []


def test_two_workers_that_retry_at_once_use_up_one_attempt(
    make_kit: MakeKit, tenant: str, lamp: UUID, wall: Clock
) -> None:
    at_work, go_on = threading.Event(), threading.Event()
    handler = Switchable(Broken())

    def slow(db: Session, event: Received[Any]) -> None:
        at_work.set()
        assert go_on.wait(10)
        handler(db, event)

    kit = make_kit(beta(slow))
    go_on.set()
    kit.inbox.receive(lamp_event(tenant, lamp, 1))
    go_on.clear()
    at_work.clear()
    wall.ahead = timedelta(seconds=5)
    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(kit.inbox.retry_due)
        assert at_work.wait(10)
        assert kit.inbox.retry_due() == 0
        go_on.set()
        assert one.result(10) == 1
    assert kept(kit, tenant) == [(1, "retrying", 2)]


# The database


def test_a_lost_database_is_no_failure_of_the_event(make_kit: MakeKit, tenant: str, lamp: UUID) -> None:
    once = [True]

    def cut_off(db: Session, event: Received[Any]) -> None:
        on_lamp_switched(db, event)
        db.flush()
        if once:
            once.clear()
            db.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    kit = make_kit(beta(cut_off))
    with pytest.raises(DBAPIError):
        kit.inbox.receive(lamp_event(tenant, lamp, 1))
    assert kept(kit, tenant) == []
    kit.inbox.receive(lamp_event(tenant, lamp, 1))
    assert trail(kit, tenant, lamp) == "1"


def test_a_statement_that_is_ended_for_its_length_is_the_events_failure(
    make_kit: MakeKit, tenant: str, lamp: UUID
) -> None:
    def endless(db: Session, event: Received[Any]) -> None:
        db.execute(text("SET LOCAL statement_timeout = 10"))
        db.execute(text("SELECT pg_sleep(10)"))

    kit = make_kit(beta(endless))
    kit.inbox.receive(lamp_event(tenant, lamp, 1))
    assert kept(kit, tenant) == [(1, "retrying", 1)]


def test_handlers_that_deadlock_run_again_at_once_and_nothing_is_counted(make_kit: MakeKit, tenant: str) -> None:
    lamps = [new_id(), new_id()]
    both_hold_one = threading.Barrier(2, timeout=10)
    tries: list[UUID] = []

    def crossing(db: Session, event: Received[LampSwitched]) -> None:
        mine = event.data.lamp_id
        [other] = [each for each in lamps if each != mine]
        tries.append(mine)
        lock = text("SELECT pg_advisory_xact_lock(hashtext(:name))")
        db.execute(lock, {"name": str(mine)})
        if len(tries) <= 2:
            both_hold_one.wait()
        db.execute(lock, {"name": str(other)})
        on_lamp_switched(db, event)

    kit = make_kit(beta(crossing))
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda each: kit.inbox.receive(lamp_event(tenant, each, 1)), lamps))
    assert len(tries) == 3
    assert [trail(kit, tenant, each) for each in lamps] == ["1", "1"]
    assert kept(kit, tenant) == []


# What a handler is given, and its wiring


def test_a_handler_gets_the_declared_fields_and_acts_in_the_events_name(
    make_kit: MakeKit, tenant: str, lamp: UUID
) -> None:
    seen: list[Any] = []

    def look(db: Session, event: Received[Any]) -> None:
        seen.extend([event, context_of(db)])

    event = lamp_event(tenant, lamp, 1, colour="red")
    make_kit(beta(look)).inbox.receive(event)
    received, context = seen
    data = LampSwitched(lamp_id=lamp, level=1)
    assert received == Received(id=event.id, subject_id=str(lamp), time=event.time, data=data)
    assert (context.tenant, context.actor) == (tenant, "system:LampSwitched.v1")
    assert (context.correlation_id, context.causation_id) == (event.correlation_id, str(event.id))
    assert context.traceparent.split("-")[1] == event.traceparent.split("-")[1]


@pytest.mark.parametrize("handlers", [{}, {"alpha.LampSwitched.v1": print, "alpha.LampMelted.v1": print}])
def test_handlers_and_declarations_that_do_not_match_stop_the_start(
    handlers: dict[str, Any], follower: ServiceKit
) -> None:
    with pytest.raises(ValueError, match="Lamp"):
        Inbox("beta", follower.database, follower.relay, [STREAM], handlers)


def test_the_feed_filter_passes_on_what_is_not_known_as_applied(kit: ServiceKit, tenant: str, lamp: UUID) -> None:
    receive(kit, tenant, lamp, 1, 2, 4)
    events = [lamp_event(tenant, lamp, sequence) for sequence in range(1, 6)]
    events.append(lamp_event(f"{tenant}b", lamp, 1))
    found = kit.inbox.not_yet_applied("/jalsa/alpha", events)
    assert [(e.tenant, e.sequence) for e in found] == [(tenant, 3), (tenant, 4), (tenant, 5), (f"{tenant}b", 1)]


def test_a_kept_event_that_cannot_be_read_any_more_is_dead_and_holds_up_its_own_subject_alone(
    kit: ServiceKit, tenant: str, lamp: UUID
) -> None:
    receive(kit, tenant, lamp, 2)
    with kit.transaction(tenant) as db:
        db.execute(
            text("UPDATE inbox SET envelope = envelope - 'traceparent', received_at = now() - interval '1 hour'")
        )
    receive(kit, tenant, lamp, 1)
    healthy = left_waiting(kit, tenant)

    kit.inbox.retry_due()

    assert trail(kit, tenant, healthy) == "1,2"
    assert trail(kit, tenant, lamp) == "1"
    [item] = kit.client(tenant).get("/events/inbox").get_json()["items"]
    assert (item["state"], item["sequence"], item["error"]) == ("dead", 2, "Unreadable")
    assert kit.client(tenant).post(f"/events/inbox/{item['id']}/skip").status_code == 204
    receive(kit, tenant, lamp, 3)
    assert trail(kit, tenant, lamp) == "1,3"


def left_waiting(kit: ServiceKit, tenant: str) -> UUID:
    """A subject whose second event is its turn, and was left by a crash."""
    lamp = new_id()
    receive(kit, tenant, lamp, 2)
    with kit.transaction(tenant) as db:
        data = LampSwitched(lamp_id=lamp, level=1)
        on_lamp_switched(db, Received(id=new_id(), subject_id=str(lamp), time=clock.now(), data=data))
        db.execute(text("UPDATE inbox_heads SET last = 1 WHERE subject = :subject"), {"subject": f"lamp/{lamp}"})
    return lamp


def test_a_head_that_a_forgotten_session_has_locked_holds_up_its_own_subject_alone(
    kit: ServiceKit, tenant: str, lamp: UUID, logs: Logs
) -> None:
    stuck, healthy = left_waiting(kit, tenant), left_waiting(kit, tenant)
    with kit.transaction(tenant) as db:
        db.execute(
            text("UPDATE inbox SET received_at = now() - interval '1 hour' WHERE subject = :s"), {"s": f"lamp/{stuck}"}
        )
    with impatient(kit), kit.transaction(tenant) as forgotten:
        forgotten.execute(text("SELECT FROM inbox_heads WHERE subject = :s FOR UPDATE"), {"s": f"lamp/{stuck}"})
        kit.inbox.retry_due()
        assert (trail(kit, tenant, stuck), trail(kit, tenant, healthy)) == ("1", "1,2")
    assert [entry["tenant"] for entry in logs if entry["event"] == "event-not-retried"] == [tenant]
    kit.inbox.retry_due()
    assert trail(kit, tenant, stuck) == "1,2"


def test_an_event_kept_of_what_is_followed_no_more_is_let_go(
    kit: ServiceKit, tenant: str, lamp: UUID, handler: Switchable, wall: Clock
) -> None:
    handler.error = Broken()
    receive(kit, tenant, lamp, 1, 2)
    assert kept(kit, tenant) == [(1, "retrying", 1), (2, "waiting", 0)]
    wall.ahead = timedelta(minutes=10)
    present = Inbox("beta", kit.database, kit.relay, (), {})
    assert present.retry_due() == 1
    assert kept(kit, tenant) == []
    assert trail(kit, tenant, lamp) == ""
