"""Nothing that is said of a patient reaches logs, metrics, addresses, events or other people's errors (P9)."""

import json
from dataclasses import replace
from typing import Any

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import text
from structlog.testing import CapturingLogger

from jalsa.dev.kit import ServiceKit, example
from jalsa.events.inbox import Inbox
from jalsa.service.ids import new_id
from scheduling import domain
from scheduling.appointments import events
from scheduling.directory.operations import projections

from .absences import apply, away, item, provider
from .factories import Desk, at, created, ok, problem

SECRET = "Zahra told of her brother"
NAME = "Zahra-Alqahtani"


def lines(log: CapturingLogger) -> list[dict[str, Any]]:
    return [json.loads(call.args[0]) for call in log.calls]


def written(log: CapturingLogger) -> str:
    return json.dumps(lines(log), ensure_ascii=False)


def test_notes_and_reasons_are_in_no_log_metric_or_event(desk: Desk, log: CapturingLogger) -> None:
    session = desk.create_session(group_notes=SECRET)
    participant = desk.create_participant(session, notes=SECRET)
    path = f"/participants/{participant['id']}"
    caller = desk.centre.client()
    waits = {"patient_id": desk.centre.create_patient(), "service_type": desk.service_type["code"]}
    ok(caller.get(f"/waitlist/{created(caller.post('/waitlist', {**waits, 'notes': SECRET}))['id']}"))
    ok(caller.patch(path, {"notes": SECRET * 2}, desk.centre.get(path).headers["ETag"]))
    ok(caller.post(f"{path}/cancel", {"reason": SECRET}))
    refusals = [
        caller.patch(path, {"notes": SECRET}, '"stale"'),
        caller.post(f"{path}/cancel", {"reason": SECRET}),
        caller.post(f"{path}/cancel", {"reason": SECRET * 100}),
        caller.post(f"{path}/cancel", {"reason": f"{SECRET}\x00"}),
        caller.post("/appointments", {"patient_id": SECRET, "notes": SECRET, "starts_at": SECRET}),
        caller.call("POST", "/appointments", data=SECRET, content_type="application/json"),
        caller.call("POST", "/appointments", data=SECRET, content_type="text/plain"),
        desk.centre.client("biller").post(f"{path}/cancel", {"reason": SECRET}),
        caller.get("/sessions", cursor=SECRET),
        caller.get(f"/participants/{SECRET}"),
    ]
    assert [r.status_code for r in refusals] == [412, 409, 422, 422, 422, 400, 415, 403, 422, 404]
    ok(caller.post(f"/sessions/{session['id']}/cancel", {"reason": SECRET}))

    assert all(SECRET not in r.text for r in refusals)
    assert len(lines(log)) >= 15
    assert SECRET not in written(log)
    published = json.dumps([e.attributes() for e in desk.centre.kit.events(desk.centre.tenant)])
    assert "SessionCancelled" in published
    assert SECRET not in published
    metrics = desk.centre.kit.app.test_client().get("/metrics").text
    assert 'route="/v1/participants/<uuid:participant_id>/cancel"' in metrics
    assert SECRET not in metrics
    assert participant["id"] not in metrics


def test_what_is_said_of_a_series_and_its_members_is_in_no_log_or_event(desk: Desk, log: CapturingLogger) -> None:
    series = desk.create_series(group_notes=SECRET)
    path, patient = f"/series/{series['id']}/members", desk.centre.create_patient()
    member = desk.centre.post(path, {"patient_id": patient, "notes": SECRET}).get_json()
    refused = desk.centre.post(path, {"patient_id": patient, "notes": SECRET})
    problem(refused, 409, "already-enrolled")
    misread = desk.centre.post("/series", desk.series_body(rrule=SECRET, group_notes=SECRET))
    problem(misread, 422, "validation-error")
    ok(desk.centre.post(f"{path}/{member['id']}/leave", {"reason": SECRET}))
    session = series["occurrences"][0]["session_id"]
    ok(desk.centre.post(f"/sessions/{session}/cancel", {"reason": SECRET, "scope": "ALL"}))
    published = json.dumps([e.attributes() for e in desk.centre.kit.events(desk.centre.tenant)])
    assert "AppointmentCancelled" in published
    assert SECRET not in published + written(log) + refused.text + misread.text


def test_why_sessions_move_is_in_no_log_or_event(desk: Desk, log: CapturingLogger) -> None:
    provider(desk)
    sessions = [desk.create_session(starts_at=at(1, 9 + n)) for n in range(2)]
    absence = away(desk, at(1, 8), at(1, 12), reason=SECRET)
    session_of_nobody = str(new_id())
    asked = [item(sessions[0], "SUBSTITUTE"), item(sessions[1], "CANCEL")]
    refusal = apply(desk, absence, *asked, item({"id": session_of_nobody}, "KEEP"), reason=SECRET)
    problem(refusal, 422, "validation-error")
    ok(apply(desk, absence, *asked, reason=SECRET))
    published = str([e.attributes() for e in desk.centre.kit.events(desk.centre.tenant)])
    assert "SessionRescheduled" in published
    assert SECRET not in published + written(log) + refusal.text


