"""Clinics whose stored time zone the database does not know: it was let in once, or its server knew it once."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from scheduling.models import Clinic


@dataclass(frozen=True, slots=True)
class ZonedClinic:
    """A clinic and the name of its time zone as it is stored."""

    id: UUID
    code: str
    timezone: str


def of_unknown_zone(db: Session) -> list[ZonedClinic]:
    """Those of the tenant's clinics of which local days cannot be reckoned, by code.

    `local_time` in the database gives null for them, so that nothing of theirs is of any local day.
    """
    known = func.local_time(Clinic.timezone, text("timestamptz 'epoch'"))
    query = select(Clinic.id, Clinic.code, Clinic.timezone).where(known.is_(None)).order_by(Clinic.code)
    return [ZonedClinic(*row) for row in db.execute(query)]
