"""A booking opens a sub-file: once per patient and clinic, whatever happens."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from jalsa.dev.kit import Client, ServiceKit, eventually, example, renamed
from jalsa.events.envelope import Envelope
from jalsa.service import clock
from patient_files.files import queries
from patient_files.models import AppointmentProjection, MainFile, SubFile
from patient_files.projections import operations as projections

Json = dict[str, Any]
Register = Callable[..., Json]

OT = {"id": "01a1f000-0000-7000-8000-0000000000a1", "code": "OT"}
SLP = {"id": "01a1f000-0000-7000-8000-0000000000a2", "code": "SLP"}


def booked(tenant: str, patient: Json, clinic: Json = OT) -> Envelope:
    """A booking of a patient in a clinic, by another appointment each time."""
    appointment = uuid4()
    return example(
        "AppointmentBooked",
        "group",
        tenant,
        subject_id=appointment,
        appointment_id=appointment,
        patient_id=patient["id"],
        clinic=clinic,
    )


def cancelled(booking: Envelope) -> Envelope:
    """The cancellation that follows a booking."""
    appointment = booking.data["appointment_id"]
    return example(
        "AppointmentCancelled",
        "default",
        booking.tenant,
        sequence=2,
        subject_id=appointment,
        appointment_id=appointment,
        patient_id=booking.data["patient_id"],
    )


def corrected(booking: Envelope, sequence: int, from_status: str, to_status: str) -> Envelope:
    """What was said of the appointment's outcome was a slip."""
    said = {"appointment_id": booking.data["appointment_id"], "from_status": from_status, "to_status": to_status}
    return renamed(replace(cancelled(booking), sequence=sequence, id=uuid4()), "AppointmentCorrected.v1", **said)


def rescheduled(booking: Envelope, sequence: int = 2, **data: Any) -> Envelope:
    """The appointment was moved. `data` replaces the clinic, the session, the provider or the status."""
    place = {name: booking.data[name] for name in ("session", "clinic", "provider", "status")}
    ids = {name: booking.data[name] for name in ("appointment_id", "appointment_number", "patient_id")}
    subject_id = booking.data["appointment_id"]
    return example(
        "AppointmentRescheduled",
        "participant",
        booking.tenant,
        sequence=sequence,
        subject_id=subject_id,
        **{**ids, **place, **data},
    )


def became(booking: Envelope, event: str, sequence: int) -> Envelope:
    """What has become of the appointment."""
    appointment = booking.data["appointment_id"]
    return example(
        event, "default", booking.tenant, sequence=sequence, subject_id=appointment, appointment_id=appointment
    )


def sub_files(client: Client, patient: Json) -> list[Json]:
    items: list[Json] = (client.get(f"/patients/{patient['id']}/sub-files").json or {})["items"]
    return items


def kept(kit: ServiceKit, tenant: str) -> list[tuple[str, str | None]]:
    """State and error of what the inbox keeps."""
    with kit.transaction(tenant) as db:
        return [(row.state, row.error) for row in db.execute(text("SELECT state, error FROM inbox"))]


def test_a_booking_opens_the_patients_sub_file_in_that_clinic(
    kit: ServiceKit, desk: Client, tenant: str, register: Register
) -> None:
    patient = register(desk)

    kit.inbox.receive(booked(tenant, patient))

    [sub_file] = sub_files(desk, patient)
    assert sub_file["sub_file_number"] == f"{patient['file']['file_number']}-OT-01"
    assert (sub_file["clinic_id"], sub_file["clinic_code"], sub_file["status"]) == (OT["id"], "OT", "ACTIVE")
    assert sub_file["assigned_provider_id"] == "01a1f000-0000-7000-8000-0000000000b1"
    main_file = desk.get(f"/patients/{patient['id']}/file")
    assert (main_file.json or {})["sub_files"] == [sub_file]
    assert {name: (main_file.json or {})[name] for name in ("id", "file_number")} == patient["file"]
    assert "ETag" in main_file.headers
    [event] = kit.events(tenant, "SubFileOpened")
    assert (event.subject, event.sequence) == (f"file/{patient['file']['id']}", 1)