def test_why_packages_change_is_in_no_log_or_event(desk: Desk, log: CapturingLogger) -> None:
    path = f"/packages/{created(desk.centre.post('/packages', desk.package_body()))['id']}"
    other = desk.centre.create_provider(desk.clinic)
    changes: list[tuple[str, dict[str, Any]]] = [
        ("sessions/1/reschedule", {"starts_at": at(20).isoformat(), "provider_id": other["id"]}),
        ("sessions/2/cancel", {"owed": True}),
        ("sessions/2/schedule", {"starts_at": at(21).isoformat()}),
        ("shift", {"from_session_number": 1, "days": 1}),
        ("substitute", {"from_session_number": 2, "provider_id": other["id"]}),
        ("pause", {}),
        ("cancel", {}),
    ]
    for what, given in changes:
        ok(desk.centre.post(f"{path}/{what}", {**given, "reason": SECRET}))
    refused = desk.centre.post(f"{path}/pause", {"reason": SECRET})
    problem(refused, 409, "invalid-transition")
    published = json.dumps([e.attributes() for e in desk.centre.kit.events(desk.centre.tenant)])
    assert "PackageCancelled" in published
    assert SECRET not in published + written(log) + refused.text


def test_a_failure_of_ours_is_logged_by_its_type_and_place_and_answered_without_it(
    desk: Desk, log: CapturingLogger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise ValueError(SECRET)

    monkeypatch.setattr(events, "appointment_booked", fail)
    body = desk.placement(patient_id=desk.centre.create_patient(), notes=SECRET)
    answer = desk.centre.post("/appointments", body)
    assert problem(answer, 500, "internal-error").keys() == {"type", "title", "status", "detail", "code"}
    assert SECRET not in answer.text
    [failure] = [line for line in lines(log) if line["event"] == "request-failed"]
    assert failure["error"] == "ValueError"
    assert any("test_privacy.py" in place for place in failure["at"])
    assert SECRET not in written(log)


def test_the_databases_own_messages_are_not_passed_on(
    desk: Desk, log: CapturingLogger, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        # the database refuses the row and tells all of it in its DETAIL
        patched.setattr(domain, "SESSION", replace(domain.SESSION, initial="NONSENSE"))
        refused = desk.centre.post("/sessions", desk.session_body(group_notes=SECRET))
    problem(refused, 409, "conflict")
    body = desk.placement(patient_id=desk.centre.create_patient(), notes=SECRET)

    def select_a_number(db: Any, *_: Any) -> None:
        db.execute(text("SELECT CAST(:value AS int)"), {"value": SECRET})

    with monkeypatch.context() as patched:
        patched.setattr(events, "appointment_booked", select_a_number)
        failed = desk.centre.post("/appointments", body)
    problem(failed, 500, "internal-error")
    assert SECRET not in refused.text + failed.text
    told = {line["event"]: line.get("error") for line in lines(log)}
    assert told["constraint-violated"] == "IntegrityError 23514 sessions_status_check"
    assert told["request-failed"] == "DataError 22P02"
    assert SECRET not in written(log)


def test_a_patients_name_goes_from_an_event_into_no_log_and_no_table_but_the_inbox(
    kit: ServiceKit, desk: Desk, log: CapturingLogger, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient = new_id()
    registered = example(
        "PatientRegistered",
        "default",
        desk.centre.tenant,
        subject_id=patient,
        patient_id=patient,
        first_name_en=NAME,
        last_name_ar=NAME,
        email=f"{NAME}@example.com",
    )

    def fail(*_: Any, **__: Any) -> None:
        raise ValueError(NAME)

    with monkeypatch.context() as patched:
        patched.setattr(projections, "save_patient", fail)
        Inbox(kit.service.name, kit.database, kit.relay, kit.service.streams, kit.service.handlers).receive(registered)
    kept = desk.centre.get("/events/inbox")
    assert [item["error"] for item in ok(kept)["items"]] == ["ValueError"]
    assert NAME not in kept.text
    [failure] = [line for line in lines(log) if line["event"] == "event-failed"]
    assert failure["error"] == "ValueError"
    assert NAME not in written(log)

    with desk.centre.kit.transaction(desk.centre.tenant) as db:
        db.execute(text("UPDATE inbox SET next_at = now() - interval '1 minute'"))
    kit.inbox.retry_due()
    assert ok(desk.centre.get("/events/inbox"))["items"] == []
    with desk.centre.kit.transaction(desk.centre.tenant) as db:
        stored = db.execute(text("SELECT string_agg(p::text, '') FROM patients p")).scalar_one()
    assert str(patient) in stored
    assert NAME not in stored


def test_the_log_names_the_route_and_who_called_but_no_patient(desk: Desk, log: CapturingLogger) -> None:
    participant = desk.create_appointment(starts_at=at(2))
    log.calls.clear()
    ok(desk.centre.get(f"/participants/{participant['id']}"))
    [line] = lines(log)
    assert line["event"] == "request"
    assert line["route"] == "/v1/participants/<uuid:participant_id>"
    assert (line["actor"], line["tenant"], line["status"]) == ("tester", desk.centre.tenant, 200)
    assert participant["patient_id"] not in written(log)
    assert participant["id"] not in written(log)


def test_no_metric_has_a_label_that_could_name_a_patient(desk: Desk) -> None:
    desk.create_appointment()
    ok(desk.centre.get("/sessions", provider_id=desk.provider["id"]))
    known = {"service", "method", "route", "status", "le", "outcome", "state", "reason", "loop"}
    known |= {"source", "queue", "stage", "work", "pool", "version"}
    labels = {
        label
        for family in REGISTRY.collect()
        if family.name.startswith("jalsa_")
        for sample in family.samples
        for label in sample.labels
    }
    assert labels <= known
