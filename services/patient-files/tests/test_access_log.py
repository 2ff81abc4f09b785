"""Whatever is read of a patient leaves its row in the access log, and so does every refusal."""

import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from jalsa.db import access_log
from jalsa.db.access_log import Entry, FindEntries
from jalsa.dev.kit import Client, ServiceKit
from jalsa.dev.surface import assert_every_view_logs_what_it_reads
from jalsa.http.access import text_hmac
from jalsa.service import clock

from .conftest import Json, Register, take_grant
from .visits import Visit, know_provider, opened

#: What shows no record of a patient to whom it is not the own work, and why it is not in the access log.
NOT_LOGGED = {
    "register_patient": "a change, which is in the audit log",
    "give_consent": "a change, which is in the audit log",
    "revoke_consent": "a change, which is in the audit log",
    "identify_patient": "a change, which is in the audit log",
    "add_identifier": "a change, which is in the audit log",
    "correct_identifier": "a change, which is in the audit log",
    "withdraw_identifier": "a change, which is in the audit log",
    "add_guardian": "a change, which is in the audit log",
    "give_right": "a change, which is in the audit log",
    "end_guardian": "a change, which is in the audit log",
    "raise_alert": "a change, which is in the audit log",
    "end_alert": "a change, which is in the audit log",
    "open_break_glass": "a change, which is in the audit log",
    "close_break_glass": "a change, which is in the audit log",
    "review_break_glass": "a change, which is in the audit log",
    "list_changes": "shows which records have changed, and nothing of them",
    "list_own_access": "shows the caller what the caller has read",
    "merge_patients": "a change, which is in the audit log",
    "unmerge_patients": "a change, which is in the audit log",
    "open_sub_file": "a change, which is in the audit log",
    "close_sub_file": "a change, which is in the audit log",
    "reopen_sub_file": "a change, which is in the audit log",
    "dismiss_duplicate_pair": "a change, which is in the audit log",
    "register_reference": "a change, or an answer with what was sent",
    "register_references": "a change, or an answer with what was sent",
    "end_reference": "a change, which is in the audit log",
    "list_consent_types": "shows nothing of a patient",
    "add_consent_type": "shows nothing of a patient",
    "get_consent_type": "shows nothing of a patient",
    "update_consent_type": "shows nothing of a patient",
    "list_wordings": "shows nothing of a patient",
    "write_wording": "shows nothing of a patient",
    "publish_wording": "shows nothing of a patient",
    "list_reference_systems": "shows nothing of a patient",
    "put_reference_system": "shows nothing of a patient",
    "get_settings": "shows nothing of a patient",
    "put_settings": "shows nothing of a patient",
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
        ("/patients/{patient}/identifiers", "identifier", True),
        ("/identifiers/{identifier}", "identifier", False),
        ("/patients/{patient}/guardians", "guardian", True),
        ("/guardians/{guardian}", "guardian", False),
        ("/patients/{patient}/alerts", "alert", True),
        ("/alerts/{alert}", "alert", False),
        ("/patients/{patient}/file", "file", False),
        ("/patients/{patient}/sub-files", "sub-file", True),
        ("/consents/{consent}", "consent", False),
        ("/consents?patient_id={patient}", "consent", True),
        ("/patients?file_number={file_number}", "patient", True),
        ("/patients", "patient", True),
        ("/patients/{patient}/access-log", "access-log", False),
        ("/break-glass", "break-glass", True),
        ("/break-glass/{grant}", "break-glass", False),
        ("/patients/{patient}/consent-standing", "consent", True),
        ("/consents/due?within_days=365", "consent", True),
        ("/sub-files/{sub_file}", "sub-file", False),
        ("/encounters/{encounter}", "encounter", False),
        ("/encounters", "encounter", True),
        ("/encounters/{encounter}/references", "reference", True),
        ("/references?system=laboratory", "reference", True),
        ("/references/{reference}", "reference", False),
        ("/encounters/integrity", "reference", True),
        ("/patients/{patient}/timeline", "timeline", True),
    ],
)
def test_each_get_of_a_patients_data_leaves_a_row(
    kit: ServiceKit, tenant: str, desk: Client, patient: Json, consent_to: Callable[..., Json],
    open_clinic: Callable[..., str], path: str, kind: str, hourly: bool,
) -> None:  # fmt: skip
    path_of_it = f"/patients/{patient['id']}"
    warning = {"kind": "BEHAVIOUR", "text": "May run away", "audience": "ALL"}
    guardian = {"relation": "MOTHER", "name_en": "Huda"}
    ids = {
        "identifier": desk.post(f"{path_of_it}/identifiers", {"type": "OTHER", "value": "12345"}).json["id"],
        "guardian": desk.post(f"{path_of_it}/guardians", guardian).json["id"],
        "alert": desk.post(f"{path_of_it}/alerts", warning).json["id"],
        "patient": patient["id"],
        "consent": consent_to(desk, patient, expires_on=str(clock.now().date() + timedelta(days=9)))["id"],
        "file_number": patient["file"]["file_number"],
        "grant": take_grant(kit.client(tenant, "manager"), patient)["id"],
    }
    manager, provider, clinic = kit.client(tenant), str(uuid4()), open_clinic()
    know_provider(kit, tenant, provider)
    sub_file = manager.post(f"{path_of_it}/sub-files", {"clinic_id": clinic, "assigned_provider_id": provider})
    encounter = opened(manager, patient)["id"]
    reference = {"system": "laboratory", "kind": "LabOrder", "ref": "4711"}
    made = manager.post(f"/encounters/{encounter}/references", reference)
    manager.post(f"/encounters/{encounter}/cancel", {})  # a finding: something refers to it
    ids |= {"sub_file": sub_file.json["id"], "encounter": encounter, "reference": made.json["id"]}
    address = path.format(**ids)
    reader = kit.client(tenant, "records", subject="noura")
    assert reader.call("GET", address).status_code == 200
    assert reader.call("GET", address).status_code == 200
    rows = entries(kit, tenant, person="noura")
    assert {(row.person, row.kind, str(row.patient_id), row.outcome, row.hourly) for row in rows} == {
        ("noura", kind, patient["id"], "READ", hourly)
    }
    assert len(rows) == (1 if hourly else 2)


