"""A slip at the desk is taken back, and a visit is entered that has taken place: what patients and providers hear."""

from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from jalsa.service import clock
from notifications import domain
from notifications.channels.failure import NotSent

from .factories import Outside, World, at, in_days, new_booking

DAY = timedelta(days=1)
OUTCOMES = {"ARRIVED": "AppointmentArrived", "NO_SHOW": "AppointmentNoShow", "ATTENDED": "AppointmentAttended"}


@pytest.mark.parametrize("to_status", ["BOOKED", "CONFIRMED"])
@pytest.mark.parametrize("outcome", OUTCOMES)
def test_reminders_that_a_slip_has_ended_come_all_the_same(
    world: World, outside: Outside, outcome: str, to_status: str
) -> None:
    booking = world.book(world.patient())
    world.dispatch()
    world.tell(OUTCOMES[outcome], booking)
    assert world.reminder_states(booking) == {"24H": "CANCELLED", "2H": "CANCELLED"}

    world.correct(booking, outcome, to_status)

    assert world.reminder_states(booking) == {"24H": "SCHEDULED", "2H": "SCHEDULED"}
    for hours in (24, 2):
        with at(booking.starts_at - timedelta(hours=hours)):
            world.dispatch()
            world.dispatch()
    assert world.reminder_states(booking) == {"24H": "SENT", "2H": "SENT"}
    assert [m.subject for m in outside.delivered] == ["تم حجز موعدك", "تذكير بموعدك", "تذكير بموعدك"]


def test_a_correction_sends_no_reminder_twice_and_none_late(world: World, outside: Outside) -> None:
    booking = world.book(world.patient())
    world.dispatch()
    with at(booking.starts_at - DAY):
        world.dispatch()
        world.tell("AppointmentArrived", booking)
        world.correct(booking, "ARRIVED", "BOOKED")
        assert [state for _, _, state in world.every_reminder(booking)] == ["SENT", "CANCELLED", "SCHEDULED"]
        world.tell("AppointmentArrived", booking)
    with at(booking.starts_at - timedelta(hours=1)):
        world.correct(booking, "ARRIVED", "BOOKED")
        world.dispatch()
    assert [state for _, _, state in world.every_reminder(booking)] == ["SENT", "CANCELLED", "CANCELLED"]
    assert len(outside.delivered) == 2


def test_a_reminder_that_failed_is_not_tried_again_for_a_correction(world: World) -> None:
    booking = world.book(world.patient(phone=None, email=None))
    with at(booking.starts_at - DAY):
        world.dispatch()
        world.tell("AppointmentArrived", booking)
        world.correct(booking, "ARRIVED", "BOOKED")
        assert world.reminder_states(booking) == {"24H": "FAILED", "2H": "SCHEDULED"}


@pytest.mark.parametrize(("outcome", "to_status"), [("NO_SHOW", "ARRIVED"), ("ATTENDED", "ARRIVED")])
def test_who_is_there_after_a_correction_is_reminded_of_nothing(world: World, outcome: str, to_status: str) -> None:
    booking = world.book(world.patient())
    world.tell(OUTCOMES[outcome], booking)
    world.correct(booking, outcome, to_status)
    assert world.reminder_states(booking) == {"24H": "CANCELLED", "2H": "CANCELLED"}


def test_the_reminder_of_an_old_time_does_not_come_back(world: World) -> None:
    booking = world.book(world.patient())
    world.reschedule(booking, booking.starts_at + DAY)
    world.tell("AppointmentArrived", booking)
    world.correct(booking, "ARRIVED", "BOOKED")
    scheduled = [due for _, due, state in world.every_reminder(booking) if state == "SCHEDULED"]
    assert scheduled == [
        (booking.starts_at + timedelta(hours=hours)).isoformat().replace("+00:00", "Z") for hours in (0, 22)
    ]


def test_a_confirmation_that_a_slip_has_ended_is_sent_after_all_and_once(world: World, outside: Outside) -> None:
    booking = world.book(world.patient())
    for _ in range(2):
        world.tell("AppointmentArrived", booking)
        world.correct(booking, "ARRIVED", "BOOKED")
    world.dispatch()
    world.tell("AppointmentArrived", booking)
    world.correct(booking, "ARRIVED", "BOOKED")
    world.dispatch()
    assert [m["status"] for m in world.messages(booking)] == ["SENT"]
    assert len(outside.delivered) == 1


def quiet_patient(world: World, around: datetime) -> UUID:
    """A patient whose quiet hours begin an hour before an instant, and end three hours after it."""
    riyadh = around.astimezone(ZoneInfo("Asia/Riyadh"))
    patient = world.patient()
    hours = {"start": riyadh - timedelta(hours=1), "end": riyadh + timedelta(hours=3)}
    world.prefer(patient, quiet_hours={name: f"{instant:%H:%M}" for name, instant in hours.items()})
    return patient


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_a_reminder_that_waited_for_the_end_of_quiet_hours_waits_on_after_a_correction(
    world: World, outside: Outside, outcome: str
) -> None:
    starts_at = in_days(3.25)
    due_at = starts_at - DAY
    booking = world.book(quiet_patient(world, due_at), starts_at)
    world.dispatch()
    with at(due_at):
        world.dispatch()
        for _ in range(2):
            world.tell(OUTCOMES[outcome], booking)
            assert world.reminder_states(booking)["24H"] == "CANCELLED"
            world.correct(booking, outcome, "BOOKED")
        world.dispatch()
        assert world.reminder_states(booking) == {"24H": "SCHEDULED", "2H": "SCHEDULED"}
        assert len(outside.delivered) == 1
    with at(due_at + timedelta(hours=3)):
        world.dispatch()
        world.tell(OUTCOMES[outcome], booking)
        world.correct(booking, outcome, "BOOKED")
        world.dispatch()
    assert world.reminder_states(booking) == {"24H": "SENT", "2H": "SCHEDULED"}
    assert world.message("REMINDER_24H", booking)["status"] == "SENT"
    assert len(outside.delivered) == 2


