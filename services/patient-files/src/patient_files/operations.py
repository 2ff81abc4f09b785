"""What can be done: verb functions over a transaction (`db`), that never commit."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from jalsa.errors import invalid, not_found
from jalsa.ids import new_id
from jalsa.numbers import next_number
from patient_files import domain, events, queries
from patient_files.models import (
    AppointmentProjection,
    ClinicProjection,
    MainFile,
    Patient,
    ProviderProjection,
    SubFile,
)


def register_patient(db: Session, data: Mapping[str, Any], *, zone: str, now: datetime) -> Patient:
    """Store a patient, open the main file, and publish PatientRegistered.

    The file number's year is the one that `now` has in `zone`, an IANA name. Raises a 422 problem for a date of birth
    after that day; the constraint `patients_national_id_key` is violated where another patient has the national id.
    """
    today = domain.local_date(now, zone)
    if data["date_of_birth"] > today:
        raise invalid("date_of_birth", "Must not be in the future.")
    patient = Patient(id=new_id(), **data, active=True, created_at=now)
    number = domain.file_number(today.year, next_number(db, f"FILE-{today.year}"))
    patient.file = MainFile(id=new_id(), file_number=number, opened_at=now)
    db.add(patient)
    db.flush()
    events.patient_registered(db, patient, now)
    return patient


def update_patient(db: Session, patient: Patient, data: Mapping[str, Any], *, now: datetime) -> Patient:
    """Change a patient and publish PatientUpdated, unless nothing is different."""
    changes = {name: value for name, value in data.items() if getattr(patient, name) != value}
    if changes:
        for name, value in changes.items():
            setattr(patient, name, value)
        db.flush()
        events.patient_updated(db, patient, now)
    return patient


def open_sub_file(
    db: Session, patient_id: UUID, *, clinic_id: UUID, clinic_code: str, provider_id: UUID, now: datetime
) -> SubFile:
    """The patient's sub-file in a clinic: the one that there is, else a new one, which publishes SubFileOpened.

    The main file stays locked until the transaction ends, so that two bookings can not both find none. Raises 404 for
    an unknown patient.
    """
    main_file = queries.find_main_file(db, patient_id, lock=True)
    if main_file is None:
        raise not_found("patient")
    existing = queries.list_sub_files(db, main_file.id)
    for sub_file in existing:
        if sub_file.clinic_id == clinic_id:
            return sub_file
    opened = SubFile(
        id=new_id(),
        sub_file_number=domain.sub_file_number(main_file.file_number, clinic_code, len(existing) + 1),
        main_file_id=main_file.id,
        clinic_id=clinic_id,
        clinic_code=clinic_code,
        assigned_provider_id=provider_id,
        status=domain.ACTIVE,
        opened_at=now,
    )
    db.add(opened)
    db.flush()
    events.sub_file_opened(db, opened, main_file, now)
    return opened


def save_projection(
    db: Session,
    kind: type[ClinicProjection] | type[ProviderProjection] | type[AppointmentProjection],
    record_id: UUID,
    values: Mapping[str, Any],
) -> None:
    """Store or replace what is known of another service's record."""
    db.execute(
        insert(kind)
        .values(id=record_id, **values)
        .on_conflict_do_update(index_elements=["tenant_id", "id"], set_=dict(values))
    )


def set_appointment_status(db: Session, appointment_id: UUID, status: str) -> None:
    """Note what has become of an appointment; its sub-file stays, whatever that is."""
    db.execute(update(AppointmentProjection).where(AppointmentProjection.id == appointment_id).values(status=status))
