"""Participants: book, confirm, cancel."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from jalsa.db import context_of
from jalsa.errors import Problem, conflict, not_found
from jalsa.ids import new_id
from scheduling import domain, events, queries
from scheduling.models import ClinicalSession, Participant
from scheduling.operations.sessions import close_place, locked_session, place_session

#: How long a patient who may have been registered a moment ago is looked for, in seconds.
PATIENT_PATIENCE = 1.0

_HOLD = text("SELECT * FROM hold_place(CAST(:patient AS uuid), CAST(:session AS uuid))")


# The unit of work would put a statement together for every row; this is where bookings per second are made.
_INSERT = text("""
    INSERT INTO participants (id, appointment_number, session_id, patient_id, status, notes, starts_at, ends_at,
                              booked_at, booked_by)
    VALUES (:id, loose_number('APT', :year), :session_id, :patient_id, :status, :notes, :starts_at, :ends_at,
            :booked_at, :booked_by)
    RETURNING appointment_number
""")


@dataclass(frozen=True)
class Booking:
    """A new participant, and what its answer shows beside its own row."""

    participant: Participant
    standing: queries.Standing


def book(db: Session, session_id: UUID, patient_id: UUID, notes: str | None, *, now: datetime) -> Booking:
    """Book a patient into a session and publish AppointmentBooked.

    Raises 404 for the session, 422 `unknown-patient`, 409 `session-full`, `already-enrolled`, `patient-busy`,
    `invalid-transition` (the session has begun or is cancelled).
    """
    held = _hold(db, patient_id, session_id)
    session = queries.find_session(db, session_id)
    if session is None:
        raise not_found("session")
    if session.status != "SCHEDULED" or session.starts_at <= now:
        raise conflict("invalid-transition", "Only a session that has not begun, nor is cancelled, can be booked.")
    return _take_place(db, session, held, patient_id, notes, now)


def book_appointment(db: Session, data: Mapping[str, Any], *, now: datetime) -> Booking:
    """An individual session and its participant in one step; raises what `create_session` and `book` raise."""
    patient_id: UUID = data["patient_id"]
    _hold(db, patient_id, None)
    session = place_session(db, {**data, "session_type": domain.INDIVIDUAL}, now=now)
    events.session_scheduled(db, session, now)
    return _take_place(db, session, _hold(db, patient_id, session.id), patient_id, data.get("notes"), now)


def update(db: Session, participant: Participant, data: Mapping[str, Any]) -> Participant:
    """Change a participant's notes, in whatever state; they are of no other service's concern."""
    participant.notes = data.get("notes", participant.notes)
    db.flush()
    return participant


def confirm(db: Session, participant: Participant, *, now: datetime) -> Participant:
    """BOOKED → CONFIRMED, and publish AppointmentConfirmed. Raises 409 `invalid-transition`."""
    domain.PARTICIPANT.check(participant.status, "CONFIRMED")
    participant.status, participant.confirmed_at = "CONFIRMED", now
    db.flush()
    events.appointment_confirmed(db, participant, context_of(db).actor, now)
    return participant


def cancel(db: Session, participant: Participant, reason: str | None, *, now: datetime) -> Participant:
    """BOOKED or CONFIRMED → CANCELLED, and publish AppointmentCancelled. Raises 409 `invalid-transition`."""
    close_place(participant, context_of(db).actor, reason, now)
    db.flush()
    events.appointment_cancelled(db, participant, session_cancelled=False, now=now)
    return participant


def locked_participant(db: Session, participant_id: UUID) -> Participant:
    """The participant, its session's row and its own locked until the transaction ends. Raises 404."""
    participant = queries.find_participant(db, participant_id)
    if participant is None:
        raise not_found("participant")
    locked_session(db, participant.session_id)
    queries.find_participant(db, participant_id, lock=True)
    return participant


def _hold(db: Session, patient_id: UUID, session_id: UUID | None) -> Row[Any]:
    """Lock the patient, before all else, and then the session; returns what the rules ask of both.

    A patient whose registration may be on its way is waited for. Raises 422 `unknown-patient`.
    """
    deadline = time.monotonic() + PATIENT_PATIENCE
    wanted = {"patient": patient_id, "session": session_id}
    while (held := db.execute(_HOLD, wanted).one()).active is None and time.monotonic() < deadline:
        time.sleep(0.05)
    if not held.active:
        raise Problem(422, "unknown-patient", "There is no such active patient.")
    return held


def _take_place(
    db: Session, session: ClinicalSession, held: Row[Any], patient_id: UUID, notes: str | None, now: datetime
) -> Booking:
    _check_place(session, held)
    row = {
        "id": new_id(),
        "session_id": session.id,
        "patient_id": patient_id,
        "status": "BOOKED",
        "notes": notes,
        "starts_at": session.starts_at,
        "ends_at": session.ends_at,
        "booked_at": now,
        "booked_by": context_of(db).actor,
    }
    year = domain.local_year(now, session.clinic.timezone)
    number = db.execute(_INSERT, {**row, "year": year}).scalar_one()
    participant = Participant(**row, appointment_number=number, session=session)
    events.appointment_booked(db, participant, session, now)
    # an appointment that is only now made can not have been cleared
    return Booking(participant, queries.Standing(held.taken + 1, cleared=False, consented=held.consented))


def _check_place(session: ClinicalSession, held: Row[Any]) -> None:
    if held.enrolled:
        raise conflict("already-enrolled", "The patient has a place in this session.")
    if held.taken >= session.max_capacity:
        raise conflict("session-full", "Every place of this session is taken.")
    if held.busy:
        raise conflict("patient-busy", "The patient has another session at that time.")
