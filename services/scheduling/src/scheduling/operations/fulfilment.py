"""A patient who waits is booked into what was waited for, by whatever way: the entry is fulfilled with the booking."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from scheduling.models import ClinicalSession, WaitlistEntry
from scheduling.operations import offers, places
from scheduling.operations.locks import lock_session_at_once, lock_waitlist
from scheduling.operations.sessions import locked_session
from scheduling.queries import waitlist as waitlist_queries


def fulfil(db: Session, patient_id: UUID, booked: Iterable[ClinicalSession], *, now: datetime) -> None:
    """Close the patient's open entries that wait for one of these sessions, or whose wishes one of them meets.

    A place that such an entry is offered in another session goes on to the next who waits. The patient and the booked
    sessions' rows are locked, and those of the sessions in which a place was offered when the patient was locked. A
    visit of the past fulfils nothing: whoever waits, waits for what is to come.
    """
    lock_waitlist(db)
    for session in booked:
        if session.starts_at > now:
            for entry in waitlist_queries.met_by(db, patient_id, session):
                _fulfil(db, entry, now)


def _fulfil(db: Session, entry: WaitlistEntry, now: datetime) -> None:
    offer = waitlist_queries.open_offer(db, entry.id)
    if offer is None:
        offers.move_entry(db, entry, "FULFILLED", now=now)
        db.flush()
        return
    lock_session_at_once(db, offer.session_id)
    places.pass_on(db, locked_session(db, offer.session_id), offer.id, "FULFILLED", now=now)
