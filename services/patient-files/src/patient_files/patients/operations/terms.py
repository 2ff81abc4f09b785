"""By what a patient is found. It is written again whenever the record changes."""

from sqlalchemy.orm import Session

from patient_files.models import Patient
from patient_files.models.terms import TERMS
from patient_files.patients import record
from patient_files.patients.likeness import likeness_terms
from patient_files.patients.rules.names import PARTS, SCRIPTS
from patient_files.patients.terms import KnownBy, terms_of


def write_terms(db: Session, patient: Patient) -> None:
    """Let a patient be found by what is known now."""
    TERMS.write(db, {patient.id: terms_of(known_by(patient)) | likeness_terms(record.alike(patient))})


def known_by(patient: Patient) -> KnownBy:
    """What somebody who looks for a patient may type."""
    birth = record.birth_of(patient)
    days = [birth.value, *([birth.born_from.isoformat()] if birth.date_of_birth else [])] if birth else []
    return KnownBy(
        names=[[part for name in PARTS if (part := getattr(patient, f"{name}_{script}"))] for script in SCRIPTS],
        phones=[each.number for each in patient.phones],
        identifiers=[each.value for each in record.current_identifiers(patient)],
        file_numbers=[patient.file.file_number],
        births=days,
    )
