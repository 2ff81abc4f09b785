"""A patient's record is opened, with what follows from it for files."""

from datetime import datetime

from sqlalchemy.orm import Session

from patient_files.files import operations as files
from patient_files.models import Patient
from patient_files.patients import operations as patients
from patient_files.patients.commands import RegisterPatient


def register_patient(db: Session, command: RegisterPatient, *, zone: str, now: datetime) -> Patient:
    """Register a patient as `patients.register_patient` does, and open the sub-files of bookings that came before."""
    patient = patients.register_patient(db, command, zone=zone, now=now)
    files.complete_pending(db, patient.file, now=now)
    return patient
