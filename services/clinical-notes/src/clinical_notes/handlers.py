"""What clinical-notes does when the other services announce something."""

from collections.abc import Mapping

from sqlalchemy.orm import Session

from clinical_notes import events
from clinical_notes.operations import projections
from jalsa.db import aliases
from jalsa.db.projections import status_follower
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


def on_session_placed(db: Session, event: Received[events.SessionPlacement]) -> None:
    """A session was scheduled, or has another time, provider or room.

    An appointment in it may have been heard of before, and announces a move itself.
    """
    projections.save_session(db, event.data)


def on_session_corrected(db: Session, event: Received[events.SessionCorrected]) -> None:
    """That a session had begun or was over was a slip, and is taken back. A note signed meanwhile stays."""
    projections.set_session_status(db, event.data.session_id, event.data.to_status)


def on_appointment_placed(db: Session, event: Received[events.AppointmentPlacement]) -> None:
    """A patient has a spot in a session, or was moved to another one. The session may not have been heard of yet."""
    projections.expect_session(db, event.data)
    projections.save_participant(db, event.data)


def on_appointment_corrected(db: Session, event: Received[events.AppointmentCorrected]) -> None:
    """What was said of a patient's coming was a slip, and is taken back. A note signed meanwhile stays."""
    projections.set_participant_status(db, event.data.appointment_id, event.data.to_status)


HANDLERS: Mapping[str, Handler] = {
    "scheduling.ClinicSaved.v1": on_clinic_saved,
    "scheduling.ProviderSaved.v1": on_provider_saved,
    "scheduling.SessionScheduled.v1": on_session_placed,
    "scheduling.SessionRescheduled.v1": on_session_placed,
    "scheduling.SessionStarted.v1": status_follower(projections.set_session_status, "IN_PROGRESS"),
    "scheduling.SessionCompleted.v1": status_follower(projections.set_session_status, "COMPLETED"),
    "scheduling.SessionCancelled.v1": status_follower(projections.set_session_status, "CANCELLED"),
    "scheduling.SessionCorrected.v1": on_session_corrected,
    "scheduling.AppointmentBooked.v1": on_appointment_placed,
    "scheduling.AppointmentConfirmed.v1": status_follower(projections.set_participant_status, "CONFIRMED"),
    "scheduling.AppointmentRescheduled.v1": on_appointment_placed,
    "scheduling.AppointmentArrived.v1": status_follower(projections.set_participant_status, "ARRIVED"),
    "scheduling.AppointmentAttended.v1": status_follower(projections.set_participant_status, "ATTENDED"),
    "scheduling.AppointmentNoShow.v1": status_follower(projections.set_participant_status, "NO_SHOW"),
    "scheduling.AppointmentCancelled.v1": status_follower(projections.set_participant_status, "CANCELLED"),
    "scheduling.AppointmentCorrected.v1": on_appointment_corrected,
    "patient-files.PatientRegistered.v1": on_patient_saved,
    "patient-files.PatientUpdated.v1": on_patient_saved,
    "patient-files.PatientsMerged.v1": on_patients_merged,
    "patient-files.PatientsUnmerged.v1": on_patients_unmerged,
}
