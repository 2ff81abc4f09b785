"""What the outcome of an appointment, and the notes of its session, make of its encounter."""

from datetime import timedelta

import pytest

from jalsa.dev.kit import Client, ServiceKit

from .conftest import Register
from .visits import ARRIVED_AT, Json, Visit, kept, opened


@pytest.fixture
def manager(kit: ServiceKit, tenant: str) -> Client:
    return kit.client(tenant, "manager")


@pytest.fixture
def patient(desk: Client, register: Register) -> Json:
    return register(desk)


@pytest.fixture
def visit(kit: ServiceKit, tenant: str, patient: Json) -> Visit:
    return Visit(kit, tenant, patient["id"]).booked()


def test_an_arrival_opens_the_encounter_of_the_appointment(visit: Visit, patient: Json) -> None:
    visit.arrived()

    expected = {
        "patient_id": patient["id"],
        "provider_id": visit.provider_id,
        "encounter_type": "OT-GROUP",
        "encounter_class": "AMB",
        "status": "ARRIVED",
        "started_at": "2026-11-23T06:50:00Z",
        "room_number": "Blue room",
        "source": "APPOINTMENT",
        "created_by": "system:AppointmentArrived.v1",
    }
    assert {name: visit.encounter[name] for name in expected} == expected


def test_an_arrival_moves_the_planned_encounter_and_opens_no_other(
    manager: Client, visit: Visit, patient: Json
) -> None:
    planned = opened(manager, patient, appointment_id=visit.appointment_id)
    assert (planned["status"], planned["provider_id"]) == ("PLANNED", visit.provider_id)

    visit.arrived()

    assert (visit.encounter["id"], visit.encounter["status"]) == (planned["id"], "ARRIVED")
    assert visit.encounter["started_at"] == "2026-11-23T06:50:00Z"


def test_an_arrival_changes_nothing_of_an_encounter_that_has_started(
    manager: Client, visit: Visit, patient: Json
) -> None:
    started = opened(manager, patient, appointment_id=visit.appointment_id, status="IN_PROGRESS")
    visit.arrived()
    assert visit.encounter == started


def test_an_appointment_has_one_encounter(manager: Client, visit: Visit, patient: Json) -> None:
    visit.arrived()
    body = {"patient_id": patient["id"], "encounter_type": "X", "appointment_id": visit.appointment_id}
    answer = manager.post("/encounters", body)
    assert (answer.status_code, answer.json["code"]) == (409, "appointment-has-encounter")
    assert answer.json["encounter_id"] == visit.encounter["id"]


def test_attending_closes_the_encounter_unless_it_is_closed(manager: Client, visit: Visit) -> None:
    visit.arrived().attended()
    assert (visit.encounter["status"], visit.encounter["ended_at"]) == ("FINISHED", "2026-11-23T07:50:00Z")


def test_attending_leaves_the_end_that_the_provider_gave(manager: Client, visit: Visit) -> None:
    visit.arrived()
    closed = manager.post(f"/encounters/{visit.encounter['id']}/close", {"at": "2026-11-23T07:30:00Z"})
    assert closed.status_code == 200
    visit.attended()
    assert visit.encounter["ended_at"] == "2026-11-23T07:30:00Z"


def test_an_end_that_was_recorded_before_the_arrival_is_the_arrival(visit: Visit) -> None:
    visit.arrived().attended(ARRIVED_AT - timedelta(minutes=1))
    assert visit.encounter["ended_at"] == visit.encounter["started_at"]


@pytest.mark.parametrize("event", ["AppointmentNoShow", "AppointmentCancelled"])
def test_who_does_not_come_after_all_has_a_cancelled_encounter(visit: Visit, event: str) -> None:
    visit.arrived().became(event)
    assert visit.encounter["status"] == "CANCELLED"


@pytest.mark.parametrize("event", ["AppointmentNoShow", "AppointmentCancelled"])
def test_what_has_started_is_not_cancelled_by_an_appointment(manager: Client, visit: Visit, event: str) -> None:
    visit.arrived()
    manager.post(f"/encounters/{visit.encounter['id']}/start")
    visit.became(event)
    assert visit.encounter["status"] == "IN_PROGRESS"


