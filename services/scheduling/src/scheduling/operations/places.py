"""What follows when places of a session are freed."""

from datetime import datetime

from sqlalchemy.orm import Session

from jalsa.db import context_of
from scheduling import events, queries
from scheduling.models import ClinicalSession
from scheduling.operations import offers

#: Why a session was cancelled that was made in one step with an appointment which is no more.
EMPTY = "its appointment was given up"


def free(db: Session, session: ClinicalSession, *, were_available: int, now: datetime) -> None:
    """Go on from places that were freed in a session, whose row is locked, and publish what became of them.

    They are offered to those who wait. A session that was made for one appointment, and that nobody waits for, is
    cancelled with it, and its provider free again. One that was full and is no more, or the other way round, says so.
    `were_available` is how many places it had before.
    """
    if session.status != "SCHEDULED" or session.starts_at <= now:
        return
    left = queries.places(db, [session.id])[session.id]
    offered = offers.make(db, session, left.available, now=now)
    now_available = left.available - offered
    if session.closes_when_empty and not left.taken and not left.held and not offered:
        session.status, session.cancelled_at = "CANCELLED", now
        session.cancelled_by, session.cancel_reason = context_of(db).actor, EMPTY
        db.flush()
        offers.session_cancelled(db, session, now=now)
        events.session_cancelled(db, session, now)
    elif not were_available and now_available:
        events.session_spots_opened(db, session, now_available, now)
    elif were_available and not now_available:
        events.session_filled(db, session, now)


def available(db: Session, session: ClinicalSession) -> int:
    """How many places of a session, whose row is locked, are free."""
    return queries.places(db, [session.id])[session.id].available
