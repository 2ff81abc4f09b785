"""What follows from an appointment's story, told by golden events alone."""

from datetime import timedelta
from itertools import permutations
from uuid import UUID

import pytest

from jalsa.service import clock
from jalsa.service.ids import new_id

from .factories import EMAIL_ADDRESS, PHONE, Outside, World, at, in_days, new_booking

DAY = timedelta(days=1)

#: The provider of the golden examples.
LAYLA = UUID("01a1f000-0000-7000-8000-0000000000b1")


def test_a_booking_confirms_to_the_patient_tells_the_provider_and_schedules_both_reminders(world: World) -> None:
    booking = world.book(world.patient())
    world.dispatch()

    confirmation = world.confirmation(booking)
    assert (confirmation["status"], confirmation["channel"], confirmation["recipient"]) == ("SENT", "WHATSAPP", PHONE)
    assert (confirmation["attempts"], confirmation["reference"]) == (1, "recorded")
    [notice] = world.notices()
    assert (notice["kind"], notice["appointment_number"]) == ("APPOINTMENT_BOOKED", booking.number)
    assert world.reminder_states(booking) == {"24H": "SCHEDULED", "2H": "SCHEDULED"}
    assert {r["channel"] for r in world.reminders(booking).values()} == {"WHATSAPP"}
    sent = world.kit.events(world.tenant, "MessageSent")
    assert [(e.data["kind"], e.data["appointment_id"]) for e in sent] == [("BOOKING_CONFIRMATION", str(booking.id))]


@pytest.mark.parametrize(("language", "said"), [("ar", "العلاج الوظيفي"), ("en", "Occupational therapy")])
def test_the_patients_language_is_used(world: World, language: str, said: str) -> None:
    booking = world.book(world.patient(preferred_language=language))
    world.dispatch()
    confirmation = world.confirmation(booking)
    assert confirmation["language"] == language
    assert said in confirmation["body"]
    assert "Sara" not in confirmation["body"]
    assert "سارة" not in confirmation["body"]


def test_preferences_decide_channel_and_language(world: World) -> None:
    patient_id = world.patient(preferred_language="ar")
    world.prefer(patient_id, whatsapp_enabled=False, sms_enabled=False, language="en")
    booking = world.book(patient_id)
    world.dispatch()
    confirmation = world.confirmation(booking)
    assert (confirmation["channel"], confirmation["recipient"]) == ("EMAIL", EMAIL_ADDRESS)
    assert (confirmation["language"], confirmation["subject"]) == ("en", "Your appointment is booked")
    assert {r["channel"] for r in world.reminders(booking).values()} == {"EMAIL"}


def test_a_contact_that_changed_counts_from_the_next_message_on(world: World) -> None:
    patient_id = world.patient()
    booking = world.book(patient_id)
    world.dispatch()
    world.update_patient(patient_id, phone="+966500000009")
    with at(booking.starts_at - DAY):
        world.dispatch()
        assert world.message("REMINDER_24H", booking)["recipient"] == "+966500000009"


def test_each_reminder_goes_out_when_it_is_due_and_not_before(world: World) -> None:
    booking = world.book(world.patient())
    with at(booking.starts_at - DAY - timedelta(seconds=1)):
        world.dispatch()
        assert world.reminder_states(booking)["24H"] == "SCHEDULED"
    with at(booking.starts_at - DAY):
        world.dispatch()
        reminders, message = world.reminders(booking), world.message("REMINDER_24H", booking)
        assert world.reminder_states(booking) == {"24H": "SENT", "2H": "SCHEDULED"}
        assert (reminders["24H"]["message_id"], reminders["24H"]["sent_at"]) == (message["id"], message["sent_at"])
    with at(booking.starts_at - timedelta(hours=2)):
        world.dispatch()
        world.dispatch()
        assert world.reminder_states(booking) == {"24H": "SENT", "2H": "SENT"}
    assert len(world.messages(booking)) == 3


