"""A patient who waits is booked into what was waited for, by whatever way: the entry is fulfilled with the booking."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from scheduling.appointments.operations.locks import lock_session_at_once, lock_waitlist
from scheduling.appointments.queries import session_records
from scheduling.models import ClinicalSession, WaitlistEntry
from scheduling.waitlist import queries as waitlist_queries
from scheduling.waitlist.operations import offers, spots

#: The patients of a session who wait, each with the entries whose wishes it meets already.
Waits = Mapping[UUID, frozenset[UUID]]


def fulfil(db: Session, patient_id: UUID, booked: Iterable[ClinicalSession], *, now: datetime) -> None:
    """Close the patient's open entries that wait for one of these sessions, or whose wishes one of them meets.

    A spot that such an entry is offered in another session goes on to the next who waits. The patient and the booked
    sessions' rows are locked, and those of the sessions in which a spot was offered when the patient was locked. A
    visit of the past fulfils nothing: whoever waits, waits for what is to come.
    """
    lock_waitlist(db)
    for session in booked:
        if session.starts_at > now:
            for entry in waitlist_queries.met_by(db, patient_id, session):
                _fulfil(db, entry, now)


def waits_on(db: Session, session: ClinicalSession) -> Waits:
    """What the participants of a session wait for before it moves."""
    waiting = waitlist_queries.waiting_among(db, session.id)
    return {one: frozenset(e.id for e in waitlist_queries.met_by(db, one, session)) for one in waiting}


def fulfil_moved(
    db: Session, session: ClinicalSession, before: Waits, previous_start: datetime, *, now: datetime
) -> None:
    """Close what a session's participants waited for `before` it moved, and have by that.

    Whoever waits, and has a spot, waits for another: one that the session did not meet where it was, or an earlier
    one. Their patients and the session's row are locked.
    """
    if not before or session.starts_at <= now:
        return
    lock_waitlist(db)
    for patient_id, met in before.items():
        for entry in waitlist_queries.met_by(db, patient_id, session):
            if entry.id not in met or session.starts_at < previous_start:
                _fulfil(db, entry, now)


def _fulfil(db: Session, entry: WaitlistEntry, now: datetime) -> None:
    offer = waitlist_queries.open_offer(db, entry.id)
    if offer is None:
        offers.move_entry(db, entry, "FULFILLED", now=now)
        db.flush()
        return
    lock_session_at_once(db, offer.session_id)
    if session := session_records.find_session(db, offer.session_id, lock=True):
        spots.pass_on(db, session, offer.id, "FULFILLED", now=now)
