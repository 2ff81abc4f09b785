"""What follows from a booking, told by golden events alone."""

from datetime import timedelta

from .factories import World, at, in_days


def test_a_booking_confirms_to_the_patient_tells_the_provider_and_schedules_both_reminders(world: World) -> None:
    patient_id = world.patient()
    booking = world.booking(patient_id, in_days(3))
    world.dispatch()
    confirmation = world.message("BOOKING_CONFIRMATION", booking)
    assert (confirmation["status"], confirmation["channel"], confirmation["recipient"]) == (
        "SENT",
        "WHATSAPP",
        "+966500000001",
    )
    assert (confirmation["attempts"], confirmation["reference"]) == (1, "recorded")
    assert [n["kind"] for n in world.notices()] == ["APPOINTMENT_BOOKED"]
    reminders = world.reminders(booking)
    assert {k: r["status"] for k, r in reminders.items()} == {"24H": "SCHEDULED", "2H": "SCHEDULED"}
    assert {r["channel"] for r in reminders.values()} == {"WHATSAPP"}


def test_each_reminder_goes_out_when_it_is_due_and_not_before(world: World) -> None:
    booking = world.booking(world.patient(), in_days(3))
    with at(booking.starts_at - timedelta(hours=24, seconds=1)):
        world.dispatch()
        assert world.reminders(booking)["24H"]["status"] == "SCHEDULED"
    with at(booking.starts_at - timedelta(hours=24)):
        world.dispatch()
        reminders = world.reminders(booking)
        assert (reminders["24H"]["status"], reminders["2H"]["status"]) == ("SENT", "SCHEDULED")
        assert reminders["24H"]["message_id"] == world.message("REMINDER_24H", booking)["id"]
        assert reminders["24H"]["sent_at"] == world.message("REMINDER_24H", booking)["sent_at"]
    with at(booking.starts_at - timedelta(hours=2)):
        world.dispatch()
        assert world.reminders(booking)["2H"]["status"] == "SENT"
