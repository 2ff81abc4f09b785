"""Every GET of every role is asked. No word from a field that is not for everybody reaches whom it is not for."""

import secrets
from collections.abc import Callable
from uuid import uuid4

from jalsa.dev.canaries import seen_by_role, undeclared
from jalsa.dev.kit import Client, ServiceKit, example
from jalsa.service.policy import ROLES

from .conftest import Json, Register, take_grant
from .visits import opened

#: The first is a code. The second is in a record that as a whole is for reviewers and for the person who wrote it.
_HARMLESS = frozenset({"AccessEntryAnswer.reason", "BreakGlassAnswer.reason"})
LISTS_THE_REGISTRY = {"front-desk", "records", "manager"}


def test_each_word_reaches_who_may_read_it_and_nobody_else(
    kit: ServiceKit, tenant: str, desk: Client, register: Register, consent_to: Callable[..., Json]
) -> None:
    why = f"canary{secrets.token_hex(6)}"
    secret = f"canary{secrets.token_hex(6)}"
    complaint, code = f"canary{secrets.token_hex(6)}", f"canary{secrets.token_hex(6)}"
    number = f"CANARY{secrets.token_hex(5).upper()}"
    patient = register(desk, national_id=number)
    consent = consent_to(desk, patient)
    assert desk.post(f"/consents/{consent['id']}/revoke", {"reason": why}).status_code == 200
    sub_file_id, closing = close_a_sub_file(kit, tenant, patient)
    ended, named, clinical = (f"canary{secrets.token_hex(6)}" for _ in range(3))
    path = f"/patients/{patient['id']}"
    identifier = desk.post(f"{path}/identifiers", {"type": "OTHER", "value": "12345"}).get_json()
    assert desk.post(f"/identifiers/{identifier['id']}/withdraw", {"reason": ended}).status_code == 200
    guardian = desk.post(f"{path}/guardians", {"relation": "MOTHER", "name_en": named}).get_json()
    warning = {"kind": "BEHAVIOUR", "text": clinical, "audience": "CLINICAL"}
    alert = kit.client(tenant).post(f"{path}/alerts", warning).get_json()
    kit.events(tenant)
    manager = kit.client(tenant, "manager", subject="mona")
    grant = take_grant(manager, patient, reason=f"Because of {secret} and no other")
    clients = {role: kit.client(tenant, role, provider_id=patient["id"]) for role in ROLES}
    code_of_word = [{"system": "X", "code": code}]
    encounter = opened(clients["manager"], patient, chief_complaint=complaint, billing_codes=code_of_word)
    cancelled = clients["manager"].post(f"/encounters/{encounter['id']}/cancel", {"reason": why})
    assert cancelled.status_code == 200
    ids = {"patient_id": patient["id"], "consent_id": consent["id"], "event": "PatientRegistered.v1"}
    ids |= {"identifier_id": identifier["id"], "guardian_id": guardian["id"], "alert_id": alert["id"]}
    ids |= {"sub_file_id": sub_file_id, "code": "TREATMENT"}
    ids |= {"grant_id": grant["id"]}
    ids["encounter_id"] = encounter["id"]
    reference = {"system": "laboratory", "kind": "LabOrder", "ref": "4711"}
    made = clients["records"].post(f"/encounters/{encounter['id']}/references", reference)
    ids["reference_id"] = made.json["id"]
    queries = {"/references": [{"system": "laboratory"}]}
    words = (why, number, "sara@example.com", ended, named, clinical, closing, secret, complaint, code)
    found = seen_by_role(lambda role: clients[role], ids, queries, dict.fromkeys(words, ()))
    reached = {role: set[str]().union(*paths.values()) for role, paths in found.items()}
    assert {role for role, words in reached.items() if why in words} == {"front-desk", "clinician", "manager"}
    assert {role for role, words in reached.items() if secret in words} == {"records", "manager"}
    assert {role for role, words in reached.items() if ended in words} == LISTS_THE_REGISTRY | {"integration"}
    assert {role for role, words in reached.items() if named in words} == ROLES - {"subscriber"}
    assert {role for role, words in reached.items() if clinical in words} == {"clinician", "records", "manager"}
    readers = {"front-desk", "clinician", "records", "manager"}
    assert {role for role, words in reached.items() if closing in words} == readers
    assert {role for role, words in reached.items() if complaint in words} == {"records", "manager", "integration"}
    assert {role for role, words in reached.items() if code in words} == set(ROLES) - {"front-desk", "subscriber"}
    assert found["records"]["/encounters"] >= {complaint, code}
    identified = {number, "sara@example.com"}
    for role, paths in found.items():
        assert paths["/patients"] & identified == (identified if role in LISTS_THE_REGISTRY else set()), role
        assert paths["/patients/{patient_id}"] & identified == (set() if role == "subscriber" else identified), role
    assert reached["subscriber"] == set()
    assert found["integration"]["/events"] == set()


def close_a_sub_file(kit: ServiceKit, tenant: str, patient: Json) -> tuple[str, str]:
    """Close a sub-file. Returns its id and why it was closed."""
    clinic, provider, why = str(uuid4()), str(uuid4()), f"canary{secrets.token_hex(6)}"
    kit.inbox.receive(example("ClinicSaved", "default", tenant, subject_id=clinic, clinic_id=clinic))
    kit.inbox.receive(example("ProviderSaved", "default", tenant, subject_id=provider, provider_id=provider))
    manager, body = kit.client(tenant), {"clinic_id": clinic, "assigned_provider_id": provider}
    sub_file_id = (manager.post(f"/patients/{patient['id']}/sub-files", body).json or {})["id"]
    assert manager.post(f"/sub-files/{sub_file_id}/close", {"reason": why}).status_code == 200
    return sub_file_id, why


def test_only_who_works_with_the_registry_lists_it_and_the_others_look_up_one_patient(
    kit: ServiceKit, tenant: str, desk: Client, register: Register
) -> None:
    file_number = register(desk)["file"]["file_number"]
    for role in sorted(ROLES - {"subscriber"}):
        client = kit.client(tenant, role)
        listed = client.get("/patients")
        assert listed.status_code == (200 if role in LISTS_THE_REGISTRY else 403), role
        [found] = client.get("/patients", file_number=file_number).get_json()["items"]
        assert found["file"]["file_number"] == file_number


def test_a_subscriber_is_told_of_patients_only_where_the_token_says_so(
    kit: ServiceKit, tenant: str, desk: Client, register: Register
) -> None:
    register(desk)
    kit.events(tenant)

    def aggregates(events: list[str] | None) -> set[str]:
        answer = kit.client(tenant, "subscriber", events=events).get("/events")
        return {item["subject"].split("/")[0] for item in answer.get_json()["items"]}

    assert aggregates(None) == set()
    assert aggregates(["scheduling.appointment"]) == set()
    assert aggregates(["patient-files.patient"]) == {"patient"}
    assert kit.client(tenant, "subscriber", events=["patient-files.patient"]).get("/patients").status_code == 403


def test_every_field_that_sounds_like_a_reason_says_who_reads_it(desk: Client) -> None:
    # one of a few codes, which says nothing of anybody
    harmless = {f"{answer}.counts_reason" for answer in ("ConsentAnswer", "DueConsentAnswer")}
    harmless.add("DueConsentAnswer.due_reason")
    assert undeclared(desk.get("/openapi.json").get_json(), _HARMLESS | harmless) == set()
