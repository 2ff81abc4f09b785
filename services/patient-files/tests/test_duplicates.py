"""A person is registered once: who else it may be is asked, shown, overridden and decided."""

from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from jalsa.dev.kit import Client, ServiceKit
from patient_files.models import DuplicatePair, Patient

from .conftest import Json, Register, somebody_else


@pytest.fixture
def records(kit: ServiceKit, tenant: str) -> Client:
    """Somebody of medical records."""
    return kit.client(tenant, "records")


@pytest.fixture
def person(body: Json) -> Json:
    """A registration without an identifier."""
    return {**body, "national_id": None}


def refused(client: Client, registration: Json, code: str) -> list[Json]:
    answer = client.post("/patients", registration)
    assert (answer.status_code, answer.json["code"]) == (409, code)
    candidates: list[Json] = answer.json["candidates"]
    return candidates


def candidates(client: Client, question: Json) -> list[Json]:
    answer = client.post("/patients/duplicates", question)
    assert answer.status_code == 200, answer.json
    found: list[Json] = answer.json["candidates"]
    return found


def pairs(client: Client, **asked: Any) -> list[Json]:
    answer = client.get("/duplicate-pairs", **asked)
    assert answer.status_code == 200, answer.json
    items: list[Json] = answer.json["items"]
    return items


def test_who_is_certainly_a_patient_is_refused_and_shown(
    kit: ServiceKit, desk: Client, tenant: str, person: Json
) -> None:
    patient = desk.post("/patients", person).json

    [candidate] = refused(desk, {**person, "first_name_en": "SARA", "phone": "0500000001"}, "probable-duplicate")

    assert candidate["patient"] == {
        "id": patient["id"],
        "survivor_id": None,
        "file_number": patient["file"]["file_number"],
        "name_en": "Sara Nasser",
        "name_ar": "سارة ناصر",
        "birth": patient["birth"],
        "sex": "F",
        "phone": "+966500000001",
        "alert": False,
        "restricted": False,
        "withheld": [],
    }
    assert (candidate["grade"], candidate["score"]) == ("CERTAIN", 1.0)
    assert candidate["reasons"] == ["same-name", "same-birth", "same-phone", "same-email"]
    assert kit.count(tenant, Patient) == 1
    assert kit.count(tenant, DuplicatePair) == 0


def test_an_override_says_why_it_is_somebody_else_and_is_kept(desk: Client, records: Client, person: Json) -> None:
    first = desk.post("/patients", person).json
    answer = desk.post("/patients", {**person, "duplicate_override": {"reason": "Her cousin, as her father says"}})
    assert answer.status_code == 201

    [pair] = pairs(records)
    assert {each["id"] for each in pair["patients"]} == {first["id"], answer.json["id"]}
    assert (pair["decision"], pair["decision_reason"]) == ("NOT_DUPLICATE", "Her cousin, as her father says")
    assert (pair["grade"], pair["decided_by"], pair["created_by"]) == ("CERTAIN", "tester", "tester")
    [candidate] = candidates(desk, {"patient_id": first["id"]})
    assert (candidate["grade"], candidate["reasons"][-1]) == ("PROBABLE", "dismissed")


@pytest.mark.parametrize("override", [None, {"reason": "She is somebody else"}])
def test_an_identifier_that_another_has_is_never_overridden(
    kit: ServiceKit, desk: Client, tenant: str, body: Json, override: Json | None
) -> None:
    patient = desk.post("/patients", body).json
    other = {**body, **somebody_else(1), "first_name_en": "Layla", "sex": "M", "first_name_ar": None}

    [candidate] = refused(desk, {**other, "duplicate_override": override}, "national-id-taken")

    assert (candidate["patient"]["id"], candidate["grade"]) == (patient["id"], "CERTAIN")
    assert candidate["reasons"][0] == "same-identifier"
    assert kit.count(tenant, Patient) == 1


def test_an_identifier_of_another_type_refuses_as_well(desk: Client, person: Json) -> None:
    passport = {"type": "PASSPORT", "issuing_country": "EG", "value": "A1234567"}
    assert desk.post("/patients", {**person, "identifiers": [passport]}).status_code == 201
    other = {
        **person,
        **somebody_else(1),
        "first_name_en": "Layla",
        "identifiers": [{**passport, "value": "a-1234567"}],
    }
    assert len(refused(desk, other, "national-id-taken")) == 1
    elsewhere = {**passport, "issuing_country": "JO"}
    assert desk.post("/patients", {**other, "identifiers": [elsewhere]}).status_code == 201


