"""What patient files do when scheduling announces something."""

from typing import Any

from sqlalchemy.orm import Session

from jalsa.db import projections
from jalsa.events.inbox import Received
from jalsa.service import clock
from patient_files import operations
from patient_files.models import AppointmentProjection, ProviderProjection


def on_clinic_saved(db: Session, event: Received[Any]) -> None:
    """A clinic was opened or changed."""
    values = {name: event.data[name] for name in ("code", "name_en", "name_ar", "timezone", "active")}
    operations.save_clinic(db, event.data["clinic_id"], values, now=clock.database_now(db))


def on_provider_saved(db: Session, event: Received[Any]) -> None:
    """A provider was registered or changed."""
    values = {name: event.data[name] for name in ("user_id", "name_en", "name_ar", "active")}
    projections.save(db, ProviderProjection, event.data["provider_id"], values)


def on_appointment_placed(db: Session, event: Received[Any]) -> None:
    """A patient has an appointment in a clinic, or one that was moved there, and so a sub-file there.

    Raises 404 for a patient who is not known here: the inbox keeps the event and tries it again.
    """
    data = event.data
    clinic, provider = data["clinic"], data["provider"]
    operations.open_sub_file(
        db,
        data["patient_id"],
        clinic_id=clinic["id"],
        clinic_code=clinic["code"],
        provider_id=provider["id"],
        now=clock.database_now(db),
    )
    values = {
        "appointment_number": data["appointment_number"],
        "patient_id": data["patient_id"],
        "clinic_id": clinic["id"],
        "provider_id": provider["id"],
        "starts_at": data["session"]["starts_at"],
        "status": data["status"],
    }
    projections.save(db, AppointmentProjection, data["appointment_id"], values)


def on_appointment_confirmed(db: Session, event: Received[Any]) -> None:
    """A patient has confirmed to come."""
    projections.set_status(db, AppointmentProjection, event.data["appointment_id"], "CONFIRMED")


def on_appointment_arrived(db: Session, event: Received[Any]) -> None:
    """A patient is there."""
    projections.set_status(db, AppointmentProjection, event.data["appointment_id"], "ARRIVED")


def on_appointment_attended(db: Session, event: Received[Any]) -> None:
    """A patient took part."""
    projections.set_status(db, AppointmentProjection, event.data["appointment_id"], "ATTENDED")


def on_appointment_no_show(db: Session, event: Received[Any]) -> None:
    """A patient did not come."""
    projections.set_status(db, AppointmentProjection, event.data["appointment_id"], "NO_SHOW")


def on_appointment_cancelled(db: Session, event: Received[Any]) -> None:
    """An appointment was given up."""
    projections.set_status(db, AppointmentProjection, event.data["appointment_id"], "CANCELLED")


def on_appointment_corrected(db: Session, event: Received[Any]) -> None:
    """What was said of an appointment's outcome was a slip, and is taken back."""
    projections.set_status(db, AppointmentProjection, event.data["appointment_id"], event.data["to_status"])


HANDLERS = {
    "scheduling.ClinicSaved.v1": on_clinic_saved,
    "scheduling.ProviderSaved.v1": on_provider_saved,
    "scheduling.AppointmentBooked.v1": on_appointment_placed,
    "scheduling.AppointmentConfirmed.v1": on_appointment_confirmed,
    "scheduling.AppointmentRescheduled.v1": on_appointment_placed,
    "scheduling.AppointmentArrived.v1": on_appointment_arrived,
    "scheduling.AppointmentAttended.v1": on_appointment_attended,
    "scheduling.AppointmentNoShow.v1": on_appointment_no_show,
    "scheduling.AppointmentCancelled.v1": on_appointment_cancelled,
    "scheduling.AppointmentCorrected.v1": on_appointment_corrected,
}
