"""Two who change the encounters of one visit at the same moment, and what happens without the locks."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from jalsa.dev.kit import Client, ServiceKit, eventually
from patient_files.encounters import queries
from patient_files.models import AppointmentProjection, Encounter
from patient_files.projections import operations as projections
from patient_files.references import queries as references

from .conftest import Register
from .visits import Json, Visit, kept, opened

#: How a batch looks up its encounters: with the real look, and what begins the merge.
Look = Callable[..., Any]


@pytest.fixture
def manager(kit: ServiceKit, tenant: str) -> Client:
    return kit.client(tenant, "manager")


@pytest.fixture
def visit(kit: ServiceKit, tenant: str, desk: Client, register: Register) -> Visit:
    return Visit(kit, tenant, register(desk)["id"]).booked()


def at_once(*calls: Callable[[], object]) -> list[Any]:
    """Start all of them at the same moment, and return what they returned."""
    start = threading.Barrier(len(calls))

    def run(call: Callable[[], object]) -> object:
        start.wait(10)
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def body_of(visit: Visit) -> Json:
    return {"patient_id": visit.patient_id, "encounter_type": "X", "appointment_id": visit.appointment_id}


def test_an_arrival_and_an_encounter_opened_by_hand_make_one_encounter(
    kit: ServiceKit, tenant: str, manager: Client, visit: Visit, desk: Client, register: Register
) -> None:
    visits = [visit, *(Visit(kit, tenant, register(desk)["id"]).booked() for _ in range(7))]
    for one in visits:
        _, answer = at_once(one.arrived, partial(manager.post, "/encounters", body_of(one)))
        assert (answer.status_code, answer.json.get("code")) in ((201, None), (409, "appointment-has-encounter"))
        assert one.encounter["status"] == "ARRIVED"
    assert kept(kit, tenant) == [], "nobody had to be tried again"


def test_without_the_appointments_lock_both_find_none_and_the_constraint_refuses_one(
    kit: ServiceKit, tenant: str, manager: Client, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    both_have_looked = threading.Barrier(2, timeout=10)
    look = queries.of_appointment

    def find_unlocked(db: Session, appointment_id: UUID, *_: object) -> AppointmentProjection | None:
        return db.get(AppointmentProjection, appointment_id)

    def look_together(db: Session, appointment_id: UUID, *, lock: bool = False) -> Encounter | None:
        found = look(db, appointment_id, lock=lock)
        both_have_looked.wait()
        return found

    with monkeypatch.context() as patch:
        patch.setattr(queries, "lock_appointment", find_unlocked)
        patch.setattr(projections, "set_appointment_status", find_unlocked)
        patch.setattr(queries, "of_appointment", look_together)
        _, answer = at_once(visit.arrived, lambda: manager.post("/encounters", body_of(visit)))

    refused = answer.status_code == 409 and answer.json["encounter_id"] is None
    assert refused or kept(kit, tenant) == [("retrying", "IntegrityError 23505 encounters_appointment_key")]
    eventually(lambda: kit.inbox.retry_due() >= 0 and not kept(kit, tenant))
    assert visit.encounter["status"] == "ARRIVED"


def closed_events(kit: ServiceKit, visit: Visit) -> int:
    closed = kit.events(visit.tenant, "EncounterClosed")
    return sum(event.data["appointment_id"] == visit.appointment_id for event in closed)


def test_attending_and_closing_end_an_encounter_once(
    kit: ServiceKit, tenant: str, manager: Client, visit: Visit, desk: Client, register: Register
) -> None:
    visits = [visit, *(Visit(kit, tenant, register(desk)["id"]).booked() for _ in range(7))]
    for one in visits:
        path = f"/encounters/{one.arrived().encounter['id']}/close"
        _, answer = at_once(one.attended, partial(manager.post, path))
        assert answer.status_code in (200, 409)
        assert one.encounter["status"] == "FINISHED"
        assert closed_events(kit, one) == 1
    assert kept(kit, tenant) == [], "nobody had to be tried again"


def test_without_the_encounters_lock_its_end_is_announced_twice(
    kit: ServiceKit, manager: Client, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    encounter = visit.arrived().encounter
    both_have_looked = threading.Barrier(2, timeout=10)
    find, of_appointment = queries.find_encounter, queries.of_appointment

    def find_unlocked(db: Session, encounter_id: UUID, *, lock: bool = False) -> Encounter | None:
        found = find(db, encounter_id)
        if lock:
            both_have_looked.wait()
        return found

    def of_appointment_unlocked(db: Session, appointment_id: UUID, *, lock: bool = False) -> Encounter | None:
        found = of_appointment(db, appointment_id)
        if lock:
            both_have_looked.wait()
        return found

    with monkeypatch.context() as patch:
        patch.setattr(queries, "find_encounter", find_unlocked)
        patch.setattr(queries, "of_appointment", of_appointment_unlocked)
        at_once(visit.attended, lambda: manager.post(f"/encounters/{encounter['id']}/close"))

    assert closed_events(kit, visit) == 2


def registered_for(manager: Client, one: Json, into: Json, monkeypatch: pytest.MonkeyPatch, look: Look) -> list[str]:
    """For which encounters a batch registers that names one which is merged while the batch is at work.

    The merge begins when the batch has looked up its encounters, as `look` does. Nobody waits for it then but `look`.
    """
    merge = partial(manager.post, f"/encounters/{one['id']}/merge", {"into": into["id"], "reason": "Opened twice"})
    with ThreadPoolExecutor(1) as pool, monkeypatch.context() as patch:
        merging: list[Future[Any]] = []

        def begin() -> Future[Any]:
            merging.append(pool.submit(merge))
            return merging[0]

        patch.setattr(references, "survivors", partial(look, references.survivors, begin))
        item = {"system": "laboratory", "kind": "LabOrder", "encounter_id": one["id"]}
        batch = {"items": [{**item, "ref": f"{one['id']} {n}"} for n in range(5)]}
        assert manager.post("/encounters/references", batch).status_code == 200
        assert merging[0].result(10).status_code == 200
    found = manager.get(f"/encounters/{into['id']}/references").json["items"]
    assert len(found) == 5, "whatever was registered is read through the encounter that stays"
    return [item["registered_encounter_id"] for item in found]


def test_a_merge_waits_for_the_batch_that_names_its_encounter(
    kit: ServiceKit, manager: Client, desk: Client, register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient = register(desk)
    one, into = opened(manager, patient), opened(manager, patient)

    def look(survivors: Any, begin: Callable[[], Future[Any]], db: Session, ids: Any, *, lock: bool = False) -> Any:
        found = survivors(db, ids, lock=lock)
        if lock:
            merging = begin()
            eventually(lambda: waiting(kit))
            assert not merging.done()
        return found

    registered = registered_for(manager, one, into, monkeypatch, look)

    assert registered == [one["id"]] * 5, "all of it before the merge"
    late = {"system": "laboratory", "kind": "LabOrder", "ref": "late"}
    answer = manager.post(f"/encounters/{one['id']}/references", late)
    assert answer.json["registered_encounter_id"] == into["id"]


def test_without_the_lock_a_batch_registers_for_an_encounter_that_is_merged_already(
    manager: Client, desk: Client, register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient = register(desk)
    one, into = opened(manager, patient), opened(manager, patient)

    def look(survivors: Any, begin: Callable[[], Future[Any]], db: Session, ids: Any, *, lock: bool = False) -> Any:
        found = survivors(db, ids)
        if lock:
            assert begin().result(10).json["replaced_by"] == into["id"], "it is merged, and the batch goes on"
        return found

    assert registered_for(manager, one, into, monkeypatch, look) == [one["id"]] * 5


def waiting(kit: ServiceKit) -> int:
    """How many of the database's connections wait for a lock."""
    with kit.relay.engine.connect() as conn:
        query = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return int(conn.execute(query).scalar_one())
