"""Queries for series, for their sessions that have not started, and for the spots of their members."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from jalsa.db.aliases import stands_for
from jalsa.db.keyset import keyset
from scheduling.domain import SESSION, UPCOMING_STATUSES
from scheduling.models import ClinicalSession, Participant, SeriesMember, ServiceType, SessionSeries
from scheduling.series.commands import FindSeries


def list_series(db: Session, asked: FindSeries, *, after: UUID | None, limit: int) -> Sequence[SessionSeries]:
    """List series in the order in which they were created."""
    query = keyset(select(SessionSeries), SessionSeries.id, after=after, limit=limit)
    for name in ("clinic_id", "provider_id"):
        if (value := getattr(asked, name)) is not None:
            query = query.where(getattr(SessionSeries, name) == value)
    if asked.service_type is not None:
        query = query.where(SessionSeries.service_type.has(ServiceType.code == asked.service_type))
    return db.scalars(query).all()


def count_sessions(db: Session, series_ids: Sequence[UUID]) -> dict[UUID, dict[str, int]]:
    """Count the sessions of each series in each state."""
    counted: dict[UUID, dict[str, int]] = {series_id: dict.fromkeys(SESSION.states, 0) for series_id in series_ids}
    for series_id, status, count in db.execute(
        select(ClinicalSession.series_id, ClinicalSession.status, func.count())
        .where(ClinicalSession.series_id.in_(series_ids))
        .group_by(ClinicalSession.series_id, ClinicalSession.status)
    ):
        assert series_id is not None
        counted[series_id][status] = count
    return counted


def coming(
    db: Session, series_id: UUID, *, since: datetime | None = None, occurs_from: date | None = None, now: datetime
) -> list[UUID]:
    """Return the sessions of a series that are SCHEDULED and have not started, by their start.

    `since` is an instant and is compared with the current start of each session. `occurs_from` is a local day and is
    compared with the day on which the rule placed it.
    """
    query = select(ClinicalSession.id).where(
        ClinicalSession.series_id == series_id,
        ClinicalSession.status == "SCHEDULED",
        ClinicalSession.starts_at > now,
    )
    if since is not None:
        query = query.where(ClinicalSession.starts_at >= since)
    if occurs_from is not None:
        query = query.where(ClinicalSession.occurs_on >= occurs_from)
    return list(db.scalars(query.order_by(ClinicalSession.starts_at, ClinicalSession.id)))


def providers_to_come(db: Session, series_id: UUID, *, now: datetime) -> Sequence[UUID]:
    """Return the providers of the sessions of a series that have not started.

    There may be several, because single sessions may have been given to another provider.
    """
    query = select(ClinicalSession.provider_id).distinct()
    return db.scalars(query.where(ClinicalSession.id.in_(coming(db, series_id, since=now, now=now)))).all()


def current_member(db: Session, series_id: UUID, patient_id: UUID) -> SeriesMember | None:
    """Return the patient's membership, if the patient has not left the series."""
    return db.scalar(
        select(SeriesMember).where(
            SeriesMember.series_id == series_id,
            stands_for(SeriesMember.patient_id, patient_id),
            SeriesMember.left_on.is_(None),
        )
    )


def coming_spots(db: Session, series_id: UUID, patient_id: UUID, *, since: datetime, now: datetime) -> dict[UUID, UUID]:
    """Return the sessions of a series that have not started and in which a patient is expected, by their start.

    Each session is returned with the id of the participant.
    """
    rows = db.execute(
        select(Participant.session_id, Participant.id)
        .join(ClinicalSession, ClinicalSession.id == Participant.session_id)
        .where(
            ClinicalSession.series_id == series_id,
            stands_for(Participant.patient_id, patient_id),
            Participant.status.in_(UPCOMING_STATUSES),
            ClinicalSession.status == "SCHEDULED",
            Participant.starts_at > now,
            Participant.starts_at >= since,
        )
        .order_by(Participant.starts_at, Participant.id)
    )
    return {row.session_id: row.id for row in rows}


def spots(db: Session, series_id: UUID, patient_ids: Sequence[UUID]) -> dict[UUID, list[Participant]]:
    """Return the live spots of patients in the sessions of a series, by patient and start."""
    found: dict[UUID, list[Participant]] = defaultdict(list)
    for participant in db.scalars(
        select(Participant)
        .join(ClinicalSession, ClinicalSession.id == Participant.session_id)
        .where(
            ClinicalSession.series_id == series_id,
            Participant.patient_id.in_(patient_ids),
            Participant.live,
        )
        .order_by(Participant.starts_at, Participant.id)
    ):
        found[participant.patient_id].append(participant)
    return found
