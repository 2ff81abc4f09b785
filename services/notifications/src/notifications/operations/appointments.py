"""What follows from an appointment's story: confirmation, notice and reminders, or their end."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from notifications import domain
from notifications.models import Appointment, ClinicProjection, ProviderProjection
from notifications.operations import messages, notices, reminders
from notifications.operations.projections import save_if_unknown


def book(db: Session, data: Mapping[str, Any], *, announced_at: datetime, now: datetime) -> None:
    """Keep an appointment, schedule its reminders, and tell patient and provider, unless it is old news."""
    appointment = _keep(db, data)
    reminders.schedule(db, appointment, now=now)
    if domain.is_news(announced_at, now):
        messages.queue(db, domain.BOOKING_CONFIRMATION, appointment, now=now)
        notices.notify_provider(db, "APPOINTMENT_BOOKED", appointment, now=now)


def confirm(db: Session, appointment_id: UUID) -> None:
    """The patient has confirmed to come; nobody needs to be told."""
    _locked(db, appointment_id).status = "CONFIRMED"


def cancel(db: Session, appointment_id: UUID, *, announced_at: datetime, now: datetime) -> None:
    """End what was to come of an appointment, and tell patient and provider, unless it is old news or over."""
    appointment = _locked(db, appointment_id)
    appointment.status = "CANCELLED"
    messages.cancel_queued(db, appointment_id)
    reminders.cancel_open(db, appointment_id)
    if domain.is_news(announced_at, now) and appointment.ends_at > now:
        messages.queue(db, domain.CANCELLATION, appointment, now=now)
        notices.notify_provider(db, "APPOINTMENT_CANCELLED", appointment, now=now)


def _keep(db: Session, data: Mapping[str, Any]) -> Appointment:
    session, clinic, provider = data["session"], data["clinic"], data["provider"]
    save_if_unknown(
        db,
        ClinicProjection,
        clinic["id"],
        name_en=clinic["name_en"],
        name_ar=clinic["name_ar"],
        timezone=session["timezone"],
    )
    save_if_unknown(db, ProviderProjection, provider["id"], user_id=provider["user_id"])
    appointment = Appointment(
        id=data["appointment_id"],
        appointment_number=data["appointment_number"],
        patient_id=data["patient_id"],
        clinic_id=clinic["id"],
        provider_id=provider["id"],
        status="BOOKED",
        starts_at=session["starts_at"],
        ends_at=session["ends_at"],
    )
    db.add(appointment)
    db.flush()
    return appointment


def _locked(db: Session, appointment_id: UUID) -> Appointment:
    return db.get_one(Appointment, appointment_id, with_for_update={"key_share": True})