@pytest.mark.parametrize(("hours", "kinds"), [(20, {"2H"}), (1, set())])
def test_a_reminder_already_past_at_booking_is_neither_kept_nor_sent(
    world: World, outside: Outside, hours: int, kinds: set[str]
) -> None:
    booking = world.book(world.patient(), in_days(hours / 24))
    world.dispatch()
    assert set(world.reminders(booking)) == kinds
    assert [m["kind"] for m in world.messages(booking)] == ["BOOKING_CONFIRMATION"]
    assert len(outside.delivered) == 1


def test_a_cancellation_ends_reminders_and_tells_patient_and_provider(world: World, outside: Outside) -> None:
    booking = world.book(world.patient())
    world.dispatch()
    world.cancel(booking)
    world.dispatch()
    assert world.reminder_states(booking) == {"24H": "CANCELLED", "2H": "CANCELLED"}
    assert world.message("CANCELLATION", booking)["status"] == "SENT"
    assert [n["kind"] for n in world.notices()] == ["APPOINTMENT_CANCELLED", "APPOINTMENT_BOOKED"]
    with at(booking.starts_at - timedelta(hours=2)):
        world.dispatch()
    assert [m.subject for m in outside.delivered] == ["تم حجز موعدك", "تم إلغاء موعدك"]


def test_what_was_queued_when_the_appointment_was_cancelled_is_not_sent(world: World, outside: Outside) -> None:
    booking = world.book(world.patient())
    world.cancel(booking)
    world.dispatch()
    assert world.confirmation(booking)["status"] == "CANCELLED"
    assert [m.subject for m in outside.delivered] == ["تم إلغاء موعدك"]


def test_nothing_is_said_of_a_session_that_is_over(world: World) -> None:
    booking = world.book(world.patient())
    world.dispatch()
    with at(booking.starts_at + timedelta(hours=1)):
        world.cancel(booking)
        world.dispatch()
    assert [m["kind"] for m in world.messages(booking)] == ["BOOKING_CONFIRMATION"]


def test_a_confirmed_appointment_is_reminded_of_and_nobody_is_told(world: World) -> None:
    booking = world.book(world.patient())
    world.kit.inbox.receive(world.event("AppointmentConfirmed", "default", booking.id, appointment_id=booking.id))
    world.dispatch()
    with at(booking.starts_at - DAY):
        world.dispatch()
    assert [m["kind"] for m in world.messages(booking)] == ["BOOKING_CONFIRMATION", "REMINDER_24H"]
    assert [n["kind"] for n in world.notices()] == ["APPOINTMENT_BOOKED"]


def test_an_old_booking_announces_nothing_but_is_reminded_of(world: World, outside: Outside) -> None:
    booking = world.book(world.patient(), time=clock.now() - DAY - timedelta(minutes=1))
    world.dispatch()
    assert (world.messages(booking), world.notices(), outside.delivered) == ([], [], [])
    assert world.reminder_states(booking) == {"24H": "SCHEDULED", "2H": "SCHEDULED"}


def test_an_old_cancellation_announces_nothing_but_ends_the_reminders(world: World, outside: Outside) -> None:
    old = clock.now() - DAY - timedelta(minutes=1)
    booking = world.book(world.patient(), time=old)
    world.cancel(booking, time=old)
    world.dispatch()
    assert (world.messages(booking), world.notices(), outside.delivered) == ([], [], [])
    assert world.reminder_states(booking) == {"24H": "CANCELLED", "2H": "CANCELLED"}


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_duplicated_and_disordered_events_end_as_a_perfect_run_does(
    world: World, outside: Outside, order: tuple[int, ...]
) -> None:
    patient_id, booking = world.patient(), new_booking(in_days(3))
    story = [
        world.booked(booking, patient_id),
        world.event("AppointmentConfirmed", "default", booking.id, appointment_id=booking.id),
        world.cancelled(booking),
    ]
    for index in (*order, *order):
        world.kit.inbox.receive(story[index])
    world.dispatch()
    assert {m["kind"]: m["status"] for m in world.messages(booking)} == {
        "BOOKING_CONFIRMATION": "CANCELLED",
        "CANCELLATION": "SENT",
    }
    assert len(world.messages(booking)) == len(world.notices()) == 2
    assert world.reminder_states(booking) == {"24H": "CANCELLED", "2H": "CANCELLED"}
    assert len(outside.delivered) == 1


