"""The read side of main files and sub-files."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import exists, select, text
from sqlalchemy.orm import Session

from jalsa.db.aliases import stands_for
from jalsa.db.keyset import keyset
from patient_files.files.rules import LIVE_APPOINTMENT
from patient_files.models import AppointmentProjection, MainFile, PendingSubFile, SubFile

_KEY = "'main-file:' || current_setting('jalsa.tenant') || ':' || :patient"
_LOCK_OPENING = text(f"SELECT pg_advisory_xact_lock(hashtextextended({_KEY}, 0))")


def find_main_file(db: Session, patient_id: UUID, *, lock: bool = False) -> MainFile | None:
    """A patient's main file."""
    query = select(MainFile).where(MainFile.patient_id == patient_id)
    return db.scalar(query.with_for_update() if lock else query)


def lock_opening(db: Session, patient_id: UUID) -> None:
    """Keep a patient's main file from being opened, and bookings from finding none, until the transaction ends.

    There may be no row that could be locked. Without it, a booking finds no main file while one is opened, the main
    file finds no booking that waits for it, and the booking waits forever.
    """
    db.execute(_LOCK_OPENING, {"patient": str(patient_id)})


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


def list_pending(db: Session, *, after: UUID | None, limit: int) -> Sequence[PendingSubFile]:
    """The bookings that wait for a main file, by their appointments' ids."""
    return db.scalars(keyset(select(PendingSubFile), PendingSubFile.id, after=after, limit=limit)).all()


def pending_of(db: Session, patient_id: UUID) -> Sequence[PendingSubFile]:
    """A patient's bookings that wait for a main file, in the order in which they were kept."""
    query = select(PendingSubFile).where(PendingSubFile.patient_id == patient_id)
    return db.scalars(query.order_by(PendingSubFile.kept_at, PendingSubFile.id)).all()


def has_live_appointments(db: Session, patient_id: UUID, clinic_id: UUID, now: datetime) -> bool:
    """Whether a patient still has an appointment in a clinic that begins after `now`."""
    appointment = AppointmentProjection
    ahead = exists().where(
        stands_for(appointment.patient_id, patient_id),
        appointment.clinic_id == clinic_id,
        appointment.status.in_(LIVE_APPOINTMENT),
        appointment.starts_at > now,
    )
    return bool(db.scalar(select(ahead)))
