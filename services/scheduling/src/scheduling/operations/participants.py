"""Participants: book, confirm, reschedule, cancel."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from jalsa.db.transactions import context_of
from jalsa.service.errors import InvalidField, NotFound
from jalsa.service.ids import new_id
from scheduling import domain, errors, events, queries
from scheduling.models import ClinicalSession, PackageSession, Participant
from scheduling.operations import offers, progress, spots, timing
from scheduling.operations.fulfilment import fulfil
from scheduling.operations.locks import lock_patients, lock_sessions
from scheduling.operations.placing import absences, apply_override
from scheduling.operations.sessions import close_spot, place_session, reschedule_session
from scheduling.queries import corrections
from scheduling.queries import waitlist as waitlist_queries
from scheduling.timetable.spots import Spots

_BOOKING_FACTS = text("""
    SELECT *, held AS offered_spots
    FROM hold_place(CAST(:patient AS uuid), CAST(:session AS uuid), CAST(:moving AS uuid))
""")

# The unit of work would put a statement together for every row; this is where bookings per second are made.
_INSERT = text("""
    INSERT INTO participants (id, appointment_number, session_id, patient_id, status, notes, starts_at, ends_at,
                              booked_at, booked_by, package_session_id, booking_overridden, booking_override_reason)
    VALUES (:id, loose_number('APT', :year), :session_id, :patient_id, :status, :notes, :starts_at, :ends_at,
            :booked_at, :booked_by, :package_session_id, :booking_overridden, :booking_override_reason)
    RETURNING appointment_number
