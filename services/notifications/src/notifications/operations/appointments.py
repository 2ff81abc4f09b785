"""What follows from an appointment's story: messages, notices and reminders, or their end."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from notifications import domain, queries
from notifications.events import announced
from notifications.models import Appointment
from notifications.operations import messages, notices, reminders
from notifications.operations.projections import learn_of_clinic, learn_of_provider


def book(db: Session, booked: announced.AppointmentBooked, *, announced_at: datetime, now: datetime) -> None:
    """Keep an appointment, schedule its reminders, and tell patient and provider, unless it is old news.

    There is no message to the patient about a session that has started, and none at all about a visit that was entered
    afterwards or is over. Here and below, an appointment that is announced with its package causes none (see
    `packages`).
    """
    appointment = _keep(db, booked)
    if booked.recorded_late:
        return
    reminders.schedule(db, appointment, now=now)
    is_news = _is_told(booked, announced_at, now)
    if is_news and appointment.starts_at > now:
        messages.queue(db, domain.BOOKING_CONFIRMATION, appointment, now=now)
    if is_news and appointment.ends_at > now:
        notices.notify_provider(db, "APPOINTMENT_BOOKED", appointment, now=now)


def set_status(db: Session, appointment_id: UUID, status: str) -> None:
    """Keep a status that causes no message and ends none, as where the patient has confirmed the appointment."""
    _locked(db, appointment_id).status = status


def reschedule(
    db: Session, moved_to: announced.AppointmentRescheduled, *, announced_at: datetime, now: datetime
) -> None:
    """Move an appointment, and its reminders to the new time.

    Patient and provider are told, unless it is old news or over, or they would hear nothing new. The patient hears of
    another time or clinic that is still to come, and the provider of another provider, too. Who was the provider before
    hears of the time that it had.
    """
    appointment = _locked(db, moved_to.appointment_id)
    is_news = _is_told(moved_to, announced_at, now) and moved_to.session.ends_at > now
    moved = (appointment.starts_at, appointment.clinic_id) != (moved_to.session.starts_at, moved_to.clinic.id)
    reassigned = appointment.provider_id != moved_to.provider.id
    if is_news and reassigned:
        notices.notify_provider(db, "APPOINTMENT_REASSIGNED", appointment, now=now)
    _learn_of_others(db, moved_to)
    _place(appointment, moved_to)
    appointment.status = moved_to.status
    db.flush()
    if moved:
        appointment.moved_at = now
        if not moved_to.announced_with_package:
            appointment.moved_alone_at = announced_at
        _end_what_was_to_come(db, appointment)
        reminders.schedule(db, appointment, now=now)
    if is_news and moved and appointment.starts_at > now:
        messages.queue(db, domain.RESCHEDULING, appointment, now=now)
    if is_news and (moved or reassigned):
        notices.notify_provider(db, "APPOINTMENT_RESCHEDULED", appointment, now=now)


def end(db: Session, appointment_id: UUID, status: str) -> None:
    """The patient came or did not. Reminders and other waiting messages about the appointment are now useless."""
    appointment = _locked(db, appointment_id)
    appointment.status = status
    _end_what_was_to_come(db, appointment)


def correct(db: Session, appointment_id: UUID, status: str, *, now: datetime) -> None:
    """The patient's coming or not was a slip. What was to come before it is to come again, unless it is late by now."""
    appointment = _locked(db, appointment_id)
    was_expected, appointment.status = appointment.status in domain.UPCOMING_STATUSES, status
    db.flush()
    if status in domain.UPCOMING_STATUSES and not was_expected:
        messages.take_up_again(db, appointment, now=now)
        reminders.schedule(db, appointment, now=now)


def cancel(db: Session, cancelled: announced.AppointmentCancelled, *, announced_at: datetime, now: datetime) -> None:
    """End what was to come of an appointment, and tell patient and provider, unless it is old news or over.

    A visit that was entered after its start was not announced, and neither is its undoing.
    """
    appointment = _locked(db, cancelled.appointment_id)
    appointment.status = "CANCELLED"
    _end_what_was_to_come(db, appointment)
    is_known = appointment.starts_at > now or queries.was_announced(db, appointment.id)
    if _is_told(cancelled, announced_at, now) and appointment.ends_at > now and is_known:
        messages.queue(db, domain.CANCELLATION, appointment, now=now)
        notices.notify_provider(db, "APPOINTMENT_CANCELLED", appointment, now=now)


def _is_told(
    event: announced.AppointmentPlacement | announced.AppointmentCancelled, announced_at: datetime, now: datetime
) -> bool:
    return domain.is_news(announced_at, now) and not event.announced_with_package


def _keep(db: Session, booked: announced.AppointmentBooked) -> Appointment:
    _learn_of_others(db, booked)
    appointment = Appointment(
        id=booked.appointment_id,
        appointment_number=booked.appointment_number,
        patient_id=booked.patient_id,
        status="BOOKED",
    )
    _place(appointment, booked)
    db.add(appointment)
    db.flush()
    return appointment


def _learn_of_others(db: Session, placement: announced.AppointmentPlacement) -> None:
    learn_of_clinic(db, placement.clinic, placement.session.timezone)
    learn_of_provider(db, placement.provider)


def _place(appointment: Appointment, placement: announced.AppointmentPlacement) -> None:
    """Store where, with whom and when an appointment is."""
    appointment.clinic_id, appointment.provider_id = placement.clinic.id, placement.provider.id
    appointment.starts_at, appointment.ends_at = placement.session.starts_at, placement.session.ends_at


def _end_what_was_to_come(db: Session, appointment: Appointment) -> None:
    messages.cancel_queued(db, appointment)
    reminders.cancel_open(db, appointment.id)


def _locked(db: Session, appointment_id: UUID) -> Appointment:
    return db.get_one(Appointment, appointment_id, with_for_update={"key_share": True})
