"""The read side: records, and what is counted of them. What reads over many of them has its own module here."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import Row, Select, bindparam, exists, func, literal_column, select, text
from sqlalchemy.orm import Session, joinedload

from jalsa.db.keyset import keyset
from jalsa.db.transactions import TenantRow
from scheduling.commands.sessions import FindSessions
from scheduling.domain import DEFAULT_SETTINGS, MISSING, PAYMENT_DUE, EndedConsent, consent_reason
from scheduling.models import (
    ClinicalSession,
    Closure,
    Participant,
    PatientProjection,
    Provider,
    ServiceType,
    Settings,
    TimeOff,
)
from scheduling.models.projections import StoredConsent
from scheduling.queries.search import mentions, starts_within
from scheduling.timetable.spots import Spots
from scheduling.timetable.statements import spots_available

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
WITH_ITS_SESSION = joinedload(Participant.session, innerjoin=True).options(*_WITH_ITS_PARTS)


def list_by_id(db: Session, kind: type[R], *, after: UUID | None, limit: int, **equal: UUID | None) -> Sequence[R]:
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


def settings(db: Session) -> Settings:
    """The tenant's own rules, or the defaults."""
    return db.scalar(select(Settings)) or Settings(**DEFAULT_SETTINGS)


def find_session(db: Session, session_id: UUID, *, lock: bool = False) -> ClinicalSession | None:
    """A session with its clinic, provider, room and service type."""
    return db.scalar(_LOCKED_SESSION if lock else _SESSION, {"id": session_id})


