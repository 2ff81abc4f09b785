"""A refusal names the conflict, its reason, and where to find more about it."""

from datetime import date, timedelta
from typing import Any

import pytest

from jalsa.dev.kit import example
from jalsa.service.ids import new_id

from .factories import Centre, Desk, as_json, at, created, noon_zone, ok, problem
from .test_races import Post, at_once

DAY = date.fromisoformat(at().date().isoformat())


def details(shown: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Reason and address by blocker, of a refusal or of a participant as it is read."""
    told = shown.get("blocker_details", shown.get("check_in_blocker_details"))
    return {one["blocker"]: (one["reason"], one["look_at"]) for one in told or ()}


def receive(desk: Desk, event: str, sequence: int, subject: str, **data: Any) -> None:
    kit, tenant = desk.centre.kit, desk.centre.tenant
    kit.inbox.receive(example(event, "default", tenant, sequence=sequence, subject_id=subject, **data))


def registered(desk: Desk) -> str:
    patient = str(new_id())
    receive(desk, "PatientRegistered", 1, patient, patient_id=patient)
    return patient


def test_a_refused_check_in_says_why_and_where_to_look_as_the_participant_does(centre: Centre) -> None:
    desk = Desk(centre, timezone=noon_zone())
    participant = desk.create_today()
    refusal = problem(desk.do(participant, "check-in"), 409, "check-in-blocked")
    assert refusal["blockers"] == ["finance", "consent"]
    assert details(refusal) == {
        "finance": ("payment-due", f"/billing/v1/clearance/{participant['id']}"),
        "consent": ("missing", f"/patient-files/v1/consents?patient_id={participant['patient_id']}"),
    }
    assert details(desk.participant(participant["id"])) == details(refusal)


def test_what_is_too_early_names_its_session(desk: Desk) -> None:
    participant = desk.create_appointment()
    desk.clear(participant)
    assert details(desk.participant(participant["id"])) == {
        "too-early": ("before-its-day", f"/scheduling/v1/sessions/{participant['session']['id']}")
    }


def test_the_reason_that_billing_announces_is_told_until_another_is(desk: Desk) -> None:
    appointment = desk.create_appointment()["id"]
    about = {"subject": appointment, "appointment_id": appointment}
    announcements: list[tuple[dict[str, Any], str | None]] = [
        ({"cleared": False, "reason": "no-price"}, "no-price"),
        ({"cleared": True}, None),
        ({"cleared": False, "reason": "invoice-void"}, "invoice-void"),
        ({"cleared": False}, "payment-due"),  # as it was announced before there were reasons
    ]
    for sequence, (said, told) in enumerate(announcements, 1):
        receive(desk, "FinancialClearanceChanged", sequence, **about, **said)
        assert details(desk.participant(appointment)).get("finance", (None,))[0] == told


@pytest.mark.parametrize(
    ("ended", "told"),
    [
        ([], "missing"),
        ([("everywhere", "expired")], "expired"),
        ([("here", "revoked")], "revoked"),
        ([("there", "revoked")], "missing"),
        ([("everywhere", "expired"), ("here", "revoked")], "revoked"),
        ([("here", "revoked"), ("everywhere", "expired"), ("there", "revoked")], "expired"),
    ],
)
def test_a_consent_is_missing_or_has_ended_in_that_clinic(desk: Desk, ended: list[tuple[str, str]], told: str) -> None:
    patient = registered(desk)
    clinics = {"everywhere": None, "here": desk.clinic["id"], "there": str(new_id())}
    over = [{"clinic_id": clinics[where], "reason": reason} for where, reason in ended]
    receive(desk, "ConsentStandingChanged", 2, patient, patient_id=patient, consented=False, clinic_ids=[], ended=over)
    answer = desk.centre.post("/appointments", desk.placement(patient_id=patient))
    booked = created(answer)
    assert details(booked)["consent"][0] == told
    read = desk.centre.get(f"/participants/{booked['id']}")
    assert (read.json, read.headers["ETag"]) == (booked, answer.headers["ETag"])


def test_who_is_busy_and_with_which_session_is_named(desk: Desk) -> None:
    other = desk.create_session(room_id=desk.room["id"])
    another = desk.centre.create_provider(desk.clinic)["id"]
    asked = {
        "provider-busy": desk.session_body(),
        "room-busy": desk.session_body(provider_id=another, room_id=desk.room["id"]),
    }
    for code, body in asked.items():
        refusal = problem(desk.centre.post("/sessions", body), 409, code)
        assert (refusal["session_number"], refusal["session_id"]) == (other["session_number"], other["id"])


def test_the_session_itself_is_named_before_one_whose_buffer_alone_is_met(centre: Centre) -> None:
    desk = Desk(centre)
    desk.service_type = centre.create_service_type(buffer_before_minutes=30)
    first = desk.create_session(starts_at=at(1, 7, 50))
    near = desk.centre.post("/sessions", desk.session_body(starts_at=at(1, 9)))
    refusal = problem(near, 409, "provider-busy")
    assert (refusal["rule"], refusal["session_number"]) == ("buffer", first["session_number"])
    second = desk.create_session(starts_at=at(1, 9, 30))
    both = desk.centre.post("/sessions", desk.session_body(starts_at=at(1, 9), duration_minutes=45))
    refusal = problem(both, 409, "provider-busy")
    assert (refusal["rule"], refusal["session_number"]) == ("overlap", second["session_number"])


def test_a_session_that_is_cancelled_or_moves_away_is_not_what_is_met(desk: Desk) -> None:
    gone = desk.create_session()
    ok(desk.move(gone, "cancel"))
    session, other = desk.create_session(), desk.create_session(starts_at=at(1, 10, 30))
    refusal = problem(desk.move(session, "reschedule", starts_at=at(1, 9, 45)), 409, "provider-busy")
    assert refusal["session_number"] == other["session_number"]


def closure(**overrides: Any) -> dict[str, Any]:
    body = {"kind": "PUBLIC_HOLIDAY", "name_en": "Founding day", "name_ar": "يوم التأسيس"}
    return as_json({**body, "starts_on": DAY, "ends_on": DAY, **overrides})


@pytest.mark.parametrize("everywhere", [True, False])
def test_a_refusal_names_the_closure_of_that_day(desk: Desk, everywhere: bool) -> None:
    where = {} if everywhere else {"clinic_id": desk.clinic["id"]}
    made = created(desk.centre.post("/closures", closure(**where)))
    elsewhere = desk.centre.create_clinic()["id"]
    created(desk.centre.post("/closures", closure(clinic_id=elsewhere, name_en="Painting")))
    refusal = problem(desk.centre.post("/sessions", desk.session_body()), 409, "outside-working-hours")
    assert refusal["rule"] == "closure"
    told = ("id", "kind", "name_en", "name_ar", "starts_on", "ends_on")
    assert refusal["closure"] == {name: made[name] for name in told}


def test_the_same_closure_is_not_stored_twice(desk: Desk) -> None:
    here = {"clinic_id": desk.clinic["id"]}
    made = [created(desk.centre.post("/closures", closure(**where))) for where in ({}, here)]
    for where, known in zip(({}, here), made, strict=True):
        before = desk.centre.state()
        refusal = problem(desk.centre.post("/closures", closure(**where, name_en="Again")), 409, "already-closed")
        assert refusal["closure_id"] == known["id"]
        assert desk.centre.state() == before
    created(desk.centre.post("/closures", closure(**here, kind="CLOSURE")))
    created(desk.centre.post("/closures", closure(**here, ends_on=DAY + timedelta(days=1))))
    path = f"/closures/{made[0]['id']}"
    tag = desk.centre.get(path).headers["ETag"]
    assert desk.centre.client().call("DELETE", path, headers={"If-Match": tag}).status_code == 204
    created(desk.centre.post("/closures", closure()))


@pytest.mark.parametrize("everywhere", [True, False])
def test_of_two_who_store_the_same_closure_at_once_one_does(desk: Desk, everywhere: bool) -> None:
    where = {} if everywhere else {"clinic_id": desk.clinic["id"]}
    both = [Post(desk.centre.client(), "/closures", closure(**where)) for _ in range(4)]
    assert at_once(*both) == {(201, None): 1, (409, "already-closed"): 3}


def test_a_refusal_names_no_patient(desk: Desk) -> None:
    """What is told of a session that is met is its number, because whoever books may read sessions."""
    desk.create_appointment()
    body = desk.placement(patient_id=desk.centre.create_patient())
    refusal = problem(desk.centre.post("/appointments", body), 409, "provider-busy")
    assert set(refusal) == {
        "type",
        "title",
        "status",
        "detail",
        "code",
        "rule",
        "overridable",
        "session_id",
        "session_number",
    }
