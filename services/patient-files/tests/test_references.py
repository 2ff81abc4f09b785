"""References of other systems' records to encounters: one by one, in batches, moved, ended, read through merges."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import event as sqlalchemy_event

from jalsa.db import legacy
from jalsa.dev.kit import Client, ServiceKit
from patient_files.models import EncounterReference

from .conftest import Register
from .visits import Json, Visit, opened

ORDER = {"system": "laboratory", "kind": "LabOrder"}


@pytest.fixture
def manager(kit: ServiceKit, tenant: str) -> Client:
    return kit.client(tenant, "manager")


@pytest.fixture
def lab(kit: ServiceKit, tenant: str) -> Client:
    """The interface of the laboratory's system."""
    return kit.client(tenant, "integration", subject="lab")


@pytest.fixture
def patient(desk: Client, register: Register) -> Json:
    return register(desk)


@pytest.fixture
def encounter(manager: Client, patient: Json) -> Json:
    return opened(manager, patient)


def register_one(client: Client, encounter: Json, status: int = 201, **fields: Any) -> Json:
    answer = client.post(f"/encounters/{encounter['id']}/references", {**ORDER, **fields})
    assert answer.status_code == status, answer.json
    found: Json = answer.json
    return found


def batch(client: Client, *items: Json) -> list[Json]:
    answer = client.post("/encounters/references", {"items": [{**ORDER, **item} for item in items]})
    assert answer.status_code == 200, answer.json
    found: list[Json] = answer.json["items"]
    return found


def results(outcomes: list[Json]) -> list[tuple[str, str | None]]:
    return [(one["result"], one["code"]) for one in outcomes]


def refs_of(client: Client, encounter: Json) -> list[str]:
    answer = client.get(f"/encounters/{encounter['id']}/references")
    return [item["ref"] for item in answer.json["items"]]


def test_a_record_belongs_to_one_encounter_and_what_is_said_again_changes_nothing(lab: Client, encounter: Json) -> None:
    made = register_one(lab, encounter, ref="4711")
    again = register_one(lab, encounter, 200, ref="4711")

    assert made == again
    expected = {"encounter_id": encounter["id"], "known": True, "registered_by": "lab", "ended_at": None, **ORDER}
    assert {name: made[name] for name in expected} == expected
    assert refs_of(lab, encounter) == ["4711"]
    assert lab.get(f"/references/{made['id']}").json == made
    assert lab.get("/references", **ORDER, ref="4711").json["items"] == [made]


def test_a_record_of_another_encounter_is_moved_only_where_it_is_asked_for(
    lab: Client, manager: Client, patient: Json, encounter: Json
) -> None:
    other = opened(manager, patient)
    made = register_one(lab, encounter, ref="4711")
    refused = register_one(lab, other, 409, ref="4711")
    assert (refused["code"], refused["encounter_id"]) == ("refers-elsewhere", encounter["id"])

    moved = register_one(lab, other, ref="4711", move=True)

    assert moved["id"] != made["id"]
    assert (refs_of(lab, encounter), refs_of(lab, other)) == ([], ["4711"])
    assert lab.get(f"/references/{made['id']}").json["ended_by"] == "lab"


def test_an_unknown_kind_is_stored_and_marked(lab: Client, encounter: Json) -> None:
    assert register_one(lab, encounter, ref="1", kind="Unheard")["known"] is False
    assert register_one(lab, encounter, ref="1", system="elsewhere")["known"] is False


def test_a_reference_is_ended_with_its_etag_and_the_record_may_refer_again(
    lab: Client, manager: Client, encounter: Json
) -> None:
    path = f"/references/{register_one(lab, encounter, ref='4711')['id']}"
    etag = lab.get(path).headers["ETag"]
    assert lab.call("DELETE", path).status_code == 428
    assert lab.call("DELETE", path, headers={"If-Match": '"stale"'}).status_code == 412

    assert lab.call("DELETE", path, headers={"If-Match": etag}).status_code == 204

    assert refs_of(lab, encounter) == []
    assert lab.get(path).json["ended_by"] == "lab"
    register_one(lab, encounter, ref="4711")


