"""Who can be registered, and how a patient is shown: two scripts, newborns, the unknown, births, telephones."""

from collections.abc import Callable
from typing import Any

import pytest

from jalsa.dev.issuer import AUDIENCE
from jalsa.dev.kit import Client, ServiceKit
from jalsa.events.tokens import ServiceTokens
from patient_files.models import Patient

Json = dict[str, Any]
Register = Callable[..., Json]

PARTS = [f"{part}_name_{script}" for script in ("en", "ar") for part in ("first", "father", "grandfather", "last")]


@pytest.fixture
def nameless(body: Json) -> Json:
    """A registration without any name and any number."""
    left_out = (*PARTS, "national_id")
    return {name: value for name, value in body.items() if name not in left_out}


def feed_of(kit: ServiceKit, service: str, subject: str) -> Any:
    """The events of a subject that another of our own services finds."""
    tokens = ServiceTokens(service, audience=AUDIENCE, service_key=kit.issuer.service_key(service))
    return Client(kit.app, tokens.token()).get("/events", subject=subject)


def errors(response: Any) -> list[str]:
    assert response.status_code == 422, response.json
    return list(response.json["errors"])


def test_an_arabic_name_alone_is_a_name(desk: Client, nameless: Json) -> None:
    answer = desk.post("/patients", {**nameless, "first_name_ar": "سارة", "grandfather_name_ar": "سعد"}).json

    assert (answer["name_en"], answer["name_ar"]) == ("سارة سعد", "سارة سعد")
    assert {name: answer[name] for name in PARTS if answer[name] is not None} == {
        "first_name_ar": "سارة",
        "grandfather_name_ar": "سعد",
    }


@pytest.mark.parametrize("absent", [{}, {"first_name_en": None}, {"first_name_en": ""}, {"last_name_ar": "."}])
def test_a_patient_whose_identity_is_known_needs_one_part_of_a_name(desk: Client, nameless: Json, absent: Json) -> None:
    assert errors(desk.post("/patients", {**nameless, **absent})) == ["first_name_en"]


def test_events_never_lack_an_english_name(kit: ServiceKit, desk: Client, tenant: str, nameless: Json) -> None:
    desk.post("/patients", {**nameless, "first_name_ar": "سارة"})
    desk.post("/patients", {**nameless, "identity_status": "UNKNOWN"})

    known, unknown = (event.data for event in kit.events(tenant, "PatientRegistered"))
    assert (known["first_name_en"], known["last_name_en"], known["first_name_ar"]) == ("سارة", "", "سارة")
    assert (unknown["first_name_en"], unknown["last_name_en"]) == ("", "")
    assert unknown["name_en"] == f"Unknown patient {unknown['file_number']}"


def test_a_newborn_is_shown_by_the_mother_who_becomes_a_guardian_without_a_right(
    desk: Client, register: Register, nameless: Json
) -> None:
    mother = register(desk, date_of_birth="1990-01-01")
    baby = {**nameless, "identity_status": "NEWBORN", "sex": "U", "mother": {"patient_id": mother["id"]}}

    first = desk.post("/patients", {**baby, "birth_order": 1, "phone": None}).json
    second = desk.post("/patients", {**baby, "birth_order": 2, "phone": None}).json

    assert [each["name_en"] for each in (first, second)] == ["Baby of Sara Nasser (1)", "Baby of Sara Nasser (2)"]
    assert second["name_ar"] == "مولود سارة ناصر (2)"
    assert second["mother"] == {"patient_id": mother["id"], "name_en": "Sara Nasser", "name_ar": "سارة ناصر"}
    [guardian] = second["guardians"]
    assert (guardian["relation"], guardian["guardian_patient_id"], guardian["rights"]) == ("MOTHER", mother["id"], [])
    assert (guardian["phone"], guardian["phone_type"]) == ("+966500000001", "MOBILE")
    assert (guardian["primary"], guardian["receives_messages"], second["tell"]) == (True, True, "CONTACTS")


def test_a_newborn_of_somebody_who_is_no_patient_is_shown_by_her_name(desk: Client, nameless: Json) -> None:
    baby = {**nameless, "identity_status": "NEWBORN", "mother": {"name_ar": "هدى"}}
    answer = desk.post("/patients", baby).json

    assert (answer["name_en"], answer["name_ar"]) == ("Baby of هدى", "مولود هدى")
    assert answer["guardians"] == []


