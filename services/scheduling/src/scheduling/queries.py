"""The read side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import bindparam, func, select, text, tuple_
from sqlalchemy.orm import Session, joinedload

from jalsa.db import TenantRow
from scheduling.domain import LIVE_PARTICIPANT, WorkingHours
from scheduling.models import (
    ClinicalSession,
    Participant,
    Provider,
    ServiceType,
    WorkingHoursRow,
)

R = TypeVar("R", bound=TenantRow)

_WITH_ITS_PARTS = (
    joinedload(ClinicalSession.clinic, innerjoin=True),
    joinedload(ClinicalSession.provider, innerjoin=True).lazyload(Provider.clinics),
    joinedload(ClinicalSession.room),
    joinedload(ClinicalSession.service_type, innerjoin=True),
)
# made once: putting a statement with its options together costs as much as running it
_SESSION = select(ClinicalSession).where(ClinicalSession.id == bindparam("id")).options(*_WITH_ITS_PARTS)
_LOCKED_SESSION = _SESSION.with_for_update(of=ClinicalSession).execution_options(populate_existing=True)
_WITH_ITS_SESSION = joinedload(Participant.session, innerjoin=True).options(*_WITH_ITS_PARTS)
_TAKEN = (
    select(func.count())
    .where(Participant.session_id == ClinicalSession.id, Participant.status.in_(LIVE_PARTICIPANT))
    .correlate(ClinicalSession)
    .scalar_subquery()
)


def list_by_id(db: Session, kind: type[R], *, after: UUID | None, limit: int, **equal: Any) -> Sequence[R]:
    """Rows in the order in which they were made, after a given one."""
    query = select(kind).order_by(kind.id).limit(limit)
    if after is not None:
        query = query.where(kind.id > after)
    for name, value in equal.items():
        if value is not None:
            query = query.where(getattr(kind, name) == value)
    return db.scalars(query).all()


def find_service_type(db: Session, code: str) -> ServiceType | None:
    """A service type by its code."""
    return db.scalar(select(ServiceType).where(ServiceType.code == code))


def working_hours(db: Session, provider_id: UUID) -> list[WorkingHours]:
    """A provider's week, in order."""
    rows = db.scalars(
        select(WorkingHoursRow)
        .where(WorkingHoursRow.provider_id == provider_id)
        .order_by(WorkingHoursRow.weekday, WorkingHoursRow.start)
    )
    return [WorkingHours(row.weekday, row.start, row.end, row.clinic_id) for row in rows]


def find_session(db: Session, session_id: UUID, *, lock: bool = False) -> ClinicalSession | None:
    """A session with its clinic, provider, room and service type."""
    return db.scalar(_LOCKED_SESSION if lock else _SESSION, {"id": session_id})


def list_sessions(
    db: Session,
    filters: Mapping[str, Any],
    *,
    after: tuple[datetime, UUID] | None,
    limit: int,
    open_at: datetime | None = None,
) -> Sequence[ClinicalSession]:
    """Sessions in the order of their start; with `open_at`, those that can still be booked at that instant.

    Filters: clinic_id, provider_id, session_type, status, service_type (a code), starts_from and starts_before.
    """
    query = select(ClinicalSession).options(*_WITH_ITS_PARTS)
    query = query.order_by(ClinicalSession.starts_at, ClinicalSession.id).limit(limit)
    for name in ("clinic_id", "provider_id", "session_type", "status"):
        if filters.get(name) is not None:
            query = query.where(getattr(ClinicalSession, name) == filters[name])
    if filters.get("service_type"):
        query = query.where(ClinicalSession.service_type.has(ServiceType.code == filters["service_type"]))
    if filters.get("starts_from"):
        query = query.where(ClinicalSession.starts_at >= filters["starts_from"])
    if filters.get("starts_before"):
        query = query.where(ClinicalSession.starts_at < filters["starts_before"])
    if open_at:
        query = query.where(
            ClinicalSession.status == "SCHEDULED",
            ClinicalSession.starts_at > open_at,
            ClinicalSession.max_capacity > _TAKEN,
        )
    if after:
        query = query.where(tuple_(ClinicalSession.starts_at, ClinicalSession.id) > tuple_(*after))
    return db.scalars(query).all()


def places_taken(db: Session, session_ids: Sequence[UUID]) -> dict[UUID, int]:
    """The number of live participants of each session."""
    rows = db.execute(
        select(Participant.session_id, func.count())
        .where(Participant.session_id.in_(session_ids), Participant.status.in_(LIVE_PARTICIPANT))
        .group_by(Participant.session_id)
    )
    return {row[0]: row[1] for row in rows}


def live_participants(db: Session, session_id: UUID) -> Sequence[Participant]:
    """A session's live participants, locked, in the order of booking."""
    return db.scalars(
        select(Participant)
        .where(Participant.session_id == session_id, Participant.status.in_(LIVE_PARTICIPANT))
        .order_by(Participant.id)
        .with_for_update()
    ).all()


def find_participant(db: Session, participant_id: UUID, *, lock: bool = False) -> Participant | None:
    """A participant with its session."""
    query = select(Participant).where(Participant.id == participant_id).options(_WITH_ITS_SESSION)
    if lock:
        query = query.with_for_update(of=Participant).execution_options(populate_existing=True)
    return db.scalar(query)


def list_participants(db: Session, session_id: UUID, *, after: UUID | None, limit: int) -> Sequence[Participant]:
    """A session's participants, whatever their state, in the order of booking."""
    query = (
        select(Participant)
        .where(Participant.session_id == session_id)
        .options(_WITH_ITS_SESSION)
        .order_by(Participant.id)
        .limit(limit)
    )
    return db.scalars(query.where(Participant.id > after) if after else query).all()


@dataclass(frozen=True)
class Standing:
    """What a participant's answer shows beside its own row: the session's live participants, clearance, consent."""

    taken: int
    cleared: bool
    consented: bool


_STANDINGS = text("""
    SELECT p.id,
           (SELECT count(*) FROM participants o WHERE o.session_id = p.session_id AND o.live) AS taken,
           EXISTS (SELECT FROM clearances c WHERE c.id = p.id AND c.cleared) AS cleared,
           EXISTS (SELECT FROM patients q WHERE q.id = p.patient_id AND q.consented) AS consented
    FROM participants p WHERE p.id = ANY (:ids)
""")


def standings(db: Session, participant_ids: Sequence[UUID]) -> dict[UUID, Standing]:
    """The standing of each participant, at once."""
    rows = db.execute(_STANDINGS, {"ids": list(participant_ids)})
    return {row.id: Standing(row.taken, row.cleared, row.consented) for row in rows}
