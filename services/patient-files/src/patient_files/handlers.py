"""What patient files do when scheduling announces something."""

from sqlalchemy.orm import Session

from jalsa.events.inbox import Handler, Received
from jalsa.service import clock
from patient_files.consents import operations as consents
from patient_files.events.streams import (
    AppointmentChanged,
    AppointmentCorrected,
    AppointmentPlaced,
    ClinicSaved,
    ProviderSaved,
)
from patient_files.files import operations as files
from patient_files.files.commands import OpenSubFile
from patient_files.projections import operations as projections


def on_clinic_saved(db: Session, event: Received[ClinicSaved]) -> None:
    """A clinic was opened or changed, perhaps its zone, by which its consents end."""
    now = clock.database_now(db)
    projections.save_clinic(db, event.data)
    consents.reckon_ends(db, event.data.clinic_id, event.data.timezone, now=now)


def on_provider_saved(db: Session, event: Received[ProviderSaved]) -> None:
    """A provider was registered or changed."""
    projections.save_provider(db, event.data)


def on_appointment_placed(db: Session, event: Received[AppointmentPlaced]) -> None:
    """A patient has an appointment in a clinic, or one that was moved there, and so a sub-file there.

    Raises 404 for a patient who is not known here: the inbox keeps the event and tries it again.
    """
    placed = event.data
    command = OpenSubFile(
        patient_id=placed.patient_id,
        clinic_id=placed.clinic.id,
        clinic_code=placed.clinic.code,
        provider_id=placed.provider.id,
    )
    files.open_sub_file(db, command, now=clock.database_now(db))
    projections.save_appointment(db, placed)


def on_appointment_confirmed(db: Session, event: Received[AppointmentChanged]) -> None:
    """A patient has confirmed to come."""
    projections.set_appointment_status(db, event.data.appointment_id, "CONFIRMED")


def on_appointment_arrived(db: Session, event: Received[AppointmentChanged]) -> None:
    """A patient is there."""
    projections.set_appointment_status(db, event.data.appointment_id, "ARRIVED")


def on_appointment_attended(db: Session, event: Received[AppointmentChanged]) -> None:
    """A patient took part."""
    projections.set_appointment_status(db, event.data.appointment_id, "ATTENDED")


def on_appointment_no_show(db: Session, event: Received[AppointmentChanged]) -> None:
    """A patient did not come."""
    projections.set_appointment_status(db, event.data.appointment_id, "NO_SHOW")


def on_appointment_cancelled(db: Session, event: Received[AppointmentChanged]) -> None:
    """An appointment was given up."""
    projections.set_appointment_status(db, event.data.appointment_id, "CANCELLED")


def on_appointment_corrected(db: Session, event: Received[AppointmentCorrected]) -> None:
    """What was said of an appointment's outcome was a slip, and is taken back."""
    projections.set_appointment_status(db, event.data.appointment_id, event.data.to_status)


HANDLERS: dict[str, Handler] = {
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
