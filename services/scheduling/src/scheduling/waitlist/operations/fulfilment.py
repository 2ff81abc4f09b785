"""Fulfilment of waitlist entries. An entry is fulfilled when the patient is booked into a session that it waits for.

It does not matter in which way the patient was booked.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from scheduling.appointments.operations.locks import lock_session_at_once, lock_waitlist
from scheduling.appointments.queries import session_records
from scheduling.models import ClinicalSession, WaitlistEntry
from scheduling.waitlist import queries as waitlist_queries
from scheduling.waitlist.operations import offers, spots

#: The patients of a session who have open entries, each with the entries that the session already meets.
Waits = Mapping[UUID, frozenset[UUID]]


def fulfil(db: Session, patient_id: UUID, booked: Iterable[ClinicalSession], *, now: datetime) -> None:
    """Close the patient's open entries that wait for one of the booked sessions, or whose wishes one of them meets.

    A spot in another session that is offered to such an entry is passed on to the next entry. The caller has locked the
    patient, the rows of the booked sessions, and those of the sessions in which a spot was offered when the patient was
    locked. A session that has started fulfils nothing, because entries wait for future sessions.
    """
    lock_waitlist(db)
    for session in booked:
        if session.starts_at > now:
            for entry in waitlist_queries.met_by(db, patient_id, session):
                _fulfil(db, entry, now)


def waits_on(db: Session, session: ClinicalSession) -> Waits:
    """Return the entries of a session's participants that the session meets before it is moved."""
    waiting = waitlist_queries.waiting_among(db, session.id)
    return {one: frozenset(e.id for e in waitlist_queries.met_by(db, one, session)) for one in waiting}


def fulfil_moved(
    db: Session, session: ClinicalSession, before: Waits, previous_start: datetime, *, now: datetime
) -> None:
    """Close the entries of a session's participants that are met because the session was moved.

    `before` is what `waits_on` returned before the move. A patient who has a spot and still waits, waits for another
    session. Therefore an entry is met only if the session did not meet it before, or now starts earlier. The patients
    and the session's row are locked.
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
