"""What clinical-notes does when the other services announce something."""

from collections.abc import Mapping

from sqlalchemy.orm import Session

from clinical_notes import events
from clinical_notes.operations import projections
from jalsa.db import aliases
from jalsa.events.inbox import Handler, Received


def on_clinic_saved(db: Session, event: Received[events.ClinicSaved]) -> None:
    """A clinic was opened or changed."""
    projections.save_clinic(db, event.data)


def on_provider_saved(db: Session, event: Received[events.ProviderSaved]) -> None:
    """A provider was registered or changed."""
    projections.save_provider(db, event.data)


def on_patient_saved(db: Session, event: Received[events.PatientSaved]) -> None:
    """A patient was registered or changed."""
    projections.save_patient(db, event.data)


def on_patients_merged(db: Session, event: Received[events.PatientsMerged]) -> None:
    """A patient's record was merged into another one: both ids stand for the survivor."""
    aliases.follow_merge(db, event.data.loser_id, event.data.survivor_id, event.data.at)


def on_patients_unmerged(db: Session, event: Received[events.PatientsUnmerged]) -> None:
    """A merge was undone: what was written with the record's id is its own again."""
    aliases.follow_unmerge(db, event.data.loser_id)


def on_session_scheduled(db: Session, event: Received[events.SessionPlacement]) -> None:
    """A session was scheduled; an appointment in it may have been heard of before."""
    projections.save_session(db, event.data)


def on_session_rescheduled(db: Session, event: Received[events.SessionPlacement]) -> None:
    """A session has another time, provider or room; each of its appointments says so itself."""
    projections.save_session(db, event.data)


def on_session_started(db: Session, event: Received[events.SessionChanged]) -> None:
    """A session has begun."""
    projections.set_session_status(db, event.data.session_id, "IN_PROGRESS")


def on_session_completed(db: Session, event: Received[events.SessionChanged]) -> None:
    """A session is over."""
    projections.set_session_status(db, event.data.session_id, "COMPLETED")


def on_session_cancelled(db: Session, event: Received[events.SessionChanged]) -> None:
    """A session was cancelled; each of its appointments says so itself."""
    projections.set_session_status(db, event.data.session_id, "CANCELLED")


def on_session_corrected(db: Session, event: Received[events.SessionCorrected]) -> None:
    """That a session had begun or was over was a slip, and is taken back; a note signed meanwhile stays."""
    projections.set_session_status(db, event.data.session_id, event.data.to_status)


def on_appointment_booked(db: Session, event: Received[events.AppointmentPlacement]) -> None:
    """A patient has a spot in a session, which may not have been heard of yet."""
    projections.expect_session(db, event.data)
    projections.save_participant(db, event.data)


def on_appointment_confirmed(db: Session, event: Received[events.AppointmentChanged]) -> None:
    """The patient has confirmed to come."""
    projections.set_participant_status(db, event.data.appointment_id, "CONFIRMED")


def on_appointment_rescheduled(db: Session, event: Received[events.AppointmentPlacement]) -> None:
    """The patient's spot was moved with its session, or to another one, which may not have been heard of yet."""
    projections.expect_session(db, event.data)
    projections.save_participant(db, event.data)


def on_appointment_arrived(db: Session, event: Received[events.AppointmentChanged]) -> None:
    """The patient is there."""
    projections.set_participant_status(db, event.data.appointment_id, "ARRIVED")


def on_appointment_attended(db: Session, event: Received[events.AppointmentChanged]) -> None:
    """The patient took part."""
    projections.set_participant_status(db, event.data.appointment_id, "ATTENDED")


def on_appointment_no_show(db: Session, event: Received[events.AppointmentChanged]) -> None:
    """The patient did not come."""
    projections.set_participant_status(db, event.data.appointment_id, "NO_SHOW")


def on_appointment_cancelled(db: Session, event: Received[events.AppointmentChanged]) -> None:
    """The patient's spot was given up."""
    projections.set_participant_status(db, event.data.appointment_id, "CANCELLED")


def on_appointment_corrected(db: Session, event: Received[events.AppointmentCorrected]) -> None:
    """What was said of a patient's coming was a slip, and is taken back; a note signed meanwhile stays."""
    projections.set_participant_status(db, event.data.appointment_id, event.data.to_status)


HANDLERS: Mapping[str, Handler] = {
    "scheduling.ClinicSaved.v1": on_clinic_saved,
    "scheduling.ProviderSaved.v1": on_provider_saved,
    "scheduling.SessionScheduled.v1": on_session_scheduled,
    "scheduling.SessionRescheduled.v1": on_session_rescheduled,
    "scheduling.SessionStarted.v1": on_session_started,
    "scheduling.SessionCompleted.v1": on_session_completed,
    "scheduling.SessionCancelled.v1": on_session_cancelled,
    "scheduling.SessionCorrected.v1": on_session_corrected,
    "scheduling.AppointmentBooked.v1": on_appointment_booked,
    "scheduling.AppointmentConfirmed.v1": on_appointment_confirmed,
    "scheduling.AppointmentRescheduled.v1": on_appointment_rescheduled,
    "scheduling.AppointmentArrived.v1": on_appointment_arrived,
    "scheduling.AppointmentAttended.v1": on_appointment_attended,
    "scheduling.AppointmentNoShow.v1": on_appointment_no_show,
    "scheduling.AppointmentCancelled.v1": on_appointment_cancelled,
    "scheduling.AppointmentCorrected.v1": on_appointment_corrected,
    "patient-files.PatientRegistered.v1": on_patient_saved,
    "patient-files.PatientUpdated.v1": on_patient_saved,
    "patient-files.PatientsMerged.v1": on_patients_merged,
    "patient-files.PatientsUnmerged.v1": on_patients_unmerged,
}
