"""What is published of patients."""

from datetime import datetime

from sqlalchemy.orm import Session

from jalsa.events.outbox import publish
from patient_files.events import catalogue
from patient_files.models import Patient


def patient_registered(db: Session, patient: Patient, now: datetime) -> None:
    """Publish PatientRegistered."""
    publish(db, catalogue.PATIENT_REGISTERED, patient.id, _patient(patient), now=now)


def patient_updated(db: Session, patient: Patient, now: datetime) -> None:
    """Publish PatientUpdated: the whole of what the others may know, not the change."""
    publish(db, catalogue.PATIENT_UPDATED, patient.id, _patient(patient), now=now)


def _patient(patient: Patient) -> dict[str, object]:
    return {
        "patient_id": patient.id,
        "file_number": patient.file.file_number,
        "active": patient.active,
        "first_name_en": patient.first_name_en,
        "last_name_en": patient.last_name_en,
        "first_name_ar": patient.first_name_ar,
        "last_name_ar": patient.last_name_ar,
        "preferred_language": patient.preferred_language,
        "phone": patient.phone,
        "email": patient.email,
    }