def test_a_reminder_that_waited_is_not_sent_when_the_next_one_is_due(world: World, outside: Outside) -> None:
    starts_at = in_days(3.25)
    booking = world.book(quiet_patient(world, starts_at - DAY), starts_at)
    world.dispatch()
    with at(starts_at - DAY):
        world.dispatch()
        world.tell("AppointmentArrived", booking)
    with at(starts_at - timedelta(hours=2)):
        world.correct(booking, "ARRIVED", "BOOKED")
        world.dispatch()
    assert world.reminder_states(booking)["24H"] == "CANCELLED"
    assert len(outside.delivered) == 1


def test_a_reminder_that_waited_for_an_old_time_is_not_taken_up(world: World, outside: Outside) -> None:
    starts_at = in_days(3.25)
    booking = world.book(quiet_patient(world, starts_at - DAY), starts_at)
    world.dispatch()
    with at(starts_at - DAY):
        world.dispatch()
    with at(starts_at - DAY + timedelta(minutes=1)):
        world.reschedule(booking, starts_at + DAY)
        world.reschedule(booking, starts_at)
        world.tell("AppointmentArrived", booking)
        world.correct(booking, "ARRIVED", "BOOKED")
        assert world.reminder_states(booking)["24H"] == "CANCELLED"
        assert world.message("REMINDER_24H", booking)["status"] == "CANCELLED"


def test_a_message_that_may_have_arrived_goes_out_again_under_its_own_key(world: World, outside: Outside) -> None:
    booking = world.book(world.patient())
    outside.failures = [NotSent("timeout", domain.UNREACHABLE, again=True)]
    world.dispatch()
    world.tell("AppointmentArrived", booking)
    world.correct(booking, "ARRIVED", "BOOKED")
    world.dispatch()
    assert len({message.id for message in outside.delivered}) == 1
    assert [message.attempt for message in outside.delivered] == [1, 2]


def test_news_of_a_package_that_a_slip_has_left_without_a_date_is_told_after_all_and_once(
    world: World, outside: Outside
) -> None:
    course = world.course([in_days(3)])
    world.course_booked(course)
    world.schedule(course)
    (booking,) = course.bookings
    world.tell("AppointmentArrived", booking)
    world.dispatch()
    assert [message["status"] for message in world.course_messages(course)] == ["CANCELLED"]
    for _ in range(2):
        world.correct(booking, "ARRIVED", "BOOKED")
        world.dispatch()
        world.tell("AppointmentArrived", booking)
    assert [message["status"] for message in world.course_messages(course)] == ["SENT"]
    assert len(outside.delivered) == 1


def test_a_confirmation_of_an_old_time_is_not_sent_after_a_correction(world: World, outside: Outside) -> None:
    booking = world.book(world.patient())
    world.reschedule(booking, booking.starts_at + DAY, announced_with_package=True)
    world.tell("AppointmentArrived", booking)
    world.correct(booking, "ARRIVED", "BOOKED")
    world.dispatch()
    assert outside.delivered == []


def test_of_a_visit_that_was_entered_afterwards_nobody_is_told(world: World, outside: Outside) -> None:
    for minutes in (30, 3000):
        booking = new_booking(clock.now().replace(microsecond=0) - timedelta(minutes=minutes))
        world.kit.inbox.receive(world.booked(booking, world.patient(), recorded_late=True))
        world.dispatch()
        assert (world.messages(booking), world.every_reminder(booking), world.notices()) == ([], [], [])
    assert outside.delivered == []
    world.reschedule(booking, in_days(3))
    world.dispatch()
    assert world.reminder_states(booking) == {"24H": "SCHEDULED", "2H": "SCHEDULED"}
    assert world.message("RESCHEDULING", booking)["status"] == "SENT"


def test_of_a_session_that_has_begun_its_provider_alone_is_told(world: World, outside: Outside) -> None:
    booking = world.book(world.patient(), clock.now().replace(microsecond=0) - timedelta(minutes=10))
    over = world.book(world.patient(), clock.now().replace(microsecond=0) - timedelta(hours=2))
    world.dispatch()
    assert (world.messages(booking), world.messages(over), outside.delivered) == ([], [], [])
    assert [notice["appointment_number"] for notice in world.notices()] == [booking.number]
    assert world.kit.events(world.tenant, "MessageFailed") == []


def test_of_a_walk_in_that_is_taken_back_nobody_is_told_and_of_a_booking_they_are(
    world: World, outside: Outside
) -> None:
    begun = clock.now().replace(microsecond=0) - timedelta(minutes=10)
    walk_in, booking = new_booking(begun), new_booking(begun)
    world.kit.inbox.receive(world.booked(walk_in, world.patient(), recorded_late=True))
    with at(begun - timedelta(hours=1)):
        world.kit.inbox.receive(world.booked(booking, world.patient()))
        world.dispatch()
    for one in (walk_in, booking):
        world.tell("AppointmentCancelled", one)
    world.dispatch()
    assert (world.messages(walk_in), [m["kind"] for m in world.messages(booking)]) == (
        [],
        ["BOOKING_CONFIRMATION", "CANCELLATION"],
    )
    assert [notice["appointment_number"] for notice in world.notices()] == [booking.number, booking.number]
