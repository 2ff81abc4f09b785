"""Participants: book, confirm, reschedule, cancel."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from jalsa.db import context_of
from jalsa.errors import NotYetKnown, Problem, conflict, invalid, not_found
from jalsa.ids import new_id
from scheduling import domain, events, queries
from scheduling.models import ClinicalSession, PackageSession, Participant
from scheduling.operations import offers, places, progress
from scheduling.operations.locks import lock_patients, lock_sessions
from scheduling.operations.sessions import close_place, place_session, reschedule_session

_HOLD = text("SELECT * FROM hold_place(CAST(:patient AS uuid), CAST(:session AS uuid), CAST(:moving AS uuid))")

# The unit of work would put a statement together for every row; this is where bookings per second are made.
_INSERT = text("""
    INSERT INTO participants (id, appointment_number, session_id, patient_id, status, notes, starts_at, ends_at,
                              booked_at, booked_by, package_session_id)
    VALUES (:id, loose_number('APT', :year), :session_id, :patient_id, :status, :notes, :starts_at, :ends_at,
            :booked_at, :booked_by, :package_session_id)
    RETURNING appointment_number
""")


@dataclass(frozen=True)
class Booking:
    """A new participant, and what its answer shows beside its own row."""

    participant: Participant
    standing: queries.Standing


def book(db: Session, session_id: UUID, patient_id: UUID, notes: str | None, *, now: datetime) -> Booking:
    """Book a patient into a session and publish AppointmentBooked.

    A place that is held for the patient by an open offer is the patient's: the offer is accepted. Raises 404 for the
    session, 422 `unknown-patient`, 409 `session-full`, `already-enrolled`, `patient-busy`, `offer-expired`,
    `invalid-transition` (the session has begun or is cancelled).
    """
    held = hold(db, patient_id, session_id)
    session = queries.find_session(db, session_id)
    if session is None:
        raise not_found("session")
    check_open(session, now)
    booking = _take_place(db, session, held, patient_id, notes, now)
    if not held.offered and not booking.standing.places.available:
        events.session_filled(db, session, now)
    return booking


def book_appointment(
    db: Session, data: Mapping[str, Any], *, now: datetime, step: PackageSession | None = None
) -> Booking:
    """An individual session and its participant in one step; raises what `create_session` and `book` raise.

    The session is the appointment's own: it is cancelled with it. `step` is the session of a package that it is.
    """
    patient_id: UUID = data["patient_id"]
    hold(db, patient_id, None)
    session = place_session(db, {**data, "session_type": domain.INDIVIDUAL}, now=now, closes_when_empty=True)
    events.session_scheduled(db, session, now)
    return _take_place(db, session, hold(db, patient_id, session.id), patient_id, data.get("notes"), now, step)


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


def cancel(db: Session, participant: Participant, reason: str | None, *, now: datetime) -> Participant:
    """BOOKED or CONFIRMED → CANCELLED, and publish AppointmentCancelled. Raises 409 `invalid-transition`."""
    session = participant.session
    were_available = places.available(db, session)
    close_place(participant, context_of(db).actor, reason, now)
    db.flush()
    events.appointment_cancelled(db, participant, session_cancelled=False, now=now)
    progress.follow(db, participant, now=now)
    places.free(db, session, were_available=were_available, now=now)
    return participant


def reschedule(db: Session, participant: Participant, data: Mapping[str, Any], *, now: datetime) -> Participant:
    """Move a held participant to another session of the same service type, or an individual session to another time.

    `session_id` names the other session; otherwise `starts_at` and the rest are those of `reschedule_session`. Number
    and id stay; the new place is checked before the old one is given up. Raises 422 for the other session; 409 what
    `book` and `reschedule_session` raise.
    """
    if (into := data.get("session_id")) is not None:
        old = participant.session
        were_available = places.available(db, old)
        move_participant(db, participant, old, into, data.get("reason"), now=now)
        places.free(db, old, were_available=were_available, now=now)
        return participant
    if participant.session.session_type != domain.INDIVIDUAL:
        raise invalid("session_id", "Required: a group session moves with all its participants.")
    _check_movable(participant)
    reschedule_session(db, participant.session, data, now=now)
    queries.find_participant(db, participant.id, lock=True)
    return participant


def held_participant(db: Session, participant_id: UUID, into: UUID | None) -> Participant:
    """The participant, locked with the patient and both sessions, so that the place can be moved.

    Raises 404; 422 `unknown-patient` for a patient who is not active any more.
    """
    participant = locked_participant(db, participant_id, into)
    hold(db, participant.patient_id, None)
    return participant


def move_participant(
    db: Session, participant: Participant, old: ClinicalSession, into: UUID, reason: str | None, *, now: datetime
) -> Participant:
    """Give a participant a place in another session for the one in `old`; the patient and both rows are locked.

    What becomes of the old place is the caller's to say. Raises 422 for a session that is unknown or of another
    service type; 409 `session-full`, `already-enrolled`, `patient-busy`, `offer-expired`, `invalid-transition`.
    """
    _check_movable(participant)
    session = queries.find_session(db, into)
    if session is None:
        raise invalid("session_id", "There is no such session.")
    if session.service_type_id != old.service_type_id:
        raise invalid("session_id", "The session is of another service type.")
    check_open(session, now)
    held = hold(db, participant.patient_id, into, moving=participant.id)
    _check_place(session, held)
    if held.offered:
        offers.accept(db, held.offered, participant.id, now=now)
    previous = events.Held.of(old)
    participant.session_id, participant.session = session.id, session
    participant.starts_at, participant.ends_at = session.starts_at, session.ends_at
    participant.reschedule_count += 1
    participant.change_reason = reason
    db.flush()
    events.appointment_rescheduled(db, participant, session, previous, now)
    progress.note_provider(db, participant, reason, now=now)
    if not held.offered and held.taken + held.held + 1 >= session.max_capacity:
        events.session_filled(db, session, now)
    return participant


def _check_movable(participant: Participant) -> None:
    if participant.status not in domain.EXPECTED:
        raise conflict("invalid-transition", f"A participant who is {participant.status} can not be rescheduled.")


def check_open(session: ClinicalSession, now: datetime) -> None:
    """Raises 409 `invalid-transition` for a session that has begun or is cancelled."""
    if session.status != "SCHEDULED" or session.starts_at <= now:
        raise conflict("invalid-transition", "Only a session that has not begun, nor is cancelled, can be booked.")


def locked_participant(db: Session, participant_id: UUID, into: UUID | None = None) -> Participant:
    """The participant, locked with its patient, its session's row, and that of another session, if one is named.

    Raises 404.
    """
    participant = queries.find_participant(db, participant_id)
    if participant is None:
        raise not_found("participant")
    lock_patients(db, [participant.patient_id])
    db.refresh(participant, ["session_id"])  # nobody moves a participant whose patient is locked
    lock_sessions(db, {participant.session_id, *filter(None, [into])})
    queries.find_participant(db, participant_id, lock=True)
    return participant


def hold(db: Session, patient_id: UUID, session_id: UUID | None, moving: UUID | None = None) -> Row[Any]:
    """Lock the patient, before all else, and then the session; returns what the rules ask of both.

    Raises 422 `unknown-patient`: as NotYetKnown, where the patient's registration may be on its way here.
    """
    held = db.execute(_HOLD, {"patient": patient_id, "session": session_id, "moving": moving}).one()
    if not held.active:
        kind = NotYetKnown if held.active is None else Problem
        raise kind(422, "unknown-patient", "There is no such active patient.")
    return held


def _take_place(
    db: Session,
    session: ClinicalSession,
    held: Row[Any],
    patient_id: UUID,
    notes: str | None,
    now: datetime,
    step: PackageSession | None = None,
) -> Booking:
    _check_place(session, held)
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
        "package_session_id": step.id if step else None,
    }
    if held.offered:
        offers.accept(db, held.offered, row["id"], now=now)
    year = domain.local_year(now, session.clinic.timezone)
    number = db.execute(_INSERT, {**row, "year": year}).scalar_one()
    participant = Participant(
        **row, appointment_number=number, session=session, package_session=step, reschedule_count=0
    )
    events.appointment_booked(db, participant, session, now)
    # an appointment that is only now made can not have been cleared
    now_there = queries.Places(session.max_capacity, held.taken + 1, held.held)
    return Booking(participant, queries.Standing(now_there, cleared=False, consented=held.consented))


def _check_place(session: ClinicalSession, held: Row[Any]) -> None:
    if held.enrolled:
        raise conflict("already-enrolled", "The patient has a place in this session.")
    if held.taken + held.held >= session.max_capacity:
        raise conflict("session-full", "Every place of this session is taken.")
    if held.busy:
        raise conflict("patient-busy", "The patient has another session at that time.")
