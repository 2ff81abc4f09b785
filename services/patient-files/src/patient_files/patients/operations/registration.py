"""How a person becomes a patient."""

from datetime import datetime

from sqlalchemy.orm import Session

from jalsa.db.aliases import survivor_of
from jalsa.db.numbers import gapless_number
from jalsa.service.errors import InvalidField
from jalsa.service.ids import new_id
from patient_files import domain
from patient_files.models import MainFile, Patient
from patient_files.patients import events, queries, record
from patient_files.patients.commands import AddGuardian, GivenMother, RegisterPatient
from patient_files.patients.operations import contacts, guardians, identifiers, storing
from patient_files.patients.operations.identities import tell_identities
from patient_files.patients.rules import names, records
from patient_files.patients.rules.guardians import MOTHER
from patient_files.patients.rules.names import NameParts


def draft_patient(db: Session, command: RegisterPatient, *, zone: str, now: datetime) -> Patient:
    """The record that a registration would make, of which nothing is stored.

    Today is the day that `now` has in `zone`, an IANA name. Raises a 422 problem for what is missing or does not fit
    together.
    """
    today = domain.local_date(now, zone)
    patient = _patient(command, now)
    if command.mother is not None:
        _add_mother(db, patient, command.mother, now)
    for guardian in command.guardians:
        guardians.append(db, patient, guardian, now=now)
    identifiers.append(db, patient, command.identifiers, now=now)
    storing.check_record(patient, today)
    return patient


def store_patient(db: Session, patient: Patient, *, zone: str, now: datetime) -> Patient:
    """Store a draft, open the main file, and publish PatientRegistered, and PatientIdentityChanged if one is known.

    The file number's year is the one that `now` has in `zone`. The constraint `identifiers_value_key` is violated where
    another patient has one of the identifiers.
    """
    today = domain.local_date(now, zone)
    number = records.file_number(today.year, gapless_number(db, f"FILE-{today.year}"))
    patient.file = MainFile(id=new_id(), file_number=number, opened_at=now)
    db.add(patient)
    storing.store(db, patient, today)
    events.patient_registered(db, patient, now)
    tell_identities(db, patient, {}, now)
    return patient


def _patient(command: RegisterPatient, now: datetime) -> Patient:
    patient = Patient(
        id=new_id(),
        **{name: getattr(command, name) for name in names.FIELDS},
        identity_status=command.identity_status,
        birth_order=command.birth_order,
        sex=command.sex,
        nationality=command.nationality,
        email=command.email,
        preferred_language=command.preferred_language,
        active=True,
        restricted=False,
        created_at=now,
        phones=[],
        identifiers=[],
        guardians=[],
        alerts=[],
    )
    record.set_birth(patient, command.birth)
    contacts.set_phones(patient, command.phones)
    return patient


def _add_mother(db: Session, patient: Patient, given: GivenMother, now: datetime) -> None:
    """Keep by whom a newborn is shown. A mother who is a patient is a guardian, without a right to consent."""
    patient.mother_name_en, patient.mother_name_ar = given.name_en, given.name_ar
    if given.patient_id is not None:
        mother = queries.find_patient(db, survivor_of(db, given.patient_id))
        if mother is None:
            raise InvalidField("mother", "There is no such patient.")
        shown = record.display_names(mother)
        patient.mother_patient_id = mother.id
        patient.mother_name_en, patient.mother_name_ar = given.name_en or shown.en, given.name_ar or shown.ar
        reached = bool(mother.phones or mother.email)
        guardians.append(
            db, patient, AddGuardian(relation=MOTHER, patient_id=mother.id, receives_messages=reached), now=now
        )
    elif not names.has_name([NameParts(given.name_en), NameParts(given.name_ar)]):
        raise InvalidField("mother", "The mother's name or her record is needed.")
