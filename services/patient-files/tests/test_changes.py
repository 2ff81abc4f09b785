"""Who shows records learns which of them have changed, of the kinds that the caller reads, and nothing else."""

from typing import Any

from jalsa.dev.kit import Client, ServiceKit

from .conftest import Register


def changes(kit: ServiceKit, tenant: str, role: str, after: int | None) -> Any:
    kit.events(tenant)  # gives every event its position
    query = {} if after is None else {"after": after}
    answer = kit.client(tenant, role).get("/changes", **query)
    assert answer.status_code == 200, answer.json
    return answer.json


def test_without_a_position_the_last_one_is_answered(
    kit: ServiceKit, tenant: str, desk: Client, register: Register
) -> None:
    register(desk)
    start = changes(kit, tenant, "front-desk", None)
    assert start["items"] == []
    assert start["position"] > 0
    assert changes(kit, tenant, "front-desk", start["position"]) == start


def test_a_record_is_named_once_however_often_it_changed(
    kit: ServiceKit, tenant: str, desk: Client, register: Register
) -> None:
    before = changes(kit, tenant, "front-desk", None)["position"]
    patient = register(desk)
    for name in ("Hana", "Huda"):
        tag = desk.get(f"/patients/{patient['id']}").headers["ETag"]
        assert desk.patch(f"/patients/{patient['id']}", {"first_name_en": name}, tag).status_code == 200
    told = changes(kit, tenant, "front-desk", before)
    assert told["items"] == [{"kind": "patient", "id": patient["id"], "patient_id": patient["id"]}]
    assert told["position"] > before
    assert changes(kit, tenant, "front-desk", told["position"])["items"] == []


def test_who_may_not_read_a_kind_of_record_is_not_told_of_it(
    kit: ServiceKit, tenant: str, desk: Client, register: Register
) -> None:
    patient = register(desk)
    encounter = kit.client(tenant).post("/encounters", {"patient_id": patient["id"], "encounter_type": "CONSULTATION"})
    assert encounter.status_code == 201, encounter.json
    grant = {
        "patient_id": patient["id"],
        "reason_code": "EMERGENCY",
        "reason": "Found unconscious at the entrance",
        "scope": "RECORD",
        "minutes": 5,
    }
    assert kit.client(tenant, "manager", subject="mona").post("/break-glass", grant).status_code == 201
    kinds = {role: [item["kind"] for item in changes(kit, tenant, role, 0)["items"]] for role in ("biller", "records")}
    assert kinds == {"biller": ["patient", "encounter"], "records": ["patient", "encounter", "break-glass"]}
    assert kit.client(tenant, "subscriber").get("/changes").status_code == 403


def test_the_changes_of_another_tenant_are_not_told(
    kit: ServiceKit, tenant: str, desk: Client, register: Register
) -> None:
    register(desk)
    assert changes(kit, f"{tenant}-b", "manager", 0) == {"position": 0, "items": []}
