"""Patients in a few fields, as lists and candidates show them."""

from typing import Any

from patient_files.models import Patient
from patient_files.patients import record


def named(patient: Patient) -> dict[str, Any]:
    """By which name and number a patient is known, and of what everybody has to know."""
    shown = record.display_names(patient)
    return {
        "id": patient.id,
        "name_en": shown.en,
        "name_ar": shown.ar,
        "file_number": patient.file.file_number,
        "alert": bool(record.current_alerts(patient)),
        "restricted": patient.restricted,
    }


def summary(patient: Patient) -> dict[str, Any]:
    """What tells a patient from others at a glance."""
    phone = record.first_phone(patient)
    return {
        **named(patient),
        "birth": record.birth_of(patient),
        "sex": patient.sex,
        "phone": phone.number if phone else None,
    }
