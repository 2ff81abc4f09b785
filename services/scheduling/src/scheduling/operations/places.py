"""What follows when places of a session are freed."""

from datetime import datetime

from sqlalchemy.orm import Session

from jalsa.db import context_of
from scheduling import events, queries
from scheduling.models import ClinicalSession

#: Why a session was cancelled that was made in one step with an appointment which is no more.
EMPTY = "its appointment was given up"


def free(db: Session, session: ClinicalSession, *, were_available: int, now: datetime) -> None:
    """Go on from places that were freed in a session, whose row is locked, and publish what became of them.

    A session that was made for one appointment is cancelled with it, and its provider free again. One that was full
    says that it has places. `were_available` is how many it had before.
    """
    if session.status != "SCHEDULED" or session.starts_at <= now:
        return
    left = queries.places(db, [session.id])[session.id]
    if session.closes_when_empty and not left.taken and not left.held:
        session.status, session.cancelled_at = "CANCELLED", now
        session.cancelled_by, session.cancel_reason = context_of(db).actor, EMPTY
        db.flush()
        events.session_cancelled(db, session, now)
    elif were_available <= 0 < left.available:
        events.session_spots_opened(db, session, left.available, now)


def available(db: Session, session: ClinicalSession) -> int:
    """How many places of a session, whose row is locked, are free."""
    return queries.places(db, [session.id])[session.id].available
