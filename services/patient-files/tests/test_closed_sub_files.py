"""Sub-files opened by hand, assigned, closed and reopened."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, ProgrammingError
from sqlalchemy.orm import Session

from jalsa.dev.kit import Client, ServiceKit, example
from patient_files.files import events, queries, rules

from .test_pending_sub_files import wait_for_a_lock_or_the_end
from .test_sub_files import Json, Register, booked, cancelled, rescheduled, sub_files

SetClock = Callable[[datetime], None]
#: Before the appointment of the golden examples, which is on 23 November 2026 at 7:00.
BEFORE = datetime(2026, 11, 20, 9, tzinfo=UTC)
AFTER = datetime(2026, 11, 23, 7, tzinfo=UTC)
WHY = {"reason": "Discharged"}


@pytest.fixture
def records(kit: ServiceKit, tenant: str) -> Client:
    return kit.client(tenant, "records", subject="mona")


@pytest.fixture
def patient(desk: Client, register: Register) -> Json:
    return register(desk)


@pytest.fixture
def known(kit: ServiceKit, tenant: str) -> tuple[str, str]:
    """The ids of a clinic and of a provider who are known."""
    clinic, provider = str(uuid4()), str(uuid4())
    kit.inbox.receive(example("ClinicSaved", "default", tenant, subject_id=clinic, clinic_id=clinic, code="PT"))
    kit.inbox.receive(example("ProviderSaved", "default", tenant, subject_id=provider, provider_id=provider))
    return clinic, provider


@pytest.fixture
def opened(records: Client, patient: Json, known: tuple[str, str]) -> Json:
    """A sub-file without any appointment."""
    body = {"clinic_id": known[0], "assigned_provider_id": known[1]}
    answer = records.post(f"/patients/{patient['id']}/sub-files", body)
    assert answer.status_code == 201, answer.json
    made: Json = answer.json or {}
    return made


def causes(kit: ServiceKit, tenant: str) -> list[tuple[str, str]]:
    return [(e.data["status"], e.data["cause"]) for e in kit.events(tenant, "SubFileUpdated")]


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, (answer.json or {})["code"]


def test_a_sub_file_is_opened_by_hand_once(
    kit: ServiceKit, records: Client, tenant: str, patient: Json, known: tuple[str, str], opened: Json
) -> None:
    assert opened["sub_file_number"] == f"{patient['file']['file_number']}-PT-01"
    assert (opened["clinic_id"], opened["assigned_provider_id"], opened["status"]) == (*known, "ACTIVE")
    assert records.get(f"/sub-files/{opened['id']}").json == opened
    assert len(kit.events(tenant, "SubFileOpened")) == 1

    body = {"clinic_id": known[0], "assigned_provider_id": known[1]}
    assert code(records.post(f"/patients/{patient['id']}/sub-files", body)) == (409, "sub-file-exists")
    assert code(records.post(f"/patients/{uuid4()}/sub-files", body)) == (404, "not-found")


@pytest.mark.parametrize("field", ["clinic_id", "assigned_provider_id"])
def test_a_sub_file_needs_a_clinic_and_a_provider_who_are_known(
    records: Client, patient: Json, known: tuple[str, str], field: str
) -> None:
    body = {"clinic_id": known[0], "assigned_provider_id": known[1], field: str(uuid4())}
    answer = records.post(f"/patients/{patient['id']}/sub-files", body)
    assert (answer.status_code, list((answer.json or {})["errors"])) == (422, [field])


def test_a_sub_file_is_assigned_to_another_provider(
    kit: ServiceKit, records: Client, tenant: str, known: tuple[str, str], opened: Json
) -> None:
    path, other = f"/sub-files/{opened['id']}", str(uuid4())
    etag = records.get(path).headers["ETag"]
    assert records.patch(path, {"assigned_provider_id": other}, etag).status_code == 422
    assert records.patch(path, {"assigned_provider_id": known[1]}, etag).json == opened
    assert causes(kit, tenant) == []
    kit.inbox.receive(example("ProviderSaved", "default", tenant, subject_id=other, provider_id=other))

    assert code(records.patch(path, {"assigned_provider_id": other})) == (428, "precondition-required")
    changed = records.patch(path, {"assigned_provider_id": other}, etag)

    assert changed.json == {**opened, "assigned_provider_id": other}
    assert causes(kit, tenant) == [("ACTIVE", "REASSIGNED")]
    assert code(records.patch(path, {}, etag)) == (412, "precondition-failed")


def test_a_sub_file_is_closed_and_reopened_with_a_reason(
    kit: ServiceKit, records: Client, tenant: str, opened: Json, set_clock: SetClock
) -> None:
    path = f"/sub-files/{opened['id']}"
    set_clock(BEFORE)

    closed = records.post(f"{path}/close", WHY)
    assert closed.json == {
        **opened,
        "status": "CLOSED",
        "status_reason": "Discharged",
        "closed_at": "2026-11-20T09:00:00Z",
        "closed_by": "mona",
    }
    assert code(records.post(f"{path}/close", WHY)) == (409, "invalid-transition")

    reopened = records.post(f"{path}/reopen", {"reason": "Came back"})
    assert reopened.json == {**opened, "status_reason": "Came back"}
    assert code(records.post(f"{path}/reopen", WHY)) == (409, "invalid-transition")
    assert causes(kit, tenant) == [("CLOSED", "CLOSED"), ("ACTIVE", "REOPENED")]


@pytest.mark.parametrize("reason", [None, "", " ", ".", "x" * 501, 7])
def test_a_sub_file_is_not_closed_without_a_reason(records: Client, opened: Json, reason: Any) -> None:
    answer = records.post(f"/sub-files/{opened['id']}/close", {"reason": reason})
    assert (answer.status_code, list((answer.json or {})["errors"])) == (422, ["reason"])


def test_a_sub_file_with_a_live_appointment_ahead_is_not_closed(
    kit: ServiceKit, records: Client, tenant: str, patient: Json, set_clock: SetClock
) -> None:
    booking = booked(tenant, patient)
    kit.inbox.receive(booking)
    [sub_file] = sub_files(records, patient)
    path = f"/sub-files/{sub_file['id']}/close"
    set_clock(BEFORE)

    assert code(records.post(path, WHY)) == (409, "sub-file-in-use")
    kit.inbox.receive(cancelled(booking))

    assert records.post(path, WHY).status_code == 200


def test_a_sub_file_whose_appointments_are_over_or_elsewhere_is_closed(
    kit: ServiceKit, records: Client, tenant: str, patient: Json, opened: Json, set_clock: SetClock
) -> None:
    kit.inbox.receive(booked(tenant, patient))
    of_ot = next(each for each in sub_files(records, patient) if each["clinic_code"] == "OT")
    set_clock(BEFORE)
    assert records.post(f"/sub-files/{opened['id']}/close", WHY).status_code == 200
    set_clock(AFTER)
    assert records.post(f"/sub-files/{of_ot['id']}/close", WHY).status_code == 200


def test_a_booking_reopens_a_closed_sub_file_with_its_provider_and_keeps_its_number(
    kit: ServiceKit, records: Client, tenant: str, patient: Json, set_clock: SetClock
) -> None:
    first = booked(tenant, patient)
    kit.inbox.receive(first)
    [before] = sub_files(records, patient)
    set_clock(AFTER)
    assert records.post(f"/sub-files/{before['id']}/close", WHY).status_code == 200

    provider = {"id": str(uuid4())}
    kit.inbox.receive(rescheduled(first, provider=provider))

    assert sub_files(records, patient) == [{**before, "assigned_provider_id": provider["id"]}]
    assert causes(kit, tenant) == [("CLOSED", "CLOSED"), ("ACTIVE", "BOOKED")]
    assert len(kit.events(tenant, "SubFileOpened")) == 1


def close_during_a_booking(
    kit: ServiceKit, records: Client, tenant: str, patient: Json, monkeypatch: pytest.MonkeyPatch
) -> tuple[int, str]:
    """A booking is applied between the closing's look at the appointments and its end. Returns code and state."""
    first = booked(tenant, patient)
    kit.inbox.receive(first)
    kit.inbox.receive(cancelled(first))
    [sub_file] = sub_files(records, patient)
    has_looked, look = threading.Event(), queries.has_live_appointments

    def slowly(db: Session, patient_id: UUID, clinic_id: UUID, now: datetime) -> bool:
        found = look(db, patient_id, clinic_id, now)
        has_looked.set()
        wait_for_a_lock_or_the_end(kit, applied)
        return found

    applied = threading.Event()
    monkeypatch.setattr(queries, "has_live_appointments", slowly)
    with ThreadPoolExecutor(1) as pool:
        closing = pool.submit(records.post, f"/sub-files/{sub_file['id']}/close", WHY)
        assert has_looked.wait(30)
        with ThreadPoolExecutor(1) as other:
            booking = other.submit(kit.inbox.receive, booked(tenant, patient))
            booking.add_done_callback(lambda _: applied.set())
            answer = closing.result(30)
            booking.result(30)
    [after] = sub_files(records, patient)
    return answer.status_code, after["status"]


