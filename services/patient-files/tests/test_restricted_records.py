"""A restricted record is read in full by few. The others see names, and the front desk telephones as well."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy.orm import Session

from jalsa.db import access_log
from jalsa.db.access_log import Entry, FindEntries
from jalsa.dev.kit import Client, ServiceKit, example
from jalsa.service import clock
from jalsa.service.policy import Principal
from patient_files import policy
from patient_files.access.rules import Right

from .conftest import somebody_else, take_grant

Json = dict[str, Any]
Register = Callable[..., Json]

#: What of a restricted record everybody sees who sees anything of it.
OPEN = {
    *("id", "file", "name_en", "name_ar", "identity_status", "preferred_language", "active", "alert", "restricted"),
    *("created_at", "merged_into", "withheld"),
    *(f"{part}_name_{script}" for part in ("first", "father", "grandfather", "last") for script in ("en", "ar")),
}
TELEPHONES = {"phone", "phone_type", "phones"}
PROVIDER = "01a1f000-0000-7000-8000-0000000000b1"


@pytest.fixture
def restricted(kit: ServiceKit, tenant: str, desk: Client, body: Json) -> Json:
    """A patient whose record is restricted, as records sees it."""
    records = kit.client(tenant, "records")
    guardian = {"relation": "MOTHER", "name_en": "Huda", "phone": "0500000003"}
    path = f"/patients/{desk.post('/patients', {**body, 'guardians': [guardian]}).json['id']}"
    change = {"restricted": True, "reason": "She works here"}
    answer = records.patch(path, change, records.get(path).headers["ETag"])
    assert answer.status_code == 200, answer.json
    shown: Json = answer.json
    return shown


@pytest.fixture
def treated(kit: ServiceKit, tenant: str, restricted: Json) -> Json:
    """The patient, who has an appointment with the provider tomorrow."""
    event = example("AppointmentBooked", "group", tenant)
    said: Json = {
        "patient_id": restricted["id"],
        "session": {**event.data["session"], "starts_at": (clock.now() + timedelta(days=1)).isoformat()},
        "provider": {**event.data["provider"], "id": PROVIDER},
        "booked_by": "desk",
    }
    kit.inbox.receive(example("AppointmentBooked", "group", tenant, **said))
    return restricted


def rows(kit: ServiceKit, tenant: str, patient: Json, kind: str) -> list[Entry]:
    with kit.transaction(tenant) as db:
        found = access_log.entries(db, FindEntries(patient_ids=(UUID(patient["id"]),), person="tester"), limit=100)
    return [row for row in found if row.kind == kind and row.roles not in (["records"], ["front-desk"])]


def client_of(kit: ServiceKit, tenant: str, *roles: str) -> Client:
    return kit.client(tenant, *roles, provider_id=PROVIDER)


@pytest.mark.parametrize("role", ["records", "integration"])
def test_records_and_integrations_read_all_of_it(kit: ServiceKit, tenant: str, restricted: Json, role: str) -> None:
    answer = client_of(kit, tenant, role).get(f"/patients/{restricted['id']}").json
    assert (answer["withheld"], answer["national_id"], answer["email"]) == ([], "1065432195", "sara@example.com")


@pytest.mark.parametrize(("role", "more"), [("front-desk", TELEPHONES), ("biller", set())])
def test_the_desk_reads_names_and_telephones_and_billing_names(
    kit: ServiceKit, tenant: str, restricted: Json, role: str, more: set[str]
) -> None:
    answer = client_of(kit, tenant, role).get(f"/patients/{restricted['id']}").json

    assert set(answer["withheld"]) == set(answer) - OPEN - more
    assert {name: answer[name] for name in OPEN | more if name != "withheld"} == {
        name: restricted[name] for name in OPEN | more if name != "withheld"
    }
    assert {answer[name] for name in answer["withheld"]} == {None}


@pytest.mark.parametrize("role", ["clinician", "manager"])
def test_clinicians_and_managers_need_a_relation_or_a_grant(
    kit: ServiceKit, tenant: str, restricted: Json, role: str
) -> None:
    client, path = client_of(kit, tenant, role), f"/patients/{restricted['id']}"
    guardian, identifier = restricted["guardians"][0]["id"], restricted["identifiers"][0]["id"]
    for address in (path, f"{path}/identifiers", f"{path}/guardians", f"{path}/alerts",
                    f"/guardians/{guardian}", f"/identifiers/{identifier}"):  # fmt: skip
        answer = client.get(address)
        assert (answer.status_code, answer.json["code"]) == (403, "break-glass-required"), address
        assert "Sara" not in answer.text


def test_a_refusal_is_logged_with_the_patient_whose_record_it_is(
    kit: ServiceKit, tenant: str, restricted: Json
) -> None:
    identifier = restricted["identifiers"][0]["id"]
    assert client_of(kit, tenant, "clinician").get(f"/identifiers/{identifier}").status_code == 403
    [row] = rows(kit, tenant, restricted, "identifier")
    assert (row.record_id, row.outcome, row.reason) == (identifier, "REFUSED", "break-glass-required")


@pytest.mark.parametrize("role", ["clinician", "manager"])
def test_under_a_grant_they_read_all_of_it_and_each_reading_is_marked(
    kit: ServiceKit, tenant: str, restricted: Json, role: str
) -> None:
    client, path = client_of(kit, tenant, role), f"/patients/{restricted['id']}"
    grant = take_grant(client, restricted)
    assert client.get(path).json == restricted
    assert len(client.get(f"{path}/guardians").json["items"]) == 1
    assert len(client.get(f"{path}/guardians").json["items"]) == 1
    for kind, count in (("patient", 1), ("guardian", 2)):
        found = rows(kit, tenant, restricted, kind)
        assert [(row.purpose, str(row.grant_id), row.reason, row.hourly) for row in found] == [
            ("ETREAT", grant["id"], "EMERGENCY", False)
        ] * count


def test_the_registry_shows_a_manager_a_restricted_record_under_a_grant_and_says_so(
    kit: ServiceKit, tenant: str, restricted: Json
) -> None:
    manager = client_of(kit, tenant, "manager")
    grant = take_grant(manager, restricted)
    [item] = manager.get("/patients").json["items"]
    assert (item["email"], item["withheld"]) == ("sara@example.com", [])
    assert [str(row.grant_id) for row in rows(kit, tenant, restricted, "patient")] == [grant["id"]]


def test_whoever_treats_the_patient_reads_all_of_it_and_the_log_says_why(
    kit: ServiceKit, tenant: str, treated: Json
) -> None:
    client = client_of(kit, tenant, "clinician")
    take_grant(client, treated)
    assert client.get(f"/patients/{treated['id']}").json == treated
    [row] = rows(kit, tenant, treated, "patient")
    assert (row.relation, row.purpose, row.grant_id) == ("treating", "TREAT", None), "no emergency where there is none"
    refused = kit.client(tenant, "clinician", provider_id=str(uuid4()), subject="other").get(
        f"/patients/{treated['id']}"
    )
    assert refused.status_code == 403, "the control: another provider"


def test_the_right_is_looked_up_once_however_many_fields_depend_on_it(
    kit: ServiceKit, tenant: str, treated: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[UUID] = []
    ask = policy.right_to_record

    def count(db: Session, principal: Principal, patient_id: UUID, now: datetime) -> Right | None:
        looked.append(patient_id)
        return ask(db, principal, patient_id, now)

    monkeypatch.setattr(policy, "right_to_record", count)
    client_of(kit, tenant, "clinician").get(f"/patients/{treated['id']}")
    assert looked == [UUID(treated["id"])]


@pytest.mark.parametrize("role", ["front-desk", "biller"])
def test_what_belongs_to_the_record_is_not_for_who_reads_a_part(
    kit: ServiceKit, tenant: str, restricted: Json, role: str
) -> None:
    client, path = client_of(kit, tenant, role), f"/patients/{restricted['id']}"
    for address in (f"{path}/identifiers", f"{path}/guardians"):
        assert (client.get(address).status_code, client.get(address).json["code"]) == (403, "forbidden")


@pytest.mark.parametrize("role", ["front-desk", "records", "manager"])
def test_the_registry_shows_everybody_a_name(
    kit: ServiceKit, tenant: str, desk: Client, register: Register, restricted: Json, role: str
) -> None:
    register(desk, **somebody_else(1))
    hidden, plain = client_of(kit, tenant, role).get("/patients").json["items"]
    assert (hidden["name_en"], plain["withheld"]) == ("Sara Nasser", [])
    assert (hidden["email"] is None) == (role != "records")
    assert (hidden["phone"] is None) == (role == "manager")


def test_who_reads_a_part_may_change_what_they_were_told_and_sees_no_more(desk: Client, restricted: Json) -> None:
    path = f"/patients/{restricted['id']}"
    answer = desk.patch(path, {"phone": "0500000009"}, desk.get(path).headers["ETag"])
    assert (answer.status_code, answer.json["phone"], answer.json["email"]) == (200, "+966500000009", None)


def test_who_reads_a_part_corrects_nothing(desk: Client, restricted: Json) -> None:
    path = f"/patients/{restricted['id']}"
    etag = desk.get(path).headers["ETag"]
    for correction in ({"sex": "M"}, {"national_id": None}, {"deceased_on": "2026-11-01"}):
        answer = desk.patch(path, {**correction, "reason": "As told"}, etag)
        assert (answer.status_code, answer.json["code"]) == (403, "forbidden")


@pytest.mark.parametrize(
    ("role", "status"), [("front-desk", 403), ("integration", 403), ("records", 200), ("manager", 200)]
)
def test_records_and_managers_restrict_a_record_with_a_reason(
    kit: ServiceKit, tenant: str, desk: Client, register: Register, role: str, status: int
) -> None:
    client, path = client_of(kit, tenant, role), f"/patients/{register(desk)['id']}"
    etag = client.get(path).headers["ETag"]
    assert list(client.patch(path, {"restricted": True}, etag).json["errors"]) == ["reason"]
    assert client.patch(path, {"restricted": True, "reason": "She works here"}, etag).status_code == status


def test_the_consents_of_a_restricted_record_are_for_who_reads_all_of_it(
    kit: ServiceKit, tenant: str, restricted: Json, consent_to: Callable[..., Json]
) -> None:
    records = client_of(kit, tenant, "records")
    consent = consent_to(records, restricted, expires_on=str(clock.now().date() + timedelta(days=9)))
    one = (f"/consents/{consent['id']}", f"/consents?patient_id={restricted['id']}")
    standing, lists = f"/patients/{restricted['id']}/consent-standing", ("/consents", "/consents/due?within_days=30")
    for role, code in (
        ("front-desk", "forbidden"), ("biller", "forbidden"),
        ("clinician", "break-glass-required"), ("manager", "break-glass-required"),
    ):  # fmt: skip
        for address in (*one, standing):
            answer = client_of(kit, tenant, role).call("GET", address)
            assert (answer.status_code, answer.json["code"]) == (403, code), (role, address)
    for address in lists:
        assert client_of(kit, tenant, "front-desk").call("GET", address).json["items"] == [], address
        assert client_of(kit, tenant, "manager").call("GET", address).json["items"] == [], address
        assert len(records.call("GET", address).json["items"]) == 1, "the control"


def test_what_is_merged_with_a_restricted_record_is_as_restricted(
    kit: ServiceKit, tenant: str, desk: Client, restricted: Json, register: Register, consent_to: Callable[..., Json]
) -> None:
    records, manager = client_of(kit, tenant, "records"), client_of(kit, tenant, "manager")
    open_record = register(desk, **somebody_else(1))
    expires = str(clock.now().date() + timedelta(days=9))
    consent = consent_to(records, open_record, expires_on=expires)
    lists = ("/consents", "/consents/due?within_days=30")
    for address in lists:
        assert len(manager.call("GET", address).json["items"]) == 1, "the control"
    merge = {"into": restricted["id"], "reason": "The same person, registered twice", "override": {"reason": "Seen"}}
    assert records.post(f"/patients/{open_record['id']}/merge", merge).status_code == 200
    for address in lists:
        assert manager.call("GET", address).json["items"] == [], address
    assert manager.call("GET", f"/consents/{consent['id']}").status_code == 403
    take_grant(manager, open_record)
    for address in (*lists, f"/consents/{consent['id']}"):
        assert manager.call("GET", address).status_code == 200
    for address in lists:
        assert len(manager.call("GET", address).json["items"]) == 1, address


def test_under_a_grant_a_manager_reads_consents_of_a_restricted_record_and_each_reading_is_marked(
    kit: ServiceKit, tenant: str, restricted: Json, consent_to: Callable[..., Json]
) -> None:
    in_nine_days = str(clock.now().date() + timedelta(days=9))
    consent = consent_to(client_of(kit, tenant, "records"), restricted, expires_on=in_nine_days)
    manager = client_of(kit, tenant, "manager")
    grant = take_grant(manager, restricted)
    for address in (f"/consents/{consent['id']}", "/consents", "/consents/due?within_days=30"):
        assert manager.call("GET", address).status_code == 200
    assert [str(row.grant_id) for row in rows(kit, tenant, restricted, "consent")] == [grant["id"]] * 3


def test_whoever_does_not_read_a_consent_does_not_revoke_it(
    kit: ServiceKit, tenant: str, restricted: Json, consent_to: Callable[..., Json]
) -> None:
    consent = consent_to(client_of(kit, tenant, "records"), restricted)
    path = f"/consents/{consent['id']}/revoke"
    assert client_of(kit, tenant, "front-desk").post(path, {}).status_code == 403
    assert client_of(kit, tenant, "records").post(path, {}).status_code == 200
