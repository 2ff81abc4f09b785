"""Those who speak for a patient: named, told, given rights, ended."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from jalsa.dev.kit import Client, ServiceKit
from patient_files.patients import queries, record

Json = dict[str, Any]
Register = Callable[..., Json]
MOTHER: Json = {"relation": "MOTHER", "name_en": "Huda Nasser", "phone": "0500000003", "receives_messages": True}
RIGHT: Json = {"basis": "NATURAL_GUARDIAN", "document": "Family register", "valid_from": "2020-01-01"}


def add(client: Client, patient: Json, **fields: Any) -> Json:
    response = client.post(f"/patients/{patient['id']}/guardians", {**MOTHER, **fields})
    assert response.status_code == 201, response.json
    answer: Json = response.json
    return answer


def end(client: Client, guardian: Json, **fields: Any) -> Any:
    return client.post(f"/guardians/{guardian['id']}/end", {"reason": "A court said so", **fields})


def test_guardians_are_registered_with_the_patient_and_the_first_is_told_first(
    kit: ServiceKit, tenant: str, desk: Client, register: Register
) -> None:
    father = {"relation": "FATHER", "name_ar": "ناصر", "email": "nasser@example.com", "language": "ar"}
    patient = register(desk, guardians=[MOTHER, {**father, "rights": [RIGHT]}])

    assert [(each["relation"], each["primary"]) for each in patient["guardians"]] == [
        ("MOTHER", True),
        ("FATHER", False),
    ]
    [right] = patient["guardians"][1]["rights"]
    assert {name: right[name] for name in RIGHT} == RIGHT
    assert patient["tell"] == "CONTACTS"
    [told] = kit.events(tenant, "PatientRegistered")
    assert [contact["name_en"] for contact in told.data["contacts"]] == ["Huda Nasser"], "only who receives messages"


def test_another_one_may_be_told_first(kit: ServiceKit, tenant: str, desk: Client, register: Register) -> None:
    patient = register(desk, guardians=[MOTHER, {**MOTHER, "relation": "FATHER", "primary": True}])
    assert [each["relation"] for each in patient["guardians"]] == ["FATHER", "MOTHER"]

    added = add(desk, patient, relation="GRANDPARENT", primary=True)
    relations = [each["relation"] for each in desk.get(f"/patients/{patient['id']}").json["guardians"]]
    assert (added["primary"], relations) == (True, ["GRANDPARENT", "MOTHER", "FATHER"])
    path = f"/guardians/{patient['guardians'][1]['id']}"
    assert desk.patch(path, {"primary": True}, desk.get(path).headers["ETag"]).json["primary"] is True
    contacts = kit.events(tenant, "PatientUpdated")[-1].data["contacts"]
    assert [(each["relation"], each["primary"]) for each in contacts] == [
        ("MOTHER", True), ("FATHER", False), ("GRANDPARENT", False),
    ]  # fmt: skip


def test_a_guardian_is_changed_and_others_are_told(
    kit: ServiceKit, tenant: str, desk: Client, register: Register
) -> None:
    guardian = add(desk, register(desk))
    path = f"/guardians/{guardian['id']}"
    etag = desk.get(path).headers["ETag"]

    assert desk.patch(path, {"phone": None}).status_code == 428
    changed = desk.patch(path, {"phone": "0112345678", "language": "en"}, etag)
    assert (changed.json["phone"], changed.json["phone_type"]) == ("+966112345678", "FIXED_LINE")
    assert desk.patch(path, {"phone": None}, etag).status_code == 412
    assert list(desk.patch(path, {"name_en": "."}, changed.headers["ETag"]).json["errors"]) == ["name_en"]
    [contact] = kit.events(tenant, "PatientUpdated")[-1].data["contacts"]
    assert (contact["contact_id"], contact["phone"], contact["language"]) == (guardian["id"], "+966112345678", "en")


def test_a_guardian_who_is_a_patient_brings_what_is_not_given(desk: Client, register: Register) -> None:
    mother = register(desk, first_name_en="Huda", email="huda@example.com", preferred_language="en")
    patient = register(desk)
    path = f"/patients/{patient['id']}/guardians"

    answer = desk.post(path, {"relation": "MOTHER", "patient_id": mother["id"]}).json
    assert (answer["name_en"], answer["email"], answer["language"]) == ("Huda Nasser", "huda@example.com", "en")
    assert answer["receives_messages"] is False
    for nobody in (patient["id"], "01a1f000-0000-7000-8000-0000000000e9"):
        assert list(desk.post(path, {"relation": "MOTHER", "patient_id": nobody}).json["errors"]) == ["patient_id"]
    assert list(desk.post(path, {"relation": "MOTHER"}).json["errors"]) == ["name_en"]


def test_a_restricted_record_brings_no_contacts(kit: ServiceKit, tenant: str, desk: Client, register: Register) -> None:
    mother, records = register(desk), kit.client(tenant, "records")
    path = f"/patients/{mother['id']}"
    hidden = {"restricted": True, "reason": "A colleague"}
    assert records.patch(path, hidden, records.get(path).headers["ETag"]).status_code == 200

    answer = desk.post(
        f"/patients/{register(desk)['id']}/guardians", {"relation": "MOTHER", "patient_id": mother["id"]}
    ).json
    assert (answer["name_en"], answer["phone"], answer["email"]) == ("Sara Nasser", None, None)


def test_when_a_guardian_ends_the_next_is_told_first_and_all_rights_end(
    kit: ServiceKit, tenant: str, desk: Client, register: Register
) -> None:
    patient = register(desk)
    first, second = add(desk, patient, rights=[RIGHT]), add(desk, patient, relation="FATHER")
    tomorrow = (datetime.now(UTC) + timedelta(days=2)).date().isoformat()

    assert list(end(desk, first, ended_on=tomorrow).json["errors"]) == ["ended_on"]
    ended = end(desk, first, ended_on="2026-11-01")
    assert (ended.status_code, ended.json["ended_on"], ended.json["end_reason"]) == (
        200,
        "2026-11-01",
        "A court said so",
    )
    assert desk.get(f"/guardians/{second['id']}").json["primary"] is True
    assert len(desk.get(f"/patients/{patient['id']}/guardians").json["items"]) == 2
    for answer in (
        end(desk, first),
        desk.post(f"/guardians/{first['id']}/rights", RIGHT),
        desk.patch(f"/guardians/{first['id']}", {"primary": True}, ended.headers["ETag"]),
    ):
        assert (answer.status_code, answer.json["code"]) == (409, "invalid-transition")
    with kit.transaction(tenant) as db:
        stored = queries.find_patient(db, UUID(patient["id"]))
        guardian = queries.find_guardian(db, UUID(first["id"]))
        assert stored is not None
        assert guardian is not None
        assert record.guardian_may_consent(stored, guardian, date(2026, 10, 31))
        assert not record.guardian_may_consent(stored, guardian, date(2026, 11, 1))


def test_a_guardian_is_given_rights(kit: ServiceKit, tenant: str, desk: Client, register: Register) -> None:
    guardian = add(desk, register(desk))
    path = f"/guardians/{guardian['id']}/rights"

    wrong = desk.post(path, {**RIGHT, "valid_to": "2019-12-31"})
    assert (wrong.status_code, list(wrong.json["errors"])) == (422, ["valid_to"])
    given = desk.post(path, {"basis": "COURT_ORDER", "valid_from": "2026-01-01", "valid_to": "2026-12-31"})
    assert (given.status_code, [each["basis"] for each in given.json["rights"]]) == (201, ["COURT_ORDER"])
    assert kit.events(tenant, "PatientUpdated")[1:] == [], "others are not told of rights"


def test_contacts_are_told_until_the_patient_comes_of_age(
    kit: ServiceKit, tenant: str, desk: Client, register: Register, set_clock: Callable[[datetime], None]
) -> None:
    set_clock(datetime(2026, 11, 20, 9, tzinfo=UTC))
    patient = register(desk, date_of_birth="2008-11-21", guardians=[MOTHER])
    [told] = kit.events(tenant, "PatientRegistered")
    assert (patient["tell"], told.data["tell"], told.data["majority_on"]) == ("CONTACTS", "CONTACTS", "2026-11-21")

    set_clock(datetime(2026, 11, 20, 21, 30, tzinfo=UTC))  # the next day in Riyadh
    assert desk.get(f"/patients/{patient['id']}").json["tell"] == "PATIENT"
    assert register(desk, date_of_birth="2008-11-21", guardians=[MOTHER])["tell"] == "PATIENT"


def test_of_a_birth_that_is_known_to_the_year_majority_is_when_it_is_certain(
    kit: ServiceKit, tenant: str, desk: Client, body: Json
) -> None:
    birth = {"calendar": "GREGORIAN", "precision": "YEAR", "value": "2008"}
    del body["date_of_birth"]
    desk.post("/patients", {**body, "birth": birth})
    assert kit.events(tenant, "PatientRegistered")[0].data["majority_on"] == "2026-12-31"


def test_one_guardian_is_told_first_whoever_asks_at_once(desk: Client, register: Register) -> None:
    patient = register(desk)
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda _: add(desk, patient, primary=True), range(6)))
    shown = desk.get(f"/patients/{patient['id']}").json["guardians"]
    assert [each["primary"] for each in shown] == [True] + [False] * 5


@pytest.mark.parametrize(
    ("role", "reads", "writes"), [("clinician", 200, 403), ("biller", 200, 403), ("records", 200, 201)]
)
def test_each_role_reads_guardians_and_registrars_name_them(
    kit: ServiceKit, tenant: str, desk: Client, register: Register, role: str, reads: int, writes: int
) -> None:
    path = f"/patients/{register(desk)['id']}/guardians"
    client = kit.client(tenant, role)
    assert (client.get(path).status_code, client.post(path, MOTHER).status_code) == (reads, writes)
