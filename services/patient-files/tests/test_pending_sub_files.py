"""A booking of a patient who has no main file yet: it waits here, and its sub-file opens with the main file."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from jalsa.dev.kit import Client, ServiceKit
from patient_files.files import queries
from patient_files.models import AppointmentProjection, MainFile, PendingSubFile

from .test_sub_files import OT, SLP, Json, Register, booked, kept, rescheduled, sub_files

GiveIds = Callable[..., None]


def pending(client: Client) -> list[Json]:
    items: list[Json] = (client.get("/files/pending").json or {})["items"]
    return items


def test_a_booking_of_a_patient_without_a_main_file_counts_as_applied_and_is_listed(
    kit: ServiceKit, desk: Client, tenant: str
) -> None:
    booking = booked(tenant, {"id": str(uuid4())})

    kit.inbox.receive(booking)

    assert kept(kit, tenant) == []
    assert kit.count(tenant, AppointmentProjection) == 1
    [item] = pending(desk)
    assert item.pop("kept_at")
    assert item == {
        "appointment_id": booking.data["appointment_id"],
        "appointment_number": booking.data["appointment_number"],
        "patient_id": booking.data["patient_id"],
        "clinic_id": OT["id"],
        "clinic_code": "OT",
        "provider_id": booking.data["provider"]["id"],
    }


def test_a_main_file_opens_with_the_sub_files_of_the_bookings_that_waited_for_it(
    kit: ServiceKit, desk: Client, tenant: str, register: Register, give_ids: GiveIds
) -> None:
    patient, other = {"id": str(uuid4())}, {"id": str(uuid4())}
    for clinic in (OT, SLP, OT):
        kit.inbox.receive(booked(tenant, patient, clinic))
    kit.inbox.receive(booked(tenant, other))

    give_ids(patient["id"], uuid4(), *sorted(uuid4() for _ in range(2)))
    file_number = register(desk)["file"]["file_number"]

    numbers = [each["sub_file_number"].removeprefix(file_number) for each in sub_files(desk, patient)]
    assert numbers == ["-OT-01", "-SLP-02"]
    assert len(kit.events(tenant, "SubFileOpened")) == 2
    assert [item["patient_id"] for item in pending(desk)] == [other["id"]]


def test_a_booking_that_is_moved_while_it_waits_waits_once_for_its_last_clinic(
    kit: ServiceKit, desk: Client, tenant: str, register: Register, give_ids: GiveIds
) -> None:
    patient = {"id": str(uuid4())}
    booking = booked(tenant, patient)
    kit.inbox.receive(booking)
    kit.inbox.receive(rescheduled(booking, clinic=SLP))
    assert [item["clinic_code"] for item in pending(desk)] == ["SLP"]

    give_ids(patient["id"], uuid4(), uuid4())
    register(desk)

    assert [each["clinic_code"] for each in sub_files(desk, patient)] == ["SLP"]


def test_the_main_file_and_what_waited_for_it_are_stored_together_or_not_at_all(
    kit: ServiceKit, desk: Client, tenant: str, body: Json, give_ids: GiveIds, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient = {"id": str(uuid4())}
    kit.inbox.receive(booked(tenant, patient))

    def fail(*_: object) -> None:
        raise RuntimeError

    give_ids(patient["id"], uuid4(), uuid4())
    monkeypatch.setattr("patient_files.files.events.sub_file_opened", fail)
    assert desk.post("/patients", body).status_code == 500

    assert kit.count(tenant, MainFile) == 0
    assert kit.count(tenant, PendingSubFile) == 1


def meet(
    kit: ServiceKit, desk: Client, tenant: str, register: Register, patient: Json, patch: pytest.MonkeyPatch
) -> None:
    """Let a booking find no main file, then the main file be opened, and the booking be kept only afterwards."""
    looks, has_looked, opened = count(1), threading.Event(), threading.Event()
    find = queries.find_main_file

    def find_slowly(db: Session, patient_id: UUID, *, lock: bool = False) -> MainFile | None:
        found = find(db, patient_id, lock=lock)
        if next(looks) == 2:  # the second look is the one under the lock
            has_looked.set()
            wait_for_a_lock_or_the_end(kit, opened)
        return found

    patch.setattr(queries, "find_main_file", find_slowly)
    with ThreadPoolExecutor(1) as pool:
        booking = pool.submit(kit.inbox.receive, booked(tenant, patient))
        assert has_looked.wait(30)
        register(desk)
        opened.set()
        booking.result(30)


def wait_for_a_lock_or_the_end(kit: ServiceKit, end: threading.Event) -> None:
    """Wait until somebody waits for a lock, or until what would have waited has ended."""
    # those of other databases belong to tests that run at the same time
    waits = text("""
        SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)
        WHERE NOT granted AND datname = current_database()
    """)
    for _ in range(400):
        with kit.relay.engine.connect() as conn:
            if conn.execute(waits).scalar_one() or end.wait(0.05):
                return


def test_a_main_file_that_is_opened_while_a_booking_looks_for_it_sees_the_booking(
    kit: ServiceKit, desk: Client, tenant: str, register: Register, give_ids: GiveIds, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient = {"id": str(uuid4())}
    give_ids(patient["id"], uuid4(), uuid4())

    meet(kit, desk, tenant, register, patient, monkeypatch)

    assert (len(sub_files(desk, patient)), pending(desk)) == (1, [])


def test_control_without_the_lock_such_a_booking_waits_forever(
    kit: ServiceKit, desk: Client, tenant: str, register: Register, give_ids: GiveIds, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient = {"id": str(uuid4())}
    give_ids(patient["id"], uuid4(), uuid4())
    monkeypatch.setattr(queries, "lock_opening", lambda *_: None)

    meet(kit, desk, tenant, register, patient, monkeypatch)

    assert (len(sub_files(desk, patient)), len(pending(desk))) == (0, 1)
