"""Due work goes by the database's clock, looks at its source first, and outlives its worker."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import text
from structlog.testing import CapturingLogger

from jalsa.dev.kit import eventually
from jalsa.events.lookout import SourceAway
from jalsa.service import clock
from jalsa.work.jobs import Resting
from notifications import domain, jobs, queries, texts
from notifications.domain import OUTCOME_UNKNOWN

from .factories import Booking, Crash, Outside, World, at, in_days

DAY = timedelta(days=1)
_OF_A_SENDER = """
    SELECT pg_terminate_backend(pid) FROM pg_locks
    JOIN pg_database ON pg_database.oid = pg_locks.database AND datname = current_database()
    WHERE locktype = 'advisory' AND granted
"""


@contextmanager
def wrong_clock(by: timedelta) -> Iterator[None]:
    """This worker's clock leaps. The database's does not."""
    with time_machine.travel(clock.now() + by, tick=True):
        yield


@pytest.mark.parametrize("by", [timedelta(days=3), timedelta(days=-3)])
def test_a_leap_of_a_workers_clock_fails_no_reminder_and_sends_none_early(
    world: World, outside: Outside, by: timedelta
) -> None:
    booking = world.book(world.patient(), in_days(2.5))
    with wrong_clock(by):
        world.dispatch()
        later = world.book(world.patient(), in_days(2.5) - by, time=clock.now() - by)
        world.dispatch()
    for one in (booking, later):
        assert world.reminder_states(one) == {"24H": "SCHEDULED", "2H": "SCHEDULED"}
        assert world.confirmation(one)["status"] == "SENT"
    assert len(outside.delivered) == 2


def test_control_by_the_workers_clock_a_leap_fails_a_reminder_for_good(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    booking = world.book(world.patient(), in_days(2.5))
    world.dispatch()
    with wrong_clock(timedelta(days=3)):
        monkeypatch.setattr(clock, "database_now", lambda _: clock.now())
        world.dispatch()
        assert set(world.reminder_states(booking).values()) == {"FAILED"}


def test_a_message_of_whose_subject_there_is_news_waits_for_it(world: World, outside: Outside) -> None:
    booking = world.book(world.patient())
    world.dispatch()
    with at(booking.starts_at - DAY):
        world.source.answer = False
        world.dispatch()
        assert world.message("REMINDER_24H", booking)["status"] == "QUEUED"
        assert world.source.asked[-1] == ("scheduling", world.tenant, [f"appointment/{booking.id}"])
    with at(booking.starts_at - DAY + timedelta(seconds=2)):
        world.cancel(booking)
        world.source.answer = True
        world.dispatch()
        assert world.reminder_states(booking)["24H"] == "CANCELLED"
    assert [m.subject for m in outside.delivered] == ["تم حجز موعدك", "تم إلغاء موعدك"]


def test_control_without_the_look_a_reminder_leaves_although_there_is_news(world: World, outside: Outside) -> None:
    booking = world.book(world.patient())
    world.dispatch()
    with at(booking.starts_at - DAY):
        world.dispatch()
        world.cancel(booking)
    assert world.reminder_states(booking)["24H"] == "SENT"
    assert len(outside.delivered) == 2


def test_a_message_whose_news_never_comes_ends_when_it_is_of_no_use(world: World) -> None:
    booking = world.book(world.patient())
    world.source.answer = False
    world.dispatch()
    with at(booking.starts_at):
        world.dispatch()
        assert world.confirmation(booking)["reason"] == "too-late"


def test_a_message_whose_sender_was_lost_ends_although_its_news_never_comes(world: World, outside: Outside) -> None:
    booking = world.book(world.patient())
    outside.failures = [Crash()]
    with pytest.raises(Crash):
        jobs.send(world.tools)
    world.source.answer = False
    with at(clock.now() + domain.SENDER_LOOKED_AFTER):
        world.dispatch()
        assert world.confirmation(booking)["status"] == "QUEUED"
    with at(booking.starts_at):
        world.dispatch()
        assert world.confirmation(booking)["reason"] == "too-late"
    assert len(outside.delivered) == 1


def test_a_source_that_does_not_answer_is_waited_for_for_a_minute(world: World, outside: Outside) -> None:
    booking = world.book(world.patient())
    world.dispatch()
    world.source.answer = SourceAway("scheduling")
    for seconds, sent in ((0, 1), (59, 1), (61, 2)):
        with at(booking.starts_at - DAY + timedelta(seconds=seconds)):
            world.dispatch()
            assert len(outside.delivered) == sent
    assert world.reminder_states(booking)["24H"] == "SENT"


def test_every_kind_of_message_looks_at_what_it_is_about(world: World) -> None:
    booking, course = world.book(world.patient()), world.course([in_days(3), in_days(4)])
    world.course_booked(course)
    world.schedule(course)
    offer = world.offer(world.patient(), in_days(1))
    world.dispatch()
    assert {tuple(subjects) for _, _, subjects in world.source.asked} == {
        (f"appointment/{booking.id}",),
        (f"package/{course.id}", *(f"appointment/{b.id}" for b in course.bookings)),
        (f"waitlist/{offer.entry_id}",),
    }


def test_no_row_is_locked_while_the_source_is_asked(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    booking = world.book(world.patient())

    def ask(*_: object) -> bool:
        world.cancel(booking)
        return True

    monkeypatch.setattr(world.source, "has_all", ask)
    jobs.send(world.tools)
    assert world.confirmation(booking)["status"] == "CANCELLED"


def kill_the_claim(world: World) -> None:
    """End the connection that holds the right to send."""
    with world.kit.database.engine.connect() as conn:
        assert conn.execute(text(_OF_A_SENDER)).all()


class Stuck:
    """A way out that does not come back before it is let go."""

    def __init__(self) -> None:
        self.keys: list[object] = []
        self.entered, self.release = threading.Event(), threading.Event()

    def __call__(self, message: domain.Outgoing) -> str:
        self.keys.append(message.id)
        if len(self.keys) == 1:
            self.entered.set()
            assert self.release.wait(30)
        return "taken"


@pytest.fixture
def stuck(monkeypatch: pytest.MonkeyPatch) -> Stuck:
    made = Stuck()
    monkeypatch.setattr(jobs, "channels", lambda _: dict.fromkeys(domain.CHANNELS, made))
    return made


def with_a_stuck_sender(world: World, stuck: Stuck, then: Callable[[], None]) -> None:
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(jobs.send, world.tools)
        try:
            assert stuck.entered.wait(30)
            then()
        finally:
            stuck.release.set()
        sending.result(30)


def test_a_sender_that_takes_its_time_keeps_its_message(world: World, stuck: Stuck) -> None:
    booking = world.book(world.patient())

    def look_after() -> None:
        with at(clock.now() + domain.LONGEST_ATTEMPT):
            jobs.send(world.tools)

    with_a_stuck_sender(world, stuck, look_after)
    assert (world.confirmation(booking)["status"], world.confirmation(booking)["attempts"]) == ("SENT", 1)
    assert len(stuck.keys) == 1


def test_the_claim_of_a_killed_sender_ends_with_its_connection(world: World, stuck: Stuck) -> None:
    booking = world.book(world.patient())

    def kill_and_look_after() -> None:
        kill_the_claim(world)
        began = time.monotonic()
        eventually(lambda: jobs.send(world.tools) and world.confirmation(booking)["status"] == "SENT", within=20)
        assert time.monotonic() - began < 10

    with_a_stuck_sender(world, stuck, kill_and_look_after)
    assert (world.confirmation(booking)["status"], world.confirmation(booking)["attempts"]) == ("SENT", 2)
    assert len(stuck.keys) == 2
    assert len(set(stuck.keys)) == 1, "the gateway delivers one key once"


def test_an_email_of_a_killed_sender_is_not_sent_again(world: World, stuck: Stuck) -> None:
    booking = world.book(world.patient(phone=None))

    def kill_and_look_after() -> None:
        kill_the_claim(world)
        with at(clock.now() + domain.SENDER_LOOKED_AFTER):
            jobs.send(world.tools)
            assert world.confirmation(booking)["reason"] == OUTCOME_UNKNOWN

    with_a_stuck_sender(world, stuck, kill_and_look_after)
    assert (world.confirmation(booking)["status"], len(stuck.keys)) == ("FAILED", 1)


def poisoned(booking: Booking, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is said of this booking raises."""
    say = texts.message

    def fail_for_one(kind: str, language: str, facts: texts.Facts) -> tuple[str, str]:
        if facts.number == booking.number:
            raise ZeroDivisionError("Sara")
        return say(kind, language, facts)

    monkeypatch.setattr(texts, "message", fail_for_one)


