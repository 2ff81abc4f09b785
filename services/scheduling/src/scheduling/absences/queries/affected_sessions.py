"""Queries for the booked sessions that an absence affects."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from scheduling.absences.commands import AddClosure
from scheduling.models import (
    Closure,
    TimeOff,
)

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
    """A live session that an absence affects. Instants are UTC."""

    id: UUID
    session_number: str
    status: str
    starts_at: datetime
    ends_at: datetime


def sessions_hit(db: Session, absence: TimeOff | Closure) -> list[AffectedSession]:
    """Return the live sessions that an absence affects, by their start."""
    asked: dict[str, UUID | date | None] = {"provider": None, "clinic": None, "first_day": None, "last_day": None}
    if isinstance(absence, TimeOff):
        asked |= {"provider": absence.provider_id, "starts": absence.starts_at, "ends": absence.ends_at}
    else:
        # In every zone, a local day starts and ends less than a day from the same day in UTC.
        first, last = (datetime.combine(day, time(), UTC) for day in (absence.starts_on, absence.ends_on))
        asked |= {"clinic": absence.clinic_id, "first_day": absence.starts_on, "last_day": absence.ends_on}
        asked |= {"starts": first - timedelta(days=1), "ends": last + timedelta(days=2)}
    return [AffectedSession(*row) for row in db.execute(_HIT, asked)]


def same_closure(db: Session, command: AddClosure) -> Closure | None:
    """Return a stored closure of the same clinic, kind and days, or None."""
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
