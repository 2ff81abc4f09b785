"""Moving a session or a participant. Numbers and identity stay, and nothing is given up before the new is sure."""

from datetime import timedelta
from typing import Any

import pytest

from .factories import EARLY, Desk, as_json, at, created, ok, problem


def events(desk: Desk, name: str) -> list[Any]:
    return desk.centre.kit.events(desk.centre.tenant, name)


def test_a_session_moves_with_all_its_participants(desk: Desk) -> None:
    session = desk.create_session(room_id=desk.room["id"])
    first, second = desk.create_participant(session), desk.create_participant(session)
    ok(desk.do(first, "confirm"))
    another = desk.centre.create_provider(desk.clinic)
    new = {"starts_at": at(2, 14), "duration_minutes": 90, "provider_id": another["id"], "room_id": None}
    moved = ok(desk.move(session, "reschedule", reason="The therapist asked", **new))
    assert moved["starts_at"] == as_json({"at": at(2, 14)})["at"].replace("+00:00", "Z")
    assert (moved["duration_minutes"], moved["provider_id"], moved["room_id"]) == (90, another["id"], None)
    assert (moved["id"], moved["session_number"]) == (session["id"], session["session_number"])
    assert (moved["reschedule_count"], moved["change_reason"]) == (1, "The therapist asked")
    for before, status in ((first, "CONFIRMED"), (second, "BOOKED")):
        after = desk.participant(before["id"])
        assert after["appointment_number"] == before["appointment_number"]
        assert (after["status"], after["reschedule_count"]) == (status, 1)
        assert after["session"]["starts_at"] == moved["starts_at"]
    [told] = events(desk, "SessionRescheduled")
    assert told.data["previous"]["starts_at"] == session["starts_at"]
    assert told.data["previous"]["provider_id"] == desk.provider["id"]
    each = events(desk, "AppointmentRescheduled")
    assert {e.data["appointment_id"] for e in each} == {first["id"], second["id"]}
    assert (
        {e.data["previous"]["session_id"] for e in each} == {e.data["session"]["id"] for e in each} == {session["id"]}
    )


def test_what_the_request_does_not_name_stays(desk: Desk) -> None:
    session = desk.create_session(room_id=desk.room["id"], duration_minutes=45)
    moved = ok(desk.move(session, "reschedule", starts_at=at(2)))
    for name in ("room_id", "duration_minutes", "provider_id", "service_type", "max_capacity"):
        assert moved[name] == session[name]


def test_a_session_may_overlap_its_own_old_time(desk: Desk) -> None:
    session = desk.create_session(room_id=desk.room["id"])
    desk.create_participant(session)
    ok(desk.move(session, "reschedule", starts_at=at(minute=30)))


def test_the_old_place_is_free_and_the_new_one_is_taken(desk: Desk) -> None:
    session = desk.create_session(room_id=desk.room["id"])
    ok(desk.move(session, "reschedule", starts_at=at(2)))
    desk.create_session(room_id=desk.room["id"])
    problem(desk.centre.post("/sessions", desk.session_body(starts_at=at(2))), 409, "provider-busy")


@pytest.mark.parametrize("who", ["provider", "room", "patient", "hours", "past", "same", "begun"])
def test_a_move_that_is_refused_changes_nothing(desk: Desk, who: str) -> None:
    patient = desk.centre.create_patient()
    session = desk.create_session(room_id=desk.room["id"])
    mine = desk.create_participant(session, patient)
    another = desk.centre.create_provider(desk.clinic)["id"]
    new: dict[str, Any] = {"starts_at": at(2)}
    expected = (409, f"{who}-busy")
    if who == "provider":
        desk.create_session(starts_at=at(2))
    elif who == "room":
        desk.create_session(starts_at=at(2), provider_id=another, room_id=desk.room["id"])
    elif who == "patient":
        desk.create_appointment(starts_at=at(2), provider_id=another, patient_id=patient)
    elif who == "hours":
        new["provider_id"] = desk.centre.create_provider(desk.clinic, hours=[])["id"]
        expected = (409, "outside-working-hours")
    elif who == "begun":
        ok(desk.move(session, "start", **EARLY))
        expected = (409, "invalid-transition")
    else:
        new["starts_at"] = session["starts_at"] if who == "same" else at() - timedelta(days=30)
        expected = (422, "validation-error")
    before = desk.centre.state()
    refusal = problem(desk.move(session, "reschedule", **new), *expected)
    if who == "patient":
        assert refusal["participants"] == [mine["id"]]
    assert desk.centre.state() == before


def test_a_move_into_a_rule_can_be_overridden_and_the_next_move_forgets_it(desk: Desk) -> None:
    session = desk.create_session()
    away = desk.centre.create_provider(desk.clinic, hours=[])["id"]
    override = {"override": {"reason": "Only this once"}}
    moved = ok(desk.move(session, "reschedule", starts_at=at(2), provider_id=away, **override))
    assert (moved["overridden"], moved["override_reason"]) == (["working-hours"], "Only this once")
    back = ok(desk.move(session, "reschedule", starts_at=at(3), provider_id=desk.provider["id"]))
    assert (back["overridden"], back["override_reason"], back["reschedule_count"]) == ([], None, 2)


