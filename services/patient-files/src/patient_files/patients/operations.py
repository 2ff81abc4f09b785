"""Patients: registered with their main file, changed, locked."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from jalsa.db.aliases import aliases_of, survivor_of
from jalsa.db.numbers import gapless_number
from jalsa.service.commands import given
from jalsa.service.errors import InvalidField
from jalsa.service.ids import new_id
from patient_files import domain
from patient_files.errors import PatientMerged, UnknownPatient
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
    """Change a patient and publish PatientUpdated, unless nothing is different.

    Raises 409 `patient-merged` where only the survivor of a merge can be changed.
    """
    if patient.merged_into is not None:
        raise PatientMerged(survivor_of(db, patient.id))
    changes = {name: value for name, value in given(command).items() if getattr(patient, name) != value}
    if changes:
        for name, value in changes.items():
            setattr(patient, name, value)
        db.flush()
        events.patient_updated(db, patient, now)
    return patient


def lock_records(db: Session, *patient_ids: UUID) -> None:
    """Lock all records that stand for these patients until the transaction ends, in one order.

    A merge that was stored meanwhile may have added some, so it looks again once it has them.
    """
    locked = set[UUID]()
    while not (records := {each for patient_id in patient_ids for each in aliases_of(db, patient_id)}) <= locked:
        queries.lock_rows(db, records)
        locked |= records


def lock_patient(db: Session, patient_id: UUID) -> UUID:
    """Lock a patient, with all records that stand for the patient, as every change of consents must.

    Returns the id under which something new is written: that of the survivor, if the patient's record was merged.
    Raises 422 `unknown-patient`.
    """
    lock_records(db, patient_id)
    survivor_id = survivor_of(db, patient_id)
    if queries.find_patient(db, survivor_id, lock=True) is None:
        raise UnknownPatient
    return survivor_id


def claim_patient(db: Session, patient_id: UUID) -> bool:
    """Lock all records that stand for a patient; False where another transaction holds one of them now."""
    records = aliases_of(db, patient_id)
    claimed = queries.claim_rows(db, records)
    # a merge may have been stored between the two statements
    return claimed == len(records) and aliases_of(db, patient_id) == records
