"""A patient's telephone numbers."""

from collections.abc import Sequence

from patient_files.models import Patient, PatientPhone
from patient_files.patients import record
from patient_files.patients.commands import GivenPhone
from patient_files.patients.rules.phones import Phone


def set_phones(patient: Patient, given: Sequence[GivenPhone]) -> None:
    """Replace all telephone numbers, in their order."""
    stored = {each.position: each for each in patient.phones}
    for position, each in enumerate(given, start=1):
        row = stored.pop(position, None)
        if row is None:
            row = PatientPhone(position=position)
            patient.phones.append(row)
        row.number, row.number_type, row.label = each.phone.number, each.phone.number_type, each.label
    for row in stored.values():
        patient.phones.remove(row)
    patient.phones.sort(key=lambda each: each.position)


def set_first_phone(patient: Patient, phone: Phone | None) -> None:
    """Replace the number that is called first, or take it away; the others stay where they are."""
    row = record.first_phone(patient)
    if phone is None:
        if row is not None:
            patient.phones.remove(row)
    elif row is None:
        patient.phones.insert(0, PatientPhone(position=1, number=phone.number, number_type=phone.number_type))
    elif row.number != phone.number:
        row.number, row.number_type, row.label = phone.number, phone.number_type, None
