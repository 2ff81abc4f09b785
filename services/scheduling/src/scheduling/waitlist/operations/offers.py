"""Making, accepting and ending offers of free spots. The session's row is locked before all of these."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from jalsa.db.transactions import context_of
from jalsa.service.ids import new_id
from scheduling import domain, errors
from scheduling.appointments.operations.locks import lock_waitlist
from scheduling.directory import queries as directory
from scheduling.models import ClinicalSession, WaitlistEntry, WaitlistOffer
from scheduling.timetable.conflicts import absences_over
from scheduling.waitlist import events
from scheduling.waitlist import queries as waitlist_queries


def make(db: Session, session: ClinicalSession, free: int, *, now: datetime) -> int:
    """Offer a session's free spots to waiting patients, in order, and publish WaitlistOffered.

    Returns the number of offers. An offer holds its spot for the tenant's `offer_minutes`, but no longer than until the
    session starts. A patient who cannot be contacted is passed over, and the front desk must handle the entry. A
    session that an absence affects is offered to nobody.
    """
    soon = session.starts_at - now < timedelta(minutes=domain.MIN_OFFER_MINUTES)
    if soon or not free or waitlist_queries.next_in_line(db, session) is None:
        return 0
    if absences_over(db, [session.id])[session.id]:
        return 0
    lock_waitlist(db)
    lasts = timedelta(minutes=directory.settings(db).offer_minutes)
    made, passed_over = 0, set[UUID]()
    while made < free and (entry := waitlist_queries.next_in_line(db, session, but=passed_over)):
        if waitlist_queries.can_be_told(db, entry.patient_id):
            _offer(db, entry, session, min(now + lasts, session.starts_at), now)
            made += 1
        else:
            entry.passed_over_at, entry.passed_over_session_id = now, session.id
            passed_over.add(entry.id)
    db.flush()
    return made


def accept(db: Session, offer_id: UUID, appointment_id: UUID, *, now: datetime) -> None:
    """Release the spot that an open offer holds for the patient who takes it, and publish WaitlistAccepted.

    Raises 409 `offer-expired`, even if the spot has not been passed on yet.
    """
    lock_waitlist(db)
    offer, entry = waitlist_queries.offer_and_entry(db, offer_id)
    if offer.expires_at <= now:
        raise errors.OfferExpired
    _close(db, offer, "ACCEPTED", now)
    move_entry(db, entry, "ACCEPTED", now=now)
    # This must come before the participant's row is stored, because the database then counts the spots again.
    db.flush()
    events.waitlist_accepted(db, entry, offer, appointment_id, now)


def end(db: Session, offer_id: UUID, cause: str, *, now: datetime) -> None:
    """End an open offer that is not accepted, and publish WaitlistOfferExpired. The caller passes the spot on.

    `cause` is one of `domain.OFFER_ENDS`. An entry that was cancelled in the meantime stays cancelled.
    """
    lock_waitlist(db)
    offer, entry = waitlist_queries.offer_and_entry(db, offer_id)
    becomes, for_session, for_service_type = domain.OFFER_ENDS[cause]
    _close(db, offer, becomes, now)
    if entry.status == "OFFERED":
        move_entry(db, entry, for_session if entry.session_id else for_service_type, now=now)
    db.flush()
    events.waitlist_offer_expired(db, entry, offer, cause, now)


def withdraw(db: Session, session: ClinicalSession, cause: str, *, now: datetime) -> int:
    """End all open offers of a session. Returns how many there were."""
    offers = waitlist_queries.open_offers(db, session.id)
    for offer_id in offers:
        end(db, offer_id, cause, now=now)
    return len(offers)


def session_cancelled(db: Session, session: ClinicalSession, *, now: datetime) -> None:
    """End the offers of a cancelled session, and cancel the entries that wait only for this session."""
    withdraw(db, session, "SESSION_CANCELLED", now=now)
    if waitlist_queries.waiting_for(db, session.id):
        lock_waitlist(db)
        for entry in waitlist_queries.waiting_for(db, session.id):
            move_entry(db, entry, "CANCELLED", now=now)
        db.flush()


def move_entry(db: Session, entry: WaitlistEntry, status: str, *, now: datetime) -> None:
    """Move an entry to another state, under the waitlist's lock. Raises 409 `invalid-transition`."""
    domain.ENTRY.check(entry.status, status)
    entry.status = status
    if status not in domain.OPEN_ENTRY:
        entry.closed_at, entry.closed_by = now, context_of(db).actor


def _offer(db: Session, entry: WaitlistEntry, session: ClinicalSession, expires_at: datetime, now: datetime) -> None:
    move_entry(db, entry, "OFFERED", now=now)
    offer = WaitlistOffer(
        id=new_id(),
        entry_id=entry.id,
        session_id=session.id,
        patient_id=entry.patient_id,
        status=domain.OFFER.initial,
        offered_at=now,
        expires_at=expires_at,
    )
    db.add(offer)
    db.flush()
    events.waitlist_offered(db, entry, offer, session, now)


def _close(db: Session, offer: WaitlistOffer, status: str, now: datetime) -> None:
    domain.OFFER.check(offer.status, status)
    offer.status, offer.closed_at, offer.closed_by = status, now, context_of(db).actor
