"""One booking from the empty centre to its cancellation, as callers see it."""

from datetime import timedelta

import pytest

from .factories import Centre, Desk, as_json, at, created, ok, problem


def names(desk: Desk) -> list[str]:
    return [e.event for e in desk.centre.kit.events(desk.centre.tenant)]


def test_a_group_session_starts_empty_and_fills_up(desk: Desk) -> None:
    session = desk.create_session(room_id=desk.room["id"], min_participants=2, group_notes="Bring the mats")
    assert session["status"] == "SCHEDULED"
    assert (session["current_capacity"], session["available_spots"], session["is_full"]) == (0, 3, False)
    assert session["booked_count"] == 0
    for taken in (1, 2, 3):
        participant = desk.create_participant(session)
        assert participant["status"] == "BOOKED"
        assert participant["session"]["current_capacity"] == taken
        assert participant["session"]["booked_count"] == taken
    full = desk.session(session["id"])
    assert (full["current_capacity"], full["available_spots"], full["is_full"]) == (3, 0, True)
    assert full["capacity_percentage"] == 100.0
    problem(desk.book(session), 409, "session-full")


def test_a_session_answers_with_all_that_callers_rely_on(desk: Desk) -> None:
    start = at(2)
    session = desk.create_session(starts_at=start, duration_minutes=45, room_id=desk.room["id"])
    assert session["starts_at"] == start.isoformat().replace("+00:00", "Z")
    assert session["ends_at"] == (start + timedelta(minutes=45)).isoformat().replace("+00:00", "Z")
    expected = {
        "session_type": "GROUP",
        "clinic_id": desk.clinic["id"],
        "provider_id": desk.provider["id"],
        "room_id": desk.room["id"],
        "service_type": desk.service_type["code"],
        "duration_minutes": 45,
        "timezone": "Asia/Riyadh",
        "max_capacity": 3,
        "min_participants": None,
        "group_notes": None,
        "created_by": "tester",
        "cancelled_at": None,
        "cancelled_by": None,
        "cancel_reason": None,
    }
    assert {name: session[name] for name in expected} == expected


def test_an_individual_session_has_one_place_and_the_service_types_duration(desk: Desk) -> None:
    session = desk.create_individual(duration_minutes=..., max_capacity=...)
    assert (session["max_capacity"], session["duration_minutes"]) == (1, 60)
    desk.create_participant(session)
    problem(desk.book(session), 409, "session-full")


def test_an_appointment_is_an_individual_session_and_its_participant_in_one_step(desk: Desk) -> None:
    patient = desk.centre.create_patient()
    participant = desk.create_appointment(patient_id=patient, notes="First visit", room_id=desk.room["id"])
    assert (participant["patient_id"], participant["status"]) == (patient, "BOOKED")
    assert participant["notes"] == "First visit"
    session = participant["session"]
    assert (session["session_type"], session["max_capacity"], session["is_full"]) == ("INDIVIDUAL", 1, True)
    assert session == desk.session(session["id"])
    assert participant == desk.participant(participant["id"])
    assert names(desk) == ["ClinicSaved.v1", "ProviderSaved.v1", "SessionScheduled.v1", "AppointmentBooked.v1"]


def test_a_new_appointment_may_not_be_checked_in_before_finance_consent_and_the_day(desk: Desk) -> None:
    participant = desk.create_appointment()
    assert (participant["finance_cleared"], participant["consent_verified"]) == (False, False)
    assert participant["check_in_blockers"] == ["finance", "consent", "too-early"]
    assert participant["can_check_in"] is False


def test_a_participant_confirms_once(desk: Desk) -> None:
    participant = desk.create_appointment()
    confirmed = ok(desk.centre.post(f"/participants/{participant['id']}/confirm"))
    assert confirmed["status"] == "CONFIRMED"
    assert confirmed["confirmed_at"]
    problem(desk.centre.post(f"/participants/{participant['id']}/confirm"), 409, "invalid-transition")
    assert names(desk)[-1] == "AppointmentConfirmed.v1"


def test_a_cancelled_place_is_free_again_and_may_be_booked_again(desk: Desk) -> None:
    session = desk.create_individual()
    patient = desk.centre.create_patient()
    first = desk.create_participant(session, patient)
    cancelled = ok(desk.centre.post(f"/participants/{first['id']}/cancel", {"reason": "Travels"}))
    assert (cancelled["status"], cancelled["cancelled_by"]) == ("CANCELLED", "tester")
    assert cancelled["cancel_reason"] == "Travels"
    assert cancelled["session"]["available_spots"] == 1
    second = desk.create_participant(session, patient)
    assert second["id"] != first["id"]
    assert second["appointment_number"] != first["appointment_number"]
    problem(desk.centre.post(f"/participants/{first['id']}/cancel"), 409, "invalid-transition")
    problem(desk.centre.post(f"/participants/{first['id']}/confirm"), 409, "invalid-transition")