def test_a_booking_during_the_closing_reopens_the_sub_file(
    kit: ServiceKit,
    records: Client,
    tenant: str,
    patient: Json,
    set_clock: SetClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    set_clock(BEFORE)
    assert close_during_a_booking(kit, records, tenant, patient, monkeypatch) == (200, "ACTIVE")


def test_control_without_the_lock_of_the_main_file_a_closed_sub_file_has_an_appointment_ahead(
    kit: ServiceKit,
    records: Client,
    tenant: str,
    patient: Json,
    set_clock: SetClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    set_clock(BEFORE)
    find = queries.find_main_file
    monkeypatch.setattr(queries, "find_main_file", lambda db, patient_id, *, lock=False: find(db, patient_id))
    assert close_during_a_booking(kit, records, tenant, patient, monkeypatch) == (200, "CLOSED")


def test_the_database_knows_no_other_states_and_no_closed_file_without_a_time(
    kit: ServiceKit, tenant: str, opened: Json
) -> None:
    for change in ("status = 'LOST'", "status = 'CLOSED'", "closed_at = now()"):
        with pytest.raises(IntegrityError), kit.transaction(tenant) as db:
            db.execute(text(f"UPDATE sub_files SET {change}"))
    with pytest.raises(ProgrammingError, match="permission denied"), kit.transaction(tenant) as db:
        db.execute(text("UPDATE sub_files SET sub_file_number = 'x'"))


@pytest.mark.parametrize("state", rules.SUB_FILE.states)
def test_a_sub_file_changes_as_its_table_says_and_no_other_way(state: str) -> None:
    assert rules.SUB_FILE.moves[state] == {"ACTIVE": {"CLOSED"}, "CLOSED": {"ACTIVE"}}[state]


@pytest.mark.parametrize(
    ("role", "read", "write"),
    [
        ("records", 200, 200),
        ("manager", 200, 200),
        ("front-desk", 200, 403),
        ("clinician", 200, 403),
        ("integration", 200, 403),
        ("biller", 403, 403),
    ],
)
def test_files_are_written_by_records_and_managers(
    kit: ServiceKit, tenant: str, opened: Json, role: str, read: int, write: int
) -> None:
    client, path = kit.client(tenant, role), f"/sub-files/{opened['id']}"
    assert client.get(path).status_code == read
    assert client.get("/files/pending").status_code == read
    assert client.post(f"{path}/close", WHY).status_code == write


def test_a_closing_and_its_event_are_stored_together_or_not_at_all(
    records: Client, opened: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(events, "sub_file_updated", fail)
    assert records.post(f"/sub-files/{opened['id']}/close", WHY).status_code == 500
    assert records.get(f"/sub-files/{opened['id']}").json == opened


def test_another_tenants_sub_file_is_not_found(kit: ServiceKit, tenant: str, opened: Json) -> None:
    stranger, path = kit.client(f"{tenant}-b"), f"/sub-files/{opened['id']}"
    assert code(stranger.get(path)) == (404, "not-found")
    assert code(stranger.post(f"{path}/close", WHY)) == (404, "not-found")
    assert (stranger.get("/files/pending").json or {})["items"] == []
