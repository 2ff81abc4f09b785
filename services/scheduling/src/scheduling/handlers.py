"""Handlers of the events of other services."""

from collections.abc import Mapping

from sqlalchemy.orm import Session

from jalsa.db import aliases
from jalsa.events.inbox import Handler, Received
from jalsa.service import clock
from scheduling.appointments.operations.locks import lock_patients
from scheduling.directory.operations import projections
from scheduling.events.streams import (
    ConsentStandingChanged,
    FinancialClearanceChanged,
    PatientSaved,
    PatientsMerged,
    PatientsUnmerged,
)
from scheduling.use_cases import waitlist


def on_patient_saved(db: Session, event: Received[PatientSaved]) -> None:
    """Store a patient who was registered or changed."""
    patient = event.data
    projections.save_patient(
        db,
        patient.patient_id,
        file_number=patient.file_number,
        active=patient.active,
        reachable=patient.reachable,
    )
    if patient.reachable:
        waitlist.offer_what_was_passed_over(db, patient.patient_id, now=clock.now())


def on_patients_merged(db: Session, event: Received[PatientsMerged]) -> None:
    """A patient's record was merged into another one: both are one person, who is booked once at a time.

    Nothing is refused and nothing is cancelled: appointments of the two that overlap are work for the desk.
    """
    # whoever books one of them now has done so before, or sees the merge
    lock_patients(db, [event.data.loser_id, event.data.survivor_id])
    aliases.follow_merge(db, event.data.loser_id, event.data.survivor_id, event.data.at)


def on_patients_unmerged(db: Session, event: Received[PatientsUnmerged]) -> None:
    """A merge was undone: what was booked with the record's id is its own again."""
    lock_patients(db, [event.data.loser_id])
    aliases.follow_unmerge(db, event.data.loser_id)


def on_consent_standing_changed(db: Session, event: Received[ConsentStandingChanged]) -> None:
    """Store that a patient's consent to treatment was given, revoked or expired."""
    standing = event.data
    projections.set_consent(
        db,
        standing.patient_id,
        consented=standing.consented,
        clinic_ids=standing.clinic_ids,
        ended=standing.ended,
    )


def on_financial_clearance_changed(db: Session, event: Received[FinancialClearanceChanged]) -> None:
    """Store that billing cleared an appointment or withdrew the clearance."""
    clearance = event.data
    projections.set_clearance(db, clearance.appointment_id, cleared=clearance.cleared, reason=clearance.reason)


HANDLERS: Mapping[str, Handler] = {
    "patient-files.PatientRegistered.v1": on_patient_saved,
    "patient-files.PatientUpdated.v1": on_patient_saved,
    "patient-files.PatientsMerged.v1": on_patients_merged,
    "patient-files.PatientsUnmerged.v1": on_patients_unmerged,
    "patient-files.ConsentStandingChanged.v1": on_consent_standing_changed,
    "billing.FinancialClearanceChanged.v1": on_financial_clearance_changed,
}
