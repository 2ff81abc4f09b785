"""Locks of patients' rows: whatever belongs to a record is changed under its patient's lock."""

from uuid import UUID

from sqlalchemy.orm import Session

from jalsa.db.aliases import aliases_of, survivor_of
from jalsa.service.errors import NotFound
from patient_files.errors import UnknownPatient
from patient_files.models import Patient
from patient_files.patients import queries


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
    survivor = _survivor(db, patient_id)
    if survivor is None:
        raise UnknownPatient
    return survivor.id


def claim_patient(db: Session, patient_id: UUID) -> bool:
    """Lock all records that stand for a patient. False where another transaction holds one of them now."""
    records = aliases_of(db, patient_id)
    claimed = queries.claim_rows(db, records)
    # a merge may have been stored between the two statements
    return claimed == len(records) and aliases_of(db, patient_id) == records


def locked_patient(db: Session, patient_id: UUID) -> Patient:
    """A patient as the record is once it is locked, with all that stand for the patient. Raises 404."""
    lock_records(db, patient_id)
    patient = queries.find_patient(db, patient_id, lock=True)
    if patient is None:
        raise NotFound("patient")
    return patient


def locked_survivor(db: Session, patient_id: UUID) -> Patient:
    """The record to which something new of a patient is added, locked with all that stand for it. Raises 404."""
    patient = _survivor(db, patient_id)
    if patient is None:
        raise NotFound("patient")
    return patient


def _survivor(db: Session, patient_id: UUID) -> Patient | None:
    lock_records(db, patient_id)
    return queries.find_patient(db, survivor_of(db, patient_id), lock=True)
