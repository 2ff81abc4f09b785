"""Use cases of the waitlist: add and change an entry, accept or decline an offer, cancel an entry."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy.orm import Session

from jalsa.db.transactions import context_of
from jalsa.service.commands import given, value_or
from jalsa.service.errors import InvalidField, NotFound
from jalsa.service.ids import new_id
from scheduling import domain, errors
from scheduling.appointments.commands.appointments import BookParticipant
from scheduling.appointments.commands.placements import Override
from scheduling.appointments.operations import participants
from scheduling.appointments.operations.locks import lock_patients, lock_sessions, lock_waitlist
from scheduling.appointments.operations.sessions import locked_session
from scheduling.appointments.queries import session_records
from scheduling.directory import queries as directory
from scheduling.directory.operations.setup import active_clinic
from scheduling.models import Provider, ServiceType, WaitlistEntry, WaitlistOffer
from scheduling.timetable.hours import earliest_today
from scheduling.use_cases import appointments as use_cases
from scheduling.waitlist import queries as waitlist_queries
from scheduling.waitlist.commands import AddEntry, ChangeEntry
from scheduling.waitlist.operations import offers, spots

#: The fields with which an entry for a service type restricts its sessions.
WISHES = ("clinic_id", "provider_id", "weekdays", "part_of_day", "from_date", "until_date")

#: How often the locks of an entry are tried, because its offer may change while they are taken.
LOCK_ATTEMPTS = 5


def add(db: Session, command: AddEntry, *, now: datetime) -> WaitlistEntry:
    """Add an entry for one session (`session_id`), or for any session of a service type that meets the wishes.

    Raises 422 for what is unknown, including `unknown-patient`, and 409 `already-waiting`. For a session, raises 409
    `already-enrolled`, `places-available`, and `invalid-transition` if it has started or is cancelled.
    """
    facts = participants.lock_booking_facts(db, command.patient_id, command.session_id)
    if command.session_id is not None:
        entry = _for_session(db, command.session_id, facts, now)
    else:
        entry = _for_service_type(db, command, now)
    entry.id, entry.patient_id = new_id(), facts.patient_id
    if waitlist_queries.waits_for_the_same(db, entry):
        raise errors.WaitsForSession if entry.session_id else errors.WaitsForServiceType
    entry.priority, entry.notes = command.priority, command.notes
    entry.status, entry.created_at, entry.created_by = domain.ENTRY.initial, now, context_of(db).actor
    db.add(entry)
    db.flush()
    return entry


def update(db: Session, entry: WaitlistEntry, command: ChangeEntry, *, now: datetime) -> WaitlistEntry:
    """Change the priority, the notes or the wishes of a locked entry. An offer that was made stays open.

    Raises 409 `invalid-transition` for an entry that is closed, and 422 for what `add` refuses.
    """
    if entry.status not in domain.OPEN_ENTRY:
        raise errors.EntryClosed(entry.status)
    changes = given(command)
    wishes = [name for name in WISHES if name in changes]
    if wishes and entry.session_id:
        raise InvalidField(wishes[0], "Only an entry for a service type can have preferences.")
    if wishes:
        _check_wishes(
            db,
            entry.service_type,
            clinic_id=value_or(command.clinic_id, entry.clinic_id),
            provider_id=value_or(command.provider_id, entry.provider_id),
            from_date=value_or(command.from_date, entry.from_date),
            until_date=value_or(command.until_date, entry.until_date),
            now=now,
        )
    for name, value in changes.items():
        setattr(entry, name, value)
    db.flush()
    return entry


def accept(
    db: Session, entry: WaitlistEntry, override: Override | None = None, *, now: datetime
) -> participants.Booked:
    """Book the patient of a locked entry into the spot that is offered.

    Raises 409 `offer-expired`, 409 `invalid-transition` if nothing is offered, and what `book_participant` raises.
    """
    offer = waitlist_queries.last_offer(db, entry.id)
    if offer is None or offer.status not in ("OPEN", "LAPSED"):
        raise errors.NothingOffered
    if offer.status == "LAPSED" or offer.expires_at <= now:
        raise errors.OfferExpired
    booking = BookParticipant(patient_id=entry.patient_id, override=override)
    return use_cases.book_participant(db, offer.session_id, booking, now=now)


def decline(db: Session, entry: WaitlistEntry, *, now: datetime) -> WaitlistEntry:
    """Decline the spot that is offered to a locked entry, and pass it on. Raises 409 `invalid-transition`."""
    offer = waitlist_queries.open_offer(db, entry.id)
    if offer is None:
        raise errors.NothingOffered
    _pass_on(db, offer, "DECLINED", now)
    return entry


def cancel(db: Session, entry: WaitlistEntry, *, now: datetime) -> WaitlistEntry:
    """Cancel a locked entry, and pass on the spot that is offered to it. Raises 409 `invalid-transition`."""
    offers.move_entry(db, entry, "CANCELLED", now=now)
    db.flush()
    if offer := waitlist_queries.open_offer(db, entry.id):
        _pass_on(db, offer, "WITHDRAWN", now)
    return entry


def held_entry(db: Session, entry_id: UUID) -> WaitlistEntry:
    """Return the entry, locked together with its patient, the session of its open offer, and the waitlist.

    Raises 404, and 503 `temporarily-unavailable` if the offers to the patient keep changing in the meantime.
    """
    entry = db.get(WaitlistEntry, entry_id)
    if entry is None:
        raise NotFound("waitlist entry")
    lock_patients(db, [entry.patient_id])
    if not any(_locked(db, entry_id) for _ in range(LOCK_ATTEMPTS)):
        raise errors.OffersChanging
    db.refresh(entry)
    return entry


def offer_what_was_passed_over(db: Session, patient_id: UUID, *, now: datetime) -> None:
    """Offer the spots for which a patient was passed over, now that the patient can be contacted.

    The spots that are still free are offered to the entry that is first in line, which may be another one.
    """
    sessions = waitlist_queries.passed_over(db, patient_id)
    if not sessions or not waitlist_queries.can_be_told(db, patient_id):
        return
    lock_patients(db, [patient_id])
    lock_sessions(db, sessions)
    for session in session_records.find_sessions(db, sorted(sessions)):
        spots.free(db, session, were_available=spots.available(db, session), now=now)


def lapse_offer(db: Session, offer_id: UUID, *, now: datetime) -> bool:
    """Pass on an expired offer's spot, unless something else happened in the meantime.

    Returns whether this happened.
    """
    offer = db.get_one(WaitlistOffer, offer_id)
    locked_session(db, offer.session_id)
    db.refresh(offer)
    if offer.status != "OPEN" or offer.expires_at > now:
        return False
    _pass_on(db, offer, "LAPSED", now)
    return True


def lapse_entry(db: Session, entry_id: UUID, *, now: datetime) -> bool:
    """Close a waiting entry whose days are past or whose session has started. Returns whether this happened."""
    lock_waitlist(db)
    entry = db.get_one(WaitlistEntry, entry_id)
    session = session_records.find_session(db, entry.session_id) if entry.session_id else None
    begun = session is not None and (session.status != "SCHEDULED" or session.starts_at <= now)
    past = entry.until_date is not None and entry.until_date < earliest_today(now)
    if entry.status != "WAITING" or not (begun or past):
        return False
    offers.move_entry(db, entry, "LAPSED", now=now)
    db.flush()
    return True


def _locked(db: Session, entry_id: UUID) -> bool:
    """Lock the session that is offered, and then the waitlist. Locks nothing if the offer has changed in the meantime.

    Locking the session of the new offer as well would break the order of locks.
    """
    offered = waitlist_queries.sessions_offered(db, entry_id)
    with db.begin_nested() as savepoint:
        lock_sessions(db, offered)
        lock_waitlist(db)
        if waitlist_queries.sessions_offered(db, entry_id) == offered:
            return True
        savepoint.rollback()
    return False


def _pass_on(db: Session, offer: WaitlistOffer, cause: str, now: datetime) -> None:
    spots.pass_on(db, locked_session(db, offer.session_id), offer.id, cause, now=now)


def _for_session(db: Session, session_id: UUID, facts: participants.BookingFacts, now: datetime) -> WaitlistEntry:
    session = session_records.find_session(db, session_id)
    if session is None:
        raise InvalidField("session_id", "There is no such session.")
    participants.check_open(session, now)
    if facts.enrolled:
        raise errors.AlreadyEnrolled
    if spots.available(db, session) and not facts.blocked:
        raise errors.SpotsAvailable
    return WaitlistEntry(
        session_id=session.id,
        service_type_id=session.service_type_id,
        service_type=session.service_type,
        clinic_id=session.clinic_id,
        weekdays=[],
    )


def _for_service_type(db: Session, command: AddEntry, now: datetime) -> WaitlistEntry:
    service_type = directory.find_service_type(db, command.service_type) if command.service_type else None
    if service_type is None or not service_type.active:
        raise InvalidField("service_type", "There is no such active service type.")
    _check_wishes(
        db,
        service_type,
        clinic_id=command.clinic_id,
        provider_id=command.provider_id,
        from_date=command.from_date,
        until_date=command.until_date,
        now=now,
    )
    return WaitlistEntry(
        service_type_id=service_type.id,
        service_type=service_type,
        clinic_id=command.clinic_id,
        provider_id=command.provider_id,
        weekdays=list(command.weekdays),
        part_of_day=command.part_of_day,
        from_date=command.from_date,
        until_date=command.until_date,
    )


def _check_wishes(
    db: Session,
    service_type: ServiceType,
    *,
    clinic_id: UUID | None,
    provider_id: UUID | None,
    from_date: date | None,
    until_date: date | None,
    now: datetime,
) -> None:
    clinic = active_clinic(db, clinic_id) if clinic_id else None
    if provider_id:
        provider = db.get(Provider, provider_id)
        if provider is None or not provider.active:
            raise InvalidField("provider_id", "There is no such active provider.")
        if provider.discipline != service_type.discipline:
            raise InvalidField("provider_id", "The provider's discipline is not that of the service type.")
        if clinic and clinic.id not in provider.clinic_ids:
            raise InvalidField("provider_id", "The provider does not work in this clinic.")
    if until_date and until_date < earliest_today(now):
        raise InvalidField("until_date", "Must not be in the past.")
    if until_date and from_date and until_date < from_date:
        raise InvalidField("until_date", "Must not be before from_date.")