def test_who_is_probably_a_patient_is_registered_and_makes_an_open_pair(
    desk: Client, records: Client, person: Json
) -> None:
    first = desk.post("/patients", person).json
    again = {**person, "first_name_en": "Sarah", "first_name_ar": None, "last_name_ar": None, "email": None}
    second = desk.post("/patients", again)
    assert second.status_code == 201

    [pair] = pairs(records, decision="OPEN")
    assert [each["id"] for each in pair["patients"]] == sorted([first["id"], second.json["id"]])
    assert (pair["grade"], pair["decision_reason"], pair["decided_by"]) == ("PROBABLE", None, None)
    assert pairs(records, decision="MERGED") == []


def test_twins_are_possible_at_most_and_make_no_pair(desk: Client, records: Client, person: Json) -> None:
    desk.post("/patients", {**person, "birth_order": 1})
    twin = {**person, "first_name_en": "Lama", "first_name_ar": "لمى", "birth_order": 2}
    [candidate] = candidates(desk, twin)
    assert (candidate["grade"], candidate["reasons"][-1]) == ("POSSIBLE", "possible-twin")
    assert desk.post("/patients", twin).status_code == 201
    assert pairs(records) == []


def test_newborn_twins_of_one_mother_and_phone_are_both_registered(desk: Client, person: Json) -> None:
    baby = {
        **{name: person[name] for name in ("date_of_birth", "sex", "phone", "preferred_language")},
        "identity_status": "NEWBORN",
        "mother": {"name_en": "Huda Nasser"},
    }
    assert [desk.post("/patients", {**baby, "birth_order": n}).status_code for n in (1, 2)] == [201, 201]
    assert [each["grade"] for each in candidates(desk, {**baby, "birth_order": 3})] == ["POSSIBLE", "POSSIBLE"]


def test_a_sibling_is_not_shown(desk: Client, person: Json) -> None:
    desk.post("/patients", person)
    sister = {**person, "first_name_en": "Lama", "first_name_ar": "لمى", "date_of_birth": "2017-01-01"}
    assert candidates(desk, sister) == []


@pytest.mark.parametrize(
    "told",
    [
        {"first_name_en": "Nasser", "last_name_en": "Sara", "first_name_ar": None, "last_name_ar": None},
        {"first_name_en": None, "last_name_en": None, "phone": "0559999999"},
        {"first_name_ar": None, "last_name_ar": None, "first_name_en": "Sarra"},
        {"date_of_birth": None, "birth": {"calendar": "HIJRI", "precision": "DAY", "value": "1436-07-12"}},
        {"date_of_birth": "2015-01-01"},
        {"phone": None, "guardians": [{"relation": "MOTHER", "name_en": "Huda", "phone": "0500000001"}]},
    ],
)
def test_a_registration_finds_who_it_may_be_however_it_is_told(desk: Client, person: Json, told: Json) -> None:
    patient = desk.post("/patients", {**person, "email": None}).json
    question = {name: value for name, value in {**person, "email": None, **told}.items() if value is not None}
    [candidate] = candidates(desk, question)
    assert candidate["patient"]["id"] == patient["id"]
    assert candidate["grade"] in {"CERTAIN", "PROBABLE"}


def test_what_is_changed_is_found_by_what_is_known_now(desk: Client, person: Json) -> None:
    path = f"/patients/{desk.post('/patients', {**person, 'email': None}).json['id']}"
    change = {"phone": "0551112223", "date_of_birth": "1990-05-04", "reason": "A slip"}
    assert desk.patch(path, change, desk.get(path).headers["ETag"]).status_code == 200
    known = {**person, "email": None, "phone": "0551112223", "date_of_birth": "1990-04-05"}
    assert [each["reasons"] for each in candidates(desk, known)] == [["same-name", "similar-birth", "same-phone"]]
    assert candidates(desk, {**person, "email": None}) == []


def test_asking_stores_nothing_and_is_not_kept_for_a_repeat(
    kit: ServiceKit, desk: Client, tenant: str, person: Json
) -> None:
    assert desk.post("/patients/duplicates", person, Idempotency_Key="once").json == {"candidates": []}
    assert kit.count(tenant, Patient) == 0
    desk.post("/patients", person)
    assert len(desk.post("/patients/duplicates", person, Idempotency_Key="once").json["candidates"]) == 1
    with kit.transaction(tenant) as db:
        kept = db.execute(text("SELECT count(*) FROM idempotency_keys WHERE key = 'once'")).scalar()
    assert kept == 0


@pytest.mark.parametrize(
    ("question", "field"),
    [
        ({}, "sex"),
        ({"patient_id": "x"}, "patient_id"),
        ({"patient_id": str(uuid4()), "sex": "F"}, "patient_id"),
        ({"sex": "F", "preferred_language": "ar", "date_of_birth": "2015-04-30"}, "first_name_en"),
    ],
)
def test_a_question_that_cannot_be_meant_is_refused(desk: Client, question: Json, field: str) -> None:
    answer = desk.post("/patients/duplicates", question)
    assert answer.status_code == 422
    assert field in answer.json["errors"]


