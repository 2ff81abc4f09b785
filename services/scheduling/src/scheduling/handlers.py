"""What scheduling does when the other services announce something."""

from collections.abc import Mapping

from sqlalchemy.orm import Session

from jalsa.events.inbox import Handler, Received
from jalsa.service import clock
from scheduling.directory.operations import projections
from scheduling.events.streams import ConsentStandingChanged, FinancialClearanceChanged, PatientSaved
from scheduling.use_cases import waitlist


def on_patient_saved(db: Session, event: Received[PatientSaved]) -> None:
    """A patient was registered or changed."""
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


def on_consent_standing_changed(db: Session, event: Received[ConsentStandingChanged]) -> None:
    """A patient's consent to treatment was given, revoked, or expired."""
    standing = event.data
    projections.set_consent(
        db,
        standing.patient_id,
        consented=standing.consented,
        clinic_ids=standing.clinic_ids,
        ended=standing.ended,
    )


def on_financial_clearance_changed(db: Session, event: Received[FinancialClearanceChanged]) -> None:
    """Billing cleared an appointment, or took the clearance back."""
    clearance = event.data
    projections.set_clearance(db, clearance.appointment_id, cleared=clearance.cleared, reason=clearance.reason)


HANDLERS: Mapping[str, Handler] = {
    "patient-files.PatientRegistered.v1": on_patient_saved,
    "patient-files.PatientUpdated.v1": on_patient_saved,
    "patient-files.ConsentStandingChanged.v1": on_consent_standing_changed,
    "billing.FinancialClearanceChanged.v1": on_financial_clearance_changed,
}