def test_a_row_that_raises_anything_keeps_nothing_that_lies_behind_it(
    world: World, outside: Outside, log: CapturingLogger, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, *others = world.book_many(5)
    poisoned(first, monkeypatch)
    world.dispatch()
    assert [world.confirmation(one)["status"] for one in (first, *others)] == ["FAILED", *["SENT"] * 4]
    assert "due-work-failed" in str(log.calls)
    assert "Sara" not in str(log.calls)


def test_a_row_that_a_lock_kept_waiting_is_not_given_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    booking, claim = world.book(world.patient()), queries.claim_message

    def claim_with_no_time(db: object, *args: object) -> object:
        db.execute(text("SET LOCAL lock_timeout = '1ms'"))  # type: ignore[attr-defined]
        db.execute(text("SELECT pg_advisory_xact_lock(4711)"))  # type: ignore[attr-defined]
        return claim(db, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(queries, "claim_message", claim_with_no_time)
    with world.kit.transaction(world.tenant) as db:
        db.execute(text("SELECT pg_advisory_xact_lock(4711)"))
        jobs.send(world.tools)
    assert world.confirmation(booking)["status"] == "QUEUED"
    object.__setattr__(world.tools, "resting", Resting())
    world.dispatch()
    assert world.confirmation(booking)["status"] == "SENT"