""")
_NOTHING_OVERRIDDEN: Mapping[str, Any] = {"booking_overridden": [], "booking_override_reason": None}


@dataclass(frozen=True)
class Booking:
    """A new participant, and what its answer shows beside its own row."""

    participant: Participant
    standing: queries.Standing


def book(db: Session, session_id: UUID, data: Mapping[str, Any], *, now: datetime) -> Booking:
    """Book a patient (`patient_id`, with `notes`) into a session and publish AppointmentBooked.

    A spot that is held for the patient by an open offer is the patient's: the offer is accepted. What else the patient
    waits for and now has is fulfilled. Raises 404 for the session, 422 `unknown-patient`, 409 `session-full`,
    `already-enrolled`, `patient-busy`, `offer-expired`, `invalid-transition` (the session is over or cancelled; or it
    has begun, and it is no `walk_in`); `outside-working-hours` under an absence. An `override`, with a reason, sets an
    absence and the past aside.
    """
    patient_id: UUID = data["patient_id"]
    facts = lock_booking_facts(db, patient_id, session_id)
    session = queries.find_session(db, session_id)
    if session is None:
        raise NotFound("session")
    past = _past_rules(session, data, now)
    overridden = _overridden(facts, data.get("override"), past)
    booking = _take_spot(db, session, facts, patient_id, data.get("notes"), now, overridden=overridden)
    if session.starts_at > now and not facts.offered and not booking.standing.spots.available:
        events.session_filled(db, session, now)
    return booking


def book_appointment(
    db: Session, data: Mapping[str, Any], *, now: datetime, package_session: PackageSession | None = None
) -> Booking:
    """An individual session and its participant in one step; raises what `create_session` and `book` raise.

    It may have begun as a session of `create_session` may. The session is the appointment's own: it is cancelled with
    it. `package_session` is the session of a package that it is.
    """
    patient_id: UUID = data["patient_id"]
    lock_sessions(db, lock_booking_facts(db, patient_id, None).elsewhere)
    session = place_session(db, {**data, "session_type": domain.INDIVIDUAL}, now=now, closes_when_empty=True)
    events.session_scheduled(db, session, now)
    return _take_spot(
        db, session, lock_booking_facts(db, patient_id, session.id), patient_id, data.get("notes"), now, package_session
    )


def update(db: Session, participant: Participant, data: Mapping[str, Any]) -> Participant:
    """Change a participant's notes, in whatever state; they are of no other service's concern."""
    participant.notes = data.get("notes", participant.notes)
    db.flush()
    return participant


def confirm(db: Session, participant: Participant, *, now: datetime) -> Participant:
    """BOOKED → CONFIRMED, and publish AppointmentConfirmed. Raises 409 `invalid-transition`."""
    domain.PARTICIPANT.check(participant.status, "CONFIRMED")
    participant.status, participant.confirmed_at, participant.change_reason = "CONFIRMED", now, None
    db.flush()
    events.appointment_confirmed(db, participant, context_of(db).actor, now)
    return participant


def cancel(
    db: Session, participant: Participant, reason: str | None, override_reason: str | None = None, *, now: datetime
) -> Participant:
    """BOOKED or CONFIRMED → CANCELLED, and publish AppointmentCancelled.

    Raises 409 `invalid-transition`, also from the session's start on, unless a manager's reason overrides that.
    """
    domain.PARTICIPANT.check(participant.status, "CANCELLED")
    session = participant.session
    timing.check_not_begun(session, override_reason, now=now)
    were_available = spots.available(db, session)
    close_spot(participant, context_of(db).actor, reason or override_reason, now)
    participant.change_reason = override_reason or reason
    db.flush()
    events.appointment_cancelled(db, participant, session_cancelled=False, now=now)
    progress.follow(db, participant, now=now)
    spots.free(db, session, were_available=were_available, now=now)
    return participant


def reschedule(db: Session, participant: Participant, data: Mapping[str, Any], *, now: datetime) -> Participant:
    """Move a held participant to another session of the same service type, or an individual session to another time.

    `session_id` names the other session; otherwise `starts_at` and the rest are those of `reschedule_session`. Number
    and id stay; the new spot is checked before the old one is given up. Raises 422 for the other session; 409 what
    `book` and `reschedule_session` raise.
    """
    if (into := data.get("session_id")) is not None:
        old = participant.session
        were_available = spots.available(db, old)
        move_participant(db, participant, old, into, data, now=now)
        spots.free(db, old, were_available=were_available, now=now)
        return participant
    if participant.session.session_type != domain.INDIVIDUAL:
        raise InvalidField(
            "session_id", "Required, because a group session can only be moved with all its participants."
        )
    _check_movable(participant)
    reschedule_session(db, participant.session, data, now=now)
    queries.find_participant(db, participant.id, lock=True)
    return participant


def held_participant(db: Session, participant_id: UUID, into: UUID | None) -> Participant:
    """The participant, locked with the patient and both sessions, so that the spot can be moved.

    Raises 404; 422 `unknown-patient` for a patient who is no longer active.
    """
    participant = locked_participant(db, participant_id, into)
    lock_booking_facts(db, participant.patient_id, None)
    return participant


def move_participant(
    db: Session, participant: Participant, old: ClinicalSession, into: UUID, data: Mapping[str, Any], *, now: datetime
) -> Participant:
    """Give a participant a spot in another session for the one in `old`; the patient and both rows are locked.

    The request says the `reason`, and may `override` an absence. What becomes of the old spot is the caller's to say.
    Raises 422 for a session that is unknown or of another service type; 409 as `book`.
    """
    reason = data.get("reason")
    _check_movable(participant)
    session = queries.find_session(db, into)
    if session is None:
        raise InvalidField("session_id", "There is no such session.")
    if session.service_type_id != old.service_type_id:
        raise InvalidField("session_id", "The session has another service type.")
    check_open(session, now)
    late = timing.check_same_day(old, session.starts_at, data.get("override"), now=now)
    facts = lock_booking_facts(db, participant.patient_id, into, moving=participant.id)
    overridden = _overridden(facts, data.get("override"), late)
    check_spot(session, facts)
    if facts.offered:
        offers.accept(db, facts.offered, participant.id, now=now)
    previous = events.Held.of(old)
    for name, value in overridden.items():
        setattr(participant, name, value)
    participant.session_id, participant.session = session.id, session
    participant.starts_at, participant.ends_at = session.starts_at, session.ends_at
    participant.reschedule_count += 1
    participant.change_reason = reason
    db.flush()
    events.appointment_rescheduled(db, participant, session, previous, now)
    progress.note_provider(db, participant, reason, now=now)
    if not facts.offered and _spots(session, facts).with_one_more().full:
        events.session_filled(db, session, now)
    if facts.waits:
        fulfil(db, participant.patient_id, [session], now=now)
    return participant


def _check_movable(participant: Participant) -> None:
    if participant.status not in domain.UPCOMING_STATUSES:
        raise errors.ParticipantImmovable(participant.status)
    if participant.session.status != "SCHEDULED":
        raise errors.StartedSpotImmovable


def check_open(session: ClinicalSession, now: datetime) -> None:
    """Raises 409 `invalid-transition` for a session that has begun or is cancelled."""
    if session.status != "SCHEDULED" or session.starts_at <= now:
        raise errors.SessionNotOpen


def _past_rules(session: ClinicalSession, data: Mapping[str, Any], now: datetime) -> list[str]:
    """The rules that are overridden to join a session that has started. Raises 409 `invalid-transition`."""
    if session.status == "SCHEDULED" and session.starts_at > now:
        return []
    rules = domain.past_rules(data, min(session.starts_at, now), now)
    if session.status not in ("SCHEDULED", "IN_PROGRESS") or rules is None:
        raise errors.SessionNotOpen
    return rules


def locked_participant(
    db: Session, participant_id: UUID, into: UUID | None = None, *, regaining: bool = False
) -> Participant:
    """The participant, locked with its patient, its session's row, and that of another session, if one is named.

    With that, and for one who may be `regaining` a spot, also the sessions in which the patient is offered one: it
    may be given up for the other. Raises 404.
    """
    participant = queries.find_participant(db, participant_id)
    if participant is None:
        raise NotFound("participant")
    lock_patients(db, [participant.patient_id])
    db.refresh(participant, ["session_id"])  # nobody moves a participant whose patient is locked
    others = {into} if into else set()
    if into or regaining:
        others |= waitlist_queries.sessions_offered_to(db, [participant.patient_id])
    lock_sessions(db, {participant.session_id, *others})
    queries.find_participant(db, participant_id, lock=True)
    return participant


def lock_booking_facts(db: Session, patient_id: UUID, session_id: UUID | None, moving: UUID | None = None) -> Row[Any]:
    """Lock the patient, before all else, and then the session; returns what the rules ask of both.

    Raises 422 `unknown-patient`: as NotYetKnown, where the patient's registration may be on its way here.
    """
    facts = db.execute(_BOOKING_FACTS, {"patient": patient_id, "session": session_id, "moving": moving}).one()
    if not facts.active:
        raise errors.PatientNotYetKnown if facts.active is None else errors.UnknownPatient
    return facts


def regain(db: Session, participant: Participant, *, now: datetime) -> None:
    """Check that the spot that a no-show has given up is free for the patient again, as for a booking.

    An open offer of it to the patient is accepted with that, and what else the patient waits for and now has is
    fulfilled. The participant is locked as one who is `regaining` a spot. Raises 409 `session-full`, `patient-busy`,
    `already-enrolled`; 422 `unknown-patient`.
    """
    if participant.package_session_id and corrections.is_made_up(db, participant.package_session_id):
        raise errors.PackageSessionMadeUp
    facts = lock_booking_facts(db, participant.patient_id, participant.session_id)
    check_spot(participant.session, facts)
    if facts.offered:
        offers.accept(db, facts.offered, participant.id, now=now)
    if facts.waits:
        fulfil(db, participant.patient_id, [participant.session], now=now)


def _take_spot(
    db: Session,
    session: ClinicalSession,
    facts: Row[Any],
    patient_id: UUID,
    notes: str | None,
    now: datetime,
    package_session: PackageSession | None = None,
    overridden: Mapping[str, Any] = _NOTHING_OVERRIDDEN,
) -> Booking:
    check_spot(session, facts)
    row: dict[str, Any] = {
        "id": new_id(),
        "session_id": session.id,
        "patient_id": patient_id,
        "status": "BOOKED",
        "notes": notes,
        "starts_at": session.starts_at,
        "ends_at": session.ends_at,
        "booked_at": now,
        "booked_by": context_of(db).actor,
        "package_session_id": package_session.id if package_session else None,
        **overridden,
    }
    if facts.offered:
        offers.accept(db, facts.offered, row["id"], now=now)
    year = domain.local_year(now, session.clinic.timezone)
    number = db.execute(_INSERT, {**row, "year": year}).scalar_one()
    participant = Participant(
        **row, appointment_number=number, session=session, package_session=package_session, reschedule_count=0
    )
    events.appointment_booked(db, participant, session, now)
    if facts.waits:
        fulfil(db, patient_id, [session], now=now)
    # an appointment that is only now made cannot have been cleared
    standing = queries.Standing(
        _spots(session, facts).with_one_more(), cleared=False, consented=facts.consented, blocked=facts.blocked
    )
    if not facts.consented:
        ended = queries.ended_consents(db, patient_id)
        standing = replace(standing, consent_reason=domain.consent_reason(ended, session.clinic_id))
    return Booking(participant, standing)


def _overridden(facts: Row[Any], override: Mapping[str, Any] | None, others: Sequence[str] = ()) -> dict[str, Any]:
    """The overridden rules, as a participant stores them. Raises the 409 problem of any other absence."""
    rules = [*apply_override(absences(facts.blocked), override), *others]
    return {"booking_overridden": rules, "booking_override_reason": override["reason"] if override and rules else None}


def check_spot(session: ClinicalSession, facts: Row[Any]) -> None:
    """Raises 409 `already-enrolled`, `session-full` or `patient-busy` where a held patient has no spot there."""
    if facts.enrolled:
        raise errors.AlreadyEnrolled
    if _spots(session, facts).full:
        raise errors.SessionFull
    if facts.busy:
        raise errors.PatientBusy


def _spots(session: ClinicalSession, facts: Row[Any]) -> Spots:
    """The session's spots as a held patient finds them: one that is offered to the patient is not held for others."""
    return Spots(session.max_capacity, facts.taken, facts.offered_spots)
