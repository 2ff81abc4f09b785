"""What notifications does when the other services announce something."""

from collections.abc import Mapping

from sqlalchemy.orm import Session

from jalsa.db import aliases
from jalsa.db.projections import status_follower
from jalsa.events.inbox import Handler, Received
from jalsa.service import clock
from notifications import domain
from notifications.events import announced
from notifications.operations import appointments, notices, packages, projections, waitlist


def on_patient_saved(db: Session, event: Received[announced.PatientSaved]) -> None:
    """A patient was registered or changed."""
    projections.save_patient(db, event.data)


def on_patients_merged(db: Session, event: Received[announced.PatientsMerged]) -> None:
    """A patient's record was merged into another one: both ids stand for the survivor."""
    aliases.follow_merge(db, event.data.loser_id, event.data.survivor_id, event.data.at)


def on_patients_unmerged(db: Session, event: Received[announced.PatientsUnmerged]) -> None:
    """A merge was undone: what was written with the record's id is its own again."""
    aliases.follow_unmerge(db, event.data.loser_id)


def on_clinic_saved(db: Session, event: Received[announced.ClinicSaved]) -> None:
    """A clinic was opened or changed."""
    projections.save_clinic(db, event.data, now=clock.database_now(db))


def on_provider_saved(db: Session, event: Received[announced.ProviderSaved]) -> None:
    """A provider was registered or changed."""
    projections.save_provider(db, event.data)


def on_appointment_booked(db: Session, event: Received[announced.AppointmentBooked]) -> None:
    """A patient was booked into a session."""
    appointments.book(db, event.data, announced_at=event.time, now=clock.database_now(db))


def on_appointment_rescheduled(db: Session, event: Received[announced.AppointmentRescheduled]) -> None:
    """An appointment was moved, alone or with its session."""
    appointments.reschedule(db, event.data, announced_at=event.time, now=clock.database_now(db))


def on_appointment_cancelled(db: Session, event: Received[announced.AppointmentCancelled]) -> None:
    """An appointment was cancelled, alone or with its session."""
    appointments.cancel(db, event.data, announced_at=event.time, now=clock.database_now(db))


def on_appointment_corrected(db: Session, event: Received[announced.AppointmentCorrected]) -> None:
    """What was said of a patient's coming was a slip, and is taken back."""
    appointments.correct(db, event.data.appointment_id, event.data.to_status, now=clock.database_now(db))


def on_package_scheduled(db: Session, event: Received[announced.PackageScheduled]) -> None:
    """Dates of a package were set, moved or given up, several at once."""
    packages.schedule(db, event.data, announced_at=event.time, now=clock.database_now(db))


def on_package_cancelled(db: Session, event: Received[announced.PackageCancelled]) -> None:
    """A package was cancelled, with all that was to come of it."""
    packages.cancel(db, event.data.package_id, announced_at=event.time, now=clock.database_now(db))


def on_waitlist_offered(db: Session, event: Received[announced.WaitlistOffered]) -> None:
    """A spot is held for a patient on the waitlist."""
    waitlist.offer(db, event.data, announced_at=event.time, now=clock.database_now(db))


def on_waitlist_offer_ended(db: Session, event: Received[announced.WaitlistOfferEnded]) -> None:
    """The offer was taken up, refused, or has lapsed. A booking sends its own confirmation."""
    waitlist.end(db, event.data.offer_id)


def on_emergency_access_opened(db: Session, event: Received[announced.EmergencyAccess]) -> None:
    """A person took a grant to read what is not for everybody."""
    _tell_reviewers(db, domain.EMERGENCY_ACCESS_OPENED, event)


def on_emergency_access_review_due(db: Session, event: Received[announced.EmergencyAccess]) -> None:
    """A grant was not reviewed in time."""
    _tell_reviewers(db, domain.EMERGENCY_ACCESS_REVIEW_DUE, event)


def on_emergency_access_reviewed(db: Session, event: Received[announced.EmergencyAccess]) -> None:
    """Another person said whether a grant was justified."""
    _tell_reviewers(db, domain.EMERGENCY_ACCESS_REVIEWED, event)


def _tell_reviewers(db: Session, kind: str, event: Received[announced.EmergencyAccess]) -> None:
    notices.notify_reviewers(db, kind, event.data, announced_at=event.time, now=clock.database_now(db))


HANDLERS: Mapping[str, Handler] = {
    "patient-files.EmergencyAccessOpened.v1": on_emergency_access_opened,
    "patient-files.EmergencyAccessReviewDue.v1": on_emergency_access_review_due,
    "patient-files.EmergencyAccessReviewed.v1": on_emergency_access_reviewed,
    "patient-files.PatientRegistered.v1": on_patient_saved,
    "patient-files.PatientUpdated.v1": on_patient_saved,
    "patient-files.PatientsMerged.v1": on_patients_merged,
    "patient-files.PatientsUnmerged.v1": on_patients_unmerged,
    "scheduling.ClinicSaved.v1": on_clinic_saved,
    "scheduling.ProviderSaved.v1": on_provider_saved,
    "scheduling.AppointmentBooked.v1": on_appointment_booked,
    "scheduling.AppointmentConfirmed.v1": status_follower(appointments.set_status, "CONFIRMED"),
    "scheduling.AppointmentRescheduled.v1": on_appointment_rescheduled,
    "scheduling.AppointmentArrived.v1": status_follower(appointments.end, "ARRIVED"),
    "scheduling.AppointmentAttended.v1": status_follower(appointments.end, "ATTENDED"),
    "scheduling.AppointmentNoShow.v1": status_follower(appointments.end, "NO_SHOW"),
    "scheduling.AppointmentCancelled.v1": on_appointment_cancelled,
    "scheduling.AppointmentCorrected.v1": on_appointment_corrected,
    "scheduling.PackageScheduled.v1": on_package_scheduled,
    "scheduling.PackageCancelled.v1": on_package_cancelled,
    "scheduling.WaitlistOffered.v1": on_waitlist_offered,
    "scheduling.WaitlistOfferExpired.v1": on_waitlist_offer_ended,
    "scheduling.WaitlistAccepted.v1": on_waitlist_offer_ended,
}
