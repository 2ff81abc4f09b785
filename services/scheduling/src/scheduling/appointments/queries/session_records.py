"""Queries for sessions with all that belongs to them: one, several, and lists."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import bindparam, literal_column, select
from sqlalchemy.orm import Session, joinedload

from jalsa.db.aliases import aliases_of_all
from jalsa.db.keyset import keyset
from scheduling.appointments.commands.sessions import FindSessions
from scheduling.appointments.queries.search import mentions, starts_within
from scheduling.models import (
    ClinicalSession,
    Provider,
    ServiceType,
    WaitlistOffer,
)
from scheduling.timetable.statements import spots_available

WITH_ITS_PARTS = (
    joinedload(ClinicalSession.clinic, innerjoin=True),
    joinedload(ClinicalSession.provider, innerjoin=True).lazyload(Provider.clinics),
    joinedload(ClinicalSession.room),
    joinedload(ClinicalSession.service_type, innerjoin=True),
)
# The statement is built once, because building it with its options costs as much as running it.
_SESSION = select(ClinicalSession).where(ClinicalSession.id == bindparam("id")).options(*WITH_ITS_PARTS)
_LOCKED_SESSION = _SESSION.with_for_update(of=ClinicalSession).execution_options(populate_existing=True)


def find_session(db: Session, session_id: UUID, *, lock: bool = False) -> ClinicalSession | None:
    """Return a session with its clinic, provider, room and service type, or None."""
    return db.scalar(_LOCKED_SESSION if lock else _SESSION, {"id": session_id})


def find_sessions(db: Session, session_ids: Sequence[UUID]) -> Sequence[ClinicalSession]:
    """Return the current state of several sessions, in the order of their start."""
    return db.scalars(
        select(ClinicalSession)
        .where(ClinicalSession.id.in_(session_ids))
        .options(*WITH_ITS_PARTS)
        .order_by(ClinicalSession.starts_at, ClinicalSession.id)
        .execution_options(populate_existing=True)
    ).all()


def list_sessions(
    db: Session,
    asked: FindSessions,
    *,
    after: tuple[datetime, UUID] | None,
    limit: int,
    open_at: datetime | None = None,
) -> Sequence[ClinicalSession]:
    """List sessions in the order of their start.

    With `open_at`, only those that can still be booked at that instant.
    """
    key, descending = (ClinicalSession.starts_at, ClinicalSession.id), asked.order == "desc"
    query = select(ClinicalSession).options(*WITH_ITS_PARTS)
    query = keyset(query, *key, after=after, limit=limit, descending=descending)
    for name in ("clinic_id", "provider_id", "room_id", "series_id", "session_type", "status", "decision"):
        if (value := getattr(asked, name)) is not None:
            query = query.where(getattr(ClinicalSession, name) == value)
    if asked.service_type:
        query = query.where(ClinicalSession.service_type.has(ServiceType.code == asked.service_type))
    if asked.text:
        query = query.where(mentions(asked.text))
    bounds = (asked.starts_from, asked.starts_before)
    query = query.where(*starts_within(ClinicalSession.starts_at, *bounds, lambda condition: condition))
    if open_at:
        query = query.where(
            ClinicalSession.status == "SCHEDULED",
            ClinicalSession.starts_at > open_at,
            spots_available() > 0,
            literal_column("cardinality(blocked_by(sessions))") == 0,
        )
    return db.scalars(query).all()


def sessions_offered_to(db: Session, patient_ids: Collection[UUID]) -> set[UUID]:
    """Return the sessions in which a spot is offered to any of several patients."""
    query = select(WaitlistOffer.session_id).where(
        WaitlistOffer.patient_id.in_(aliases_of_all(db, patient_ids)), WaitlistOffer.status == "OPEN"
    )
    return set(db.scalars(query))
