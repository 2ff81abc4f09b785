"""What follows when spots of a session are freed, and how a session ends that nobody takes part in."""

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

#: Why a session was cancelled that was made in one step with an appointment which is no more.
EMPTY = "its appointment was given up"


def free(db: Session, session: ClinicalSession, *, were_available: int, now: datetime) -> None:
    """Go on from spots that were freed in a session, whose row is locked, and publish what became of them.

    Before the start they are offered to those who wait, and a session that was full and is no more, or the other way
    round, says so. A session that was made for one appointment, and that nobody waits for, is cancelled with it at any
    time, and its provider free again. `were_available` is how many spots it had before.
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
    """End an open offer of a session, whose row is locked, for one of `domain.OFFER_ENDS`; its spot goes on."""
    were_available = available(db, session)
    offers.end(db, offer_id, cause, now=now)
    free(db, session, were_available=were_available, now=now)


def withdraw(db: Session, sessions: Sequence[ClinicalSession], *, now: datetime) -> None:
    """End all open offers of sessions, whose rows are locked, and go on from the spots that they held."""
    offered = waitlist_queries.with_open_offers(db, [session.id for session in sessions])
    for session in (session for session in sessions if session.id in offered):
        were_available = available(db, session)
        offers.withdraw(db, session, "WITHDRAWN", now=now)
        free(db, session, were_available=were_available, now=now)


def available(db: Session, session: ClinicalSession) -> int:
    """How many spots of a session, whose row is locked, are free."""
    return spots_of(db, [session.id])[session.id].available