def test_a_booking_waits_for_the_patient_whose_registration_is_on_its_way(world: World) -> None:
    patient_id = new_id()
    booking = world.book(patient_id)
    world.dispatch()
    assert world.confirmation(booking)["status"] == "QUEUED"
    assert {r["channel"] for r in world.reminders(booking).values()} == {None}
    registered = world.event("PatientRegistered", "default", patient_id, patient_id=patient_id)
    world.kit.inbox.receive(registered)
    with at(clock.now() + timedelta(seconds=2)):
        world.dispatch()
    assert world.confirmation(booking)["status"] == "SENT"


def test_a_patient_who_never_becomes_known_has_no_contact(world: World) -> None:
    booking = world.book(new_id())
    with at(clock.now() + timedelta(minutes=10)):
        world.dispatch()
    assert (world.confirmation(booking)["status"], world.confirmation(booking)["reason"]) == ("FAILED", "no-contact")


@pytest.mark.parametrize("lacking", [{"phone": None, "email": None}, {"active": False}])
def test_a_patient_without_contact_fails_alone(world: World, lacking: dict[str, object]) -> None:
    starts_at = in_days(3)
    alone, other = world.book(world.patient(**lacking), starts_at), world.book(world.patient(), starts_at)
    world.dispatch()
    with at(starts_at - DAY):
        world.dispatch()
        failed = world.reminders(alone)["24H"]
        assert (failed["status"], failed["reason"], failed["channel"]) == ("FAILED", "no-contact", None)
        assert world.reminder_states(other)["24H"] == "SENT"
    assert world.confirmation(alone)["reason"] == "no-contact"
    failures = world.kit.events(world.tenant, "MessageFailed")
    assert {e.data["kind"] for e in failures} == {"BOOKING_CONFIRMATION", "REMINDER_24H"}
    assert {(e.data["channel"], e.data["reason"]) for e in failures} == {(None, "no-contact")}


def test_quiet_hours_hold_a_message_back_until_they_end(world: World) -> None:
    patient_id = world.patient()
    world.prefer(patient_id, quiet_hours={"start": "22:00", "end": "07:00"})
    midnight = in_days(1).replace(hour=21, minute=0, second=0)  # in Riyadh
    with at(midnight):
        booking = world.book(patient_id, midnight + timedelta(days=3))
        world.dispatch()
        assert world.confirmation(booking)["status"] == "QUEUED"
    with at(midnight + timedelta(hours=7)):
        world.dispatch()
        assert world.confirmation(booking)["status"] == "SENT"


def test_a_corrected_zone_ends_quiet_hours_by_the_right_clock(world: World, outside: Outside) -> None:
    """It is 22:30 in Riyadh, as it was thought, and 14:30 in New York, where the clinic is."""
    clinic_id, patient_id = UUID("01a1f000-0000-7000-8000-0000000000a1"), world.patient()
    world.prefer(patient_id, quiet_hours={"start": "22:00", "end": "07:00"})
    night = in_days(1).replace(hour=19, minute=30, second=0)
    with at(night):
        booking = world.book(patient_id, night + timedelta(days=3))
        offer = world.offer(patient_id, night + timedelta(days=1))
        course = world.course([night + timedelta(days=3)])
        world.prefer(course.patient_id, quiet_hours={"start": "22:00", "end": "07:00"})
        world.schedule(course)
        world.dispatch()
        world.kit.inbox.receive(world.event("ClinicSaved", "default", clinic_id, timezone="Asia/Riyadh"))
        world.dispatch()
        assert outside.delivered == []
        world.kit.inbox.receive(world.event("ClinicSaved", "default", clinic_id, timezone="America/New_York"))
        world.dispatch()
        told = [world.confirmation(booking), *world.offer_messages(offer), *world.course_messages(course)]
        assert [message["status"] for message in told] == ["SENT", "SENT", "SENT"]


