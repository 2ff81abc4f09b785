"""What follows from an appointment's story: messages, notices and reminders, or their end."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from notifications import domain, queries
from notifications.models import Appointment
from notifications.operations import messages, notices, reminders
from notifications.operations.projections import learn_of_clinic, learn_of_provider


def book(db: Session, data: Mapping[str, Any], *, announced_at: datetime, now: datetime) -> None:
    """Keep an appointment, schedule its reminders, and tell patient and provider, unless it is old news.

    There is no message to the patient about a session that has started, and none at all about a visit that was entered
    afterwards or is over. Here and below, an appointment that is announced with its package causes none (see
    `packages`).
    """
    appointment = _keep(db, data)
    if data["recorded_late"]:
        return
    reminders.schedule(db, appointment, now=now)
    is_news = _is_told(data, announced_at, now)
    if is_news and appointment.starts_at > now:
        messages.queue(db, domain.BOOKING_CONFIRMATION, appointment, now=now)
    if is_news and appointment.ends_at > now:
        notices.notify_provider(db, "APPOINTMENT_BOOKED", appointment, now=now)


def confirm(db: Session, appointment_id: UUID) -> None:
    """The patient has confirmed the appointment. No message is needed."""
    _locked(db, appointment_id).status = "CONFIRMED"


def reschedule(db: Session, data: Mapping[str, Any], *, announced_at: datetime, now: datetime) -> None:
    """Move an appointment, and its reminders to the new time.

    Patient and provider are told, unless it is old news or over, or they would hear nothing new: the patient of another
    time or clinic that is still to come, the provider of another provider, too. Who was the provider before hears of
    the time that it had.
    """
    appointment = _locked(db, data["appointment_id"])
    is_news = _is_told(data, announced_at, now) and data["session"]["ends_at"] > now
    moved = (appointment.starts_at, appointment.clinic_id) != (data["session"]["starts_at"], data["clinic"]["id"])
    reassigned = appointment.provider_id != data["provider"]["id"]
    if is_news and reassigned:
        notices.notify_provider(db, "APPOINTMENT_REASSIGNED", appointment, now=now)
    _learn_of_others(db, data)
    for name, value in _place(data).items():
        setattr(appointment, name, value)
    appointment.status = data["status"]
    db.flush()
    if moved:
        appointment.moved_at = now
        if not data["announced_with_package"]:
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
    """The patient's coming or not was a slip: what was to come before it is to come again, unless it is late by now."""
    appointment = _locked(db, appointment_id)
    was_expected, appointment.status = appointment.status in domain.UPCOMING_STATUSES, status
    db.flush()
    if status in domain.UPCOMING_STATUSES and not was_expected:
        messages.take_up_again(db, appointment, now=now)
        reminders.schedule(db, appointment, now=now)


def cancel(db: Session, data: Mapping[str, Any], *, announced_at: datetime, now: datetime) -> None:
    """End what was to come of an appointment, and tell patient and provider, unless it is old news or over.

    A visit that was entered after its start was not announced, and neither is its undoing.
    """
    appointment = _locked(db, data["appointment_id"])
    appointment.status = "CANCELLED"
    _end_what_was_to_come(db, appointment)
    is_known = appointment.starts_at > now or queries.was_announced(db, appointment.id)
    if _is_told(data, announced_at, now) and appointment.ends_at > now and is_known:
        messages.queue(db, domain.CANCELLATION, appointment, now=now)
        notices.notify_provider(db, "APPOINTMENT_CANCELLED", appointment, now=now)


def _is_told(data: Mapping[str, Any], announced_at: datetime, now: datetime) -> bool:
    return domain.is_news(announced_at, now) and not data["announced_with_package"]


def _keep(db: Session, data: Mapping[str, Any]) -> Appointment:
    _learn_of_others(db, data)
    appointment = Appointment(
        id=data["appointment_id"],
        appointment_number=data["appointment_number"],
        patient_id=data["patient_id"],
        status="BOOKED",
        **_place(data),
    )
    db.add(appointment)
    db.flush()
    return appointment


def _learn_of_others(db: Session, data: Mapping[str, Any]) -> None:
    learn_of_clinic(db, data["clinic"], data["session"]["timezone"])
    learn_of_provider(db, data["provider"])


def _place(data: Mapping[str, Any]) -> dict[str, Any]:
    """Where, with whom and when an appointment is, as an event states it."""
    return {
        "clinic_id": data["clinic"]["id"],
        "provider_id": data["provider"]["id"],
        "starts_at": data["session"]["starts_at"],
        "ends_at": data["session"]["ends_at"],
    }


def _end_what_was_to_come(db: Session, appointment: Appointment) -> None:
    messages.cancel_queued(db, appointment)
    reminders.cancel_open(db, appointment.id)


def _locked(db: Session, appointment_id: UUID) -> Appointment:
    return db.get_one(Appointment, appointment_id, with_for_update={"key_share": True})
