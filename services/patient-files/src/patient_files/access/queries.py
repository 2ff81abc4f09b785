"""The read side of access: grants, and who treats a patient."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select, text
from sqlalchemy.orm import Session

from jalsa.db.due import DueRow, due_rows
from jalsa.db.keyset import keyset
from patient_files.access.commands import FindGrants
from patient_files.access.rules import AWAITING_REVIEW, OPEN, REVIEWED
from patient_files.models import AppointmentProjection, BreakGlass

# Read by the relay role, which sees that a review is due, but not of what.
_DUE_REVIEWS = text("""
    SELECT id, tenant_id, due_at FROM break_glass
    WHERE due_at <= :now AND id <> ALL (CAST(:passed AS uuid[])) ORDER BY due_at, id LIMIT :limit
""")
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('break-glass:' || :person, 0))")
#: An appointment that was given up or missed makes nobody a treating provider.
_NOT_LIVE = ("CANCELLED", "NO_SHOW")


def treated(
    db: Session,
    provider_id: UUID,
    person: str,
    patient_ids: Collection[UUID],
    *,
    after: timedelta,
    before: timedelta,
    now: datetime,
) -> Collection[UUID]:
    """The patients of these whom a provider treats, whose login is `person`.

    It takes a live appointment that began within the time `after` or begins within the time `before`. One that the
    provider booked counts once it is ATTENDED. Of appointments that were known before this was read, it is unknown who
    booked them, and they count.
    """
    appointment = AppointmentProjection
    booked_by_another = appointment.booked_by.is_distinct_from(person)
    query = select(appointment.patient_id).where(
        appointment.patient_id.in_(patient_ids),
        appointment.provider_id == provider_id,
        appointment.starts_at.between(now - after, now + before),
        appointment.status.not_in(_NOT_LIVE),
        or_(booked_by_another, appointment.status == "ATTENDED"),
    )
    return db.scalars(query.distinct()).all()


def open_grants(
    db: Session, person: str, patient_ids: Collection[UUID], scope: str, now: datetime
) -> Sequence[BreakGlass]:
    """The grants of a person for this scope of these patients, the one that holds longest last."""
    query = select(BreakGlass).where(
        BreakGlass.opened_by == person,
        BreakGlass.patient_id.in_(patient_ids),
        BreakGlass.scope == scope,
        _in_state(OPEN, now),
    )
    return db.scalars(query.order_by(BreakGlass.until)).all()


def lock_grants_of(db: Session, person: str) -> None:
    """Take no other grant for a person until the transaction ends."""
    db.execute(_LOCK, {"person": person})


def count_open_grants(db: Session, person: str, now: datetime) -> int:
    """How many grants of a person hold at present."""
    of_person = select(func.count()).select_from(BreakGlass).where(BreakGlass.opened_by == person)
    return db.scalar(of_person.where(_in_state(OPEN, now))) or 0


def find_grant(db: Session, grant_id: UUID, *, lock: bool = False) -> BreakGlass | None:
    """A grant."""
    return db.get(BreakGlass, grant_id, with_for_update=lock or None)


def list_grants(
    db: Session, asked: FindGrants, *, now: datetime, after: UUID | None, limit: int
) -> Sequence[BreakGlass]:
    """Grants, the newest first; `state` is the one that they have at `now`."""
    query = keyset(select(BreakGlass), BreakGlass.id, after=after, limit=limit, descending=True)
    if asked.state is not None:
        query = query.where(_in_state(asked.state, now))
    return db.scalars(query).all()


def due_reviews(conn: Connection, now: datetime, passed: Sequence[UUID], limit: int) -> Sequence[DueRow]:
    """Grants whose review is due, of all tenants, longest due first."""
    return due_rows(conn, _DUE_REVIEWS, now=now, passed=passed, limit=limit)


def _in_state(state: str, now: datetime) -> ColumnElement[bool]:
    """As `rules.grant_state` has it."""
    holds = and_(BreakGlass.closed_at.is_(None), BreakGlass.until > now)
    not_reviewed = BreakGlass.reviewed_at.is_(None)
    return {
        OPEN: and_(not_reviewed, holds),
        AWAITING_REVIEW: and_(not_reviewed, or_(BreakGlass.closed_at.is_not(None), BreakGlass.until <= now)),
        REVIEWED: BreakGlass.reviewed_at.is_not(None),
    }[state]