def test_who_arrives_after_all_gets_an_encounter_that_replaces_the_cancelled_one(visit: Visit) -> None:
    visit.arrived().became("AppointmentNoShow").arrived(ARRIVED_AT + timedelta(minutes=30))

    cancelled, present = visit.encounters
    assert (cancelled["status"], cancelled["replaced_by"]) == ("ENTERED_IN_ERROR", present["id"])
    assert (present["status"], present["started_at"]) == ("ARRIVED", "2026-11-23T07:20:00Z")


def test_an_arrival_that_was_a_slip_leaves_an_encounter_in_error(visit: Visit) -> None:
    visit.arrived().corrected("ARRIVED", "CONFIRMED")
    assert visit.encounter["status"] == "ENTERED_IN_ERROR"
    visit.arrived()
    assert [one["status"] for one in visit.encounters] == ["ENTERED_IN_ERROR", "ARRIVED"]


def test_a_slip_that_is_taken_back_leaves_what_a_provider_opened(manager: Client, visit: Visit, patient: Json) -> None:
    opened(manager, patient, appointment_id=visit.appointment_id, status="ARRIVED")
    visit.arrived().corrected("ARRIVED", "BOOKED")
    assert visit.encounter["status"] == "ARRIVED"


def test_the_same_arrival_twice_opens_one_encounter(kit: ServiceKit, visit: Visit) -> None:
    event = visit.event("AppointmentArrived")
    kit.inbox.receive(event)
    kit.inbox.receive(event)
    assert visit.encounter["status"] == "ARRIVED"


def test_a_signed_note_completes_the_documentation(visit: Visit) -> None:
    visit.arrived()
    assert visit.encounter["documentation_complete"] is False
    visit.note(at=ARRIVED_AT)
    assert visit.encounter["documentation_complete"] is True


def test_what_the_notes_say_last_counts_in_whatever_order_they_come(visit: Visit) -> None:
    visit.arrived()
    visit.note(at=ARRIVED_AT + timedelta(hours=2), documentation_complete=False)
    visit.note(at=ARRIVED_AT + timedelta(hours=1), documentation_complete=True)
    assert visit.encounter["documentation_complete"] is False
    visit.note(at=ARRIVED_AT + timedelta(hours=3), documentation_complete=True)
    assert visit.encounter["documentation_complete"] is True


def test_a_note_that_comes_before_its_appointment_counts_when_the_patient_arrives(
    kit: ServiceKit, tenant: str, patient: Json
) -> None:
    visit = Visit(kit, tenant, patient["id"])
    visit.note(at=ARRIVED_AT)
    visit.booked().arrived()
    assert visit.encounter["documentation_complete"] is True
    assert kept(kit, tenant) == []


def test_a_groups_note_counts_for_all_of_the_session_only_where_it_says_so(
    kit: ServiceKit, tenant: str, visit: Visit, desk: Client, register: Register
) -> None:
    other = Visit(kit, tenant, register(desk)["id"], session_id=visit.session_id).booked().arrived()
    visit.arrived()
    visit.note(at=ARRIVED_AT, individual=False)
    assert [one.encounter["documentation_complete"] for one in (visit, other)] == [False, False]
    visit.note(at=ARRIVED_AT, individual=False, documentation_complete=True)
    assert [one.encounter["documentation_complete"] for one in (visit, other)] == [True, True]


def test_nothing_is_kept_of_a_psychotherapy_note(kit: ServiceKit, tenant: str, visit: Visit) -> None:
    visit.arrived()
    visit.note(at=ARRIVED_AT, kind="PSYCHOTHERAPY")
    assert visit.encounter["documentation_complete"] is False


def test_who_knows_better_than_the_notes_cannot_say_so(manager: Client, visit: Visit) -> None:
    visit.arrived()
    path = f"/encounters/{visit.encounter['id']}"
    answer = manager.patch(path, {"documentation_complete": True}, manager.get(path).headers["ETag"])
    assert (answer.status_code, list(answer.json["errors"])) == (422, ["documentation_complete"])


def test_the_encounter_of_an_appointment_stays_with_its_patient(
    manager: Client, visit: Visit, desk: Client, register: Register
) -> None:
    visit.arrived()
    body = {"patient_id": register(desk)["id"], "reason": "Wrong patient"}
    answer = manager.post(f"/encounters/{visit.encounter['id']}/move", body)
    assert (answer.status_code, list(answer.json["errors"])) == (422, ["patient_id"])
    body = {"patient_id": body["patient_id"], "encounter_type": "X", "appointment_id": visit.appointment_id}
    assert list(manager.post("/encounters", body).json["errors"]) == ["appointment_id"]