def test_a_confirmed_participant_may_cancel(desk: Desk) -> None:
    participant = desk.create_appointment()
    ok(desk.centre.post(f"/participants/{participant['id']}/confirm"))
    assert ok(desk.centre.post(f"/participants/{participant['id']}/cancel"))["status"] == "CANCELLED"


def test_cancelling_a_session_cancels_every_live_place_and_tells_each_once(desk: Desk) -> None:
    session = desk.create_session()
    gone, confirmed, booked = (desk.create_participant(session) for _ in range(3))
    ok(desk.centre.post(f"/participants/{gone['id']}/cancel"))
    ok(desk.centre.post(f"/participants/{confirmed['id']}/confirm"))
    cancelled = ok(desk.centre.post(f"/sessions/{session['id']}/cancel", {"reason": "Provider ill"}))
    assert (cancelled["status"], cancelled["cancel_reason"], cancelled["current_capacity"]) == (
        "CANCELLED",
        "Provider ill",
        0,
    )
    shown = ok(desk.centre.get(f"/sessions/{session['id']}/participants"))["items"]
    assert [p["status"] for p in shown] == ["CANCELLED"] * 3
    told = [e.data for e in desk.centre.kit.events(desk.centre.tenant, "AppointmentCancelled")]
    assert [(data["appointment_id"], data["session_cancelled"]) for data in told] == [
        (gone["id"], False),
        (confirmed["id"], True),
        (booked["id"], True),
    ]
    assert len(desk.centre.kit.events(desk.centre.tenant, "SessionCancelled")) == 1
    problem(desk.centre.post(f"/sessions/{session['id']}/cancel"), 409, "invalid-transition")
    problem(desk.book(session), 409, "invalid-transition")


def test_sequences_count_without_gaps_per_subject(desk: Desk) -> None:
    session = desk.create_session()
    for participant in [desk.create_participant(session) for _ in range(2)]:
        ok(desk.centre.post(f"/participants/{participant['id']}/confirm"))
    ok(desk.centre.post(f"/sessions/{session['id']}/cancel"))
    sequences: dict[str, list[int]] = {}
    for event in desk.centre.kit.events(desk.centre.tenant):
        sequences.setdefault(event.subject, []).append(event.sequence)
    assert [max(s) for name, s in sequences.items() if name.startswith("appointment/")] == [3, 3]
    for numbers in sequences.values():
        assert numbers == list(range(1, len(numbers) + 1))


def test_the_time_of_a_cancelled_session_is_free_for_provider_room_and_patient(desk: Desk) -> None:
    patient = desk.centre.create_patient()
    first = desk.create_appointment(patient_id=patient, room_id=desk.room["id"])
    ok(desk.centre.post(f"/sessions/{first['session']['id']}/cancel"))
    desk.create_appointment(patient_id=patient, room_id=desk.room["id"])


def test_sessions_may_follow_each_other_without_a_pause(desk: Desk) -> None:
    patient = desk.centre.create_patient()
    for hour in (8, 9, 10):
        desk.create_appointment(patient_id=patient, room_id=desk.room["id"], starts_at=at(1, hour))


def test_what_is_closed_keeps_its_bookings_but_takes_no_new_ones(desk: Desk) -> None:
    participant = desk.create_appointment()
    clinic = desk.centre.get(f"/clinics/{desk.clinic['id']}")
    closed = desk.centre.client().patch(f"/clinics/{desk.clinic['id']}", {"active": False}, clinic.headers["ETag"])
    assert ok(closed)["active"] is False
    assert desk.participant(participant["id"])["status"] == "BOOKED"
    body = desk.placement(patient_id=desk.centre.create_patient(), starts_at=at(3))
    refused = problem(desk.centre.post("/appointments", body), 422, "validation-error")
    assert refused["errors"] == {"clinic_id": ["There is no such active clinic."]}


def test_notes_of_a_participant_can_be_changed(desk: Desk) -> None:
    participant = desk.create_appointment(notes="Wheelchair")
    path = f"/participants/{participant['id']}"
    changed = desk.centre.client().patch(path, {"notes": "No wheelchair"}, desk.centre.get(path).headers["ETag"])
    assert ok(changed)["notes"] == "No wheelchair"
    unchanged = desk.centre.client().patch(path, {}, changed.headers["ETag"])
    assert ok(unchanged)["notes"] == "No wheelchair"
    emptied = desk.centre.client().patch(path, {"notes": None}, unchanged.headers["ETag"])
    assert ok(emptied)["notes"] is None