def test_quiet_hours_do_not_keep_a_reminder_until_it_is_of_no_use(world: World) -> None:
    patient_id = world.patient()
    world.prefer(patient_id, quiet_hours={"start": "22:00", "end": "09:00"})
    eight = in_days(3).replace(hour=5, minute=0, second=0)  # in Riyadh
    booking = world.book(patient_id, eight)
    with at(eight - timedelta(hours=2)):
        world.dispatch()
        assert world.reminder_states(booking)["2H"] == "SENT"


def test_each_patient_of_a_group_hears_of_the_own_appointment_alone(world: World, outside: Outside) -> None:
    starts_at = in_days(3)
    phones = [f"+96650000{n:04}" for n in range(4)]
    bookings = [world.book(world.patient(phone=phone), starts_at) for phone in phones]
    world.dispatch()
    told = {m.recipient: m.body for m in outside.delivered}
    assert set(told) == set(phones)
    for phone, booking in zip(phones, bookings, strict=True):
        numbers = {b.number for b in bookings if b.number in told[phone]}
        assert numbers == {booking.number}


def login_is(world: World, login: str, provider_id: UUID = LAYLA) -> None:
    """A provider, that of the golden examples unless another one is named, has this login."""
    saved = world.event("ProviderSaved", "default", provider_id, provider_id=provider_id, user_id=login)
    world.kit.inbox.receive(saved)


def test_notices_of_a_login_that_was_wrong_are_for_the_right_one(world: World) -> None:
    booking = world.book(world.patient())
    assert [n["kind"] for n in world.notices("layla")] == ["APPOINTMENT_BOOKED"]
    login_is(world, "layla.haddad")
    world.cancel(booking)
    assert [n["kind"] for n in world.notices("layla.haddad")] == ["APPOINTMENT_CANCELLED", "APPOINTMENT_BOOKED"]
    assert world.notices("layla") == []


def test_notices_stay_where_two_providers_had_one_login(world: World) -> None:
    world.book(world.patient())
    login_is(world, "layla", new_id())
    login_is(world, "layla.haddad")
    assert [n["kind"] for n in world.notices("layla")] == ["APPOINTMENT_BOOKED"]
    assert world.notices("layla.haddad") == []


def test_a_clinic_that_was_renamed_and_moved_is_named_as_it_is_now(world: World) -> None:
    clinic_id = UUID("01a1f000-0000-7000-8000-0000000000a1")
    booking = world.book(world.patient(preferred_language="en"))
    world.kit.inbox.receive(
        world.event("ClinicSaved", "default", clinic_id, name_en="Hand therapy", timezone="Asia/Dubai")
    )
    world.dispatch()
    body = world.confirmation(booking)["body"]
    assert "Hand therapy" in body
    assert f"{booking.starts_at + timedelta(hours=4):%-I:%M}" in body
    assert "Standard Time" not in body  # no clinic of this tenant lies elsewhere


def test_the_zone_is_named_as_soon_as_the_tenants_clinics_lie_in_more_than_one(world: World) -> None:
    other = new_id()
    first = world.book(world.patient(preferred_language="en"))
    world.dispatch()
    world.kit.inbox.receive(world.event("ClinicSaved", "default", other, clinic_id=other, timezone="Asia/Dubai"))
    second = world.book(world.patient(preferred_language="en"))
    world.dispatch()
    assert "Standard Time" not in world.confirmation(first)["body"]
    assert "(Arabian Standard Time)" in world.confirmation(second)["body"]
