"""What a placement, or a closure, meets of what is stored already."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import Row, and_, or_, select, text
from sqlalchemy.orm import Session

from scheduling.commands.absences import AddClosure
from scheduling.models import ClinicalSession, Closure


def session_met(
    db: Session,
    time: tuple[datetime, datetime],
    blocked: tuple[datetime, datetime],
    *,
    earliest: datetime,
    moving: Sequence[UUID],
    **owner: UUID,
) -> Row[UUID, str] | None:
    """The id and number of a live session of a provider or room (`owner`) that meets a time, or the buffers around it.

    One that overlaps the time itself comes first. None begins before `earliest`, and those `moving` away are no matter.
    """
    before = ClinicalSession.buffer_before_minutes * text("interval '1 minute'")
    after = ClinicalSession.buffer_after_minutes * text("interval '1 minute'")
    overlaps = and_(ClinicalSession.starts_at < time[1], ClinicalSession.ends_at > time[0])
    return db.execute(
        select(ClinicalSession.id, ClinicalSession.session_number)
        .filter_by(**owner)
        .where(
            ClinicalSession.status != "CANCELLED",
            ClinicalSession.id.not_in(moving),
            ClinicalSession.starts_at > earliest,
            ClinicalSession.starts_at - before < blocked[1],
            ClinicalSession.ends_at + after > blocked[0],
        )
        .order_by(overlaps.desc(), ClinicalSession.starts_at)
        .limit(1)
    ).first()


def closure_on(db: Session, clinic_id: UUID, first: date, last: date) -> Closure:
    """The first of the closures of a clinic, its own or that of every clinic, on any of these local days."""
    return db.scalars(
        select(Closure)
        .where(
            or_(Closure.clinic_id.is_(None), Closure.clinic_id == clinic_id),
            Closure.starts_on <= last,
            Closure.ends_on >= first,
        )
        .order_by(Closure.starts_on, Closure.id)
        .limit(1)
    ).one()


def same_closure(db: Session, command: AddClosure) -> Closure | None:
    """A closure of the same clinic, kind and days, if it is stored already."""
    return db.scalar(
        select(Closure)
        .where(
            Closure.clinic_id.is_not_distinct_from(command.clinic_id),
            Closure.kind == command.kind,
            Closure.starts_on == command.starts_on,
            Closure.ends_on == command.ends_on,
        )
        .limit(1)
    )
