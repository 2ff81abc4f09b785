"""The outbox. An event is true if and when its transaction is, and each subject's events are numbered without a gap."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import Session

from jalsa.db.event_rows import flush_events
from jalsa.db.transactions import retry_on_serialization_failure, sqlstate
from jalsa.dev.kit import ServiceKit
from jalsa.events.contracts import EventType
from jalsa.events.outbox import publish
from jalsa.service import clock
from jalsa.service.context import Context
from jalsa.service.ids import new_id

from .lamps import LAMP_SWITCHED, LampSwitchedData, switch, switched


class Refused(Exception):
    pass


def roll_back(kit: ServiceKit, tenant: str, work: Callable[[Session], object]) -> None:
    """A transaction that stores its events and is then rolled back."""

    def attempt() -> None:
        with kit.transaction(tenant) as db:
            work(db)
            flush_events(db)
            raise Refused

    with pytest.raises(Refused):
        attempt()


def sequences(kit: ServiceKit, tenant: str, lamp: UUID) -> list[int]:
    return [e.sequence for e in kit.events(tenant) if e.subject == f"lamp/{lamp}"]


def test_what_was_committed_is_published(alpha: ServiceKit, tenant: str, lamp: UUID) -> None:
    with alpha.transaction(tenant) as db:
        event_id = switch(db, lamp, 7)
    [event] = alpha.events(tenant)
    assert (event.id, event.type, event.source) == (event_id, "jalsa.alpha.LampSwitched.v1", "/jalsa/alpha")
    assert (event.subject, event.sequence, event.data) == (f"lamp/{lamp}", 1, {"lamp_id": str(lamp), "level": 7})


def test_what_was_rolled_back_is_not(alpha: ServiceKit, tenant: str, lamp: UUID) -> None:
    roll_back(alpha, tenant, lambda db: switch(db, lamp, 1))
    assert alpha.events(tenant) == []
    switched(alpha, tenant, lamp, 2)
    assert sequences(alpha, tenant, lamp) == [1], "the number of an event that never was is given again"


def test_an_event_in_a_transaction_of_its_own_leaks(alpha: ServiceKit, tenant: str, lamp: UUID) -> None:
    """The control. An event that is written beside the change instead of with it tells of what never happened."""
    roll_back(alpha, tenant, lambda _: switched(alpha, tenant, lamp, 1))
    assert len(alpha.events(tenant)) == 1


def test_an_event_carries_who_caused_it(alpha: ServiceKit, tenant: str, lamp: UUID) -> None:
    cause = str(new_id())
    trace = f"00-{'1' * 32}-{'2' * 16}-01"
    given = Context(tenant=tenant, actor="a", request_id="r", traceparent=trace, correlation_id="c", causation_id=cause)
    with alpha.database.transaction(given) as db:
        switch(db, lamp, 1)
    [event] = alpha.events(tenant)
    assert (event.correlation_id, event.causation_id, event.traceparent) == ("c", cause, trace)


def test_several_events_of_a_transaction_keep_their_order(alpha: ServiceKit, tenant: str, lamp: UUID) -> None:
    other = new_id()
    switched(alpha, tenant, lamp, 0)
    with alpha.transaction(tenant) as db:
        for level in range(1, 30):
            switch(db, lamp if level % 3 else other, level)
    found = [(e.subject, e.sequence, e.data["level"]) for e in alpha.events(tenant)]
    assert [level for _, _, level in found] == list(range(30))
    assert [sequence for subject, sequence, _ in found if subject == f"lamp/{lamp}"] == list(range(1, 22))
    assert [sequence for subject, sequence, _ in found if subject == f"lamp/{other}"] == list(range(1, 10))


def test_subjects_of_two_tenants_are_numbered_apart(alpha: ServiceKit, tenant: str, lamp: UUID) -> None:
    switched(alpha, tenant, lamp, 1, 2)
    switched(alpha, f"{tenant}b", lamp, 1)
    assert sequences(alpha, tenant, lamp) == [1, 2]
    assert sequences(alpha, f"{tenant}b", lamp) == [1]


def test_data_that_does_not_fit_its_schema_is_our_own_fault(alpha: ServiceKit, tenant: str, lamp: UUID) -> None:
    strict = EventType("alpha", "lamp", "LampSwitched", LampSwitchedData)
    with pytest.raises(ValueError, match="does not fit"), alpha.transaction(tenant) as db:
        publish(db, strict, lamp, {"lamp_id": lamp}, now=clock.now())
    assert alpha.events(tenant) == []


def test_sixteen_writers_of_one_subject_leave_no_gap(alpha: ServiceKit, tenant: str, lamp: UUID) -> None:
    def write(number: int) -> None:
        if number % 5 == 0:
            roll_back(alpha, tenant, lambda db: switch(db, lamp, number))
        else:
            switched(alpha, tenant, lamp, number)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(write, range(80)))
    assert sequences(alpha, tenant, lamp) == list(range(1, 65))


def test_writers_that_cross_each_others_subjects_do_not_deadlock(alpha: ServiceKit, tenant: str) -> None:
    subjects = [new_id() for _ in range(4)]

    def write(number: int) -> None:
        order = subjects if number % 2 else subjects[::-1]
        with alpha.transaction(tenant) as db:
            for subject in order:
                switch(db, subject, number)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(write, range(96)))
    for subject in subjects:
        assert sequences(alpha, tenant, subject) == list(range(1, 97))


def test_heads_that_are_locked_in_any_order_deadlock(alpha: ServiceKit, tenant: str) -> None:
    """The control: the same two subjects, each locked at the moment of its event."""
    subjects = [new_id(), new_id()]
    both_hold_one = threading.Barrier(2, timeout=10)

    def write(order: list[UUID]) -> str | None:
        try:
            with alpha.transaction(tenant) as db:
                switch(db, order[0], 1)
                flush_events(db)
                both_hold_one.wait()
                switch(db, order[1], 1)
                flush_events(db)
        except OperationalError as error:
            return sqlstate(error)
        return None

    with ThreadPoolExecutor(2) as pool:
        results = set(pool.map(write, [subjects, subjects[::-1]]))
    assert results == {None, "40P01"}


def test_the_loser_of_a_deadlock_runs_again(alpha: ServiceKit, tenant: str) -> None:
    subjects = [new_id(), new_id()]
    both_hold_one = threading.Barrier(2, timeout=10)
    crossed = threading.local()

    def write(order: list[UUID]) -> None:
        with alpha.transaction(tenant) as db:
            switch(db, order[0], 1)
            flush_events(db)
            if not getattr(crossed, "once", False):
                crossed.once = True
                both_hold_one.wait()
            switch(db, order[1], 1)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda order: retry_on_serialization_failure(lambda: write(order)), [subjects, subjects[::-1]]))
    assert [sequences(alpha, tenant, subject) for subject in subjects] == [[1, 2], [1, 2]]


def test_again_gives_up_in_the_end_and_passes_other_errors_on(alpha: ServiceKit, tenant: str) -> None:
    tries = []

    def lose() -> None:
        tries.append(1)
        with alpha.transaction(tenant) as db:
            db.execute(text("DO $$ BEGIN RAISE SQLSTATE '40001'; END $$"))

    with pytest.raises(DBAPIError):
        retry_on_serialization_failure(lose, attempts=3)
    assert len(tries) == 3

    def break_it() -> None:
        tries.append(1)
        with alpha.transaction(tenant) as db:
            db.execute(text("SELECT 1 / 0"))

    with pytest.raises(DBAPIError):
        retry_on_serialization_failure(break_it)
    assert len(tries) == 4


def test_the_dataschema_says_where_the_schema_is_served(alpha: ServiceKit, tenant: str, lamp: UUID) -> None:
    switched(alpha, tenant, lamp, 1)
    [event] = alpha.events(tenant)
    schema = str(event.attributes()["dataschema"])
    assert schema == LAMP_SWITCHED.dataschema
    answer = alpha.app.test_client().get(schema.removeprefix("https://jalsa.test/alpha"))
    assert answer.get_json()["required"] == ["lamp_id", "level"]
    assert alpha.app.test_client().get("/v1/events/schemas/LampMelted.v1").status_code == 404