def test_a_stranger_is_not_found_and_another_tenants_patients_are_no_candidates(
    kit: ServiceKit, desk: Client, tenant: str, person: Json
) -> None:
    unknown = desk.post("/patients/duplicates", {"patient_id": str(uuid4())})
    assert (unknown.status_code, unknown.json["code"]) == (422, "unknown-patient")
    patient = desk.post("/patients", {**person, "national_id": "1065432195"}).json
    stranger = kit.client(f"{tenant}-b", "front-desk")
    assert candidates(stranger, {**person, "national_id": "1065432195"}) == []
    assert stranger.post("/patients/duplicates", {"patient_id": patient["id"]}).status_code == 422


def test_a_pair_is_dismissed_once_with_a_reason(desk: Client, records: Client, person: Json) -> None:
    desk.post("/patients", person)
    desk.post("/patients", {**person, "phone": None, "email": None})
    [pair] = pairs(records, decision="OPEN")
    path = f"/duplicate-pairs/{pair['id']}/dismiss"

    assert records.post(path, {}).status_code == 422
    dismissed = records.post(path, {"reason": "Two cousins"})
    assert dismissed.status_code == 200
    assert (dismissed.json["decision"], dismissed.json["decision_reason"]) == ("NOT_DUPLICATE", "Two cousins")
    again = records.post(path, {"reason": "Two cousins"})
    assert (again.status_code, again.json["code"]) == (409, "invalid-transition")
    assert pairs(records, decision="OPEN") == []
    assert records.post(f"/duplicate-pairs/{uuid4()}/dismiss", {"reason": "x"}).status_code == 404


@pytest.mark.parametrize(
    ("role", "asks", "reviews"),
    [
        *((role, 200, 200) for role in ("records", "manager")),
        *((role, 200, 403) for role in ("front-desk", "integration", "clinician", "biller")),
        ("nobody", 403, 403),
    ],
)
def test_everybody_asks_and_records_and_managers_review(
    kit: ServiceKit, tenant: str, desk: Client, register: Register, role: str, asks: int, reviews: int
) -> None:
    patient, caller = register(desk), kit.client(tenant, role)
    assert caller.post("/patients/duplicates", {"patient_id": patient["id"]}).status_code == asks
    assert caller.get("/duplicate-pairs").status_code == reviews
    dismissed = caller.post(f"/duplicate-pairs/{uuid4()}/dismiss", {"reason": "Two cousins"}).status_code
    assert dismissed == (404 if reviews == 200 else 403)


def test_of_a_restricted_record_a_candidate_shows_what_the_caller_reads(
    kit: ServiceKit, tenant: str, desk: Client, records: Client, person: Json
) -> None:
    path = f"/patients/{desk.post('/patients', person).json['id']}"
    change = {"restricted": True, "reason": "She works here"}
    assert records.patch(path, change, records.get(path).headers["ETag"]).status_code == 200

    for client, hidden in ((desk, ["birth", "sex"]), (kit.client(tenant, "manager"), ["birth", "phone", "sex"])):
        for [candidate] in (candidates(client, person), refused(client, person, "probable-duplicate")):
            assert candidate["patient"]["name_en"] == "Sara Nasser"
            assert candidate["patient"]["withheld"] == hidden
            assert [candidate["patient"][name] for name in hidden] == [None] * len(hidden)
    assert candidates(records, person)[0]["patient"]["withheld"] == []


def test_the_number_of_candidates_is_bounded_and_the_surest_come_first(desk: Client, person: Json) -> None:
    for n in range(22):
        assert (
            desk.post("/patients", {**person, **somebody_else(n + 1), "date_of_birth": "2015-04-30"}).status_code == 201
        )
    surest = desk.post("/patients", {**person, "duplicate_override": {"reason": "x"}}).json
    found = candidates(desk, person)
    assert len(found) == 20
    assert (found[0]["patient"]["id"], found[0]["grade"]) == (surest["id"], "CERTAIN")


def test_logs_hold_nothing_of_the_candidates(desk: Client, person: Json) -> None:
    with capture_logs() as logs:
        patient = desk.post("/patients", person).json
        refused(desk, person, "probable-duplicate")
        candidates(desk, {"patient_id": patient["id"]})
    assert [entry["status"] for entry in logs] == [201, 409, 200]
    for value in ("Sara", "سارة", "2015-04-30", "500000001", "example.com", patient["id"]):
        assert value not in repr(logs)
