"""The OpenAPI document is valid, and what the service answers is what it says, whatever is sent."""

from collections.abc import Callable
from typing import Any

from jalsa.dev.conformance import check_document, send_anything
from jalsa.dev.kit import Client, ServiceKit

from .conftest import Register
from .visits import opened


def test_the_document_is_valid_and_describes_every_route_that_asks_for_a_permission(kit: ServiceKit) -> None:
    check_document(kit)


def test_whatever_is_sent_is_answered_as_described_and_never_with_a_fault_of_ours(
    kit: ServiceKit, tenant: str, desk: Client, register: Register, consent_to: Callable[..., dict[str, Any]]
) -> None:
    patient = register(desk)
    known = {
        "patient_id": patient["id"],
        "consent_id": consent_to(desk, patient)["id"],
        "event": "PatientRegistered.v1",
        "encounter_id": (encounter := opened(desk, patient))["id"],
    }
    reference = {"system": "laboratory", "kind": "LabOrder", "ref": "4711"}
    made = kit.client(tenant, "records").post(f"/encounters/{encounter['id']}/references", reference)
    known["reference_id"] = made.json["id"]
    answered = send_anything(kit.client(tenant, "manager", "front-desk", "records"), known)
    assert {200, 201, 404, 422} <= set(answered)