def test_a_second_booking_in_the_clinic_opens_nothing_and_one_elsewhere_counts_on(
    kit: ServiceKit, desk: Client, tenant: str, register: Register
) -> None:
    patient = register(desk)

    for clinic in (OT, OT, SLP, SLP, OT):
        kit.inbox.receive(booked(tenant, patient, clinic))

    numbers = [s["sub_file_number"].removeprefix(patient["file"]["file_number"]) for s in sub_files(desk, patient)]
    assert numbers == ["-OT-01", "-SLP-02"]
    assert len(kit.events(tenant, "SubFileOpened")) == 2
    assert kit.count(tenant, AppointmentProjection) == 5


def test_sub_files_are_listed_page_by_page(kit: ServiceKit, desk: Client, tenant: str, register: Register) -> None:
    patient = register(desk)
    for clinic in (OT, SLP):
        kit.inbox.receive(booked(tenant, patient, clinic))

    path = f"/patients/{patient['id']}/sub-files"
    first = desk.get(path, limit=1).json or {}
    second = desk.get(path, limit=1, cursor=first["next_cursor"]).json or {}

    assert [item["clinic_code"] for item in first["items"] + second["items"]] == ["OT", "SLP"]
    assert second["next_cursor"] is None


def test_the_same_event_many_times_at_once_opens_one_sub_file(
    kit: ServiceKit, desk: Client, tenant: str, register: Register
) -> None:
    patient = register(desk)
    event = booked(tenant, patient)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: kit.inbox.receive(event), range(16)))

    assert len(sub_files(desk, patient)) == 1
    assert len(kit.events(tenant, "SubFileOpened")) == 1
    assert kept(kit, tenant) == []


def test_many_bookings_of_one_patient_at_once_open_one_sub_file_per_clinic(
    kit: ServiceKit, desk: Client, tenant: str, register: Register
) -> None:
    patient = register(desk)
    events = [booked(tenant, patient, clinic) for clinic in (OT, SLP) * 8]

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(kit.inbox.receive, events))

    numbers = sorted(s["sub_file_number"][-2:] for s in sub_files(desk, patient))
    assert numbers == ["01", "02"]
    assert len(kit.events(tenant, "SubFileOpened")) == 2
    assert kit.count(tenant, AppointmentProjection) == 16
    assert kept(kit, tenant) == [], "nobody had to be tried again"


def test_without_the_lock_two_bookings_find_no_sub_file_and_the_constraint_refuses_one(
    kit: ServiceKit, desk: Client, tenant: str, register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient = register(desk)
    both_have_looked = threading.Barrier(2, timeout=10)
    find, look = queries.find_main_file, queries.sub_files_in

    def find_unlocked(db: Session, patient_id: UUID, *, lock: bool = False) -> MainFile | None:
        return find(db, patient_id)

    def look_together(db: Session, main_file_id: UUID) -> Sequence[SubFile]:
        found = look(db, main_file_id)
        both_have_looked.wait()
        return found

    with monkeypatch.context() as patch:
        patch.setattr(queries, "find_main_file", find_unlocked)
        patch.setattr(queries, "sub_files_in", look_together)
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(kit.inbox.receive, [booked(tenant, patient) for _ in range(2)]))

    [(state, error)] = kept(kit, tenant)
    assert state == "retrying"
    assert error in ("IntegrityError 23505 sub_files_number_key", "IntegrityError 23505 sub_files_clinic_key")
    eventually(lambda: kit.inbox.retry_due() >= 0 and not kept(kit, tenant))
    assert len(sub_files(desk, patient)) == len(kit.events(tenant, "SubFileOpened")) == 1
    assert kit.count(tenant, AppointmentProjection) == 2


def test_the_database_refuses_a_second_sub_file_of_a_clinic_under_another_number(
    kit: ServiceKit, desk: Client, tenant: str, register: Register
) -> None:
    patient = register(desk)
    kit.inbox.receive(booked(tenant, patient))

    with pytest.raises(IntegrityError, match="sub_files_clinic_key"), kit.transaction(tenant) as db:
        db.add(
            SubFile(
                sub_file_number="another",
                main_file_id=UUID(patient["file"]["id"]),
                clinic_id=UUID(OT["id"]),
                clinic_code="OT",
                assigned_provider_id=uuid4(),
                opened_at=clock.now(),
            )
        )


