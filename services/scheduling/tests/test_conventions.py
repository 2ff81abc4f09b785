"""Entity tags, conditional requests and idempotency keys."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from scheduling.models import ClinicalSession, Participant

from .factories import Desk, at, created, ok, problem

STALE = '"0123456789abcdef"'


def paths(desk: Desk) -> dict[str, str]:
    """The address of one record of each kind."""
    participant = desk.create_appointment()
    package = desk.create_package(start_date=str(at(2).date()), auto_schedule=False)
    return {
        "clinic": f"/clinics/{desk.clinic['id']}",
        "room": f"/rooms/{desk.room['id']}",
        "provider": f"/providers/{desk.provider['id']}",
        "service-type": f"/service-types/{desk.service_type['id']}",
        "participant": f"/participants/{participant['id']}",
        "session": f"/sessions/{participant['session']['id']}",
        "package": f"/packages/{package['id']}",
    }


PATCHES = {
    "clinic": {"name_en": "New"},
    "room": {"name": "New"},
    "provider": {"name_en": "New"},
    "service-type": {"name_en": "New"},
    "participant": {"notes": "New"},
}


@pytest.mark.parametrize("kind", PATCHES)
def test_a_change_needs_the_tag_of_what_was_read(desk: Desk, kind: str) -> None:
    path, patch = paths(desk)[kind], PATCHES[kind]
    caller = desk.centre.client()
    before = desk.centre.state()
    problem(caller.patch(path, patch), 428, "precondition-required")
    problem(caller.patch(path, patch, STALE), 412, "precondition-failed")
    assert desk.centre.state() == before
    etag = desk.centre.get(path).headers["ETag"]
    changed = caller.patch(path, patch, etag)
    assert ok(changed).items() >= patch.items()
    assert changed.headers["ETag"] == desk.centre.get(path).headers["ETag"] != etag
    problem(caller.patch(path, patch, etag), 412, "precondition-failed")


@pytest.mark.parametrize("kind", [*PATCHES, "session", "package"])
def test_an_unchanged_record_is_not_sent_twice(desk: Desk, kind: str) -> None:
    path = paths(desk)[kind]
    etag = desk.centre.get(path).headers["ETag"]
    again = desk.centre.client().call("GET", path, headers={"If-None-Match": etag})
    assert (again.status_code, again.data) == (304, b"")


@pytest.mark.parametrize("kind", [*PATCHES, "session", "package"])
def test_a_read_honours_a_tag_where_one_is_given(desk: Desk, kind: str) -> None:
    path, caller = paths(desk)[kind], desk.centre.client()
    etag = desk.centre.get(path).headers["ETag"]
    problem(caller.call("GET", path, headers={"If-Match": STALE}), 412, "precondition-failed")
    for tag in (etag, "*", f"{STALE}, {etag}"):
        ok(caller.call("GET", path, headers={"If-Match": tag}))


@pytest.mark.parametrize("action", ["participant/confirm", "participant/cancel", "session/cancel", "package/schedule"])
def test_an_action_honours_a_tag_where_one_is_given(desk: Desk, action: str) -> None:
    kind, verb = action.split("/")
    path = paths(desk)[kind]
    before = desk.centre.state()
    problem(desk.centre.post(f"{path}/{verb}", If_Match=STALE), 412, "precondition-failed")
    assert desk.centre.state() == before
    ok(desk.centre.post(f"{path}/{verb}", If_Match=desk.centre.get(path).headers["ETag"]))


def test_working_hours_honour_a_tag_where_one_is_given(desk: Desk) -> None:
    path = f"/providers/{desk.provider['id']}/working-hours"
    caller = desk.centre.client()
    etag = desk.centre.get(path).headers["ETag"]
    emptied = caller.call("PUT", path, headers={"If-Match": etag}, json={"items": []})
    assert ok(emptied) == {"items": []}
    stale = caller.call("PUT", path, headers={"If-Match": etag}, json={"items": []})
    problem(stale, 412, "precondition-failed")


def test_somebody_elses_booking_changes_the_sessions_tag(desk: Desk) -> None:
    session = desk.create_session()
    path = f"/sessions/{session['id']}"
    etag = desk.centre.get(path).headers["ETag"]
    desk.create_participant(session)
    problem(desk.centre.post(f"{path}/cancel", If_Match=etag), 412, "precondition-failed")


def test_a_repeat_with_the_same_key_answers_the_same_and_does_nothing(desk: Desk) -> None:
    body = desk.placement(patient_id=desk.centre.create_patient())
    first = desk.centre.post("/appointments", body, Idempotency_Key="k1")
    before = desk.centre.state()
    again = desk.centre.post("/appointments", body, Idempotency_Key="k1")
    assert created(again) == created(first)
    assert again.headers["ETag"] == first.headers["ETag"]
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert desk.centre.state() == before


def test_a_repeat_answers_as_the_first_even_after_the_record_has_changed(desk: Desk) -> None:
    body = desk.placement(patient_id=desk.centre.create_patient())
    first = created(desk.centre.post("/appointments", body, Idempotency_Key="k1"))
    ok(desk.centre.post(f"/participants/{first['id']}/cancel"))
    assert created(desk.centre.post("/appointments", body, Idempotency_Key="k1")) == first


@pytest.mark.parametrize("other", ["body", "path"])
def test_a_key_stands_for_one_request_only(desk: Desk, other: str) -> None:
    body = desk.placement(patient_id=desk.centre.create_patient())
    created(desk.centre.post("/appointments", body, Idempotency_Key="k1"))
    before = desk.centre.state()
    request: tuple[str, Any] = {
        "body": ("/appointments", {**body, "notes": "other"}),
        "path": ("/sessions", body),
    }[other]
    problem(desk.centre.post(*request, Idempotency_Key="k1"), 422, "idempotency-key-reused")
    assert desk.centre.state() == before


def test_a_key_belongs_to_its_caller_and_tenant(desk: Desk) -> None:
    body = {"code": "KEY-1", "name_en": "One", "name_ar": "واحد"}
    created(desk.centre.post("/clinics", body, Idempotency_Key="k1"))
    colleague = desk.centre.client(subject="colleague")
    problem(colleague.post("/clinics", body, Idempotency_Key="k1"), 409, "code-taken")
    stranger = desk.centre.kit.client(f"{desk.centre.tenant}x")
    assert "Idempotent-Replayed" not in stranger.post("/clinics", body, Idempotency_Key="k1").headers


def test_a_refused_request_may_be_sent_again_with_its_key(desk: Desk) -> None:
    session = desk.create_individual()
    holder = desk.create_participant(session)
    body = {"patient_id": desk.centre.create_patient()}
    path = f"/sessions/{session['id']}/participants"
    problem(desk.centre.post(path, body, Idempotency_Key="k1"), 409, "session-full")
    ok(desk.centre.post(f"/participants/{holder['id']}/cancel"))
    created(desk.centre.post(path, body, Idempotency_Key="k1"))


def test_two_at_once_with_one_key_have_one_effect_and_one_answer(desk: Desk) -> None:
    body = desk.placement(patient_id=desk.centre.create_patient())
    together = Barrier(4)

    def send() -> Any:
        together.wait(10)
        return created(desk.centre.post("/appointments", body, Idempotency_Key="k1"))

    with ThreadPoolExecutor(4) as pool:
        answers = [f.result() for f in [pool.submit(send) for _ in range(4)]]
    assert all(answer == answers[0] for answer in answers)
    assert desk.centre.kit.count(desk.centre.tenant, Participant) == 1
    assert desk.centre.kit.count(desk.centre.tenant, ClinicalSession) == 1


@pytest.mark.parametrize("key", ["", "k" * 201, "schlüssel", "a\tb"])
def test_an_unusable_key_is_refused(desk: Desk, key: str) -> None:
    before = desk.centre.state()
    answer = desk.centre.post("/clinics", {"code": "A", "name_en": "A", "name_ar": "أ"}, Idempotency_Key=key)
    assert list(problem(answer, 422, "validation-error")["errors"]) == ["Idempotency-Key"]
    assert desk.centre.state() == before
