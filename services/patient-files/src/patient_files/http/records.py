"""What the views of patients share: the record that is asked for, as the caller may see it."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from typing import Any, cast
from uuid import UUID

from flask import current_app, g

from jalsa.http import asks_for, current_db, current_principal, shows_list, shows_record
from jalsa.service import clock
from jalsa.service.errors import NotFound
from patient_files import domain, policy
from patient_files.access.rules import RECORD, Right
from patient_files.http.rights import look_up, right_to
from patient_files.http.schemas.patients import PatientAnswer
from patient_files.models import Patient
from patient_files.patients import operations, queries, record
from patient_files.patients.rules import names

_PATIENT = PatientAnswer()
_STORED = (
    *("id", "file", *names.FIELDS, "identity_status", "birth_order", "nationality", "sex", "phones", "email"),
    *("preferred_language", "deceased_on", "active", "created_at", "merged_into"),
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
    check(patient, whole=whole)
    return patient


def locked(patient_id: UUID, *, whole: bool = True) -> Patient:
    """As `readable`, with the patient's row locked until the transaction ends."""
    patient = operations.locked_patient(current_db(), patient_id)
    check(patient, whole=whole)
    return patient


def locked_survivor(patient_id: UUID) -> Patient:
    """The record to which something new of a patient is added: the survivor's, if the patient's record was merged.

    It is locked with all records that stand for the patient until the transaction ends. Raises 404 and 403.
    """
    patient = operations.locked_survivor(current_db(), patient_id)
    check(patient)
    return patient


def check(patient: Patient, *, whole: bool = True) -> None:
    """Raises 403 unless the caller reads something of a patient's record; all of it, if `whole`.

    What is merged with a restricted record is restricted, because both are read together.
    """
    asks_for(patient.id)
    if _restricted(patient):
        policy.check_record(current_principal(), right_to(patient.id), whole=whole)


def shows(patient: Patient, record_id: UUID) -> None:
    """Say to the access log that a record of a patient is shown, and under which right."""
    right = _right(patient)
    shows_record(patient.id, record_id, relation=right.relation, reason=right.reason, grant_id=right.grant_id)


def shows_some(patient: Patient) -> None:
    """Say to the access log that a list shows something of one patient, and under which right."""
    if _right(patient).grant_id is None:
        shows_list([patient.id])
    else:
        right = _right(patient)
        shows_record(patient.id, reason=right.reason, grant_id=right.grant_id)


def shows_all(patients: Sequence[Patient]) -> None:
    """Say to the access log that a list shows these patients. What it shows under a grant is a row of its own."""
    _read_others(patients)
    under_grant = [patient for patient in patients if _right(patient).grant_id is not None]
    for patient in under_grant:
        shows(patient, patient.id)
    shows_list([patient.id for patient in patients if patient not in under_grant])


def hidden() -> Collection[UUID]:
    """The patients whose restricted records the caller does not read in full."""
    if policy.WHOLE_RECORD.roles & current_principal().roles:
        return ()
    restricted = queries.restricted_patients(current_db())
    look_up(RECORD, restricted)
    return [patient_id for patient_id in restricted if right_to(patient_id) is None]


def shows_each(shown: Iterable[tuple[UUID, UUID]]) -> None:
    """Say to the access log that a list shows records of patients, by the ids of both. As `shows_all` does it."""
    everything = list(shown)
    restricted = set(queries.restricted_patients(current_db(), {patient_id for patient_id, _ in everything}))
    look_up(RECORD, restricted)
    others = []
    for patient_id, record_id in everything:
        right = right_to(patient_id) if patient_id in restricted else None
        if right is None or right.grant_id is None:
            others.append(patient_id)
        else:
            shows_record(patient_id, record_id, reason=right.reason, grant_id=right.grant_id)
    shows_list(others)


def _right(patient: Patient) -> Right:
    """The right that is worth a word: a record that is not restricted is read for the role alone."""
    return (right_to(patient.id) if _restricted(patient) else None) or Right()


def _restricted(patient: Patient) -> bool:
    return patient.restricted or any(each.restricted for each in _others(patient))


def _others(patient: Patient) -> Sequence[Patient]:
    """The other records that stand for the same patient, read once in a request."""
    _read_others([patient])
    return cast(dict[UUID, list[Patient]], g.others)[patient.id]


def _read_others(patients: Sequence[Patient]) -> None:
    known: dict[UUID, list[Patient]] = g.setdefault("others", {})
    unknown = [patient for patient in patients if patient.id not in known]
    if unknown:
        known |= {patient.id: [] for patient in unknown}
        known |= queries.others_of(current_db(), unknown)


def shown(patient: Patient) -> dict[str, Any]:
    """A patient as the caller may see the record."""
    answer: dict[str, Any] = _PATIENT.dump(values(patient))
    return answer


def values(patient: Patient) -> Mapping[str, Any]:
    """What a patient's answer is written from.

    Of merged records, the identifiers, the guardians, the alerts and the restriction of all are answered together.
    """
    records = (patient, *_others(patient))
    display, birth, phone = record.display_names(patient), record.birth_of(patient), record.first_phone(patient)
    # the own one before those of the other records
    national_id = next((found for one in records if (found := record.national_id_of(one))), None)
    mother = None
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
        "identifiers": [each for one in records for each in record.current_identifiers(one)],
        "date_of_birth": birth.date_of_birth if birth else None,
        "birth": birth,
        "phone": phone.number if phone else None,
        "phone_type": phone.number_type if phone else None,
        "guardians": [each for one in records for each in record.current_guardians(one)],
        "tell": record.whom_to_tell(patient, today()),
        "alert": any(record.current_alerts(one) for one in records),
        "restricted": _restricted(patient),
    }
