"""What an appointment's outcome, and the notes of its session, mean for the encounter of the visit."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from patient_files.encounters import queries
from patient_files.encounters.operations import appointments
from patient_files.events.streams import AppointmentArrived, AppointmentAttended, AppointmentCorrected, NoteSaid
from patient_files.projections import operations as projections

#: A note of this kind is nobody's business but its author's: nothing is kept of it.
_PSYCHOTHERAPY = "PSYCHOTHERAPY"
_BEFORE_ARRIVAL = ("BOOKED", "CONFIRMED")


def arrived(db: Session, event: AppointmentArrived, *, now: datetime) -> None:
    """A patient arrived for an appointment."""
    appointment = projections.set_appointment_status(db, event.appointment_id, "ARRIVED")
    if appointment is not None:
        appointments.arrived(db, appointment, event.arrived_at, now=now)


def attended(db: Session, event: AppointmentAttended, *, now: datetime) -> None:
    """A patient took part in a session."""
    appointment = projections.set_appointment_status(db, event.appointment_id, "ATTENDED")
    if appointment is not None:
        appointments.attended(db, appointment, event.attended_at, now=now)


def given_up(db: Session, appointment_id: UUID, status: str, *, now: datetime) -> None:
    """A patient did not come, or the appointment was cancelled: `status` is NO_SHOW or CANCELLED."""
    appointment = projections.set_appointment_status(db, appointment_id, status)
    if appointment is not None:
        appointments.given_up(db, appointment, now=now)


def corrected(db: Session, event: AppointmentCorrected, *, now: datetime) -> None:
    """An outcome was taken back. An encounter that has ended stays as it is: the provider closed it."""
    appointment = projections.set_appointment_status(db, event.appointment_id, event.to_status)
    if appointment is not None and event.to_status in _BEFORE_ARRIVAL:
        appointments.arrival_taken_back(db, appointment, now=now)


def note_said(db: Session, said: NoteSaid, at: datetime, *, now: datetime) -> None:
    """Something was said of a note: that of an appointment, or of all of a session.

    An event that does not say whether the documentation is complete counts as complete for an individual note. The note
    of an appointment that is not known yet is kept, and counts when the patient arrives.
    """
    if said.kind == _PSYCHOTHERAPY:
        return
    complete = said.documentation_complete
    if complete is None and said.scope == "INDIVIDUAL":
        complete = True
    projections.save_note(db, said, complete, at)
    if complete is None:
        return
    affected = [said.participant_id] if said.participant_id else queries.of_session(db, said.session_id)
    for appointment_id in affected:
        appointment = queries.lock_appointment(db, appointment_id)
        if appointment is not None:
            appointments.document(db, appointment, now=now)
