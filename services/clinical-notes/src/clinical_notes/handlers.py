"""What clinical-notes does when the other services announce something."""

from sqlalchemy.orm import Session

from clinical_notes.operations import projections
from jalsa.inbox import Received


def on_clinic_saved(db: Session, event: Received) -> None:
    """A clinic was opened or changed."""
    projections.save_clinic(db, event.data)


def on_provider_saved(db: Session, event: Received) -> None:
    """A provider was registered or changed."""
    projections.save_provider(db, event.data)


def on_patient_saved(db: Session, event: Received) -> None:
    """A patient was registered or changed."""
    projections.save_patient(db, event.data)


def on_session_scheduled(db: Session, event: Received) -> None:
    """A session was scheduled; an appointment in it may have been heard of before."""
    projections.save_session(db, event.data)


def on_session_cancelled(db: Session, event: Received) -> None:
    """A session was cancelled; each of its appointments says so itself."""
    projections.cancel_session(db, event.data["session_id"])


def on_appointment_booked(db: Session, event: Received) -> None:
    """A patient has a place in a session, which may not have been heard of yet."""
    projections.expect_session(db, event.data)
    projections.save_participant(db, event.data)


def on_appointment_confirmed(db: Session, event: Received) -> None:
    """The patient has confirmed to come."""
    projections.set_participant_status(db, event.data["appointment_id"], "CONFIRMED")


def on_appointment_cancelled(db: Session, event: Received) -> None:
    """The patient's place was given up."""
    projections.set_participant_status(db, event.data["appointment_id"], "CANCELLED")


HANDLERS = {
    "scheduling.ClinicSaved.v1": on_clinic_saved,
    "scheduling.ProviderSaved.v1": on_provider_saved,
    "scheduling.SessionScheduled.v1": on_session_scheduled,
    "scheduling.SessionCancelled.v1": on_session_cancelled,
    "scheduling.AppointmentBooked.v1": on_appointment_booked,
    "scheduling.AppointmentConfirmed.v1": on_appointment_confirmed,
    "scheduling.AppointmentCancelled.v1": on_appointment_cancelled,
    "patient-files.PatientRegistered.v1": on_patient_saved,
    "patient-files.PatientUpdated.v1": on_patient_saved,
}