@pytest.mark.parametrize("mother", [None, {}, {"name_en": "."}, {"patient_id": "01a1f000-0000-7000-8000-0000000000e9"}])
def test_a_newborn_needs_a_mother_or_a_name(desk: Client, nameless: Json, mother: Json | None) -> None:
    assert errors(desk.post("/patients", {**nameless, "identity_status": "NEWBORN", "mother": mother})) == ["mother"]


def test_somebody_unknown_needs_neither_a_name_nor_a_birth_nor_a_sex(desk: Client, nameless: Json) -> None:
    del nameless["date_of_birth"]
    answer = desk.post("/patients", {**nameless, "identity_status": "UNKNOWN", "sex": "U"}).json

    assert answer["name_en"] == f"Unknown patient {answer['file']['file_number']}"
    assert answer["name_ar"] == f"مريض مجهول {answer['file']['file_number']}"
    assert (answer["birth"], answer["date_of_birth"], answer["sex"], answer["tell"]) == (None, None, "U", "PATIENT")


@pytest.mark.parametrize("status", ["KNOWN", "NEWBORN"])
def test_all_others_need_a_birth(desk: Client, body: Json, status: str) -> None:
    del body["date_of_birth"]
    assert errors(desk.post("/patients", {**body, "identity_status": status})) == ["date_of_birth"]


def test_the_sex_of_a_patient_whose_identity_is_known_is_known(desk: Client, body: Json) -> None:
    assert errors(desk.post("/patients", {**body, "sex": "U"})) == ["sex"]


@pytest.mark.parametrize(
    ("birth", "date_of_birth", "born"),
    [
        (("HIJRI", "DAY", "1445-09-01"), "2024-03-11", ("2024-03-11", "2024-03-11")),
        (("HIJRI", "MONTH", "1405-03"), None, ("1984-11-23", "1984-12-22")),
        (("HIJRI", "YEAR", "١٣٨٠"), None, ("1960-06-25", "1961-06-13")),
        (("GREGORIAN", "YEAR", "1990"), None, ("1990-01-01", "1990-12-31")),
    ],
)
def test_a_birth_is_answered_as_it_was_told_with_the_days_that_it_can_have_been(
    desk: Client, body: Json, birth: tuple[str, str, str], date_of_birth: str | None, born: tuple[str, str]
) -> None:
    del body["date_of_birth"]
    calendar, precision, value = birth
    given = {"calendar": calendar, "precision": precision, "value": value}

    answer = desk.post("/patients", {**body, "birth": given}).json

    assert answer["date_of_birth"] == date_of_birth
    told = {**given, "value": value.replace("١٣٨٠", "1380")}
    assert answer["birth"] == {**told, "born_from": born[0], "born_to": born[1]}


@pytest.mark.parametrize(
    "value", [("HIJRI", "DAY", "1445-01-30"), ("HIJRI", "DAY", "1342-01-01"), ("HIJRI", "DAY", "1499-01-01"),
              ("GREGORIAN", "YEAR", "2199"), ("GREGORIAN", "DAY", "1899-12-31"), ("LUNAR", "DAY", "1445-09-01")],
)  # fmt: skip
def test_a_birth_that_cannot_have_been_is_refused(desk: Client, body: Json, value: tuple[str, str, str]) -> None:
    del body["date_of_birth"]
    birth = dict(zip(("calendar", "precision", "value"), value, strict=True))
    assert errors(desk.post("/patients", {**body, "birth": birth})) == ["birth"]


def test_one_of_two_forms_is_enough(desk: Client, body: Json) -> None:
    birth = {"calendar": "GREGORIAN", "precision": "YEAR", "value": "2015"}
    assert errors(desk.post("/patients", {**body, "birth": birth})) == ["birth"]
    assert errors(desk.post("/patients", {**body, "phones": [{"number": "0500000002"}]})) == ["phones"]


