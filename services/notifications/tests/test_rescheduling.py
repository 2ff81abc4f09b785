"""What follows when an appointment is moved, and when its patient has come or not."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import permutations
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.orm import Session

from jalsa.service import clock
from jalsa.service.ids import new_id
from notifications import jobs, queries
from notifications.app import SERVICE
from notifications.channels.failure import NotSent
from notifications.models import Appointment, Message
from notifications.operations import appointments

from .factories import Booking, Outside, World, at, in_days, new_booking

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
BOOKED, MOVED, CANCELLED, REMINDER = "تم حجز موعدك", "تم تغيير موعدك", "تم إلغاء موعدك", "تذكير بموعدك"

OMAR = {"id": str(new_id()), "user_id": "omar", "name_en": "Omar Aziz", "name_ar": "عمر عزيز"}


def iso(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")


def kinds(world: World, user_id: str = "layla") -> list[str]:
    """The kinds of somebody's notices, the oldest first."""
    return [notice["kind"] for notice in reversed(world.notices(user_id))]


def test_reminders_move_to_the_new_time_and_patient_and_provider_are_told(world: World, outside: Outside) -> None:
    booking = world.book(world.patient(preferred_language="en"))
    world.dispatch()
    later = booking.starts_at + 2 * DAY
    world.reschedule(booking, later)
    world.dispatch()

    assert world.every_reminder(booking) == [
        ("24H", iso(booking.starts_at - DAY), "CANCELLED"),
        ("2H", iso(booking.starts_at - 2 * HOUR), "CANCELLED"),
        ("24H", iso(later - DAY), "SCHEDULED"),
        ("2H", iso(later - 2 * HOUR), "SCHEDULED"),
    ]
    said = world.message("RESCHEDULING", booking)
    assert (said["status"], said["subject"]) == ("SENT", "Your appointment was moved")
    assert booking.number in said["body"]
    assert kinds(world) == ["APPOINTMENT_BOOKED", "APPOINTMENT_RESCHEDULED"]
    with at(booking.starts_at - 2 * HOUR):
        world.dispatch()
        assert len(outside.delivered) == 2
    with at(later - DAY):
        world.dispatch()
        assert world.message("REMINDER_24H", booking)["status"] == "SENT"
    assert len(outside.delivered) == 3


def test_only_reminders_of_the_new_time_that_are_still_to_come_are_scheduled(world: World) -> None:
    booking = world.book(world.patient())
    world.reschedule(booking, in_days(20 / 24))
    assert [(kind, status) for kind, _, status in world.every_reminder(booking)] == [
        ("24H", "CANCELLED"),
        ("2H", "CANCELLED"),
        ("2H", "SCHEDULED"),
    ]


def test_a_reminder_that_was_sent_is_sent_again_for_the_new_time(world: World, outside: Outside) -> None:
    booking = world.book(world.patient())
    with at(booking.starts_at - DAY):
        world.dispatch()
        world.reschedule(booking, booking.starts_at + 2 * DAY)
        world.dispatch()
    with at(booking.starts_at + DAY):
        world.dispatch()
        assert [m["kind"] for m in world.messages(booking)].count("REMINDER_24H") == 2
    assert [m.subject for m in outside.delivered].count(REMINDER) == 2


def test_an_appointment_that_is_moved_there_and_back_is_reminded_of_once(world: World, outside: Outside) -> None:
    booking = world.book(world.patient())
    world.dispatch()
    world.reschedule(booking, booking.starts_at + DAY)
    world.reschedule(booking, booking.starts_at)
    world.dispatch()
    for instant in (booking.starts_at - DAY, booking.starts_at, booking.starts_at + DAY):
        with at(instant):
            world.dispatch()
    assert [m.subject for m in outside.delivered] == [BOOKED, MOVED, REMINDER]
    with at(booking.starts_at):
        assert sorted(status for _, _, status in world.every_reminder(booking)) == [
            *["CANCELLED"] * 4,
            "FAILED",
            "SENT",
        ]


