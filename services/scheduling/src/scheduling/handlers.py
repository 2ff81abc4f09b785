"""What scheduling does when the other services announce something."""

from typing import Any

from sqlalchemy.orm import Session

from jalsa.events.inbox import Received
from jalsa.service import clock
from scheduling.operations import projections, waitlist


def on_patient_saved(db: Session, event: Received[Any]) -> None:
    """A patient was registered or changed."""
    contacts = [event.data[name] for name in ("phone", "email") if name in event.data]
    projections.save_patient(
        db,
        event.data["patient_id"],
        file_number=event.data["file_number"],
        active=event.data["active"],
        reachable=any(contacts) if contacts else None,
    )
    if any(contacts):
        waitlist.offer_what_was_passed_over(db, event.data["patient_id"], now=clock.now())


def on_consent_standing_changed(db: Session, event: Received[Any]) -> None:
    """A patient's consent to treatment was given, revoked, or expired."""
    projections.set_consent(
        db,
        event.data["patient_id"],
        consented=event.data["consented"],
        clinic_ids=event.data["clinic_ids"],
        ended=event.data["ended"],
    )


def on_financial_clearance_changed(db: Session, event: Received[Any]) -> None:
    """Billing cleared an appointment, or took the clearance back."""
    projections.set_clearance(
        db, event.data["appointment_id"], cleared=event.data["cleared"], reason=event.data["reason"]
    )


HANDLERS = {
    "patient-files.PatientRegistered.v1": on_patient_saved,
    "patient-files.PatientUpdated.v1": on_patient_saved,
    "patient-files.ConsentStandingChanged.v1": on_consent_standing_changed,
    "billing.FinancialClearanceChanged.v1": on_financial_clearance_changed,
}
