"""What a note says is shown to who may read it, and nowhere else (promise P9)."""

import json

import pytest
from structlog.testing import CapturingLogger

from clinical_notes import events
from clinical_notes.models import Note

from .factories import Story

SECRET = "Zahra told of her brother"


def written(log: CapturingLogger) -> str:
    return "\n".join(str(call) for call in log.calls)


def test_a_notes_content_is_in_no_log_problem_or_event(
    group: Story, log: CapturingLogger, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = group.create_note(content=SECRET)
    path = f"/notes/{note['id']}"
    answers = [
        group.provider.post("/notes", group.note_body(content=SECRET)),
        group.provider.post("/notes", group.note_body(content=SECRET * 2_000)),
        group.provider.post("/notes", group.note_body(content=f"{SECRET}\x00")),
        group.provider.post("/notes", group.note_body(discipline=SECRET, scope=SECRET, session_id=SECRET)),
        group.provider.call("POST", "/notes", data=SECRET, content_type="application/json"),
        group.provider.patch(path, {"content": SECRET}, '"stale"'),
        group.clinician().patch(path, {"content": SECRET}, note["etag"]),
        group.manager.post("/notes", group.note_body(content=SECRET)),
    ]

    def fail(_: object, failing: Note, __: object) -> None:
        raise ValueError(failing.content)

    with monkeypatch.context() as broken:
        broken.setattr(events, "note_signed", fail)
        answers.append(group.provider.post(f"{path}/sign"))
    signed = group.provider.post(f"{path}/sign")
    answers.append(group.provider.patch(path, {"content": SECRET}, signed.headers["ETag"]))

    assert [a.status_code for a in answers] == [409, 422, 422, 422, 400, 412, 404, 403, 500, 409]
    assert all(SECRET not in a.text for a in answers)
    published = json.dumps([event.attributes() for event in group.kit.events(group.tenant)])
    assert "NoteSigned" in published
    assert SECRET not in published
    assert "request-failed" in written(log)
    assert SECRET not in written(log)


def test_logs_name_routes_and_not_the_patient_in_the_address(group: Story, log: CapturingLogger) -> None:
    assert group.provider.get(f"/patients/{group.patient_id}/notes").status_code == 200
    assert "/v1/patients/<uuid:patient_id>/notes" in written(log)
    assert group.patient_id not in written(log)


def test_no_name_of_a_patient_is_kept(group: Story) -> None:
    group.tell([group.updated()])
    with group.kit.transaction(group.tenant) as db:
        tables = ("patients", "participants", "sessions", "inbox", "audit_log")
        rows = [db.connection().exec_driver_sql(f"SELECT t::text FROM {table} t").scalars().all() for table in tables]
    kept = str(rows)
    assert group.patient_id in kept
    assert "Sara" not in kept
    assert "sara@example.com" not in kept
    assert "+966500000001" not in kept
