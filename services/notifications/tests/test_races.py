"""Workers side by side do each piece of work once. Each promise with the control that shows it can fail."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import create_engine, select, text
from sqlalchemy.orm import Session
from structlog.testing import CapturingLogger

from jalsa.dev.kit import ServiceKit
from notifications import jobs, queries
from notifications.models import Appointment, Message, Reminder

from .factories import Outside, World, at

DAY = timedelta(days=1)


def together(work: Callable[[], object], times: int) -> None:
    """Run `work` in so many threads at once."""
    start = threading.Barrier(times)

    def run() -> None:
        start.wait(30)
        work()

    with ThreadPoolExecutor(times) as pool:
        for future in [pool.submit(run) for _ in range(times)]:
            future.result(60)


def meet_after_finding(name: str, parties: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every dispatcher find the same due rows before any of them claims one."""
    barrier, find = threading.Barrier(parties), getattr(queries, name)

    def found(*args: Any) -> Any:
        rows = find(*args)
        barrier.wait(30)
        return rows

    monkeypatch.setattr(queries, name, found)


def owner_executes(kit: ServiceKit, *statements: str) -> None:
    engine = create_engine(kit.config.database_owner_url)
    with engine.begin() as conn:
        for statement in statements:
            conn.execute(text(statement))
    engine.dispose()


@contextmanager
def _always_held(*_: Any) -> Iterator[bool]:
    yield True


def without_the_claim(kind: Any, name: str, parties: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first so many claims take no locks, so that the row is read by all before any of them goes on."""
    monkeypatch.setattr(jobs, "_held", _always_held)
    monkeypatch.setattr("jalsa.work.jobs._claim", lambda *_: True)
    barrier, calls, real = threading.Barrier(parties), count(1), getattr(queries, name)
    row = select(kind, Appointment).join(Appointment, Appointment.id == kind.appointment_id)

    def claim(db: Session, row_id: UUID, now: datetime) -> Any:
        if next(calls) > parties:
            return real(db, row_id, now)
        found = db.execute(row.where(kind.id == row_id)).one()
        barrier.wait(30)
        return tuple(found)

    monkeypatch.setattr(queries, name, claim)


def test_dispatchers_side_by_side_send_each_message_once(
    world: World, outside: Outside, log: CapturingLogger, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = world.book_many(12)
    meet_after_finding("due_messages", 3, monkeypatch)
    together(lambda: jobs.send(world.tools), 3)
    assert {world.confirmation(b)["status"] for b in made} == {"SENT"}
    assert len(outside.delivered) == len({m.id for m in outside.delivered}) == len(made)
    assert "due-work-failed" not in str(log.calls)  # nor did any run into the constraint behind the claim


def test_dispatchers_side_by_side_make_each_reminders_message_once(
    world: World, outside: Outside, log: CapturingLogger, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = world.book_many(6)
    world.dispatch()
    meet_after_finding("due_reminders", 3, monkeypatch)
    with at(made[0].starts_at - DAY):
        together(lambda: jobs.remind(world.tools), 3)
        jobs.send(world.tools)
        for booking in made:
            assert [m["kind"] for m in world.messages(booking)] == ["BOOKING_CONFIRMATION", "REMINDER_24H"]
    assert len(outside.delivered) == 2 * len(made)
    assert "due-work-failed" not in str(log.calls)


def test_control_without_claim_and_constraint_a_message_goes_out_twice(
    scratch_kit: ServiceKit, tenant: str, outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(scratch_kit, tenant)
    world.book(world.patient())
    owner_executes(scratch_kit, "ALTER TABLE delivery_attempts DROP CONSTRAINT " + _attempts_key(scratch_kit))
    meet_after_finding("due_messages", 2, monkeypatch)
    without_the_claim(Message, "claim_message", 2, monkeypatch)
    outside.meeting = threading.Barrier(2)  # neither attempt is recorded before the other one is under way
    together(lambda: jobs.send(world.tools), 2)
    assert len(outside.delivered) == 2
    assert len({m.id for m in outside.delivered}) == 1


def test_control_without_claim_and_constraint_a_reminder_makes_two_messages(
    scratch_kit: ServiceKit, tenant: str, outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(scratch_kit, tenant)
    booking = world.book(world.patient())
    world.dispatch()
    owner_executes(scratch_kit, "DROP INDEX messages_reminder_once")
    meet_after_finding("due_reminders", 2, monkeypatch)
    without_the_claim(Reminder, "claim_reminder", 2, monkeypatch)
    with at(booking.starts_at - DAY):
        together(lambda: jobs.remind(world.tools), 2)
        jobs.send(world.tools)
        jobs.send(world.tools)
    assert [m.subject for m in outside.delivered] == ["تم حجز موعدك", "تذكير بموعدك", "تذكير بموعدك"]


def test_without_the_claim_the_constraint_still_lets_a_message_out_once(
    world: World, outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    booking = world.book(world.patient())
    meet_after_finding("due_messages", 2, monkeypatch)
    without_the_claim(Message, "claim_message", 2, monkeypatch)
    together(lambda: jobs.send(world.tools), 2)
    assert len(outside.delivered) == 1
    assert world.confirmation(booking)["status"] == "SENT"


def test_without_the_claim_the_constraint_still_lets_a_reminder_make_one_message(
    world: World, outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    booking = world.book(world.patient())
    world.dispatch()
    meet_after_finding("due_reminders", 2, monkeypatch)
    without_the_claim(Reminder, "claim_reminder", 2, monkeypatch)
    with at(booking.starts_at - DAY):
        together(lambda: jobs.remind(world.tools), 2)
        jobs.send(world.tools)
        assert world.reminder_states(booking)["24H"] == "SENT"
    assert len(outside.delivered) == 2


def test_a_cancellation_and_a_dispatcher_never_wait_for_each_other(world: World, outside: Outside) -> None:
    made = world.book_many(8)
    cancelled = [world.cancelled(booking) for booking in made]

    def cancel_all() -> None:
        for event in cancelled:
            world.kit.inbox.receive(event)

    with ThreadPoolExecutor(3) as pool:
        for future in [pool.submit(cancel_all), pool.submit(world.dispatch), pool.submit(world.dispatch)]:
            future.result(60)
    world.dispatch()
    for booking in made:
        assert world.message("CANCELLATION", booking)["status"] == "SENT"
        assert world.confirmation(booking)["status"] in ("SENT", "CANCELLED")
    assert len({m.id for m in outside.delivered}) == len(outside.delivered)


def _attempts_key(kit: ServiceKit) -> str:
    with kit.database.engine.connect() as conn:
        found = conn.execute(
            text("SELECT conname FROM pg_constraint WHERE conrelid = 'delivery_attempts'::regclass AND contype = 'u'")
        )
        return str(found.scalar_one())
