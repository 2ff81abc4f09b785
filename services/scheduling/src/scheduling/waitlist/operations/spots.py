"""What follows when spots of a session become free, and when a session has no participants left."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from scheduling.appointments import events
from scheduling.appointments.operations.sessions import close_session
from scheduling.appointments.queries import participant_records
from scheduling.models import ClinicalSession
from scheduling.timetable.spots import spots_of
from scheduling.waitlist import queries as waitlist_queries
from scheduling.waitlist.operations import offers

#: The reason for cancelling a session that was made in one step with an appointment, when that appointment was
#: cancelled.
EMPTY = "its appointment was given up"


def free(db: Session, session: ClinicalSession, *, were_available: int, now: datetime) -> None:
    """Handle spots that became free in a session whose row is locked, and publish the resulting events.

    Before the start, the spots are offered to waiting patients. SessionSpotsOpened is published if the session was full
    and now has available spots, and SessionFilled in the opposite case. A session that was made for one appointment,
    and for which no offer is open, is cancelled together with the appointment at any time, so that its provider is free
    again. `were_available` is the number of spots that were available before.
    """
    to_come = session.status == "SCHEDULED" and session.starts_at > now
    if not to_come and not (session.closes_when_empty and session.status in ("SCHEDULED", "IN_PROGRESS")):
        return
    left = spots_of(db, [session.id])[session.id]
    offered = offers.make(db, session, left.available, now=now) if to_come else 0
    now_available = left.available - offered
    if (
        session.closes_when_empty
        and not left.held
        and not offered
        and not participant_records.has_participants(db, session.id)
    ):
        session.change_reason = None
        close_session(db, session, EMPTY, now=now)
        offers.session_cancelled(db, session, now=now)
    elif to_come and not were_available and now_available:
        events.session_spots_opened(db, session, now_available, now)
    elif to_come and were_available and not now_available:
        events.session_filled(db, session, now)


def pass_on(db: Session, session: ClinicalSession, offer_id: UUID, cause: str, *, now: datetime) -> None:
    """End an open offer of a session whose row is locked, and pass its spot on.

    `cause` is one of `domain.OFFER_ENDS`.
    """
    were_available = available(db, session)
    offers.end(db, offer_id, cause, now=now)
    free(db, session, were_available=were_available, now=now)


def withdraw(db: Session, sessions: Sequence[ClinicalSession], *, now: datetime) -> None:
    """End all open offers of sessions whose rows are locked, and pass their spots on."""
    offered = waitlist_queries.with_open_offers(db, [session.id for session in sessions])
    for session in (session for session in sessions if session.id in offered):
        were_available = available(db, session)
        offers.withdraw(db, session, "WITHDRAWN", now=now)
        free(db, session, were_available=were_available, now=now)


def available(db: Session, session: ClinicalSession) -> int:
    """Return the number of available spots of a session whose row is locked."""
    return spots_of(db, [session.id])[session.id].available