def test_a_provider_may_change_clinics_but_not_leave_one_with_hours(centre: Centre) -> None:
    old, new = centre.create_clinic(), centre.create_clinic()
    provider = centre.create_provider(old)
    path = f"/providers/{provider['id']}"
    both = centre.client().patch(path, {"clinic_ids": [new["id"], old["id"]]}, centre.get(path).headers["ETag"])
    assert ok(both)["clinic_ids"] == sorted([old["id"], new["id"]])
    assert both.headers["ETag"] == centre.get(path).headers["ETag"]
    refused = centre.client().patch(path, {"clinic_ids": [new["id"]]}, both.headers["ETag"])
    assert problem(refused, 422, "validation-error")["errors"].keys() == {"clinic_ids"}
    ok(centre.client().put(f"{path}/working-hours", {"items": []}))
    moved = centre.client().patch(path, {"clinic_ids": [new["id"]], "name_en": "L. Haddad"}, both.headers["ETag"])
    assert (ok(moved)["clinic_ids"], ok(moved)["name_en"]) == ([new["id"]], "L. Haddad")
    saved = centre.kit.events(centre.tenant, "ProviderSaved")
    assert [e.sequence for e in saved] == [1, 2, 3]
    assert saved[-1].data["clinic_ids"] == [new["id"]]


def test_rooms_and_service_types_can_be_renamed_and_closed(desk: Desk) -> None:
    for path in (f"/rooms/{desk.room['id']}", f"/service-types/{desk.service_type['id']}"):
        etag = desk.centre.get(path).headers["ETag"]
        field = "name" if path.startswith("/rooms") else "name_en"
        answer = desk.centre.client().patch(path, {field: "Renamed", "active": False}, etag)
        assert (ok(answer)[field], ok(answer)["active"]) == ("Renamed", False)
        assert ok(desk.centre.get(path)) == answer.json


def test_working_hours_are_replaced_as_a_whole(desk: Desk) -> None:
    path = f"/providers/{desk.provider['id']}/working-hours"
    week = [
        {"weekday": 1, "start": "13:00", "end": "17:00", "clinic_id": desk.clinic["id"]},
        {"weekday": 1, "start": "09:00", "end": "12:30", "clinic_id": desk.clinic["id"]},
        {"weekday": 0, "start": "20:00", "end": "00:00", "clinic_id": desk.clinic["id"]},
    ]
    answer = ok(desk.centre.client().put(path, {"items": week}))
    assert answer["items"] == [week[2], week[1], week[0]]
    assert ok(desk.centre.get(path)) == answer


@pytest.mark.parametrize("path", ["/clinics", "/rooms", "/providers", "/service-types"])
def test_what_is_created_can_be_read_with_the_same_body_and_tag(desk: Desk, path: str) -> None:
    bodies = {
        "/clinics": {"code": "OT-1", "name_en": "OT", "name_ar": "علاج", "timezone": "Europe/Berlin"},
        "/rooms": {"clinic_id": desk.clinic["id"], "name": "غرفة ١"},
        "/providers": {
            "name_en": "Omar Said",
            "name_ar": "عمر سعيد",
            "user_id": "omar",
            "discipline": "SLP",
            "clinic_ids": [desk.clinic["id"]],
        },
        "/service-types": {
            "code": "SLP-30",
            "name_en": "Speech",
            "name_ar": "نطق",
            "discipline": "SLP",
            "default_duration_minutes": 30,
            "buffer_before_minutes": 5,
            "buffer_after_minutes": 10,
        },
    }
    answer = desk.centre.post(path, bodies[path])
    body = created(answer)
    assert {name: body[name] for name in bodies[path]} == bodies[path]
    assert body["active"] is True
    read = desk.centre.get(f"{path}/{body['id']}")
    assert ok(read) == body
    assert read.headers["ETag"] == answer.headers["ETag"]


@pytest.mark.parametrize("path", ["/sessions", "/appointments"])
def test_a_booking_answers_with_the_tag_that_a_later_read_has(desk: Desk, path: str) -> None:
    body = desk.session_body() if path == "/sessions" else desk.placement(patient_id=desk.centre.create_patient())
    answer = desk.centre.post(path, as_json(body))
    record = "sessions" if path == "/sessions" else "participants"
    read = desk.centre.get(f"/{record}/{created(answer)['id']}")
    assert (read.json, read.headers["ETag"]) == (answer.json, answer.headers["ETag"])
