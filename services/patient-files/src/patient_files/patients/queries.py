"""The read side of patients."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from jalsa.db.keyset import keyset
from patient_files.models import MainFile, Patient
from patient_files.patients.commands import FindPatients

_WITH_ITS_FILE = joinedload(Patient.file, innerjoin=True)


def find_patient(db: Session, patient_id: UUID, *, lock: bool = False) -> Patient | None:
    """A patient with the main file."""
    query = select(Patient).where(Patient.id == patient_id).options(_WITH_ITS_FILE)
    if lock:
        query = query.with_for_update(of=Patient).execution_options(populate_existing=True)
    return db.scalar(query)


def list_patients(db: Session, asked: FindPatients, *, after: UUID | None, limit: int) -> Sequence[Patient]:
    """Patients in the order of their registration."""
    query = keyset(select(Patient).options(_WITH_ITS_FILE), Patient.id, after=after, limit=limit)
    if asked.file_number is not None:
        query = query.where(Patient.file.has(MainFile.file_number == asked.file_number))
    return db.scalars(query).all()


def lock_rows(db: Session, patient_ids: Iterable[UUID]) -> None:
    """Lock rows of patients until the transaction ends, in the order of their ids."""
    db.execute(select(Patient.id).where(Patient.id.in_(patient_ids)).order_by(Patient.id).with_for_update())


def claim_rows(db: Session, patient_ids: Iterable[UUID]) -> int:
    """Lock those rows of patients that no other transaction holds now; returns how many."""
    query = select(Patient.id).where(Patient.id.in_(patient_ids)).with_for_update(skip_locked=True)
    return len(db.scalars(query).all())
