"""Participants: book, confirm, cancel."""

import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from jalsa.db import context_of
from jalsa.errors import Problem, conflict, not_found
from jalsa.ids import new_id
from jalsa.numbers import loose_number
from scheduling import domain, events, queries
from scheduling.models import ClinicalSession, Participant
from scheduling.operations.locks import lock_patient
from scheduling.operations.sessions import close_place, locked_session, place_session

#: How long a patient who may have been registered a moment ago is looked for, in seconds.
PATIENT_PATIENCE = 1.0

_CLASHES = text("""
    SELECT
      (SELECT count(*) FROM participants WHERE session_id = :session AND live) AS taken,
      EXISTS (SELECT FROM participants WHERE session_id = :session AND patient_id = :patient AND live) AS enrolled,
      EXISTS (SELECT FROM participants WHERE live AND session_id <> :session AND patient_id = :patient
              AND starts_at < :ends AND ends_at > :starts) AS busy
""")


def book(db: Session, session_id: UUID, patient_id: UUID, notes: str | None, *, now: datetime) -> Participant:
    """Book a patient into a session and publish AppointmentBooked.

    Raises 404 for the session, 422 `unknown-patient`, 409 `session-full`, `already-enrolled`, `patient-busy`,
    `invalid-transition` (the session has begun or is cancelled).
    """
    _lock_patient(db, patient_id)
    session = locked_session(db, session_id)
    if session.status != "SCHEDULED" or session.starts_at <= now:
        raise conflict("invalid-transition", "Only a session that has not begun, nor is cancelled, can be booked.")
    return _take_place(db, session, patient_id, notes, now)


def book_appointment(db: Session, data: Mapping[str, Any], *, now: datetime) -> Participant:
    """An individual session and its participant in one step; raises what `create_session` and `book` raise."""
    patient_id: UUID = data["patient_id"]
    _lock_patient(db, patient_id)
    session = place_session(db, {**data, "session_type": domain.INDIVIDUAL}, now=now)
    events.session_scheduled(db, session, now)
    return _take_place(db, session, patient_id, data.get("notes"), now)


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


def _lock_patient(db: Session, patient_id: UUID) -> None:
    """Lock the patient, before anything else is locked; one whose registration may be on its way is waited for."""
    deadline = time.monotonic() + PATIENT_PATIENCE
    while (active := lock_patient(db, patient_id)) is None and time.monotonic() < deadline:
        time.sleep(0.05)
    if not active:
        raise Problem(422, "unknown-patient", "There is no such active patient.")


def _take_place(
    db: Session, session: ClinicalSession, patient_id: UUID, notes: str | None, now: datetime
) -> Participant:
    _check_clashes(db, session, patient_id)
    context = context_of(db)
    year = domain.local_year(now, session.clinic.timezone)
    participant = Participant(
        id=new_id(),
        session_id=session.id,
        session=session,
        patient_id=patient_id,
        status="BOOKED",
        notes=notes,
        starts_at=session.starts_at,
        ends_at=session.ends_at,
        booked_at=now,
        booked_by=context.actor,
        appointment_number=loose_number("APT", context.tenant, year),
    )
    db.add(participant)
    db.flush()
    events.appointment_booked(db, participant, session, now)
    return participant


def _check_clashes(db: Session, session: ClinicalSession, patient_id: UUID) -> None:
    values = {"session": session.id, "patient": patient_id, "starts": session.starts_at, "ends": session.ends_at}
    clashes = db.execute(_CLASHES, values).one()
    if clashes.enrolled:
        raise conflict("already-enrolled", "The patient has a place in this session.")
    if clashes.taken >= session.max_capacity:
        raise conflict("session-full", "Every place of this session is taken.")
    if clashes.busy:
        raise conflict("patient-busy", "The patient has another session at that time.")