def test_telephones_are_kept_in_their_order_with_what_they_are(desk: Client, body: Json) -> None:
    del body["phone"]
    numbers = [{"number": "0112345678", "label": "Home"}, {"number": "050/1234567"}, {"number": "8001234567"}]
    answer = desk.post("/patients", {**body, "phones": numbers}).json

    assert (answer["phone"], answer["phone_type"]) == ("+966112345678", "FIXED_LINE")
    assert answer["phones"] == [
        {"number": "+966112345678", "number_type": "FIXED_LINE", "label": "Home"},
        {"number": "+966501234567", "number_type": "MOBILE", "label": None},
        {"number": "+9668001234567", "number_type": "TOLL_FREE", "label": None},
    ]
    assert errors(desk.post("/patients", {**body, "phones": [{"number": "0501234567"}] * 6})) == ["phones"]
    assert errors(desk.post("/patients", {**body, "phones": [{"number": "x"}]})) == ["phones"]


@pytest.mark.parametrize("number", ["1000000000", "2222222220", "3000000000"])
def test_a_number_that_the_register_does_not_have_is_refused(
    kit: ServiceKit, desk: Client, tenant: str, body: Json, number: str
) -> None:
    del body["national_id"]
    response = desk.post("/patients", {**body, "identifiers": [{"type": "NAT", "value": number}]})

    assert errors(response) == ["identifiers"]
    assert number not in response.text
    assert kit.count(tenant, Patient) == 0


@pytest.mark.parametrize("written", ["10-65432195", "1065 432195", "١٠٦٥٤٣٢١٩٥"])
def test_a_number_is_one_patients_however_it_is_written(desk: Client, body: Json, written: str) -> None:
    del body["national_id"]
    bodies = [{**body, "identifiers": [{"type": "NAT", "value": number}]} for number in ("1065432195", written)]

    assert [desk.post("/patients", each).status_code for each in bodies] == [201, 409]
    assert desk.post("/patients", {**body, "national_id": written}).json["code"] == "national-id-taken"


def test_identifiers_of_several_types_are_answered_and_the_first_by_type_is_the_national_id(
    desk: Client, body: Json
) -> None:
    del body["national_id"]
    given = [
        {"type": "PASSPORT", "issuing_country": "EG", "value": "a1234567"},
        {"type": "IQAMA", "value": "2000000006"},
    ]
    answer = desk.post("/patients", {**body, "identifiers": given, "nationality": "EG"}).json

    assert answer["national_id"] == "2000000006"
    assert [(each["type"], each["issuing_country"], each["value"]) for each in answer["identifiers"]] == [
        ("PASSPORT", "EG", "A1234567"),
        ("IQAMA", "SA", "2000000006"),
    ]


@pytest.mark.parametrize(
    ("national_id", "nationality"), [("1065432195", "EG"), ("2000000006", "SA"), ("1065432195", "XX")]
)
def test_a_nationality_fits_the_identifiers(desk: Client, body: Json, national_id: str, nationality: str) -> None:
    assert errors(desk.post("/patients", {**body, "national_id": national_id, "nationality": nationality})) == [
        "nationality"
    ]


def test_a_registration_gives_a_number_once(desk: Client, body: Json) -> None:
    twice = [{"type": "NAT", "value": "1065432195"}]
    assert errors(desk.post("/patients", {**body, "identifiers": twice})) == ["identifiers"]
    two = desk.post("/patients", {**body, "identifiers": [{"type": "NAT", "value": "1010101010"}]})
    assert (two.status_code, two.json["code"]) == (409, "identifier-exists")


def test_only_billing_hears_of_the_identity_and_only_where_there_is_one(
    kit: ServiceKit, desk: Client, tenant: str, register: Register, body: Json
) -> None:
    register(desk)
    assert kit.events(tenant, "PatientIdentityChanged") == []
    patient = desk.post("/patients", {**body, "nationality": "SA"}).json

    [event] = kit.events(tenant, "PatientIdentityChanged")
    assert event.subject == f"identity/{patient['id']}"
    identity = {"id_type": "NAT", "issuing_country": "SA", "id_number": "1065432195", "nationality": "SA"}
    assert {name: event.data[name] for name in identity} == identity
    for service in ("scheduling", "clinical-notes", "notifications", "patient-files"):
        assert feed_of(kit, service, event.subject).json["items"] == [], service
    [received] = feed_of(kit, "billing", event.subject).json["items"]
    assert received["data"]["id_number"] == "1065432195"
    for role in ("manager", "integration", "system", "subscriber"):
        feed = kit.client(tenant, role, events=["patient-files.identity"]).get("/events", subject=event.subject)
        assert feed.json["items"] == [], role
