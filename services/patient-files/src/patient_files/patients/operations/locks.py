"""Locks of patients' rows: whatever belongs to a record is changed under its patient's lock."""

from uuid import UUID

from sqlalchemy.orm import Session

from jalsa.service.errors import NotFound
from patient_files.errors import UnknownPatient
from patient_files.models import Patient
from patient_files.patients import queries


def lock_patient(db: Session, patient_id: UUID) -> None:
    """Lock a patient's row until the transaction ends, as every change of consents must.

    Raises 422 `unknown-patient`.
    """
    if not queries.lock_row(db, patient_id):
        raise UnknownPatient


def locked_patient(db: Session, patient_id: UUID) -> Patient:
    """A patient as the record is once its row is locked, until the transaction ends. Raises 404."""
    patient = queries.find_patient(db, patient_id, lock=True)
    if patient is None:
        raise NotFound("patient")
    return patient