def find_sessions(db: Session, session_ids: Sequence[UUID]) -> Sequence[ClinicalSession]:
    """Several sessions as they are now, in the order of their start."""
    return db.scalars(
        select(ClinicalSession)
        .where(ClinicalSession.id.in_(session_ids))
        .options(*_WITH_ITS_PARTS)
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
    """Sessions in the order of their start; with `open_at`, those that anybody can still book at that instant."""
    key, descending = (ClinicalSession.starts_at, ClinicalSession.id), asked.order == "desc"
    query = select(ClinicalSession).options(*_WITH_ITS_PARTS)
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


def live_patients(db: Session, session_ids: Sequence[UUID]) -> set[UUID]:
    """The patients who have a live spot in any of these sessions."""
    return set(
        db.scalars(select(Participant.patient_id).where(Participant.session_id.in_(session_ids), Participant.live))
    )


def live_participants(db: Session, session_id: UUID) -> Sequence[Participant]:
    """A session's live participants, locked, in the order of booking."""
    return db.scalars(
        select(Participant)
        .where(Participant.session_id == session_id, Participant.live)
        .order_by(Participant.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()


def load_participants(db: Session, query: Select[Participant]) -> Sequence[Participant]:
    """Participants, each with its session."""
    return db.scalars(query.options(WITH_ITS_SESSION)).all()


def count_participants(db: Session, session_id: UUID, status: str) -> int:
    """How many participants of a session are in a state."""
    return (
        db.scalar(select(func.count()).where(Participant.session_id == session_id, Participant.status == status)) or 0
    )


def statuses(db: Session, session_id: UUID) -> set[str]:
    """The states in which participants of a session are."""
    return set(db.scalars(select(Participant.status).where(Participant.session_id == session_id).distinct()))


def has_participants(db: Session, session_id: UUID) -> bool:
    """Whether anybody takes part in a session, took part, or missed it: all but those who cancelled."""
    among = exists().where(Participant.session_id == session_id, Participant.status != "CANCELLED")
    return bool(db.scalar(select(among)))


def find_participant(db: Session, participant_id: UUID, *, lock: bool = False) -> Participant | None:
    """A participant with its session."""
    query = select(Participant).where(Participant.id == participant_id).options(WITH_ITS_SESSION)
    if lock:
        query = query.with_for_update(of=Participant).execution_options(populate_existing=True)
    return db.scalar(query)


def list_participants(db: Session, session_id: UUID, *, after: UUID | None, limit: int) -> Sequence[Participant]:
    """A session's participants, whatever their state, in the order of booking."""
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
    """Which session of which package an appointment is."""

    id: UUID
    number: str
    session_number: int
    total_sessions: int


@dataclass(frozen=True)
class Standing:
    """What a participant's answer shows beside its own row: the session's spots, clearance, consent, the package.

    The two reasons say why clearance or consent is not there; `blocked` are the absences that stand over the session.
    """

    spots: Spots
    cleared: bool
    consented: bool
    clearance_reason: str = PAYMENT_DUE
    consent_reason: str = MISSING
    blocked: Sequence[str] = ()
    package: PackagePlace | None = None


_STANDINGS = text("""
    SELECT p.id, o.capacity, o.taken, o.held,
           coalesce(c.cleared, false) AS cleared, c.reason AS clearance_reason,
           coalesce(q.consented OR s.clinic_id = ANY (q.consented_clinics), false) AS consented,
           s.clinic_id, q.ended_consents, blocked_by(s) AS blocked,
           k.id AS package_id, k.package_number, n.session_number, k.total_sessions
    FROM participants p JOIN sessions s ON s.id = p.session_id
    CROSS JOIN LATERAL spots_of(s.id, s.max_capacity) AS o
    LEFT JOIN clearances c ON c.id = p.id LEFT JOIN patients q ON q.id = p.patient_id
    LEFT JOIN package_sessions n ON n.id = p.package_session_id LEFT JOIN packages k ON k.id = n.package_id
    WHERE p.id = ANY (CAST(:ids AS uuid[]))
""")


def standings(db: Session, participant_ids: Sequence[UUID]) -> dict[UUID, Standing]:
    """The standing of each participant, read in one statement."""
    rows = db.execute(_STANDINGS, {"ids": list(participant_ids)})
    return {row.id: _standing(row) for row in rows}


def _standing(row: Row[Any]) -> Standing:
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
    """How a patient's consents ended, the latest last."""
    return _ended(db.scalar(select(PatientProjection.ended_consents).where(PatientProjection.id == patient_id)))


def _ended(stored: Sequence[StoredConsent] | None) -> list[EndedConsent]:
    """Consents that ended, as they are stored; none where the patient is not known."""
    return [
        EndedConsent(clinic_id=UUID(one["clinic_id"]) if one["clinic_id"] else None, reason=one["reason"])
        for one in stored or ()
    ]


_HIT = text("""
    SELECT s.id, s.session_number, s.status, s.starts_at, s.ends_at FROM sessions s JOIN clinics c ON c.id = s.clinic_id
    WHERE s.status IN ('SCHEDULED', 'IN_PROGRESS') AND times_overlap(s.starts_at, s.ends_at, :starts, :ends)
      AND s.starts_at > CAST(:starts AS timestamptz) - interval '8 hours'
      AND (CAST(:provider AS uuid) IS NULL OR s.provider_id = :provider)
      AND (CAST(:clinic AS uuid) IS NULL OR s.clinic_id = :clinic)
      AND (CAST(:first_day AS date) IS NULL
           OR days_overlap(:first_day, :last_day, absence_day(c.timezone, s.starts_at),
                           absence_day(c.timezone, s.ends_at - interval '1 microsecond')))
    ORDER BY s.starts_at, s.id
""")


@dataclass(frozen=True, slots=True)
class AffectedSession:
    """A live session that is booked over an absence. Instants are UTC."""

    id: UUID
    session_number: str
    status: str
    starts_at: datetime
    ends_at: datetime


def sessions_hit(db: Session, absence: TimeOff | Closure) -> list[AffectedSession]:
    """The live sessions that are booked over an absence, by their start."""
    asked: dict[str, UUID | date | None] = {"provider": None, "clinic": None, "first_day": None, "last_day": None}
    if isinstance(absence, TimeOff):
        asked |= {"provider": absence.provider_id, "starts": absence.starts_at, "ends": absence.ends_at}
    else:
        # a local day begins and ends within a day of the same day in UTC, wherever the clinic is
        first, last = (datetime.combine(day, time(), UTC) for day in (absence.starts_on, absence.ends_on))
        asked |= {"clinic": absence.clinic_id, "first_day": absence.starts_on, "last_day": absence.ends_on}
        asked |= {"starts": first - timedelta(days=1), "ends": last + timedelta(days=2)}
    return [AffectedSession(*row) for row in db.execute(_HIT, asked)]