def test_each_item_of_a_batch_stands_for_itself(
    kit: ServiceKit, tenant: str, lab: Client, manager: Client, patient: Json, encounter: Json
) -> None:
    other = opened(manager, patient)
    here, there, nowhere = ({"encounter_id": one} for one in (encounter["id"], other["id"], str(uuid4())))
    with kit.transaction(tenant) as db:
        legacy.keep_id(db, "encounter", "17", other["id"])
    batch(lab, {**here, "ref": "held"}, {**here, "ref": "moved"}, {**here, "ref": "same"})

    outcomes = batch(
        lab,
        {**here, "ref": "new"},
        {**here, "ref": "same"},
        {**there, "ref": "held"},
        {**there, "ref": "moved", "move": True},
        {**nowhere, "ref": "unknown"},
        {**nowhere, "ref": "awaited", "allow_unknown": True},
        {"legacy_key": "17", "ref": "old"},
        {"legacy_key": "18", "ref": "older"},
        {**here, "ref": "x" * 101},
        {**here, "ref": ""},
        {"ref": "nobody's"},
        {**here, "ref": "new"},
        {**there, "ref": "new", "move": True},
    )

    assert results(outcomes) == [
        ("CREATED", None),
        ("UNCHANGED", None),
        ("REJECTED", "refers-elsewhere"),
        ("MOVED", None),
        ("REJECTED", "unknown-encounter"),
        ("CREATED", None),
        ("CREATED", None),
        ("REJECTED", "unknown-encounter"),
        ("REJECTED", "validation-error"),
        ("REJECTED", "validation-error"),
        ("REJECTED", "validation-error"),
        ("UNCHANGED", None),
        ("REJECTED", "repeated-in-batch"),
    ]
    assert sorted(refs_of(lab, encounter)) == ["held", "new", "same"]
    assert sorted(refs_of(lab, other)) == ["moved", "old"]


def test_one_bad_item_among_a_thousand_leaves_the_others(
    kit: ServiceKit, tenant: str, lab: Client, encounter: Json
) -> None:
    items = [{"encounter_id": encounter["id"], "ref": str(n)} for n in range(1000)]
    items[500]["ref"] = "x" * 101
    outcomes = batch(lab, *items)
    assert results(outcomes).count(("CREATED", None)) == 999
    assert results(outcomes)[500] == ("REJECTED", "validation-error")
    assert kit.count(tenant, EncounterReference) == 999


def test_a_thousand_and_one_are_refused(lab: Client, encounter: Json) -> None:
    items = [{**ORDER, "encounter_id": encounter["id"], "ref": str(n)} for n in range(1001)]
    for refused in (items, []):
        answer = lab.post("/encounters/references", {"items": refused})
        assert (answer.status_code, list(answer.json["errors"])) == (422, ["items"])


def test_a_batch_takes_as_many_statements_as_one_item(
    kit: ServiceKit, lab: Client, manager: Client, patient: Json
) -> None:
    encounters = [opened(manager, patient) for _ in range(20)]

    def statements(count: int, name: str) -> int:
        items = [{"encounter_id": encounters[n % 20]["id"], "ref": f"{name} {n}"} for n in range(count)]
        seen: list[str] = []

        def look(_: object, __: object, statement: str, *___: object) -> None:
            seen.append(statement)

        sqlalchemy_event.listen(kit.database.engine, "before_cursor_execute", look)
        try:
            assert set(results(batch(lab, *items))) == {("CREATED", None)}
        finally:
            sqlalchemy_event.remove(kit.database.engine, "before_cursor_execute", look)
        return len(seen)

    assert statements(1, "one") == statements(200, "many") <= 8


def test_what_refers_to_a_merged_encounter_is_read_through_the_one_that_stays(
    lab: Client, manager: Client, patient: Json, encounter: Json
) -> None:
    middle, last = opened(manager, patient), opened(manager, patient)
    made = register_one(lab, encounter, ref="first")
    for one, into in ((encounter, middle), (middle, last)):
        body = {"into": into["id"], "reason": "Opened twice"}
        assert manager.post(f"/encounters/{one['id']}/merge", body).status_code == 200

    assert [refs_of(lab, one) for one in (encounter, middle, last)] == [["first"]] * 3
    read = lab.get(f"/references/{made['id']}").json
    assert (read["encounter_id"], read["registered_encounter_id"]) == (last["id"], encounter["id"])
    later = register_one(lab, encounter, ref="second")
    assert later["registered_encounter_id"] == last["id"], "what is new goes to the one that stays"
    assert register_one(lab, last, 200, ref="first")["id"] == made["id"]


