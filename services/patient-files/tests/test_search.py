"""The front desk finds a patient by whatever it is told: names in either alphabet, numbers, a day of birth."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from jalsa.dev.kit import Client, ServiceKit, example

from .conftest import Json, Register


def found(client: Client, text: str, **fields: Any) -> list[Json]:
    answer = client.post("/patients/search", {"text": text, **fields})
    assert answer.status_code == 200, answer.json
    items: list[Json] = answer.json["items"]
    return items


def ids(client: Client, text: str, **fields: Any) -> list[str]:
    return [item["id"] for item in found(client, text, **fields)]


@pytest.fixture
def patient(desk: Client, register: Register) -> Json:
    """Somebody among others."""
    register(
        desk, first_name_en="Huda", last_name_en="Al-Harbi", first_name_ar="هدى", last_name_ar="الحربي", phone=None
    )
    return register(
        desk,
        first_name_en="Mohammed Saad",
        last_name_en="Al-Ghamdi",
        first_name_ar="محمد سعد",
        last_name_ar="الغامدي",
        national_id="1065432195",
        date_of_birth="1990-05-03",
        phone="+966501234567",
        sex="M",
    )


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("محمد سعد الغامدي", "EXACT"),
        ("مُحَمَّد بن سعد غامدي", "EXACT"),
        ("mohammed saad alghamdi", "EXACT"),
        ("محم", "IN_ORDER"),
        ("سعد الغا", "IN_ORDER"),
        ("الغ", "IN_ORDER"),
        ("محمد الغامدي", "IN_ORDER"),
        ("Ghamdi", "IN_ORDER"),
        ("الغامدي محمد", "ANY_ORDER"),
        ("ghamdi moh", "ANY_ORDER"),
        ("Mohd Gamdi", "SKELETON"),
        ("Muhamad Sa'd", "SKELETON"),
        ("Muhammad الغامدي", "SKELETON"),
        ("0501234567", "EXACT"),
        ("٠٥٠١٢٣٤٥٦٧", "EXACT"),
        ("050 123 4567", "EXACT"),
        ("+966 50 123 4567", "EXACT"),
        ("00966501234567", "EXACT"),
        ("050123", "IN_ORDER"),
        ("4567", "IN_ORDER"),
        ("1065432195", "EXACT"),
        ("1065 432195", "EXACT"),
        ("1990-05-03", "EXACT"),
        ("3/5/1990", "EXACT"),
        ("محمد 4567", "ANY_ORDER"),
        ("Mohammed 1990-05-03", "ANY_ORDER"),
    ],
)
def test_a_patient_is_found_by(text: str, match: str, desk: Client, patient: Json) -> None:
    assert [(item["id"], item["match"]) for item in found(desk, text)] == [(patient["id"], match)]


def test_a_patient_is_found_by_the_file_number_and_its_parts(desk: Client, patient: Json) -> None:
    number = patient["file"]["file_number"]
    for text in (number, number.lower(), number.removeprefix("FILE-"), number[-6:]):
        assert ids(desk, text) == [patient["id"]], text


@pytest.mark.parametrize("text", ["", " ", "%", "_", "\u200f", ".", "***", "زيد", "9999999", "1985-01-01", "ل"])
def test_nobody_is_found_by(text: str, desk: Client, patient: Json) -> None:
    answer = desk.post("/patients/search", {"text": text})
    assert (answer.status_code, answer.json) == (200, {"items": [], "truncated": False, "next_cursor": None})


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"text": "م" * 201}, "text"),
        ({"text": "a\u0007b"}, "text"),
        ({"text": None}, "text"),
        ({}, "text"),
        ({"text": "a", "limit": 51}, "limit"),
        ({"text": "a", "limit": 0}, "limit"),
        ({"text": "a", "cursor": "x"}, "cursor"),
        ({"text": "a", "cursor": "MSAyIDM"}, "cursor"),
    ],
)
def test_a_search_that_cannot_be_meant_is_refused(body: Json, field: str, desk: Client) -> None:
    answer = desk.post("/patients/search", body)
    assert answer.status_code == 422
    assert list(answer.json["errors"]) == [field]


def test_what_is_shown_of_a_patient_who_is_found(desk: Client, patient: Json) -> None:
    assert found(desk, "محمد سعد الغامدي") == [
        {
            "id": patient["id"],
            "survivor_id": None,
            "file_number": patient["file"]["file_number"],
            "name_en": "Mohammed Saad Al-Ghamdi",
            "name_ar": "محمد سعد الغامدي",
            "birth": {
                "calendar": "GREGORIAN",
                "precision": "DAY",
                "value": "1990-05-03",
                "born_from": "1990-05-03",
                "born_to": "1990-05-03",
            },
            "sex": "M",
            "phone": "+966501234567",
            "alert": False,
            "restricted": False,
            "last_visit_on": None,
            "match": "EXACT",
            "withheld": [],
        }
    ]


def test_a_patient_is_found_by_the_new_name_and_phone_and_no_longer_by_the_old(desk: Client, patient: Json) -> None:
    etag = desk.get(f"/patients/{patient['id']}").headers["ETag"]
    changes = {"last_name_ar": "الزهراني", "last_name_en": "Zahrani", "phone": "+966509999999"}
    assert desk.patch(f"/patients/{patient['id']}", changes, etag).status_code == 200
    assert ids(desk, "زهراني") == ids(desk, "0509999999") == [patient["id"]]
    assert ids(desk, "غامدي") == ids(desk, "0501234567") == []


def test_better_fits_come_first_then_later_visits_then_ids_and_pages_go_on(
    kit: ServiceKit, tenant: str, desk: Client, register: Register
) -> None:
    def named(last: str) -> str:
        return str(register(desk, first_name_en="Sami", last_name_en=last, first_name_ar=None, last_name_ar=None)["id"])

    in_order = [named("Rashidi") for _ in range(3)]
    exact = named("Rashid")
    any_order = str(register(desk, first_name_en="Rashid", last_name_en="Sami", first_name_ar=None)["id"])
    alike = named("Raashed")
    visits(kit, tenant, in_order[2], datetime(2026, 3, 1, 22, tzinfo=UTC))
    visits(kit, tenant, in_order[1], datetime(2026, 2, 1, 9, tzinfo=UTC))
    expected = [exact, in_order[2], in_order[1], in_order[0], any_order, alike]
    assert ids(desk, "sami rashid") == expected

    paged, cursor = [], None
    for _ in range(len(expected)):
        answer = desk.post("/patients/search", {"text": "sami rashid", "limit": 1, "cursor": cursor}).json
        paged += [item["id"] for item in answer["items"]]
        cursor = answer["next_cursor"]
    assert (paged, cursor) == (expected, None)


def visits(kit: ServiceKit, tenant: str, patient_id: str, at: datetime) -> str:
    """A patient has an appointment and takes part in it. Returns the appointment's id."""
    appointment = str(uuid4())
    booked = example("AppointmentBooked", "group", tenant, subject_id=appointment, patient_id=patient_id)
    data = {**booked.data, "appointment_id": appointment, "session": {**booked.data["session"], "starts_at": at}}
    kit.inbox.receive(example("AppointmentBooked", "group", tenant, subject_id=appointment, **data))
    attended = example(
        "AppointmentAttended", "default", tenant, sequence=2, subject_id=appointment, appointment_id=appointment
    )
    kit.inbox.receive(attended)
    return appointment