def test_one_seat_moves_and_the_group_stays(desk: Desk) -> None:
    old, new = desk.create_session(), desk.create_session(starts_at=at(2))
    mine, other = desk.create_participant(old), desk.create_participant(old)
    moved = ok(desk.do(mine, "reschedule", session_id=new["id"], reason="School"))
    assert (moved["id"], moved["appointment_number"]) == (mine["id"], mine["appointment_number"])
    assert (moved["session"]["id"], moved["reschedule_count"], moved["change_reason"]) == (new["id"], 1, "School")
    assert desk.session(old["id"])["current_capacity"] == 1
    assert desk.participant(other["id"])["session"]["starts_at"] == old["starts_at"]
    assert events(desk, "SessionRescheduled") == []
    [told] = events(desk, "AppointmentRescheduled")
    assert told.data["previous"]["session_id"] == old["id"]


def test_a_seat_moves_between_sessions_that_overlap(desk: Desk) -> None:
    another = desk.centre.create_provider(desk.clinic)["id"]
    old, new = desk.create_session(), desk.create_session(provider_id=another, starts_at=at(minute=30))
    mine = desk.create_participant(old)
    assert ok(desk.do(mine, "reschedule", session_id=new["id"]))["session"]["id"] == new["id"]


@pytest.mark.parametrize("why", ["full", "busy", "there", "cancelled", "service", "unknown", "arrived"])
def test_a_seat_that_can_not_move_stays_where_it_is(desk: Desk, why: str) -> None:
    old, new = desk.create_session(), desk.create_session(starts_at=at(2), max_capacity=1)
    mine = desk.create_participant(old)
    target = new["id"]
    expected = {"full": "session-full", "busy": "patient-busy", "there": "already-enrolled"}
    code = (409, expected.get(why, "invalid-transition"))
    if why == "full":
        desk.create_participant(new)
    elif why == "busy":
        elsewhere = desk.centre.create_provider(desk.clinic)["id"]
        desk.create_appointment(starts_at=at(2), provider_id=elsewhere, patient_id=mine["patient_id"])
    elif why == "there":
        target = old["id"]
    elif why == "cancelled":
        ok(desk.move(new, "cancel"))
    elif why == "arrived":
        ok(desk.do(mine, "check-in", override={"reason": "A test"}))
    elif why == "service":
        service = desk.centre.create_service_type()["code"]
        target = desk.create_session(starts_at=at(3), service_type=service)["id"]
        code = (422, "validation-error")
    else:
        target, code = mine["id"], (422, "validation-error")
    before = desk.centre.state()
    problem(desk.do(mine, "reschedule", session_id=target), *code)
    assert desk.centre.state() == before


def test_an_appointments_own_session_moves_with_it(desk: Desk) -> None:
    mine = desk.create_appointment()
    moved = ok(desk.do(mine, "reschedule", starts_at=at(2)))
    assert moved["session"]["id"] == mine["session"]["id"]
    assert moved["reschedule_count"] == moved["session"]["reschedule_count"] == 1
    assert moved["appointment_number"] == mine["appointment_number"]


def test_an_appointment_that_moves_into_a_group_leaves_no_empty_session_behind(desk: Desk) -> None:
    mine, group = desk.create_appointment(), desk.create_session(starts_at=at(2))
    ok(desk.do(mine, "reschedule", session_id=group["id"]))
    assert desk.session(mine["session"]["id"])["status"] == "CANCELLED"
    desk.create_appointment()


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"session_id": "x"},
        {"starts_at": "2027-01-01T10:00:00"},
        {"starts_at": "2027-01-01T10:00:00Z", "session_id": "01a1f000-0000-7000-8000-0000000000e1"},
        {"session_id": "01a1f000-0000-7000-8000-0000000000e1", "duration_minutes": 30},
    ],
)
def test_a_move_names_one_target(desk: Desk, body: dict[str, Any]) -> None:
    mine = desk.create_appointment()
    problem(desk.do(mine, "reschedule", **body), 422, "validation-error")


def test_a_group_does_not_move_because_one_seat_wants_another_time(desk: Desk) -> None:
    session = desk.create_session()
    mine = desk.create_participant(session)
    problem(desk.do(mine, "reschedule", starts_at=at(2)), 422, "validation-error")
    assert desk.session(session["id"])["starts_at"] == session["starts_at"]


def test_a_stale_tag_moves_nothing(desk: Desk) -> None:
    session = desk.create_session()
    body = as_json({"starts_at": at(2)})
    path = f"/sessions/{session['id']}/reschedule"
    tag = desk.centre.get(f"/sessions/{session['id']}").headers["ETag"]
    created(desk.book(session))
    problem(desk.centre.post(path, body, If_Match=tag), 412, "precondition-failed")
