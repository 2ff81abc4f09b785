"""What the views of patients share: the record that is asked for, as the caller may see it."""

from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

from flask import current_app

from jalsa.http import current_db, current_principal
from jalsa.service import clock
from jalsa.service.errors import NotFound
from patient_files import domain, policy
from patient_files.http.schemas.patients import PatientAnswer
from patient_files.models import Patient
from patient_files.patients import queries, record
from patient_files.patients.operations import locked_patient
from patient_files.patients.rules import names

_PATIENT = PatientAnswer()
_STORED = (
    *("id", "file", *names.FIELDS, "identity_status", "birth_order", "nationality", "sex", "phones", "email"),
    *("preferred_language", "deceased_on", "active", "restricted", "created_at"),
)


def zone() -> str:
    """The IANA zone whose day is today where no clinic is concerned."""
    return str(current_app.extensions["jalsa"].config.default_timezone)


def today() -> date:
    """The local day in `zone`."""
    return domain.local_date(clock.now(), zone())


def readable(patient_id: UUID, *, whole: bool = True) -> Patient:
    """A patient of whose record the caller reads something; all of it, if `whole`. Raises 404 and 403."""
    patient = queries.find_patient(current_db(), patient_id)
    if patient is None:
        raise NotFound("patient")
    policy.check_record(current_db(), current_principal(), patient, whole=whole)
    return patient


def locked(patient_id: UUID, *, whole: bool = True) -> Patient:
    """As `readable`, with the patient's row locked until the transaction ends."""
    patient = locked_patient(current_db(), patient_id)
    policy.check_record(current_db(), current_principal(), patient, whole=whole)
    return patient


def shown(patient: Patient) -> dict[str, Any]:
    """A patient as the caller may see the record."""
    answer: dict[str, Any] = _PATIENT.dump(values(patient))
    return answer


def values(patient: Patient) -> Mapping[str, Any]:
    """What a patient's answer is written from."""
    display, birth, phone = record.display_names(patient), record.birth_of(patient), record.first_phone(patient)
    national_id, mother = record.national_id_of(patient), None
    if patient.mother_patient_id or patient.mother_name_en or patient.mother_name_ar:
        mother = {
            "patient_id": patient.mother_patient_id,
            "name_en": patient.mother_name_en,
            "name_ar": patient.mother_name_ar,
        }
    return {
        **{name: getattr(patient, name) for name in _STORED},
        "name_en": display.en,
        "name_ar": display.ar,
        "mother": mother,
        "national_id": national_id.value if national_id else None,
        "identifiers": record.current_identifiers(patient),
        "date_of_birth": birth.date_of_birth if birth else None,
        "birth": birth,
        "phone": phone.number if phone else None,
        "phone_type": phone.number_type if phone else None,
        "guardians": record.current_guardians(patient),
        "tell": record.whom_to_tell(patient, today()),
        "alert": bool(record.current_alerts(patient)),
    }
