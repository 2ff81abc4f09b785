"""How a patient's record is changed, corrected and identified."""

from datetime import datetime

from sqlalchemy.orm import Session

from jalsa.db.aliases import survivor_of
from jalsa.service.commands import UNSET
from patient_files import domain
from patient_files.errors import PatientMerged
from patient_files.models import Patient
from patient_files.patients import events, record
from patient_files.patients.commands import IdentifyPatient, UpdatePatient
from patient_files.patients.operations import contacts, identifiers, storing
from patient_files.patients.operations.identities import identities, tell_identities
from patient_files.patients.rules import names, records

_PLAIN = (*names.FIELDS, "email", "preferred_language", "active", "sex", "nationality", "deceased_on", "restricted")


def update_patient(db: Session, patient: Patient, command: UpdatePatient, *, zone: str, now: datetime) -> Patient:
    """Change a patient whose row the caller has locked, and publish PatientUpdated if others are told something else.

    Whoever has died is inactive. Today is the day that `now` has in `zone`, an IANA name. Raises a 422 problem for what
    does not fit together, and violates constraints as registration does. Raises 409 `patient-merged` where only the
    survivor of a merge can be changed.
    """
    _check_not_merged(db, patient)
    today = domain.local_date(now, zone)
    told, before = events.patient_data(patient), identities(db, patient)
    if command.deceased_on is not UNSET and command.deceased_on is not None and command.active is UNSET:
        patient.active = False
    _set(patient, command)
    if command.birth is not UNSET:
        record.set_birth(patient, command.birth)
    if command.phones is not UNSET:
        contacts.set_phones(patient, command.phones)
    if command.phone is not UNSET:
        contacts.set_first_phone(patient, command.phone)
    if command.reason is not None:
        patient.change_reason = command.reason
    if command.national_id is not UNSET:
        identifiers.replace_national_id(db, patient, command.national_id, command.reason or "", now=now)
    storing.check_record(patient, today)
    storing.store(db, patient, today)
    events.patient_updated(db, patient, told, now)
    tell_identities(db, patient, before, now)
    return patient


def identify_patient(db: Session, patient: Patient, command: IdentifyPatient, *, zone: str, now: datetime) -> Patient:
    """Make a newborn or somebody unknown, whose row the caller has locked, a patient whose identity is known.

    Raises 409 `invalid-transition` for everybody else, and a 422 problem where a name, the birth or the sex is missing.
    Raises 409 `patient-merged` as a change does.
    """
    _check_not_merged(db, patient)
    records.IDENTITY.check(patient.identity_status, names.KNOWN)
    today = domain.local_date(now, zone)
    told, before = events.patient_data(patient), identities(db, patient)
    patient.identity_status, patient.change_reason = names.KNOWN, command.reason
    _set(patient, command)
    if command.birth is not UNSET:
        record.set_birth(patient, command.birth)
    identifiers.append(db, patient, command.identifiers, now=now)
    storing.check_record(patient, today)
    storing.store(db, patient, today)
    events.patient_updated(db, patient, told, now)
    tell_identities(db, patient, before, now)
    return patient


def _check_not_merged(db: Session, patient: Patient) -> None:
    if patient.merged_into is not None:
        raise PatientMerged(survivor_of(db, patient.id))


def _set(patient: Patient, command: UpdatePatient | IdentifyPatient) -> None:
    for name in _PLAIN:
        value = getattr(command, name, UNSET)
        if value is not UNSET:
            setattr(patient, name, value)
