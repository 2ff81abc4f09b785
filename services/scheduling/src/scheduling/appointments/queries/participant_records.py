"""Queries for participants with their sessions, and for what responses show in addition to their own row."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, exists, func, select, text
from sqlalchemy.orm import Session, joinedload

from scheduling.appointments.queries.session_records import WITH_ITS_PARTS
from scheduling.domain import MISSING, PAYMENT_DUE, EndedConsent, consent_reason
from scheduling.models import (
    Participant,
    PatientProjection,
)
from scheduling.models.projections import StoredConsent
from scheduling.timetable.spots import Spots

WITH_ITS_SESSION = joinedload(Participant.session, innerjoin=True).options(*WITH_ITS_PARTS)


def live_patients(db: Session, session_ids: Sequence[UUID]) -> set[UUID]:
    """Return the patients who have a live spot in any of several sessions."""
    return set(
        db.scalars(select(Participant.patient_id).where(Participant.session_id.in_(session_ids), Participant.live))
    )


def live_participants(db: Session, session_id: UUID) -> Sequence[Participant]:
    """Return a session's live participants, locked, in the order of booking."""
    return db.scalars(
        select(Participant)
        .where(Participant.session_id == session_id, Participant.live)
        .order_by(Participant.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()


def load_participants(db: Session, query: Select[Participant]) -> Sequence[Participant]:
    """Return participants, each with its session."""
    return db.scalars(query.options(WITH_ITS_SESSION)).all()


def count_participants(db: Session, session_id: UUID, status: str) -> int:
    """Count the participants of a session in a state."""
    return (
        db.scalar(select(func.count()).where(Participant.session_id == session_id, Participant.status == status)) or 0
    )


def statuses(db: Session, session_id: UUID) -> set[str]:
    """Return the states of the participants of a session."""
    return set(db.scalars(select(Participant.status).where(Participant.session_id == session_id).distinct()))


def has_participants(db: Session, session_id: UUID) -> bool:
    """Whether a session has any participant who was not cancelled."""
    among = exists().where(Participant.session_id == session_id, Participant.status != "CANCELLED")
    return bool(db.scalar(select(among)))


def find_participant(db: Session, participant_id: UUID, *, lock: bool = False) -> Participant | None:
    """Return a participant with its session, or None."""
    query = select(Participant).where(Participant.id == participant_id).options(WITH_ITS_SESSION)
    if lock:
        query = query.with_for_update(of=Participant).execution_options(populate_existing=True)
    return db.scalar(query)


def list_participants(db: Session, session_id: UUID, *, after: UUID | None, limit: int) -> Sequence[Participant]:
    """List a session's participants in any state, in the order of booking."""
    query = (
        select(Participant)
        .where(Participant.session_id == session_id)
        .options(WITH_ITS_SESSION)
        .order_by(Participant.id)
        .limit(limit)
    )
    return db.scalars(query.where(Participant.id > after) if after else query).all()


@dataclass(frozen=True)
class PackagePlace:
    """The package of an appointment, and which session of it the appointment is."""

    id: UUID
    number: str
    session_number: int
    total_sessions: int


@dataclass(frozen=True)
class Standing:
    """What a response shows about a participant in addition to its own row: spots, clearance, consent, the package.

    The two reasons say why clearance or consent is missing. `blocked` lists the absences that affect the session.
    """

    spots: Spots
    cleared: bool
    consented: bool
    clearance_reason: str = PAYMENT_DUE
    consent_reason: str = MISSING
    blocked: Sequence[str] = ()
    package: PackagePlace | None = None


# The survivor's consent is that of all whose records were merged into the survivor's.
_STANDINGS = text("""
    SELECT p.id, o.capacity, o.taken, o.held,
           coalesce(c.cleared, false) AS cleared, c.reason AS clearance_reason,
           coalesce(q.consented OR s.clinic_id = ANY (q.consented_clinics), false) AS consented,
           s.clinic_id, q.ended_consents, blocked_by(s) AS blocked,
           k.id AS package_id, k.package_number, n.session_number, k.total_sessions
    FROM participants p JOIN sessions s ON s.id = p.session_id
    CROSS JOIN LATERAL spots_of(s.id, s.max_capacity) AS o
    LEFT JOIN clearances c ON c.id = p.id
    LEFT JOIN LATERAL (SELECT f.consented, f.consented_clinics, f.ended_consents FROM patients f
                       WHERE f.id IN (survivor_of(p.patient_id), p.patient_id)
                       ORDER BY f.id = p.patient_id LIMIT 1) AS q ON true
    LEFT JOIN package_sessions n ON n.id = p.package_session_id LEFT JOIN packages k ON k.id = n.package_id
    WHERE p.id = ANY (CAST(:ids AS uuid[]))
""")


def standings(db: Session, participant_ids: Sequence[UUID]) -> dict[UUID, Standing]:
    """Return the standing of each participant, read with one statement."""
    rows = db.execute(_STANDINGS, {"ids": list(participant_ids)})
    return {row.id: _standing(row) for row in rows}


def _standing(row: Row[Any]) -> Standing:  # the statement is text, and SQLAlchemy cannot know what it returns
    package = (row.package_id, row.package_number, row.session_number, row.total_sessions)
    return Standing(
        spots=Spots(row.capacity, row.taken, row.held),
        cleared=row.cleared,
        consented=row.consented,
        clearance_reason=row.clearance_reason or PAYMENT_DUE,
        consent_reason=consent_reason(_ended(row.ended_consents), row.clinic_id),
        blocked=row.blocked,
        package=PackagePlace(*package) if row.package_id else None,
    )


def ended_consents(db: Session, patient_id: UUID) -> list[EndedConsent]:
    """Return how a patient's consents ended, the latest last."""
    survivor = PatientProjection.id == func.survivor_of(patient_id)
    return _ended(db.scalar(select(PatientProjection.ended_consents).where(survivor)))


def _ended(stored: Sequence[StoredConsent] | None) -> list[EndedConsent]:
    """Return stored consents that have ended, or nothing where the patient is not known."""
    return [
        EndedConsent(clinic_id=UUID(one["clinic_id"]) if one["clinic_id"] else None, reason=one["reason"])
        for one in stored or ()
    ]