def test_what_was_queued_of_the_old_time_is_not_sent(world: World, outside: Outside) -> None:
    booking = world.book(world.patient())
    world.reschedule(booking, booking.starts_at + DAY)
    world.dispatch()
    assert world.confirmation(booking)["status"] == "CANCELLED"
    assert [m.subject for m in outside.delivered] == [MOVED]


def test_a_provider_who_changed_hears_of_the_old_time_and_the_new_one_of_the_new(world: World) -> None:
    booking = world.book(world.patient())
    world.reschedule(booking, booking.starts_at + DAY, provider=OMAR)
    [reassigned, _] = world.notices()
    [told] = world.notices("omar")
    assert (reassigned["kind"], told["kind"]) == ("APPOINTMENT_REASSIGNED", "APPOINTMENT_RESCHEDULED")
    assert reassigned["text_en"] != told["text_en"]
    world.cancel(booking)
    assert (len(kinds(world)), kinds(world, "omar")) == (2, ["APPOINTMENT_RESCHEDULED", "APPOINTMENT_CANCELLED"])


def test_a_patient_is_not_told_of_another_provider_at_the_same_time_and_place(world: World) -> None:
    booking = world.book(world.patient())
    world.dispatch()
    world.reschedule(booking, booking.starts_at, provider=OMAR)
    world.dispatch()
    assert [m["kind"] for m in world.messages(booking)] == ["BOOKING_CONFIRMATION"]
    assert (kinds(world)[-1], kinds(world, "omar")) == ("APPOINTMENT_REASSIGNED", ["APPOINTMENT_RESCHEDULED"])
    assert [status for _, _, status in world.every_reminder(booking)] == ["SCHEDULED", "SCHEDULED"]


def test_nobody_is_told_of_another_room(world: World) -> None:
    booking = world.book(world.patient())
    world.dispatch()
    world.reschedule(booking, booking.starts_at, room={"id": str(new_id()), "name": "Green room"})
    world.dispatch()
    assert [m["kind"] for m in world.messages(booking)] == ["BOOKING_CONFIRMATION"]
    assert kinds(world) == ["APPOINTMENT_BOOKED"]


def test_another_clinic_at_the_same_time_is_told_and_reminded_of(world: World) -> None:
    booking = world.book(world.patient(preferred_language="en"))
    clinic = {"id": str(new_id()), "code": "SLP", "name_en": "Speech therapy", "name_ar": "علاج النطق"}
    world.reschedule(booking, booking.starts_at, clinic=clinic)
    world.dispatch()
    assert "Speech therapy" in world.message("RESCHEDULING", booking)["body"]
    with at(booking.starts_at - DAY):
        world.dispatch()
        assert "Speech therapy" in world.message("REMINDER_24H", booking)["body"]


def test_a_confirmed_appointment_that_has_to_be_confirmed_again_is_reminded_of(world: World) -> None:
    booking = world.book(world.patient())
    world.tell("AppointmentConfirmed", booking)
    world.reschedule(booking, booking.starts_at + DAY, status="BOOKED")
    with world.kit.transaction(world.tenant) as db:
        assert db.get_one(Appointment, booking.id).status == "BOOKED"
    with at(booking.starts_at):
        world.dispatch()
        assert world.reminder_states(booking)["24H"] == "SENT"


def test_an_old_move_announces_nothing_but_moves_the_reminders(world: World, outside: Outside) -> None:
    old = clock.now() - DAY - timedelta(minutes=1)
    booking = world.book(world.patient(), time=old)
    world.reschedule(booking, booking.starts_at + DAY, time=old, provider=OMAR)
    world.dispatch()
    assert (world.messages(booking), world.notices(), world.notices("omar"), outside.delivered) == ([], [], [], [])
    assert [status for _, _, status in world.every_reminder(booking)] == ["CANCELLED"] * 2 + ["SCHEDULED"] * 2


