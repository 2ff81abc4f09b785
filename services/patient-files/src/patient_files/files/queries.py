"""The read side of main files and sub-files."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from jalsa.db.keyset import keyset
from patient_files.models import MainFile, SubFile


def find_main_file(db: Session, patient_id: UUID, *, lock: bool = False) -> MainFile | None:
    """A patient's main file."""
    query = select(MainFile).where(MainFile.patient_id == patient_id)
    return db.scalar(query.with_for_update() if lock else query)


def list_sub_files(
    db: Session, main_file_id: UUID, *, after: UUID | None = None, limit: int | None = None
) -> Sequence[SubFile]:
    """A main file's sub-files in the order in which they were opened; all of them without a limit."""
    query = select(SubFile).where(SubFile.main_file_id == main_file_id)
    return db.scalars(keyset(query, SubFile.id, after=after, limit=limit)).all()
