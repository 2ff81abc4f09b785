"""Registering, finding and changing patients over HTTP."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError
from structlog.testing import capture_logs

from jalsa.dev.kit import Client, ServiceKit
from patient_files.config import PatientFilesConfig
from patient_files.models import MainFile, Patient
from patient_files.patients import operations as patients
from patient_files.patients.commands import RegisterPatient

Json = dict[str, Any]
Register = Callable[..., Json]


def test_registering_a_patient_opens_the_main_file(kit: ServiceKit, desk: Client, tenant: str, body: Json) -> None:
    response = desk.post("/patients", body)

    assert response.status_code == 201
    answer = response.json or {}
    assert {name: answer[name] for name in body} == body
    assert answer["active"] is True
    assert answer["created_at"].endswith("Z")
    assert re.fullmatch(r"FILE-20\d\d-000001", answer["file"]["file_number"])
    with kit.transaction(tenant) as db:
        main_file = db.query(MainFile).one()
        assert (str(main_file.id), str(main_file.patient_id)) == (answer["file"]["id"], answer["id"])
    assert desk.get(f"/patients/{answer['id']}").json == answer


def test_a_patient_needs_neither_contacts_nor_arabic_names_nor_a_national_id(desk: Client, body: Json) -> None:
    needed = ("first_name_en", "last_name_en", "date_of_birth", "sex", "preferred_language")
    response = desk.post("/patients", {name: body[name] for name in needed})

    assert response.status_code == 201
    answer = response.json or {}
    assert [answer[name] for name in body if name not in needed] == [None] * 5


def test_file_numbers_run_within_a_tenant_and_start_anew_in_the_next(
    kit: ServiceKit, desk: Client, register: Register
) -> None:
    numbers = [register(desk)["file"]["file_number"][-6:] for _ in range(3)]
    elsewhere = register(kit.client("t-elsewhere"))["file"]["file_number"][-6:]

    assert numbers == ["000001", "000002", "000003"]
    assert elsewhere == "000001"


def test_registrations_at_the_same_time_take_different_numbers(desk: Client, register: Register) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: register(desk), range(16)))

    assert sorted(a["file"]["file_number"][-6:] for a in answers) == [f"{n:06d}" for n in range(1, 17)]


def test_a_file_number_has_the_year_of_the_default_time_zone(kit: ServiceKit, tenant: str, body: Json) -> None:
    new_year_in_riyadh = datetime(2026, 12, 31, 21, 30, tzinfo=UTC)
    command = RegisterPatient(**{**body, "date_of_birth": date(2027, 1, 1)})

    with kit.transaction(tenant) as db:
        zone = PatientFilesConfig().default_timezone
        patient = patients.register_patient(db, command, zone=zone, now=new_year_in_riyadh)
        assert patient.file.file_number == "FILE-2027-000001"


def test_a_phone_number_is_kept_in_e164_and_the_country_is_saudi_arabia_unless_said(
    desk: Client, register: Register
) -> None:
    written = ["0500000001", "050 000 0001", "٠٥٠٠٠٠٠٠٠١", "+966 50 000 0001", "00966500000001", "+971 50 123 4567"]

    phones = [register(desk, phone=number)["phone"] for number in written]

    assert phones == ["+966500000001"] * 5 + ["+971501234567"]


def test_a_national_id_is_taken_once_in_a_tenant_and_never_echoed(
    kit: ServiceKit, desk: Client, tenant: str, register: Register, body: Json
) -> None:
    register(desk, national_id="ab-1098765432")

    with capture_logs() as logs:
        response = desk.post("/patients", {**body, "national_id": "AB-1098765432"})

    assert (response.status_code, (response.json or {})["code"]) == (409, "national-id-taken")
    assert "1098765432" not in response.text + repr(logs)
    assert kit.count(tenant, Patient) == 1
    assert register(desk)["file"]["file_number"].endswith("000002"), "the refused registration left a gap"
    register(kit.client(f"{tenant}-b"), national_id="AB-1098765432")


def test_of_two_registrations_of_one_national_id_at_the_same_time_one_is_refused(
    kit: ServiceKit, desk: Client, tenant: str, body: Json
) -> None:
    with ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(lambda _: desk.post("/patients", body).status_code, range(8)))

    assert sorted(codes) == [201] + [409] * 7
    assert (kit.count(tenant, Patient), kit.count(tenant, MainFile)) == (1, 1)


def test_a_repeat_with_the_same_key_gets_the_same_answer_and_registers_nobody(
    kit: ServiceKit, desk: Client, tenant: str, body: Json
) -> None:
    first = desk.post("/patients", body, Idempotency_Key="once")
    again = desk.post("/patients", body, Idempotency_Key="once")
    other = desk.post("/patients", {**body, "sex": "M"}, Idempotency_Key="once")

    assert (first.status_code, again.status_code, again.json) == (201, 201, first.json)
    assert again.headers["ETag"] == first.headers["ETag"]
    assert (other.status_code, (other.json or {})["code"]) == (422, "idempotency-key-reused")
    assert kit.count(tenant, Patient) == 1
    assert len(kit.events(tenant)) == 1


def test_patients_are_listed_page_by_page_in_the_order_of_registration(desk: Client, register: Register) -> None:
    ids = [register(desk)["id"] for _ in range(5)]

    seen: list[str] = []
    cursor: Json = {}
    while True:
        page = desk.get("/patients", limit=2, **cursor).json or {}
        seen += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert seen == ids


def test_a_patient_is_found_by_file_number(desk: Client, register: Register) -> None:
    register(desk)
    wanted = register(desk)

    found = desk.get("/patients", file_number=wanted["file"]["file_number"]).json or {}
    none = desk.get("/patients", file_number="FILE-1999-000001").json or {}

    assert found["items"] == [wanted]
    assert none["items"] == []


def test_a_change_needs_the_etag_of_what_was_read(desk: Client, register: Register) -> None:
    path = f"/patients/{register(desk)['id']}"
    etag = desk.get(path).headers["ETag"]

    missing = desk.patch(path, {"active": False})
    changed = desk.patch(path, {"active": False, "phone": None, "first_name_ar": None}, etag)
    stale = desk.patch(path, {"active": True}, etag)

    assert (missing.status_code, (missing.json or {})["code"]) == (428, "precondition-required")
    assert changed.status_code == 200
    answer = changed.json or {}
    assert (answer["active"], answer["phone"], answer["first_name_ar"]) == (False, None, None)
    assert (stale.status_code, (stale.json or {})["code"]) == (412, "precondition-failed")
    assert desk.get(path).json == answer
    assert desk.get(path).headers["ETag"] == changed.headers["ETag"] != etag


def test_of_two_changes_at_the_same_time_with_one_etag_the_second_is_refused(desk: Client, register: Register) -> None:
    path = f"/patients/{register(desk)['id']}"
    etag = desk.get(path).headers["ETag"]

    def rename(n: int) -> int:
        return desk.patch(path, {"first_name_en": f"Sara {n}"}, etag).status_code

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(rename, range(6))) == [200] + [412] * 5


def test_a_change_that_changes_nothing_is_not_announced(
    kit: ServiceKit, desk: Client, tenant: str, register: Register
) -> None:
    patient = register(desk)
    etag = desk.get(f"/patients/{patient['id']}").headers["ETag"]

    response = desk.patch(f"/patients/{patient['id']}", {"first_name_en": patient["first_name_en"]}, etag)

    assert (response.status_code, response.headers["ETag"]) == (200, etag)
    assert [e.event for e in kit.events(tenant)] == ["PatientRegistered.v1"]


@pytest.mark.parametrize("field", ["national_id", "date_of_birth", "sex", "file"])
def test_what_identifies_a_patient_is_not_changed_by_patch(desk: Client, register: Register, field: str) -> None:
    path = f"/patients/{register(desk)['id']}"
    before = desk.get(path)

    response = desk.patch(path, {field: None}, before.headers["ETag"])

    assert response.status_code == 422
    assert desk.get(path).json == before.json


@pytest.mark.parametrize(
    ("role", "read", "write", "file", "feed"),
    [
        ("records", 200, 201, 200, 403),
        ("manager", 200, 201, 200, 200),
        ("front-desk", 200, 201, 200, 403),
        ("integration", 200, 201, 200, 200),
        ("clinician", 200, 403, 200, 403),
        ("biller", 200, 403, 403, 403),
        ("nobody", 403, 403, 403, 403),
    ],
)
def test_each_role_may_do_its_work_and_no_more(
    kit: ServiceKit, desk: Client, tenant: str, register: Register, body: Json, role: str, read: int, write: int,
    file: int, feed: int,
) -> None:  # fmt: skip
    path = f"/patients/{register(desk)['id']}"
    caller = kit.client(tenant, role)
    etag = desk.get(path).headers["ETag"]

    file_number = desk.get(path).get_json()["file"]["file_number"]
    assert caller.get(path).status_code == caller.get("/patients", file_number=file_number).status_code == read
    assert caller.post("/patients", body).status_code == write
    assert caller.patch(path, {}, etag).status_code == (200 if write == 201 else 403)
    assert caller.get(f"{path}/file").status_code == caller.get(f"{path}/sub-files").status_code == file
    assert caller.get("/events").status_code == feed


def test_only_managers_and_our_own_services_find_patients_in_the_feed(
    kit: ServiceKit, desk: Client, tenant: str, register: Register
) -> None:
    patient = register(desk)
    assert kit.events(tenant), "the event has its position"

    def subjects(role: str) -> list[str]:
        feed = kit.client(tenant, role).get("/events", subject=f"patient/{patient['id']}").json or {}
        return [item["subject"] for item in feed["items"]]

    assert subjects("manager") == subjects("system") == [f"patient/{patient['id']}"]
    assert subjects("integration") == []


def test_every_change_leaves_an_audit_row_that_the_application_can_not_alter(
    kit: ServiceKit, tenant: str, register: Register
) -> None:
    records = kit.client(tenant, "records", subject="mona")
    path = f"/patients/{register(records)['id']}"
    records.patch(path, {"last_name_en": "Haddad"}, records.get(path).headers["ETag"])

    with kit.transaction(tenant) as db:
        rows = db.execute(text("SELECT table_name, action, actor, before, after FROM audit_log ORDER BY id")).all()
    assert [(r.table_name, r.action, r.actor) for r in rows] == [
        ("patients", "INSERT", "mona"),
        ("main_files", "INSERT", "mona"),
        ("patients", "UPDATE", "mona"),
    ]
    assert (rows[2].before["last_name_en"], rows[2].after["last_name_en"]) == ("Nasser", "Haddad")
    for statement in ("UPDATE audit_log SET actor = 'x'", "DELETE FROM audit_log", "DELETE FROM patients"):
        with pytest.raises(ProgrammingError, match="permission denied"), kit.transaction(tenant) as db:
            db.execute(text(statement))


def test_logs_hold_nothing_of_the_patient(desk: Client, register: Register, body: Json) -> None:
    with capture_logs() as logs:
        patient = register(desk, **body)
        desk.post("/patients", body)
        desk.post("/patients", {**body, "phone": "12", "email": "sara@"})
        desk.get(f"/patients/{patient['id']}")

    assert [entry["status"] for entry in logs] == [201, 409, 422, 200]
    assert {entry["route"] for entry in logs} == {"/v1/patients", "/v1/patients/<uuid:patient_id>"}
    for value in ("Sara", "Nasser", "سارة", "1098765432", "2015-04-30", "500000001", "example.com", patient["id"]):
        assert value not in repr(logs)
