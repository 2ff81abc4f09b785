"""Sub-files: opened by bookings and by hand, assigned, closed and reopened.

Whoever changes one holds the row of its main file, so that a closing sees each booking, or the booking the closing.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from jalsa.db.aliases import survivor_of
from jalsa.db.projections import save
from jalsa.db.transactions import context_of
from jalsa.service.commands import given, value_or
from jalsa.service.errors import InvalidField, NotFound
from jalsa.service.ids import new_id
from patient_files import domain
from patient_files.errors import SubFileExists, SubFileInUse
from patient_files.files import events, queries, rules
from patient_files.files.commands import BookSubFile, ChangeSubFile, GiveReason, OpenSubFile
from patient_files.models import ClinicProjection, MainFile, PendingSubFile, ProviderProjection, SubFile


def book_sub_file(db: Session, command: BookSubFile, *, now: datetime) -> SubFile | None:
    """Open the patient's sub-file in the clinic of a booking, or reopen it with the booking's provider if it is closed.

    It is the survivor's where the patient's record was merged.

    Publishes SubFileOpened or SubFileUpdated; an active sub-file stays as it is. The main file stays locked until the
    transaction ends, so that two bookings cannot both find none. Where the patient has no main file, the booking is
    kept until one is opened, and None is returned.
    """
    main_file = queries.find_main_file(db, survivor_of(db, command.patient_id), lock=True)
    if main_file is None:
        queries.lock_opening(db, command.patient_id)
        main_file = queries.find_main_file(db, command.patient_id, lock=True)
    if main_file is None:
        values = {name: value for name, value in given(command).items() if name != "appointment_id"}
        save(db, PendingSubFile, command.appointment_id, values, first={"kept_at": now})
        return None
    return _booked(db, main_file, command.clinic_id, command.clinic_code, command.provider_id, now)


def complete_pending(db: Session, main_file: MainFile, *, now: datetime) -> None:
    """Open the sub-files of the bookings that came before this main file, which the transaction has stored."""
    queries.lock_opening(db, main_file.patient_id)
    for pending in queries.pending_of(db, main_file.patient_id):
        _booked(db, main_file, pending.clinic_id, pending.clinic_code, pending.provider_id, now)
        db.delete(pending)
        db.flush()


def open_sub_file(db: Session, patient_id: UUID, command: OpenSubFile, *, now: datetime) -> SubFile:
    """Open a patient's sub-file in a clinic by hand, in the survivor's file, and publish SubFileOpened.

    Raises 404 for an unknown patient, a 422 problem for an unknown clinic or provider, and 409 `sub-file-exists` where
    the file has a sub-file there, even a closed one.
    """
    main_file = queries.find_main_file(db, survivor_of(db, patient_id), lock=True)
    if main_file is None:
        raise NotFound("patient")
    clinic = db.get(ClinicProjection, command.clinic_id)
    if clinic is None:
        raise InvalidField("clinic_id", "There is no such clinic.")
    _check_provider(db, command.assigned_provider_id)
    existing = queries.sub_files_in(db, main_file.id)
    if any(sub_file.clinic_id == command.clinic_id for sub_file in existing):
        raise SubFileExists
    return _opened(db, main_file, len(existing) + 1, clinic.id, clinic.code, command.assigned_provider_id, now)


def locked_sub_file(db: Session, sub_file_id: UUID) -> tuple[SubFile, MainFile]:
    """A sub-file as it is once its main file is locked, until the transaction ends. Raises 404."""
    sub_file = db.get(SubFile, sub_file_id)
    if sub_file is None:
        raise NotFound("sub-file")
    main_file = db.get_one(MainFile, sub_file.main_file_id, with_for_update=True)
    db.refresh(sub_file)
    return sub_file, main_file


def change_sub_file(
    db: Session, sub_file: SubFile, main_file: MainFile, command: ChangeSubFile, *, now: datetime
) -> SubFile:
    """Assign a sub-file, locked with its main file, to another provider, and publish SubFileUpdated.

    Nothing is published where the provider stays. Raises a 422 problem for an unknown provider.
    """
    provider_id = value_or(command.assigned_provider_id, sub_file.assigned_provider_id)
    if provider_id != sub_file.assigned_provider_id:
        _check_provider(db, provider_id)
        sub_file.assigned_provider_id = provider_id
        _updated(db, sub_file, main_file, rules.BY_REASSIGNMENT, now)
    return sub_file


def close_sub_file(
    db: Session, sub_file: SubFile, main_file: MainFile, command: GiveReason, *, now: datetime
) -> SubFile:
    """Close a sub-file, locked with its main file, and publish SubFileUpdated.

    Raises 409 `invalid-transition` where it is closed already, and `sub-file-in-use` while the patient has a live
    appointment in the clinic that begins after `now`, under whichever record.
    """
    rules.SUB_FILE.check(sub_file.status, domain.CLOSED)
    if queries.has_live_appointments(db, main_file.patient_id, sub_file.clinic_id, now):
        raise SubFileInUse
    sub_file.status, sub_file.status_reason = domain.CLOSED, command.reason
    sub_file.closed_at, sub_file.closed_by = now, context_of(db).actor
    return _updated(db, sub_file, main_file, rules.BY_CLOSING, now)


def reopen_sub_file(
    db: Session, sub_file: SubFile, main_file: MainFile, command: GiveReason, *, now: datetime
) -> SubFile:
    """Reopen a sub-file, locked with its main file, and publish SubFileUpdated.

    Raises 409 `invalid-transition` where it is active.
    """
    rules.SUB_FILE.check(sub_file.status, domain.ACTIVE)
    return _reopened(db, sub_file, main_file, rules.BY_REOPENING, now, reason=command.reason)


def _booked(
    db: Session, main_file: MainFile, clinic_id: UUID, clinic_code: str, provider_id: UUID, now: datetime
) -> SubFile:
    existing = queries.sub_files_in(db, main_file.id)
    for sub_file in existing:
        if sub_file.clinic_id == clinic_id:
            if sub_file.status == domain.CLOSED:
                sub_file.assigned_provider_id = provider_id
                _reopened(db, sub_file, main_file, rules.BY_BOOKING, now)
            return sub_file
    return _opened(db, main_file, len(existing) + 1, clinic_id, clinic_code, provider_id, now)


def _opened(
    db: Session,
    main_file: MainFile,
    running: int,
    clinic_id: UUID,
    clinic_code: str,
    provider_id: UUID,
    now: datetime,
) -> SubFile:
    opened = SubFile(
        id=new_id(),
        sub_file_number=rules.sub_file_number(main_file.file_number, clinic_code, running),
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


def _reopened(
    db: Session, sub_file: SubFile, main_file: MainFile, cause: str, now: datetime, *, reason: str | None = None
) -> SubFile:
    sub_file.status, sub_file.status_reason = domain.ACTIVE, reason
    sub_file.closed_at = sub_file.closed_by = None
    return _updated(db, sub_file, main_file, cause, now)


def _updated(db: Session, sub_file: SubFile, main_file: MainFile, cause: str, now: datetime) -> SubFile:
    db.flush()
    events.sub_file_updated(db, sub_file, main_file, cause, now)
    return sub_file


def _check_provider(db: Session, provider_id: UUID) -> None:
    if db.get(ProviderProjection, provider_id) is None:
        raise InvalidField("assigned_provider_id", "There is no such provider.")
