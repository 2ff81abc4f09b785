"""How a person becomes a patient, once."""

from datetime import datetime

from sqlalchemy.orm import Session

from patient_files.duplicates import operations as duplicates
from patient_files.duplicates import queries
from patient_files.duplicates.commands import FindCandidates
from patient_files.duplicates.people import person_of
from patient_files.duplicates.queries import Candidate
from patient_files.duplicates.rules.grades import POSSIBLE
from patient_files.errors import NationalIdTaken, ProbableDuplicate, UnknownPatient
from patient_files.files import operations as files
from patient_files.models import Patient
from patient_files.patients import operations as patients
from patient_files.patients import record
from patient_files.patients.commands import RegisterPatient
from patient_files.patients.queries import find_patient


def register_patient(db: Session, command: RegisterPatient, *, zone: str, now: datetime) -> Patient:
    """Store a patient, open the main file, and publish PatientRegistered, unless the person is a patient already.

    Raises NationalIdTaken where another patient has one of the identifiers, and ProbableDuplicate where another is
    certainly the same person, unless an override says why not. Then these are pairs that are not duplicates. Who is
    probably the same person makes an open pair, for somebody to look at. The sub-files of bookings that came before the
    patient are opened. The file number's year is the one that `now`
    has in `zone`, an IANA name; otherwise it raises what `draft_patient` and `store_patient` raise.
    """
    draft = patients.draft_patient(db, command, zone=zone, now=now)
    person = person_of(draft)
    duplicates.lock_person(db, person)
    found = queries.candidates(db, person, record.alike(draft))
    taken = [each for each in found if each.has_the_identifier]
    if taken:
        raise NationalIdTaken(taken)
    certain = [each for each in found if each.certain]
    if certain and command.duplicate_override is None:
        raise ProbableDuplicate(certain)
    patient = patients.store_patient(db, draft, zone=zone, now=now)
    noticed = [each for each in found if each.verdict.grade != POSSIBLE]
    files.complete_pending(db, patient.file, now=now)
    duplicates.keep_candidates(db, patient.id, noticed, dismissed_for=command.duplicate_override, now=now)
    return patient


def find_candidates(db: Session, command: FindCandidates, *, zone: str, now: datetime) -> list[Candidate]:
    """Who else a patient, or somebody who would be registered, may be. Nothing is stored.

    Raises UnknownPatient, and the 422 problems of a registration.
    """
    if command.registration is not None:
        draft = patients.draft_patient(db, command.registration, zone=zone, now=now)
        return queries.candidates(db, person_of(draft), record.alike(draft))
    patient = None if command.patient_id is None else find_patient(db, command.patient_id)
    if patient is None:
        raise UnknownPatient
    return queries.candidates(db, person_of(patient), record.alike(patient), but=patient.id)
