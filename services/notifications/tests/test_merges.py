"""Merged patients: messages go to the survivor and are found there, and all goes back when the merge is undone."""

from datetime import timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from jalsa.service import clock
from jalsa.service.ids import new_id

from .factories import PHONE, Outside, World, at, in_days, items

OTHER_PHONE = "+966500000002"


def messages_to(world: World, patient: UUID) -> list[tuple[str, str]]:
    """What is listed of a patient: about which appointment, and to whom it was queued."""
    found = items(world.desk.get("/messages", patient_id=str(patient)))
    return [(message["appointment_number"], message["patient_id"]) for message in found]


def test_the_messages_of_both_are_found_under_either_id_and_go_back_when_the_merge_is_undone(world: World) -> None:
    loser, survivor = world.patient(), world.patient()
    told = [(world.book(patient).number, str(patient)) for patient in (loser, survivor)]
    world.book(world.patient())
    world.merge(loser, survivor)
    assert messages_to(world, loser) == messages_to(world, survivor) == told
    world.unmerge(loser, survivor)
    assert (messages_to(world, loser), messages_to(world, survivor)) == (told[:1], told[1:])


def test_messages_to_a_merged_patient_go_where_the_survivor_wants_them(world: World, outside: Outside) -> None:
    loser, survivor = world.patient(), world.patient(phone=OTHER_PHONE)
    world.prefer(loser, sms_enabled=False, email_enabled=False)
    world.prefer(survivor, whatsapp_enabled=False, language="en")
    world.book(loser)
    world.merge(loser, survivor)
    world.dispatch()
    [first] = outside.delivered
    assert (first.channel, first.recipient, first.language) == ("SMS", OTHER_PHONE, "en")
    world.unmerge(loser, survivor)
    world.book(loser)
    world.dispatch()
    _, second = outside.delivered
    assert (second.channel, second.recipient, second.language) == ("WHATSAPP", PHONE, "ar")


def test_the_quiet_hours_of_the_survivor_hold(world: World, outside: Outside) -> None:
    loser, survivor = world.patient(), world.patient()
    present = clock.now().astimezone(ZoneInfo("Asia/Riyadh"))
    start, end = present - timedelta(hours=1), present + timedelta(hours=1)
    world.prefer(survivor, quiet_hours={"start": f"{start:%H:%M}", "end": f"{end:%H:%M}"})
    booking = world.book(loser)
    world.merge(loser, survivor)
    world.dispatch()
    assert (outside.delivered, world.confirmation(booking)["status"]) == ([], "QUEUED")


def test_a_reminder_shows_the_channel_of_the_survivor(world: World) -> None:
    loser, survivor = world.patient(), world.patient()
    world.prefer(survivor, whatsapp_enabled=False)
    booking = world.book(loser)
    assert world.reminders(booking)["2H"]["channel"] == "WHATSAPP"
    world.merge(loser, survivor)
    assert world.reminders(booking)["2H"]["channel"] == "SMS"
    world.unmerge(loser, survivor)
    assert world.reminders(booking)["2H"]["channel"] == "WHATSAPP"


def test_preferences_that_are_set_with_the_losers_id_are_the_survivors_and_the_losers_own_come_back(
    world: World,
) -> None:
    loser, survivor = world.patient(), world.patient()
    world.prefer(loser, email_enabled=False)
    world.merge(loser, survivor)
    world.prefer(loser, sms_enabled=False)
    for asked in (loser, survivor):
        shown = world.desk.get(f"/preferences/{asked}").json
        assert (shown["patient_id"], shown["sms_enabled"], shown["email_enabled"]) == (str(survivor), False, True)
    world.unmerge(loser, survivor)
    shown = world.desk.get(f"/preferences/{loser}").json
    assert (shown["patient_id"], shown["sms_enabled"], shown["email_enabled"]) == (str(loser), True, False)


def test_a_message_waits_for_a_survivor_whose_registration_is_still_on_its_way(world: World, outside: Outside) -> None:
    loser, survivor = world.patient(), new_id()
    booking = world.book(loser)
    world.merge(loser, survivor)
    world.dispatch()
    assert (outside.delivered, world.confirmation(booking)["status"]) == ([], "QUEUED")
    world.kit.inbox.receive(
        world.event("PatientRegistered", "default", survivor, patient_id=survivor, phone=OTHER_PHONE)
    )
    with at(clock.now() + timedelta(minutes=1)):
        world.dispatch()
    assert [message.recipient for message in outside.delivered] == [OTHER_PHONE]


def test_a_slip_is_taken_back_for_a_package_that_was_agreed_upon_with_the_merged_patient(
    world: World, outside: Outside
) -> None:
    survivor, course = world.patient(), world.course([in_days(3)])
    [booking] = course.bookings
    world.merge(course.patient_id, survivor)
    world.kit.inbox.receive(world.booked(booking, survivor, announced_with_package=True))
    world.schedule(course)
    world.tell("AppointmentArrived", booking)
    world.dispatch()
    assert [message["status"] for message in world.course_messages(course)] == ["CANCELLED"]
    world.correct(booking, "ARRIVED", "BOOKED")
    world.dispatch()
    assert [message["status"] for message in world.course_messages(course)] == ["SENT"]
    assert len(outside.delivered) == 1
