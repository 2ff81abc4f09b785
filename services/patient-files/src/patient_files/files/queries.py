"""The read side of main files and sub-files."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from jalsa.db.aliases import stands_for
from jalsa.db.keyset import keyset
from patient_files.models import MainFile, SubFile


def find_main_file(db: Session, patient_id: UUID, *, lock: bool = False) -> MainFile | None:
    """A patient's main file."""
    query = select(MainFile).where(MainFile.patient_id == patient_id)
    return db.scalar(query.with_for_update() if lock else query)


def sub_files_in(db: Session, main_file_id: UUID) -> Sequence[SubFile]:
    """A main file's sub-files in the order in which they were opened."""
    return db.scalars(select(SubFile).where(SubFile.main_file_id == main_file_id).order_by(SubFile.id)).all()


def list_sub_files(
    db: Session, patient_id: UUID, *, after: UUID | None = None, limit: int | None = None
) -> Sequence[SubFile]:
    """A patient's sub-files in the order in which they were opened, of all records that stand for the patient.

    All of them are answered without a limit.
    """
    query = select(SubFile).join(MainFile).where(stands_for(MainFile.patient_id, patient_id))
    return db.scalars(keyset(query, SubFile.id, after=after, limit=limit)).all()
