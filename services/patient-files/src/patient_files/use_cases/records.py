"""A patient's record is changed, with what follows from it for consents."""

from datetime import datetime

from sqlalchemy.orm import Session

from jalsa.service.commands import UNSET
from patient_files.consents.operations import ends
from patient_files.models import Patient
from patient_files.patients import operations as patients
from patient_files.patients.commands import IdentifyPatient, UpdatePatient


def update_patient(db: Session, patient: Patient, command: UpdatePatient, *, zone: str, now: datetime) -> Patient:
    """Change a patient as `patients.update_patient` does.

    With another day of birth, what guardians have signed ends on another day.
    """
    patients.update_patient(db, patient, command, zone=zone, now=now)
    if command.birth is not UNSET:
        ends.reckon_majority(db, patient.id, zone=zone, now=now)
    return patient


def identify_patient(db: Session, patient: Patient, command: IdentifyPatient, *, zone: str, now: datetime) -> Patient:
    """Say who a patient is as `patients.identify_patient` does; with the day of birth as above."""
    patients.identify_patient(db, patient, command, zone=zone, now=now)
    if command.birth is not UNSET:
        ends.reckon_majority(db, patient.id, zone=zone, now=now)
    return patient