def test_a_booking_that_waits_for_a_file_is_read_by_whoever_lists_them(kit: ServiceKit, tenant: str) -> None:
    patient_id = str(uuid4())
    Visit(kit, tenant, patient_id).booked()
    desk = kit.client(tenant, "front-desk")
    assert len(desk.get("/files/pending").json["items"]) == 1
    assert [(row.kind, str(row.patient_id), row.hourly) for row in entries(kit, tenant)] == [
        ("sub-file", patient_id, True)
    ]


def test_two_records_that_may_be_one_persons_are_read_by_whoever_lists_the_pair(
    kit: ServiceKit, tenant: str, desk: Client, patient: Json, register: Register, body: Json
) -> None:
    twin = register(desk, **{**body, "national_id": None}, duplicate_override={"reason": "Another Sara"})
    assert len(kit.client(tenant, "records").get("/duplicate-pairs").json["items"]) == 1
    rows = [row for row in entries(kit, tenant) if row.kind == "duplicate-pair"]
    assert {str(row.patient_id) for row in rows} == {patient["id"], twin["id"]}


def test_a_search_leaves_what_it_was_for_as_an_hmac_and_a_row_for_each_whom_it_found(
    kit: ServiceKit, tenant: str, desk: Client, patient: Json, body: Json
) -> None:
    new = {name: value for name, value in body.items() if name not in ("national_id", "first_name_ar", "last_name_ar")}
    for _ in range(2):
        assert len(desk.post("/patients/search", {"text": " SARA nasser"}).json["items"]) == 1
        assert len(desk.post("/patients/names", {"ids": [patient["id"], str(uuid4())]}).json["items"]) == 1
        assert len(desk.post("/patients/duplicates", new).json["candidates"]) == 1
        assert desk.post("/patients/duplicates", {"patient_id": patient["id"]}).status_code == 200
    rows = entries(kit, tenant)
    assert sorted((row.kind, row.patient_id and str(row.patient_id), row.hourly) for row in rows if row.hourly) == [
        (kind, patient["id"], True) for kind in ("candidate", "name", "search")
    ]
    with kit.transaction(tenant) as db:
        query = "SELECT kind, text_hmac FROM access_log WHERE text_hmac IS NOT NULL"
        texts = [(row.kind, bytes(row.text_hmac)) for row in db.execute(text(query))]
    assert sorted(kind for kind, _ in texts) == ["candidate", "candidate", "search", "search"]
    assert {hmac for _, hmac in texts} >= {text_hmac(kit.config.access_log_key, tenant, "Sara Nasser")}


def test_an_unknown_key_of_the_monolith_is_a_refusal(kit: ServiceKit, tenant: str) -> None:
    for address in ("/emr/encounters/4711", "/emr/encounters/4711/notes/of-somebody"):
        headers = {"Authorization": f"Bearer {kit.client(tenant, 'clinician').token}"}
        assert kit.app.test_client().get(address, headers=headers).status_code == 404
    assert [(row.kind, row.record_id, row.outcome) for row in entries(kit, tenant)] == [
        ("encounter", "4711", "REFUSED")
    ] * 2


def test_a_patch_that_changes_nothing_shows_the_record_and_is_logged(
    kit: ServiceKit, tenant: str, desk: Client, patient: Json
) -> None:
    etag = desk.get(f"/patients/{patient['id']}").headers["ETag"]
    assert desk.patch(f"/patients/{patient['id']}", {}, etag).status_code == 200
    assert len(entries(kit, tenant, patient_ids=(UUID(patient["id"]),))) == 2


