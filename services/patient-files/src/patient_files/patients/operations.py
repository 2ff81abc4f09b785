"""Patients: registered with their main file, changed, locked."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from jalsa.db.numbers import gapless_number
from jalsa.service.commands import given
from jalsa.service.errors import InvalidField
from jalsa.service.ids import new_id
from patient_files import domain
from patient_files.errors import UnknownPatient
from patient_files.models import MainFile, Patient
from patient_files.patients import events, queries, rules
from patient_files.patients.commands import RegisterPatient, UpdatePatient


def register_patient(db: Session, command: RegisterPatient, *, zone: str, now: datetime) -> Patient:
    """Store a patient, open the main file, and publish PatientRegistered.

    The file number's year is the one that `now` has in `zone`, an IANA name. Raises a 422 problem for a date of birth
    after that day; the constraint `patients_national_id_key` is violated where another patient has the national id.
    """
    today = domain.local_date(now, zone)
    if command.date_of_birth > today:
        raise InvalidField("date_of_birth", "Must not be in the future.")
    patient = Patient(id=new_id(), **given(command), active=True, created_at=now)
    number = rules.file_number(today.year, gapless_number(db, f"FILE-{today.year}"))
    patient.file = MainFile(id=new_id(), file_number=number, opened_at=now)
    db.add(patient)
    db.flush()
    events.patient_registered(db, patient, now)
    return patient


def update_patient(db: Session, patient: Patient, command: UpdatePatient, *, now: datetime) -> Patient:
    """Change a patient and publish PatientUpdated, unless nothing is different."""
    changes = {name: value for name, value in given(command).items() if getattr(patient, name) != value}
    if changes:
        for name, value in changes.items():
            setattr(patient, name, value)
        db.flush()
        events.patient_updated(db, patient, now)
    return patient


def lock_patient(db: Session, patient_id: UUID) -> None:
    """Lock a patient's row until the transaction ends, as every change of consents must.

    Raises 422 `unknown-patient`.
    """
    if queries.find_patient(db, patient_id, lock=True) is None:
        raise UnknownPatient