def test_the_last_visit_is_the_latest_day_by_the_clinics_clock(
    kit: ServiceKit, tenant: str, desk: Client, patient: Json
) -> None:
    clinic = example("AppointmentBooked", "group", tenant).data["clinic"]["id"]
    kit.inbox.receive(
        example("ClinicSaved", "default", tenant, subject_id=clinic, clinic_id=clinic, timezone="Asia/Riyadh")
    )
    visits(kit, tenant, patient["id"], datetime(2026, 3, 1, 22, tzinfo=UTC))
    visits(kit, tenant, patient["id"], datetime(2026, 2, 1, 9, tzinfo=UTC))
    assert [item["last_visit_on"] for item in found(desk, "محمد سعد")] == ["2026-03-02"]


def test_a_visit_that_is_taken_back_is_none(kit: ServiceKit, tenant: str, desk: Client, patient: Json) -> None:
    visits(kit, tenant, patient["id"], datetime(2026, 2, 1, 9, tzinfo=UTC))
    appointment = visits(kit, tenant, patient["id"], datetime(2026, 3, 1, 9, tzinfo=UTC))
    slip = example(
        "AppointmentCorrected", "default", tenant, sequence=3, subject_id=appointment, appointment_id=appointment
    )
    kit.inbox.receive(slip)
    assert [item["last_visit_on"] for item in found(desk, "محمد سعد")] == ["2026-02-01"]


