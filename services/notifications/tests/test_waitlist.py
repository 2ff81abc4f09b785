"""A patient on the waitlist is notified of a spot for as long as it is held."""

from datetime import timedelta

import pytest

from jalsa.service import clock
from notifications import jobs
from notifications.domain import SENDER_LOOKED_AFTER

from .factories import PHONE, Crash, Outside, World, at, in_days

HOUR = timedelta(hours=1)


def test_an_offer_is_told_at_once_on_the_patients_channel_and_in_the_language(world: World) -> None:
    offer = world.offer(world.patient(preferred_language="en"), in_days(0.2))
    world.dispatch()

    [said] = world.offer_messages(offer)
    assert (said["kind"], said["status"], said["channel"], said["recipient"]) == (
        "WAITLIST_OFFER",
        "SENT",
        "WHATSAPP",
        PHONE,
    )
    assert (said["appointment_id"], said["appointment_number"]) == (None, None)
    assert "Occupational therapy" in said["body"]
    assert world.desk.get(f"/messages/{said['id']}").json == said
    [sent] = world.kit.events(world.tenant, "MessageSent")
    assert (sent.data["kind"], sent.data["appointment_id"]) == ("WAITLIST_OFFER", None)
    assert world.notices() == []


def test_an_offer_in_arabic_is_arabic(world: World) -> None:
    offer = world.offer(world.patient(preferred_language="ar"), in_days(0.2))
    world.dispatch()
    [said] = world.offer_messages(offer)
    assert (said["language"], said["subject"]) == ("ar", "يتوفر مكان لك")


def test_nothing_is_said_of_an_offer_that_has_expired_or_is_old(world: World, outside: Outside) -> None:
    world.offer(world.patient(), clock.now() - timedelta(seconds=1))
    world.offer(world.patient(), in_days(1), time=clock.now() - timedelta(days=1, minutes=1))
    world.dispatch()
    assert outside.delivered == []


@pytest.mark.parametrize("event", ["WaitlistOfferExpired", "WaitlistAccepted"])
def test_an_offer_that_ended_before_it_was_told_is_not_told(world: World, outside: Outside, event: str) -> None:
    offer = world.offer(world.patient(), in_days(0.2))
    world.end_offer(offer, event)
    world.dispatch()
    assert [m["status"] for m in world.offer_messages(offer)] == ["CANCELLED"]
    assert outside.delivered == []


@pytest.mark.parametrize("event", ["WaitlistOfferExpired", "WaitlistAccepted"])
def test_the_end_of_an_offer_is_not_told(world: World, outside: Outside, event: str) -> None:
    offer = world.offer(world.patient(), in_days(0.2))
    world.dispatch()
    world.end_offer(offer, event)
    world.dispatch()
    assert [m["status"] for m in world.offer_messages(offer)] == ["SENT"]
    assert len(outside.delivered) == 1


def test_an_offer_that_could_not_be_told_in_time_fails(world: World) -> None:
    offer = world.offer(world.patient(), clock.now() + HOUR)
    with at(clock.now() + HOUR):
        world.dispatch()
    [message] = world.offer_messages(offer)
    assert (message["status"], message["reason"]) == ("FAILED", "too-late")


def test_a_second_offer_of_the_same_entry_is_told_beside_the_first(world: World, outside: Outside) -> None:
    first = world.offer(world.patient(), in_days(0.2))
    world.end_offer(first)
    second = world.offer(first.patient_id, in_days(0.3), entry_id=first.entry_id)
    world.dispatch()
    assert [m["status"] for m in world.offer_messages(second)] == ["SENT"]
    assert len(outside.delivered) == 1


@pytest.mark.parametrize(("held_for", "status"), [(8 * HOUR, "QUEUED"), (7 * HOUR, "SENT")])
def test_quiet_hours_hold_an_offer_back_unless_it_ends_before_they_do(
    world: World, held_for: timedelta, status: str
) -> None:
    patient_id = world.patient()
    world.prefer(patient_id, quiet_hours={"start": "22:00", "end": "07:00"})
    midnight = in_days(1).replace(hour=21, minute=0, second=0)  # in Riyadh
    with at(midnight):
        offer = world.offer(patient_id, midnight + held_for)
        world.dispatch()
        assert [m["status"] for m in world.offer_messages(offer)] == [status]


def test_an_offer_whose_sender_was_lost_is_not_told_again_once_it_has_ended(world: World, outside: Outside) -> None:
    offer = world.offer(world.patient(), in_days(0.2))
    outside.failures = [Crash()]
    with pytest.raises(Crash):
        jobs.send(world.tools)
    world.end_offer(offer)
    with at(clock.now() + SENDER_LOOKED_AFTER):
        world.dispatch()
    assert [m["reason"] for m in world.offer_messages(offer)] == ["outcome-unknown"]
    assert len(outside.delivered) == 1


def test_messages_about_appointments_and_offers_are_listed_together(world: World) -> None:
    patient_id = world.patient()
    booking, offer = world.book(patient_id), world.offer(patient_id, in_days(0.2))
    [of_booking], [of_offer] = world.messages(booking), world.offer_messages(offer)
    listed = world.desk.get("/messages", patient_id=str(patient_id)).json or {}
    assert listed["items"] == [of_booking, of_offer]
