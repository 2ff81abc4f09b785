"""Warnings about a patient: who raises, sees and ends them."""

from collections.abc import Callable
from typing import Any

import pytest

from jalsa.dev.kit import Client, ServiceKit

Json = dict[str, Any]
Register = Callable[..., Json]
FOR_ALL: Json = {"kind": "MOBILITY", "text": "Comes in a wheelchair", "audience": "ALL"}
CLINICAL: Json = {"kind": "BEHAVIOUR", "text": "Bites", "audience": "CLINICAL"}
PROVIDER = "01a1f000-0000-7000-8000-0000000000b1"


def test_an_alert_is_raised_shown_and_ended(desk: Client, register: Register) -> None:
    patient = register(desk)
    path = f"/patients/{patient['id']}"
    assert patient["alert"] is False

    raised = desk.post(f"{path}/alerts", FOR_ALL)
    assert (raised.status_code, desk.get(path).json["alert"]) == (201, True)
    assert desk.get(f"{path}/alerts").json["items"] == [raised.json]
    ended = desk.post(f"/alerts/{raised.json['id']}/end", {"reason": "Walks again"})
    again = desk.post(f"/alerts/{raised.json['id']}/end", {"reason": "Walks again"})

    assert (ended.status_code, ended.json["end_reason"], ended.json["ended_by"]) == (200, "Walks again", "tester")
    assert (again.status_code, again.json["code"]) == (409, "invalid-transition")
    assert desk.get(path).json["alert"] is False
    assert len(desk.get(f"{path}/alerts").json["items"]) == 1


def test_clinical_alerts_are_not_for_the_front_desk_which_only_sees_that_there_is_one(
    kit: ServiceKit, tenant: str, desk: Client, register: Register
) -> None:
    path = f"/patients/{register(desk)['id']}"
    clinician = kit.client(tenant, "clinician", provider_id=PROVIDER)
    assert desk.post(f"{path}/alerts", CLINICAL).status_code == 403
    clinical = clinician.post(f"{path}/alerts", CLINICAL).json
    for_all = clinician.post(f"{path}/alerts", FOR_ALL).json

    assert [each["id"] for each in desk.get(f"{path}/alerts", limit=1).json["items"]] == [for_all["id"]]
    assert desk.get(f"{path}/alerts", limit=1).json["next_cursor"] is None
    assert desk.get(path).json["alert"] is True
    assert desk.get(f"/alerts/{clinical['id']}").status_code == 404
    assert desk.post(f"/alerts/{clinical['id']}/end", {"reason": "Seen"}).status_code == 404
    assert len(clinician.get(f"{path}/alerts").json["items"]) == 2


@pytest.mark.parametrize(("role", "seen"), [("records", 2), ("manager", 2), ("clinician", 1), ("front-desk", 1)])
def test_a_clinician_who_is_no_provider_treats_nobody(
    kit: ServiceKit, tenant: str, desk: Client, register: Register, role: str, seen: int
) -> None:
    path = f"/patients/{register(desk)['id']}/alerts"
    for alert in (FOR_ALL, CLINICAL):
        assert kit.client(tenant).post(path, alert).status_code == 201
    assert len(kit.client(tenant, role).get(path).json["items"]) == seen


@pytest.mark.parametrize("role", ["biller", "integration"])
def test_alerts_are_not_for_billing_and_other_systems(
    kit: ServiceKit, tenant: str, desk: Client, register: Register, role: str
) -> None:
    path = f"/patients/{register(desk)['id']}/alerts"
    client = kit.client(tenant, role)
    assert (client.get(path).status_code, client.post(path, FOR_ALL).status_code) == (403, 403)


@pytest.mark.parametrize(
    ("field", "value"),
    [("kind", "GOSSIP"), ("audience", "NOBODY"), ("text", ""), ("text", "x" * 501), ("text", "a\x00b"), ("text", None)],
)
def test_a_bad_field_is_named(desk: Client, register: Register, field: str, value: object) -> None:
    answer = desk.post(f"/patients/{register(desk)['id']}/alerts", {**FOR_ALL, field: value})
    assert (answer.status_code, list(answer.json["errors"])) == (422, [field])
