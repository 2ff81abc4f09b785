"""Whatever is read of a patient leaves its row in the access log, and so does every refusal."""

import secrets
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from jalsa.db import access_log
from jalsa.db.access_log import Entry, FindEntries
from jalsa.dev.kit import Client, ServiceKit
from jalsa.dev.surface import assert_every_view_logs_what_it_reads

from .conftest import Json, Register

#: What shows no record of a patient to whom it is not the own work, and why it is not in the access log.
NOT_LOGGED = {
    "register_patient": "a change, which is in the audit log",
    "give_consent": "a change, which is in the audit log",
    "revoke_consent": "a change, which is in the audit log",
}


def entries(kit: ServiceKit, tenant: str, **asked: Any) -> list[Entry]:
    with kit.transaction(tenant) as db:
        return list(access_log.entries(db, FindEntries(**asked), limit=1_000))


@pytest.fixture
def patient(desk: Client, register: Register) -> Json:
    return register(desk)


def test_every_view_logs_what_it_reads_of_patients_or_says_why_not(kit: ServiceKit) -> None:
    assert_every_view_logs_what_it_reads(kit, NOT_LOGGED)


@pytest.mark.parametrize(
    ("path", "kind", "hourly"),
    [
        ("/patients/{patient}", "patient", False),
        ("/patients/{patient}/file", "file", False),
        ("/patients/{patient}/sub-files", "sub-file", True),
        ("/consents/{consent}", "consent", False),
        ("/consents?patient_id={patient}", "consent", True),
        ("/patients?file_number={file_number}", "patient", True),
        ("/patients", "patient", True),
    ],
)
def test_each_get_of_a_patients_data_leaves_a_row(
    kit: ServiceKit, tenant: str, desk: Client, patient: Json, consent_to: Callable[..., Json], path: str, kind: str,
    hourly: bool,
) -> None:  # fmt: skip
    consent = consent_to(desk, patient)["id"]
    address = path.format(patient=patient["id"], consent=consent, file_number=patient["file"]["file_number"])
    reader = kit.client(tenant, "records", subject="noura")
    assert reader.call("GET", address).status_code == 200
    assert reader.call("GET", address).status_code == 200
    rows = entries(kit, tenant)
    assert {(row.person, row.kind, str(row.patient_id), row.outcome, row.hourly) for row in rows} == {
        ("noura", kind, patient["id"], "READ", hourly)
    }
    assert len(rows) == (1 if hourly else 2)


def test_a_patch_that_changes_nothing_shows_the_record_and_is_logged(
    kit: ServiceKit, tenant: str, desk: Client, patient: Json
) -> None:
    etag = desk.get(f"/patients/{patient['id']}").headers["ETag"]
    assert desk.patch(f"/patients/{patient['id']}", {}, etag).status_code == 200
    assert len(entries(kit, tenant, patient_ids=(UUID(patient["id"]),))) == 2


@pytest.mark.parametrize("path", ["/patients/{}", "/patients/{}/file", "/patients/{}/sub-files", "/consents/{}"])
def test_another_tenants_id_is_not_found_and_the_refusal_is_logged_where_it_was_tried(
    kit: ServiceKit, tenant: str, desk: Client, patient: Json, consent_to: Callable[..., Json], path: str
) -> None:
    record = consent_to(desk, patient)["id"] if path.startswith("/consents") else patient["id"]
    other = f"{tenant}-b"
    assert kit.client(other, "records", subject="sami").get(path.format(record)).status_code == 404
    [row] = entries(kit, other)
    assert (row.person, row.outcome, row.reason) == ("sami", "REFUSED", "not-found")
    assert record in (str(row.patient_id), row.record_id)
    assert entries(kit, tenant) == []


@pytest.mark.parametrize(
    "path", ["/patients", "/patients/{}", "/patients/{}/file", "/patients/{}/sub-files", "/consents"]
)
def test_whoever_may_not_read_it_is_in_the_log(kit: ServiceKit, tenant: str, patient: Json, path: str) -> None:
    assert kit.client(tenant, "subscriber", subject="lab").get(path.format(patient["id"])).status_code == 403
    assert [(row.person, row.outcome, row.reason) for row in entries(kit, tenant)] == [("lab", "REFUSED", "forbidden")]


def test_no_name_and_no_number_of_a_patient_is_in_the_log(
    kit: ServiceKit, tenant: str, desk: Client, register: Register
) -> None:
    canary, number = f"Canary{secrets.token_hex(6)}", f"CANARY{secrets.token_hex(5).upper()}"
    patient = register(desk, first_name_en=canary, national_id=number)
    for path in ("/patients", f"/patients/{patient['id']}"):
        assert canary in desk.get(path).text
    rows = entries(kit, tenant)
    assert rows
    assert canary not in str(rows)
    assert number not in str(rows)
