"""What becomes of an appointment, its notes and its invoice: in the encounter of the visit, and in the timeline.

Instants `at` are those of the events; `now` is the present one.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from patient_files.encounters import queries
from patient_files.encounters.operations import appointments
from patient_files.events.streams import (
    AppointmentArrived,
    AppointmentAttended,
    AppointmentCorrected,
    AppointmentPlaced,
    InvoiceIssued,
    NoteSaid,
)
from patient_files.projections import operations as projections
from patient_files.timeline import operations as timeline

#: A note of this kind is nobody's business but its author's: nothing is kept of it.
_PSYCHOTHERAPY = "PSYCHOTHERAPY"
_BEFORE_ARRIVAL = ("BOOKED", "CONFIRMED")


def booked(db: Session, placed: AppointmentPlaced, at: datetime) -> None:
    """A patient was booked, and the appointment is stored; notes of it may have come before."""
    appointment = projections.find_appointment(db, placed.appointment_id)
    if appointment is not None:
        timeline.tell_of_appointment(db, appointment, "APPOINTMENT_BOOKED", at)
        timeline.tell_of_earlier_notes(db, appointment)


def rescheduled(db: Session, placed: AppointmentPlaced, at: datetime) -> None:
    """An appointment was moved, and is stored as it is now."""
    appointment = projections.find_appointment(db, placed.appointment_id)
    if appointment is not None:
        timeline.tell_of_appointment(db, appointment, "APPOINTMENT_RESCHEDULED", at)


def confirmed(db: Session, appointment_id: UUID, at: datetime) -> None:
    """A patient has confirmed to come."""
    appointment = projections.set_appointment_status(db, appointment_id, "CONFIRMED")
    if appointment is not None:
        timeline.tell_of_appointment(db, appointment, "APPOINTMENT_CONFIRMED", at)


def arrived(db: Session, event: AppointmentArrived, at: datetime, *, now: datetime) -> None:
    """A patient arrived for an appointment."""
    appointment = projections.set_appointment_status(db, event.appointment_id, "ARRIVED")
    if appointment is not None:
        timeline.tell_of_appointment(db, appointment, "APPOINTMENT_ARRIVED", at)
        appointments.arrived(db, appointment, event.arrived_at, now=now)


def attended(db: Session, event: AppointmentAttended, at: datetime, *, now: datetime) -> None:
    """A patient took part in a session."""
    appointment = projections.set_appointment_status(db, event.appointment_id, "ATTENDED")
    if appointment is not None:
        timeline.tell_of_appointment(db, appointment, "APPOINTMENT_ATTENDED", at)
        appointments.attended(db, appointment, event.attended_at, now=now)


def given_up(db: Session, appointment_id: UUID, status: str, at: datetime, *, now: datetime) -> None:
    """A patient did not come, or the appointment was cancelled: `status` is NO_SHOW or CANCELLED."""
    appointment = projections.set_appointment_status(db, appointment_id, status)
    if appointment is not None:
        timeline.tell_of_appointment(db, appointment, f"APPOINTMENT_{status}", at)
        appointments.given_up(db, appointment, now=now)


def corrected(db: Session, event: AppointmentCorrected, at: datetime, *, now: datetime) -> None:
    """An outcome was taken back. An encounter that has ended stays as it is: the provider closed it."""
    appointment = projections.set_appointment_status(db, event.appointment_id, event.to_status)
    if appointment is None:
        return
    timeline.tell_of_appointment(db, appointment, "APPOINTMENT_CORRECTED", at)
    if event.to_status in _BEFORE_ARRIVAL:
        appointments.arrival_taken_back(db, appointment, now=now)


def invoice_issued(db: Session, issued: InvoiceIssued, at: datetime) -> None:
    """A patient has an invoice."""
    projections.save_invoice(db, issued)
    timeline.tell_of_invoice(db, issued.invoice_id, issued.patient_id, "INVOICE_ISSUED", at)


def invoice_changed(db: Session, invoice_id: UUID, kind: str, at: datetime) -> None:
    """Something became of an invoice whose patient its first event has told."""
    patient_id = projections.patient_of_invoice(db, invoice_id)
    if patient_id is not None:
        timeline.tell_of_invoice(db, invoice_id, patient_id, kind, at)


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
    affected = [said.participant_id] if said.participant_id else queries.of_session(db, said.session_id)
    for appointment_id in affected:
        appointment = queries.lock_appointment(db, appointment_id)
        if appointment is not None:
            timeline.tell_of_note(db, appointment, said.note_id, at)
            appointments.document(db, appointment, now=now)
