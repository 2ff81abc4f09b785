"""Clinics whose stored time zone the database does not know: it was let in once, or its server knew it once."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Row, func, select, text
from sqlalchemy.orm import Session

from scheduling.models import Clinic


def of_unknown_zone(db: Session) -> Sequence[Row[UUID, str, str]]:
    """Those of the tenant's clinics of which local days cannot be reckoned (id, code, timezone), by code.

    `local_time` in the database gives null for them, so that nothing of theirs is of any local day.
    """
    known = func.local_time(Clinic.timezone, text("timestamptz 'epoch'"))
    query = select(Clinic.id, Clinic.code, Clinic.timezone).where(known.is_(None)).order_by(Clinic.code)
    return db.execute(query).all()