def test_nothing_is_said_of_a_move_into_the_past(world: World) -> None:
    booking = world.book(world.patient())
    world.dispatch()
    world.reschedule(booking, clock.now() - 2 * HOUR)
    world.dispatch()
    assert [m["kind"] for m in world.messages(booking)] == ["BOOKING_CONFIRMATION"]
    assert kinds(world) == ["APPOINTMENT_BOOKED"]


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_duplicated_and_disordered_events_end_as_a_perfect_run_does(
    world: World, outside: Outside, order: tuple[int, ...]
) -> None:
    patient_id, booking = world.patient(), new_booking(in_days(3))
    later, last = booking.starts_at + DAY, booking.starts_at + 2 * DAY
    story = [
        world.booked(booking, patient_id),
        world.rescheduled(booking, later),
        world.rescheduled(booking, last),
    ]
    for index in (*order, *order):
        world.kit.inbox.receive(story[index])
    world.dispatch()
    assert [(m["kind"], m["status"]) for m in world.messages(booking)] == [
        ("BOOKING_CONFIRMATION", "CANCELLED"),
        ("RESCHEDULING", "CANCELLED"),
        ("RESCHEDULING", "SENT"),
    ]
    open_ones = [(kind, due) for kind, due, status in world.every_reminder(booking) if status == "SCHEDULED"]
    assert open_ones == [("24H", iso(last - DAY)), ("2H", iso(last - 2 * HOUR))]
    assert len(outside.delivered) == 1


@pytest.mark.parametrize("event", ["AppointmentArrived", "AppointmentNoShow"])
def test_who_has_come_or_not_is_reminded_of_nothing_more(world: World, outside: Outside, event: str) -> None:
    booking = world.book(world.patient())
    world.tell(event, booking)
    world.dispatch()
    with at(booking.starts_at - 2 * HOUR):
        world.dispatch()
    assert (world.reminder_states(booking), outside.delivered) == ({"24H": "CANCELLED", "2H": "CANCELLED"}, [])
    assert kinds(world) == ["APPOINTMENT_BOOKED"]


def test_a_patient_who_came_late_and_took_part_is_known_to_have(world: World) -> None:
    booking = world.book(world.patient())
    for event, status in (
        ("AppointmentNoShow", "NO_SHOW"),
        ("AppointmentArrived", "ARRIVED"),
        ("AppointmentAttended", "ATTENDED"),
    ):
        world.tell(event, booking)
        with world.kit.transaction(world.tenant) as db:
            assert db.get_one(Appointment, booking.id).status == status


def end_by_arrival(world: World, booking: Booking) -> None:
    world.tell("AppointmentArrived", booking)


def end_by_move(world: World, booking: Booking) -> None:
    world.reschedule(booking, booking.starts_at + 5 * DAY)


def end_by_another_clinic(world: World, booking: Booking) -> None:
    clinic = {"id": str(new_id()), "code": "SLP", "name_en": "Speech therapy", "name_ar": "علاج النطق"}
    world.reschedule(booking, booking.starts_at, clinic=clinic)


@pytest.mark.parametrize("end", [end_by_arrival, end_by_move, end_by_another_clinic])
def test_a_reminder_that_failed_under_way_is_not_tried_again_afterwards(
    world: World, outside: Outside, monkeypatch: pytest.MonkeyPatch, end: Callable[[World, Booking], None]
) -> None:
    booking = world.book(world.patient())
    world.dispatch()

    def end_meanwhile(_: object) -> str:
        with at(clock.now() + timedelta(seconds=1)):
            end(world, booking)
        raise NotSent("http-503", "unreachable", again=True)

    with at(booking.starts_at - DAY), monkeypatch.context() as meanwhile:
        meanwhile.setattr(jobs, "channels", lambda _: {"WHATSAPP": end_meanwhile})
        jobs.remind(world.tools)
        jobs.send(world.tools)
    with at(booking.starts_at - 23 * HOUR):
        world.dispatch()
        assert world.message("REMINDER_24H", booking)["status"] == "CANCELLED"
    assert REMINDER not in [m.subject for m in outside.delivered]


