"""What must hold of a patient's record as a whole, whichever way it came about, and what follows from it."""

from datetime import date

from sqlalchemy.orm import Session

from jalsa.service.errors import InvalidField
from patient_files.models import Patient
from patient_files.patients import record
from patient_files.patients.rules import births, identifiers, names, records


def store(db: Session, patient: Patient, today: date) -> None:
    """Store a checked record. Whom to tell follows from it, and whatever else is made of a whole record belongs here.

    `today` is a local day.
    """
    patient.tell = record.whom_to_tell(patient, today)
    db.flush()


def check_record(patient: Patient, today: date) -> None:
    """Raises a 422 problem for what is missing, lies in the future or does not fit together. `today` is a local day."""
    _check_name(patient)
    _check_birth(patient, today)
    if patient.sex == records.UNKNOWN_SEX and not records.may_have_unknown_sex(patient.identity_status):
        raise InvalidField("sex", "Must be M or F for a patient whose identity is known.")
    _check_identifiers(patient)
    _check_death(patient, today)


def _check_name(patient: Patient) -> None:
    parts = [record.name_parts(patient, script) for script in names.SCRIPTS]
    if names.has_name(parts) or patient.identity_status == names.UNKNOWN:
        return
    if patient.identity_status == names.KNOWN:
        raise InvalidField("first_name_en", "A patient whose identity is known needs a name.")
    if not (patient.mother_name_en or patient.mother_name_ar):
        raise InvalidField("mother", "The mother's name or her record is needed.")


def _check_birth(patient: Patient, today: date) -> None:
    birth = record.birth_of(patient)
    if birth is None:
        if records.needs_birth(patient.identity_status):
            raise InvalidField("date_of_birth", "Missing data for required field.")
    elif births.is_after(birth, today):
        by_day = birth.date_of_birth is not None and birth.calendar == births.GREGORIAN
        raise InvalidField("date_of_birth" if by_day else "birth", "Must not be in the future.")


def _check_identifiers(patient: Patient) -> None:
    current = record.current_identifiers(patient)
    if not all(identifiers.fits_nationality(each.type, patient.nationality) for each in current):
        raise InvalidField("nationality", "It does not fit the type of an identifier.")
    values = [(each.type, each.issuing_country, each.value) for each in current]
    if len(set(values)) < len(values):
        raise InvalidField("identifiers", "An identifier is given twice.")


def _check_death(patient: Patient, today: date) -> None:
    died = patient.deceased_on
    if died is None:
        return
    if died > today:
        raise InvalidField("deceased_on", "Must not be in the future.")
    if patient.born_from is not None and died < patient.born_from:
        raise InvalidField("deceased_on", "Must not be before the birth.")
    if patient.active:
        raise InvalidField("active", "A patient who has died cannot be active.")
