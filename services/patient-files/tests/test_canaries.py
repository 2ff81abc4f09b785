"""Every GET of every role is asked. No word from a field that is not for everybody reaches whom it is not for."""

import secrets
from collections.abc import Callable

from jalsa.dev.canaries import seen_by_role, undeclared
from jalsa.dev.kit import Client, ServiceKit
from jalsa.service.policy import ROLES

from .conftest import Json, Register

LISTS_THE_REGISTRY = {"front-desk", "records", "manager"}


def test_each_word_reaches_who_may_read_it_and_nobody_else(
    kit: ServiceKit, tenant: str, desk: Client, register: Register, consent_to: Callable[..., Json]
) -> None:
    why = f"canary{secrets.token_hex(6)}"
    number = f"CANARY{secrets.token_hex(5).upper()}"
    patient = register(desk, national_id=number)
    consent = consent_to(desk, patient)
    assert desk.post(f"/consents/{consent['id']}/revoke", {"reason": why}).status_code == 200
    kit.events(tenant)
    clients = {role: kit.client(tenant, role, provider_id=patient["id"]) for role in ROLES}
    ids = {"patient_id": patient["id"], "consent_id": consent["id"], "event": "PatientRegistered.v1"}
    found = seen_by_role(lambda role: clients[role], ids, {}, {why: (), number: (), "sara@example.com": ()})
    reached = {role: set[str]().union(*paths.values()) for role, paths in found.items()}
    assert {role for role, words in reached.items() if why in words} == {"front-desk", "clinician", "manager"}
    identified = {number, "sara@example.com"}
    for role, paths in found.items():
        assert paths["/patients"] & identified == (identified if role in LISTS_THE_REGISTRY else set()), role
        assert paths["/patients/{patient_id}"] & identified == (set() if role == "subscriber" else identified), role
    assert reached["subscriber"] == set()
    assert found["integration"]["/events"] == set()


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
    assert undeclared(desk.get("/openapi.json").get_json(), frozenset()) == set()
