"""What was answered 2xx is stored together with its event. What was rolled back is published never (P3)."""

from typing import Any

import pytest
from sqlalchemy import text

from jalsa.events.outbox import publish
from scheduling.appointments import events
from scheduling.models import ClinicalSession, Participant

from .factories import Desk, ok, problem


class Crash(Exception):
    """Something that nobody foresaw."""


def fail_after(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Let a function of `events` publish, and then fail."""
    original = getattr(events, name)

    def publish_then_crash(*args: Any, **kwargs: Any) -> None:
        original(*args, **kwargs)
        raise Crash

    monkeypatch.setattr(events, name, publish_then_crash)


def test_an_operation_that_fails_after_publishing_has_done_and_published_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = desk.placement(patient_id=desk.centre.create_patient())
    before = desk.centre.state()
    with monkeypatch.context() as patched:
        fail_after(patched, "appointment_booked")
        problem(desk.centre.post("/appointments", body, Idempotency_Key="k1"), 500, "internal-error")
    assert desk.centre.state() == before
    assert desk.centre.post("/appointments", body, Idempotency_Key="k1").status_code == 201


@pytest.mark.parametrize("event", ["appointment_cancelled", "session_cancelled"])
def test_a_session_that_fails_to_be_cancelled_keeps_all_its_places(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, event: str
) -> None:
    session = desk.create_session()
    for _ in range(2):
        desk.create_participant(session)
    before = desk.centre.state()
    fail_after(monkeypatch, event)
    problem(desk.centre.post(f"/sessions/{session['id']}/cancel"), 500, "internal-error")
    assert desk.centre.state() == before


def test_control_an_event_written_beside_the_transaction_tells_of_what_never_was(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def publish_at_once(_: Any, *args: Any, **kwargs: Any) -> None:
        with desk.centre.kit.transaction(desk.centre.tenant) as another:
            publish(another, *args, **kwargs)

    monkeypatch.setattr(events, "publish", publish_at_once)
    fail_after(monkeypatch, "appointment_booked")
    body = desk.placement(patient_id=desk.centre.create_patient())
    problem(desk.centre.post("/appointments", body), 500, "internal-error")
    assert desk.centre.kit.count(desk.centre.tenant, Participant) == 0
    assert len(desk.centre.kit.events(desk.centre.tenant, "AppointmentBooked")) == 1


def test_a_record_its_event_its_history_and_its_answer_are_one_transaction(desk: Desk) -> None:
    body = desk.placement(patient_id=desk.centre.create_patient())
    assert desk.centre.post("/appointments", body, Idempotency_Key="k1").status_code == 201
    one = text("""
        SELECT count(DISTINCT x), count(*) FROM (
          SELECT xmin::text AS x FROM participants UNION ALL SELECT xmin::text FROM sessions
          UNION ALL SELECT xmin::text FROM outbox WHERE type ~ 'AppointmentBooked|SessionScheduled'
          UNION ALL SELECT xmin::text FROM audit_log WHERE table_name IN ('participants', 'sessions')
          UNION ALL SELECT xmin::text FROM idempotency_keys
        ) AS rows
    """)
    with desk.centre.kit.transaction(desk.centre.tenant) as db:
        assert tuple(db.execute(one).one()) == (1, 7)


def test_events_carry_the_request_and_its_trace(desk: Desk) -> None:
    participant = desk.create_appointment()
    headers = {"X-Request-ID": "request-7", "traceparent": f"00-{'ab' * 16}-{'cd' * 8}-01"}
    ok(desk.centre.client().call("POST", f"/participants/{participant['id']}/confirm", headers=headers, json={}))
    [event] = desk.centre.kit.events(desk.centre.tenant, "AppointmentConfirmed")
    assert event.correlation_id == "request-7"
    assert event.traceparent.startswith(f"00-{'ab' * 16}-")
    assert event.data["confirmed_by"] == "tester"


def test_the_feed_gives_a_tenants_events_in_the_order_of_their_positions(desk: Desk) -> None:
    participant = desk.create_appointment()
    ok(desk.centre.post(f"/sessions/{participant['session']['id']}/cancel"))
    expected = [e.attributes() for e in desk.centre.kit.events(desk.centre.tenant)]
    assert ok(desk.centre.get("/events"))["items"] == expected
    positions = [int(item["position"]) for item in expected]
    assert positions == sorted(set(positions))
    rest = ok(desk.centre.get("/events", after=positions[1], limit=2))
    assert [int(item["position"]) for item in rest["items"]] == positions[2:4]
    story = ok(desk.centre.get("/events", subject=f"appointment/{participant['id']}"))["items"]
    assert [item["type"].split(".")[2] for item in story] == ["AppointmentBooked", "AppointmentCancelled"]


def test_events_are_written_for_every_session_and_participant_that_exists(desk: Desk) -> None:
    for session in [desk.create_session(), desk.create_individual(provider_id=_other(desk))]:
        desk.create_participant(session)
    published = {e.subject for e in desk.centre.kit.events(desk.centre.tenant)}
    with desk.centre.kit.transaction(desk.centre.tenant) as db:
        stored = {f"session/{row.id}" for row in db.query(ClinicalSession)}
        stored |= {f"appointment/{row.id}" for row in db.query(Participant)}
    assert stored == {s for s in published if s.startswith(("session/", "appointment/"))}


def _other(desk: Desk) -> str:
    return str(desk.centre.create_provider(desk.clinic)["id"])