def send_while_it_is_moved(world: World, booking: Booking, has_looked: threading.Event) -> None:
    """Dispatch a reminder in the middle of the transaction that moves its appointment."""
    event = world.rescheduled(booking, booking.starts_at + DAY)
    data = next(s for s in SERVICE.streams if s.aggregate == "appointment").load(event.event, event.data)
    jobs.remind(world.tools)
    with ThreadPoolExecutor(1) as pool:
        with world.kit.transaction(world.tenant) as db:
            appointments.reschedule(db, data, announced_at=clock.now(), now=clock.now())
            sending = pool.submit(jobs.send, world.tools)
            assert has_looked.wait(30)
        sending.result(60)


def watch_the_claim(monkeypatch: pytest.MonkeyPatch, claim: Any) -> threading.Event:
    has_looked = threading.Event()

    def watched(db: Session, message_id: UUID, now: datetime) -> Any:
        claimed = claim(db, message_id, now)
        has_looked.set()
        return claimed

    monkeypatch.setattr(queries, "claim_message", watched)
    return has_looked


def test_a_reminder_that_is_due_while_its_appointment_is_moved_is_not_sent(
    world: World, outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    booking = world.book(world.patient())
    world.dispatch()
    has_looked = watch_the_claim(monkeypatch, queries.claim_message)
    with at(booking.starts_at - DAY):
        send_while_it_is_moved(world, booking, has_looked)
        world.dispatch()
        assert world.message("REMINDER_24H", booking)["status"] == "CANCELLED"
    assert [m.subject for m in outside.delivered] == [BOOKED, MOVED]


def test_control_without_the_claim_a_reminder_that_is_due_while_its_appointment_is_moved_is_sent(
    world: World, outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    booking = world.book(world.patient())
    world.dispatch()

    def look(db: Session, message_id: UUID, _: datetime) -> Any:
        message = db.get_one(Message, message_id)
        return message, db.get_one(Appointment, message.appointment_id)

    has_looked = watch_the_claim(monkeypatch, look)
    with at(booking.starts_at - DAY):
        send_while_it_is_moved(world, booking, has_looked)
    assert [m.subject for m in outside.delivered] == [BOOKED, REMINDER]


def test_a_reminder_that_was_found_before_its_appointment_was_moved_makes_no_message(
    world: World, outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    booking, find = world.book(world.patient()), queries.due_reminders
    world.dispatch()

    def found(*args: Any) -> Any:
        rows = find(*args)
        world.reschedule(booking, booking.starts_at + 2 * DAY)
        return rows

    with at(booking.starts_at - DAY):
        with monkeypatch.context() as meanwhile:
            meanwhile.setattr(queries, "due_reminders", found)
            assert jobs.remind(world.tools) == 0
        world.dispatch()
    assert [m.subject for m in outside.delivered] == [BOOKED, MOVED]


def test_moves_and_dispatchers_never_wait_for_each_other(world: World, outside: Outside) -> None:
    made = world.book_many(8)
    moves = [world.rescheduled(booking, booking.starts_at + DAY) for booking in made]

    def move_all() -> None:
        for event in moves:
            world.kit.inbox.receive(event)

    with ThreadPoolExecutor(3) as pool:
        for future in [pool.submit(move_all), pool.submit(world.dispatch), pool.submit(world.dispatch)]:
            future.result(60)
    world.dispatch()
    for booking in made:
        assert world.message("RESCHEDULING", booking)["status"] == "SENT"
    assert len({m.id for m in outside.delivered}) == len(outside.delivered)
