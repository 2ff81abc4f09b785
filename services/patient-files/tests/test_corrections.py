"""Corrections of what tells a patient from others: who may, with which reason, and what becomes of the old value."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from jalsa.dev.kit import Client, ServiceKit

Json = dict[str, Any]
Register = Callable[..., Json]
SetClock = Callable[[datetime], None]

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
CORRECTIONS: list[Json] = [
    {"birth": {"calendar": "HIJRI", "precision": "YEAR", "value": "1436"}},
    {"date_of_birth": "2015-04-29"},
    {"sex": "M"},
    {"national_id": "1010101010"},
    {"nationality": "SA"},
    {"deceased_on": "2026-11-19"},
]


def patch(client: Client, patient: Json, change: Json) -> Any:
    path = f"/patients/{patient['id']}"
    return client.patch(path, change, client.get(path).headers["ETag"])


@pytest.mark.parametrize("change", CORRECTIONS, ids=lambda change: next(iter(change)))
def test_a_correction_takes_a_reason_and_the_right_to_it(
    kit: ServiceKit, tenant: str, desk: Client, register: Register, set_clock: SetClock, change: Json
) -> None:
    set_clock(NOW)
    patient = register(desk)
    explained = {**change, "reason": "As the card says"}

    assert list(patch(desk, patient, change).json["errors"]) == ["reason"]
    set_clock(NOW + timedelta(hours=24))
    assert patch(desk, patient, explained).status_code == 403
    for role in ("records", "manager", "integration"):
        assert patch(kit.client(tenant, role), patient, explained).status_code == 200, role
    set_clock(NOW + timedelta(hours=23, minutes=59))
    assert patch(desk, patient, explained).status_code == 200
    with kit.transaction(tenant) as db:
        assert db.execute(text("SELECT change_reason FROM patients")).scalars().all() == ["As the card says"]


@pytest.mark.parametrize("role", ["clinician", "biller"])
def test_who_may_not_write_corrects_nothing(kit: ServiceKit, tenant: str, register: Register, role: str) -> None:
    patient = register(kit.client(tenant))
    assert patch(kit.client(tenant, role), patient, {"sex": "M", "reason": "A slip"}).status_code == 403


def test_names_and_contacts_are_changed_without_a_reason(desk: Client, register: Register) -> None:
    patient = register(desk)
    changed = patch(
        desk, patient, {"father_name_en": "Fahad", "phones": [{"number": "0501234567"}, {"number": "0112345678"}]}
    )

    assert changed.status_code == 200
    assert changed.json["name_en"] == "Sara Fahad Nasser"
    assert [each["number"] for each in changed.json["phones"]] == ["+966501234567", "+966112345678"]
    first = patch(desk, patient, {"phone": "0500000009"}).json
    assert [each["number"] for each in first["phones"]] == ["+966500000009", "+966112345678"]
    none = patch(desk, patient, {"phone": None}).json
    assert (none["phone"], [each["number"] for each in none["phones"]]) == (None, ["+966112345678"])
    assert patch(desk, patient, {"phones": []}).json["phones"] == []


def test_the_last_part_of_a_name_stays(desk: Client, register: Register) -> None:
    patient = register(desk, first_name_ar=None, last_name_ar=None)
    assert patch(desk, patient, {"first_name_en": ""}).json["name_en"] == "Nasser"
    refused = patch(desk, patient, {"last_name_en": None})
    assert (refused.status_code, list(refused.json["errors"])) == (422, ["first_name_en"])


def test_a_corrected_number_is_free_for_others_and_stays_as_history(
    kit: ServiceKit, tenant: str, desk: Client, body: Json, register: Register
) -> None:
    patient = desk.post("/patients", body).json
    corrected = patch(desk, patient, {"national_id": "1010101010", "reason": "Two cards were swapped"}).json

    assert corrected["national_id"] == "1010101010"
    assert register(desk, national_id="1065432195")["national_id"] == "1065432195"
    old, new = desk.get(f"/patients/{patient['id']}/identifiers").json["items"]
    assert (old["value"], old["end_reason"], old["ended_by"]) == ("1065432195", "Two cards were swapped", "tester")
    assert (new["value"], new["ended_at"]) == ("1010101010", None)
    numbers = [event.data["id_number"] for event in kit.events(tenant, "PatientIdentityChanged")]
    assert numbers == ["1065432195", "1010101010", "1065432195"]


def test_a_national_id_is_taken_away_by_null(kit: ServiceKit, tenant: str, desk: Client, body: Json) -> None:
    patient = desk.post("/patients", body).json
    assert patch(desk, patient, {"national_id": None, "reason": "Another's"}).json["identifiers"] == []
    assert [e.data["id_type"] for e in kit.events(tenant, "PatientIdentityChanged")] == ["NAT", None]


def test_a_passport_stays_where_a_number_of_the_register_is_given(desk: Client, body: Json) -> None:
    passport = {"type": "PASSPORT", "issuing_country": "EG", "value": "A1234567"}
    patient = desk.post("/patients", {**body, "national_id": None, "identifiers": [passport]}).json
    both = patch(desk, patient, {"national_id": "2000000006", "reason": "The permit has come"}).json

    assert both["national_id"] == "2000000006"
    assert [each["type"] for each in both["identifiers"]] == ["PASSPORT", "IQAMA"]


def test_the_number_of_another_patient_is_refused_and_nothing_is_changed(
    desk: Client, body: Json, register: Register
) -> None:
    desk.post("/patients", body)
    patient = register(desk, national_id="1010101010")
    refused = patch(desk, patient, {"national_id": "1065432195", "reason": "As it says"})

    assert (refused.status_code, refused.json["code"]) == (409, "national-id-taken")
    assert desk.get(f"/patients/{patient['id']}").json == patient


def test_whoever_has_died_is_inactive(kit: ServiceKit, tenant: str, desk: Client, register: Register) -> None:
    patient = register(desk)
    tomorrow = (datetime.now(UTC) + timedelta(days=2)).date().isoformat()
    for day in (tomorrow, "2015-04-29"):
        refused = patch(desk, patient, {"deceased_on": day, "reason": "As told"})
        assert list(refused.json["errors"]) == ["deceased_on"]

    died = patch(desk, patient, {"deceased_on": "2026-11-01", "reason": "As told"}).json

    assert (died["deceased_on"], died["active"]) == ("2026-11-01", False)
    assert list(patch(desk, patient, {"active": True}).json["errors"]) == ["active"]
    [told] = kit.events(tenant, "PatientUpdated")
    assert (told.data["deceased_on"], told.data["active"]) == ("2026-11-01", False)
    alive = patch(desk, patient, {"deceased_on": None, "active": True, "reason": "The wrong patient"}).json
    assert (alive["deceased_on"], alive["active"]) == (None, True)


def test_a_correction_that_others_are_not_told_of_is_not_announced(
    kit: ServiceKit, tenant: str, desk: Client, register: Register
) -> None:
    patient = register(desk)
    assert patch(desk, patient, {"sex": "M", "reason": "A slip"}).status_code == 200
    assert [event.event for event in kit.events(tenant)] == ["PatientRegistered.v1"]


def test_a_newborn_is_identified_once_with_what_was_missing(
    kit: ServiceKit, tenant: str, desk: Client, body: Json
) -> None:
    baby = {"identity_status": "NEWBORN", "sex": "U", "date_of_birth": "2026-11-01", "preferred_language": "ar"}
    patient = desk.post("/patients", {**baby, "mother": {"name_en": "Huda"}}).json
    path = f"/patients/{patient['id']}/identify"
    named = {"first_name_ar": "سارة", "last_name_ar": "ناصر", "reason": "The card was brought"}

    assert list(desk.post(path, {**named, "sex": "F", "first_name_ar": ".", "last_name_ar": None}).json["errors"]) == [
        "first_name_en"
    ]
    assert list(desk.post(path, named).json["errors"]) == ["sex"]
    known = desk.post(path, {**named, "sex": "F", "national_id": "1065432195"})
    again = desk.post(path, {**named, "sex": "F"})

    assert known.status_code == 200, known.json
    assert (known.json["identity_status"], known.json["name_en"]) == ("KNOWN", "سارة ناصر")
    assert (known.json["national_id"], known.json["date_of_birth"]) == ("1065432195", "2026-11-01")
    assert (again.status_code, again.json["code"]) == (409, "invalid-transition")
    assert [e.data["identity_status"] for e in kit.events(tenant, "PatientUpdated")] == ["KNOWN"]


def test_somebody_unknown_needs_a_birth_to_be_identified(desk: Client) -> None:
    unknown = {"identity_status": "UNKNOWN", "sex": "M", "preferred_language": "ar"}
    path = f"/patients/{desk.post('/patients', unknown).json['id']}/identify"
    named = {"first_name_en": "Omar", "reason": "His brother came"}

    assert list(desk.post(path, named).json["errors"]) == ["date_of_birth"]
    birth = {"calendar": "HIJRI", "precision": "YEAR", "value": "1405"}
    assert desk.post(path, {**named, "birth": birth}).json["birth"]["born_from"] == "1984-09-26"
