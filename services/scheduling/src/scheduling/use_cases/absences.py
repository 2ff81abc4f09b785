"""Use cases for time off, closures and public holidays, and for the tenant's settings."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from jalsa.db.transactions import context_of
from jalsa.service.commands import given
from jalsa.service.ids import new_id
from scheduling import errors
from scheduling.absences.commands import AddClosure, AddTimeOff
from scheduling.absences.queries import affected_sessions
from scheduling.absences.queries.affected_sessions import same_closure
from scheduling.appointments.operations.locks import lock_sessions
from scheduling.appointments.queries import session_records
from scheduling.directory import queries as directory
from scheduling.directory.commands import PutSettings
from scheduling.directory.operations.setup import active_clinic
from scheduling.models import Clinic, ClinicalSession, Closure, Provider, Settings, TimeOff
from scheduling.timetable.locks import lock
from scheduling.timetable.spots import spots_of
from scheduling.waitlist.operations import spots


def add_time_off(db: Session, provider: Provider, command: AddTimeOff, *, now: datetime) -> TimeOff:
    """Store a provider's absence. Booked sessions stay, and `absences.queries.affected_sessions` lists them.

    Open offers of spots in the affected sessions are withdrawn.
    """
    absence = TimeOff(
        id=new_id(),
        provider_id=provider.id,
        starts_at=command.starts_at,
        ends_at=command.ends_at,
        reason=command.reason,
        created_at=now,
        created_by=context_of(db).actor,
    )
    hit = _held(db, absence, now)
    lock(db, providers=[provider.id])
    db.add(absence)
    db.flush()
    spots.withdraw(db, hit, now=now)
    return absence


def add_closure(db: Session, command: AddClosure, *, now: datetime) -> Closure:
    """Store days on which a clinic, or every clinic, is closed. Booked sessions stay.

    Open offers of spots in the affected sessions are withdrawn. Raises 422 for the clinic, and 409 `already-closed` for
    a closure of the same clinic, kind and days.
    """
    clinic_id = command.clinic_id
    clinics = [active_clinic(db, clinic_id).id] if clinic_id else list(db.scalars(select(Clinic.id)))
    closure = Closure(
        id=new_id(),
        clinic_id=clinic_id,
        kind=command.kind,
        name_en=command.name_en,
        name_ar=command.name_ar,
        starts_on=command.starts_on,
        ends_on=command.ends_on,
        created_at=now,
        created_by=context_of(db).actor,
    )
    hit = _held(db, closure, now)
    lock(db, closing_clinics=clinics)
    if known := same_closure(db, command):
        raise errors.AlreadyClosed(known.id)
    db.add(closure)
    db.flush()
    spots.withdraw(db, hit, now=now)
    return closure


def remove(db: Session, absence: TimeOff | Closure, *, now: datetime) -> None:
    """Delete an absence, which stays in the audit log. Spots that become available are offered to waiting patients."""
    hit = _held(db, absence, now)
    db.delete(absence)
    db.flush()
    there = spots_of(db, [session.id for session in hit])
    for session in hit:
        if free := there[session.id].available:
            spots.free(db, session, were_available=free, now=now)


def _held(db: Session, absence: TimeOff | Closure, now: datetime) -> Sequence[ClinicalSession]:
    """Return the future sessions that an absence affects. Their rows are locked, so that no spot is offered."""
    ids = [s.id for s in affected_sessions.sessions_hit(db, absence) if s.status == "SCHEDULED" and s.starts_at > now]
    lock_sessions(db, ids)
    return [s for s in session_records.find_sessions(db, ids) if s.status == "SCHEDULED"]


def put_settings(db: Session, command: PutSettings) -> Settings:
    """Store the tenant's settings."""
    settings = directory.settings(db)
    if settings not in db:
        settings.id = new_id()
        db.add(settings)
    for name, value in given(command).items():
        setattr(settings, name, value)
    db.flush()
    return settings