def test_a_cancellation_leaves_the_sub_file(kit: ServiceKit, desk: Client, tenant: str, register: Register) -> None:
    patient = register(desk)
    booking = booked(tenant, patient)

    kit.inbox.receive(booking)
    before = sub_files(desk, patient)
    kit.inbox.receive(cancelled(booking))

    assert sub_files(desk, patient) == before != []
    assert status(kit, booking) == "CANCELLED"


def test_a_cancellation_that_overtakes_its_booking_waits_for_it(
    kit: ServiceKit, desk: Client, tenant: str, register: Register
) -> None:
    patient = register(desk)
    booking = booked(tenant, patient)

    kit.inbox.receive(cancelled(booking))
    assert sub_files(desk, patient) == []
    kit.inbox.receive(booking)
    kit.inbox.receive(cancelled(booking))

    assert len(sub_files(desk, patient)) == 1
    assert status(kit, booking) == "CANCELLED"


def test_a_sub_file_and_its_event_are_stored_together_or_not_at_all(
    kit: ServiceKit, desk: Client, tenant: str, register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient = register(desk)

    def fail(*_: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(projections, "save_appointment", fail)
        kit.inbox.receive(booked(tenant, patient))
    assert (sub_files(desk, patient), kit.events(tenant, "SubFileOpened")) == ([], [])

    eventually(lambda: kit.inbox.retry_due() >= 0 and not kept(kit, tenant))
    assert len(sub_files(desk, patient)) == len(kit.events(tenant, "SubFileOpened")) == 1


def test_an_appointment_that_is_moved_to_another_clinic_opens_a_sub_file_there(
    kit: ServiceKit, desk: Client, tenant: str, register: Register
) -> None:
    patient = register(desk)
    booking, omar = booked(tenant, patient), {"id": str(uuid4())}
    later = {"starts_at": "2026-11-30T07:00:00Z"}

    kit.inbox.receive(booking)
    kit.inbox.receive(rescheduled(booking, clinic=SLP, provider=omar, session=later, status="BOOKED"))

    first, second = sub_files(desk, patient)
    assert (first["clinic_code"], second["clinic_code"]) == ("OT", "SLP")
    assert second["assigned_provider_id"] == omar["id"]
    assert len(kit.events(tenant, "SubFileOpened")) == 2
    with kit.transaction(tenant) as db:
        [kept_of_it] = db.scalars(select(AppointmentProjection)).all()
    assert (str(kept_of_it.clinic_id), str(kept_of_it.provider_id)) == (SLP["id"], omar["id"])
    assert kept_of_it.starts_at.isoformat() == "2026-11-30T07:00:00+00:00"


def test_an_appointment_that_is_moved_within_its_clinic_opens_nothing_and_changes_no_sub_file(
    kit: ServiceKit, desk: Client, tenant: str, register: Register
) -> None:
    patient = register(desk)
    booking = booked(tenant, patient)
    kit.inbox.receive(booking)
    before = sub_files(desk, patient)

    kit.inbox.receive(rescheduled(booking, provider={"id": str(uuid4())}, status="CONFIRMED"))

    assert sub_files(desk, patient) == before
    assert status(kit, booking) == "CONFIRMED"


def test_it_is_known_what_has_become_of_an_appointment(
    kit: ServiceKit, desk: Client, tenant: str, register: Register
) -> None:
    booking = booked(tenant, register(desk))
    kit.inbox.receive(booking)

    seen = []
    story = ("AppointmentNoShow", "AppointmentArrived", "AppointmentAttended")  # who came late
    for sequence, event in enumerate(story, start=2):
        kit.inbox.receive(became(booking, event, sequence))
        seen.append(status(kit, booking))

    assert seen == ["NO_SHOW", "ARRIVED", "ATTENDED"]

    kit.inbox.receive(corrected(booking, 5, "ATTENDED", "CONFIRMED"))
    assert status(kit, booking) == "CONFIRMED"


def status(kit: ServiceKit, booking: Envelope) -> str:
    """What is known of the booking's appointment."""
    query = select(AppointmentProjection.status).where(AppointmentProjection.id == UUID(booking.data["appointment_id"]))
    with kit.transaction(booking.tenant) as db:
        found: str = db.scalars(query).one()
    return found