def test_a_system_with_actors_is_written_by_them_alone(
    kit: ServiceKit, tenant: str, lab: Client, manager: Client, encounter: Json
) -> None:
    stranger = kit.client(tenant, "integration", subject="stranger")
    register_one(stranger, encounter, ref="before")
    decided = manager.put("/reference-systems/laboratory", {"actors": ["lab"]})
    assert decided.json == {"system": "laboratory", "actors": ["lab"]}
    assert manager.get("/reference-systems").json["items"] == [decided.json]

    assert register_one(stranger, encounter, 403, ref="4711")["code"] == "forbidden"
    item = {"encounter_id": encounter["id"], "ref": "4711"}
    assert results(batch(stranger, item)) == [("REJECTED", "forbidden")]
    made = register_one(lab, encounter, ref="4711")
    path = f"/references/{made['id']}"
    etag = lab.get(path).headers["ETag"]
    assert stranger.call("DELETE", path, headers={"If-Match": etag}).status_code == 403
    register_one(stranger, encounter, ref="4711", system="pharmacy")
    manager.put("/reference-systems/laboratory", {"actors": []})
    register_one(stranger, encounter, 200, ref="4711")


def test_who_may_read_and_write_references(kit: ServiceKit, tenant: str, encounter: Json) -> None:
    for role in ("front-desk", "clinician", "biller", "records", "manager", "integration", "subscriber"):
        client = kit.client(tenant, role, provider_id=str(uuid4()))
        path = f"/encounters/{encounter['id']}/references"
        writes = role in ("records", "manager", "integration")
        reads = writes or role == "clinician"
        assert (client.post(path, {**ORDER, "ref": role}).status_code == 201) is writes, role
        assert (client.get(path).status_code == 200) is reads, role
        assert (client.get("/encounters/integrity").status_code == 200) is reads, role
        assert (client.get("/references", system="laboratory").status_code == 200) is reads, role
        assert (client.get("/reference-systems").status_code == 200) is (role == "manager"), role


def test_references_are_listed_page_by_page(lab: Client, encounter: Json) -> None:
    batch(lab, *({"encounter_id": encounter["id"], "ref": f"{n}"} for n in range(5)))
    for path, query in ((f"/encounters/{encounter['id']}/references", {}), ("/references", {"system": "laboratory"})):
        seen: list[str] = []
        cursor: dict[str, str] = {}
        while True:
            answer = lab.get(path, limit=2, **query, **cursor).json
            seen += [item["ref"] for item in answer["items"]]
            if answer["next_cursor"] is None:
                break
            cursor = {"cursor": answer["next_cursor"]}
        assert seen == ["0", "1", "2", "3", "4"]


def test_an_encounter_to_which_something_refers_is_not_cancelled_by_an_appointment(
    kit: ServiceKit, tenant: str, lab: Client, manager: Client, patient: Json
) -> None:
    visit = Visit(kit, tenant, patient["id"]).booked().arrived()
    register_one(lab, visit.encounter, ref="4711")
    visit.became("AppointmentNoShow")
    assert visit.encounter["status"] == "ARRIVED"
    [finding] = manager.get("/encounters/integrity", finding="appointment-contradicts").json["items"]
    assert finding["encounter_id"] == visit.encounter["id"]


def test_another_tenants_references_are_not_found(
    kit: ServiceKit, tenant: str, lab: Client, encounter: Json, open_clinic: Callable[..., str]
) -> None:
    made, stranger = register_one(lab, encounter, ref="4711"), kit.client(f"{tenant}-b")
    assert stranger.get(f"/references/{made['id']}").status_code == 404
    assert stranger.get(f"/encounters/{encounter['id']}/references").status_code == 404
    assert stranger.post(f"/encounters/{encounter['id']}/references", {**ORDER, "ref": "1"}).status_code == 404
    assert stranger.get("/references", system="laboratory").json["items"] == []
    assert results(batch(stranger, {"encounter_id": encounter["id"], "ref": "1"})) == [
        ("REJECTED", "unknown-encounter")
    ]