def test_so_many_fit_that_it_says_that_not_all_were_looked_at(
    desk: Client, register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        register(desk)
    monkeypatch.setattr("patient_files.patients.search.BUDGET", 2)
    answer = desk.post("/patients/search", {"text": "sar"}).json
    assert (len(answer["items"]), answer["truncated"]) == (2, True)
    monkeypatch.setattr("patient_files.patients.search.BUDGET", 50)
    answer = desk.post("/patients/search", {"text": "sar"}).json
    assert (len(answer["items"]), answer["truncated"]) == (3, False)


def test_patients_are_named_by_their_ids(desk: Client, register: Register) -> None:
    one, other = register(desk), register(desk, first_name_ar=None, last_name_ar=None)
    stranger = str(uuid4())
    answer = desk.post("/patients/names", {"ids": [other["id"], stranger, one["id"], one["id"]]}).json
    assert answer["missing"] == [stranger]
    assert [item["id"] for item in answer["items"]] == [other["id"], one["id"]]
    assert answer["items"][0] == {
        "id": other["id"],
        "survivor_id": None,
        "name_en": "Sara Nasser",
        "name_ar": "Sara Nasser",
        "file_number": other["file"]["file_number"],
        "alert": False,
        "restricted": False,
    }
    assert answer["items"][1]["name_ar"] == "سارة ناصر"


def test_no_more_than_500_patients_are_named_at_once(desk: Client) -> None:
    ids = [str(uuid4()) for _ in range(501)]
    assert desk.post("/patients/names", {"ids": ids}).status_code == 422
    answer = desk.post("/patients/names", {"ids": ids[:500]})
    assert (answer.status_code, answer.json["items"], len(answer.json["missing"])) == (200, [], 500)
    assert desk.post("/patients/names", {"ids": []}).json == {"items": [], "missing": []}


def test_another_tenants_patients_are_neither_found_nor_named(
    kit: ServiceKit, tenant: str, desk: Client, patient: Json
) -> None:
    stranger = kit.client(f"{tenant}-b")
    for text in (
        "محمد",
        "Mohd Gamdi",
        "الغامدي محمد",
        "4567",
        "0501234567",
        patient["file"]["file_number"],
        "1990-05-03",
    ):
        assert ids(desk, text) == [patient["id"]], text
        assert ids(stranger, text) == [], text
    assert stranger.post("/patients/names", {"ids": [patient["id"]]}).json == {"items": [], "missing": [patient["id"]]}


@pytest.mark.parametrize("role", ["front-desk", "clinician", "biller", "records", "manager", "integration"])
def test_every_role_searches_but_a_subscriber(kit: ServiceKit, tenant: str, role: str, patient: Json) -> None:
    assert ids(kit.client(tenant, role), "0501234567") == [patient["id"]]
    subscriber = kit.client(tenant, "subscriber")
    assert subscriber.post("/patients/search", {"text": "0501234567"}).status_code == 403
    assert subscriber.post("/patients/names", {"ids": []}).status_code == 403


def test_a_search_is_not_kept_for_its_key_and_nothing_of_it_is_logged(
    kit: ServiceKit, tenant: str, desk: Client, register: Register
) -> None:
    canary = f"Canary{uuid4().hex[:8]}".translate(str.maketrans("0123456789", "ghijklmnop"))
    with capture_logs() as logs:
        patient = register(desk, first_name_en=canary, last_name_en=f"{canary}son")
        for path, body in (
            ("/patients/search", {"text": canary}),
            ("/patients/search", {"text": f"{canary}\u0000"}),
            ("/patients/search", {"text": canary * 20}),
            ("/patients/names", {"ids": [patient["id"]]}),
        ):
            before = desk.post(path, body, Idempotency_Key="again")
            again = desk.post(path, body, Idempotency_Key="again")
            assert "Idempotent-Replayed" not in again.headers
            assert before.status_code == again.status_code
    assert canary.lower() not in repr(logs).lower()
    with kit.transaction(tenant) as db:
        kept = db.connection().exec_driver_sql("SELECT count(*) FROM idempotency_keys WHERE key = 'again'").scalar_one()
    assert kept == 0
