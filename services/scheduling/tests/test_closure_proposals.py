"""What is proposed for the sessions that a closure hits: a later slot of each session's own provider."""

from datetime import timedelta
from typing import Any

from .absences import proposed, start_of
from .factories import Desk, as_json, at, created, hours_on, ok

HOUR = timedelta(hours=1)


def close(desk: Desk, **overrides: Any) -> dict[str, Any]:
    """The desk's clinic is closed on the day of at()."""
    body = {"name_en": "Painting", "name_ar": "دهان", "starts_on": at().date(), "ends_on": at().date()}
    return created(desk.centre.post("/closures", as_json({"clinic_id": desk.clinic["id"], **body, **overrides})))


def morning(desk: Desk, **overrides: Any) -> dict[str, Any]:
    """A provider who works two hours a day, from nine by the clinic's clock, so that much collides."""
    hours = [hours_on(day, desk.clinic, "09:00", "11:00") for day in range(7)]
    return desk.centre.create_provider(desk.clinic, hours=hours, **overrides)


def test_every_provider_gets_a_slot_of_their_own_when_the_clinic_is_open_again(desk: Desk) -> None:
    speech = desk.centre.create_service_type(discipline="SLP")
    providers = [morning(desk), morning(desk), morning(desk, discipline="SLP")]
    codes = [desk.service_type["code"]] * 2 + [speech["code"]]
    six = at(1, 6)  # nine in Riyadh
    sessions = [
        desk.create_session(provider_id=provider["id"], service_type=code, starts_at=six)
        for provider, code in zip(providers, codes, strict=True)
    ]
    closure = close(desk)
    assert [hit["id"] for hit in closure["affected_sessions"]] == [session["id"] for session in sessions]
    for provider, told in zip(providers, proposed(closure), strict=True):
        assert (told["substitute"], told["reason"]) == (None, None)
        assert told["new_slot"]["provider_id"] == provider["id"]
        assert start_of(told["new_slot"]) == six + timedelta(days=1)


def test_no_two_proposals_of_a_closure_meet_in_a_room_or_in_a_patient(desk: Desk) -> None:
    """Together they fill the two hours of the next day, and the rest goes to the day after it."""
    first, second = morning(desk), morning(desk)
    patient, room = desk.centre.create_patient(), desk.room["id"]
    six = at(1, 6)
    one = desk.create_session(provider_id=first["id"], starts_at=six, room_id=room)
    two = desk.create_session(provider_id=second["id"], starts_at=six + HOUR, room_id=room)
    three = desk.create_session(provider_id=second["id"], starts_at=six)
    desk.create_participant(one, patient)
    desk.create_participant(two, patient)
    closure = close(desk)
    slots = {hit["id"]: hit["proposal"]["new_slot"] for hit in closure["affected_sessions"]}
    assert start_of(slots[one["id"]]) != start_of(slots[two["id"]])
    assert len({(start_of(slot), slot["provider_id"]) for slot in slots.values()}) == 3
    for session in (one, two, three):
        slot = slots[session["id"]]
        ok(desk.move(session, "reschedule", starts_at=slot["starts_at"], room_id=slot["room_id"]))


def test_a_patient_of_two_providers_is_proposed_one_time_after_the_other(desk: Desk) -> None:
    first, second = morning(desk), morning(desk)
    patient = desk.centre.create_patient()
    six = at(1, 6)
    sessions = [
        desk.create_session(provider_id=provider["id"], starts_at=starts_at)
        for provider, starts_at in ((first, six), (second, six + HOUR))
    ]
    # the day after, the first finds only the hour that is the second's usual one
    desk.create_session(provider_id=first["id"], starts_at=six + timedelta(days=1))
    for session in sessions:
        desk.create_participant(session, patient)
    slots = [told["new_slot"] for told in proposed(close(desk))]
    starts = [start_of(slot) for slot in slots]
    assert starts == [six + timedelta(days=1, hours=1), six + timedelta(days=1)]
    for session, slot in zip(sessions, slots, strict=True):
        ok(desk.move(session, "reschedule", starts_at=slot["starts_at"]))


def test_what_is_proposed_can_be_read_again_and_the_tag_is_the_closures(desk: Desk) -> None:
    session = desk.create_session()
    body = {"name_en": "Painting", "name_ar": "دهان", "starts_on": at().date(), "ends_on": at().date()}
    answer = desk.centre.post("/closures", as_json(body))
    closure = created(answer)
    path = f"/closures/{closure['id']}"
    assert desk.centre.get(path).headers["ETag"] == answer.headers["ETag"]
    assert ok(desk.centre.get(f"{path}/proposals")) == {"items": closure["affected_sessions"], "remaining": 0}
    ok(desk.move(session, "cancel"))
    assert ok(desk.centre.get(f"{path}/proposals")) == {"items": [], "remaining": 0}