@pytest.mark.parametrize(
    "path",
    [
        "/patients/{patients}",
        "/patients/{patients}/file",
        "/patients/{patients}/sub-files",
        "/patients/{patients}/access-log",
        "/consents/{consents}",
        "/break-glass/{grants}",
    ],
)
def test_another_tenants_id_is_not_found_and_the_refusal_is_logged_where_it_was_tried(
    kit: ServiceKit, tenant: str, desk: Client, patient: Json, consent_to: Callable[..., Json], path: str
) -> None:
    ids = {
        "patients": patient["id"],
        "consents": consent_to(desk, patient)["id"],
        "grants": take_grant(kit.client(tenant, "manager"), patient)["id"],
    }
    record = ids[path.partition("{")[2].partition("}")[0]]
    other = f"{tenant}-b"
    assert kit.client(other, "records", subject="sami").get(path.format(**ids)).status_code == 404
    [row] = entries(kit, other)
    assert (row.person, row.outcome, row.reason) == ("sami", "REFUSED", "not-found")
    assert record in (str(row.patient_id), row.record_id)
    assert entries(kit, tenant) == []


@pytest.mark.parametrize(
    "path",
    [
        "/patients",
        "/patients/{}",
        "/patients/{}/file",
        "/patients/{}/sub-files",
        "/consents",
        "/patients/{}/access-log",
        "/access-log",
        "/break-glass",
    ],
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


# Reading the log


def test_who_has_read_what_of_a_patient_is_told_to_records_and_managers_and_to_nobody_else(
    kit: ServiceKit, tenant: str, desk: Client, patient: Json, register: Register
) -> None:
    other = register(desk)
    desk.get(f"/patients/{patient['id']}")
    desk.get(f"/patients/{other['id']}")
    kit.client(tenant, "biller", subject="badr").get(f"/patients/{patient['id']}/file")
    path = f"/patients/{patient['id']}/access-log"
    items = kit.client(tenant, "records").get(path).json["items"]
    assert [(item["person"], item["kind"], item["outcome"], item["reason"]) for item in items] == [
        ("badr", "file", "REFUSED", "forbidden"),
        ("tester", "patient", "READ", None),
    ]
    for role in ("front-desk", "clinician", "biller", "integration"):
        assert kit.client(tenant, role).get(path).status_code == 403, role
        assert kit.client(tenant, role).get("/access-log").status_code == 403, role
    [last, *_] = kit.client(tenant, "manager").get(path).json["items"]
    assert (last["kind"], last["outcome"], last["roles"]) == ("access-log", "REFUSED", ["integration"])


def test_what_one_person_has_read_is_found_and_everybody_finds_the_own(
    kit: ServiceKit, tenant: str, desk: Client, patient: Json
) -> None:
    noura = kit.client(tenant, "clinician", subject="noura")
    for client in (desk, noura, noura):
        client.get(f"/patients/{patient['id']}")
    found = kit.client(tenant, "manager").get("/access-log", actor="noura").json["items"]
    assert [item["person"] for item in found] == ["noura", "noura"]
    assert noura.get("/access-log/mine").json["items"] == found
    assert kit.client(tenant, "subscriber").get("/access-log/mine").status_code == 403
    everybody = kit.client(tenant, "records", subject="layla").get("/access-log").json["items"]
    assert {item["person"] for item in everybody} == {"noura", "tester"}


def test_the_log_has_pages_and_a_time(kit: ServiceKit, tenant: str, desk: Client, patient: Json) -> None:
    for _ in range(5):
        desk.get(f"/patients/{patient['id']}")
    reader, path = kit.client(tenant, "manager", subject="mona"), f"/patients/{patient['id']}/access-log"
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        answer = reader.get("/access-log", actor="tester", limit=2, **cursor).json
        seen += [item["id"] for item in answer["items"]]
        if answer["next_cursor"] is None:
            break
        cursor = {"cursor": answer["next_cursor"]}
    assert len(seen) == len(set(seen)) == 5
    assert reader.get(path, **{"from": "2100-01-01T00:00:00Z"}).json["items"] == []
    assert len(reader.get(path, to="2100-01-01T00:00:00Z").json["items"]) >= 5
    bad = reader.get(path, **{"from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"})
    assert (bad.status_code, list(bad.json["errors"])) == (422, ["to"])
    assert reader.get(path, cursor="x").status_code == 422


def test_the_log_is_also_a_sheet(kit: ServiceKit, tenant: str, desk: Client, patient: Json) -> None:
    desk.get(f"/patients/{patient['id']}")
    kit.client(tenant, "records", subject="=1+1").get(f"/patients/{patient['id']}")
    path = f"/patients/{patient['id']}/access-log"
    manager = kit.client(tenant, "manager")
    answers = [
        manager.get(path, format="csv"),
        manager.call("GET", path, headers={"Accept": "text/csv"}),
        manager.get("/access-log", format="csv", separator="semicolon"),
        desk.get("/access-log/mine", format="csv"),
    ]
    for answer in answers:
        assert (answer.status_code, answer.mimetype) == (200, "text/csv")
        assert "attachment" in answer.headers["Content-Disposition"]
    lines = answers[0].data.decode("utf-8-sig").splitlines()
    assert lines[0].startswith('"id","at","person","roles","patient_id","kind"')
    assert len(lines) == 3
    assert '"\'=1+1"' in lines[1]
    assert '"front-desk"' in lines[2]
