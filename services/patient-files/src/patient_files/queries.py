"""The read side."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from patient_files.models import MainFile, Patient, SubFile

_WITH_ITS_FILE = joinedload(Patient.file, innerjoin=True)


def find_patient(db: Session, patient_id: UUID, *, lock: bool = False) -> Patient | None:
    """A patient with the main file."""
    query = select(Patient).where(Patient.id == patient_id).options(_WITH_ITS_FILE)
    if lock:
        query = query.with_for_update(of=Patient).execution_options(populate_existing=True)
    return db.scalar(query)


def list_patients(db: Session, *, file_number: str | None, after: UUID | None, limit: int) -> Sequence[Patient]:
    """Patients in the order of their registration."""
    query = select(Patient).options(_WITH_ITS_FILE).order_by(Patient.id).limit(limit)
    if file_number is not None:
        query = query.where(Patient.file.has(MainFile.file_number == file_number))
    if after is not None:
        query = query.where(Patient.id > after)
    return db.scalars(query).all()


def find_main_file(db: Session, patient_id: UUID, *, lock: bool = False) -> MainFile | None:
    """A patient's main file."""
    query = select(MainFile).where(MainFile.patient_id == patient_id)
    return db.scalar(query.with_for_update() if lock else query)


def list_sub_files(
    db: Session, main_file_id: UUID, *, after: UUID | None = None, limit: int | None = None
) -> Sequence[SubFile]:
    """A main file's sub-files in the order in which they were opened; all of them without a limit."""
    query = select(SubFile).where(SubFile.main_file_id == main_file_id).order_by(SubFile.id).limit(limit)
    return db.scalars(query.where(SubFile.id > after) if after else query).all()
