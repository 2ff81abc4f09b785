"""What identifies a patient to the authorities: given, corrected, withdrawn. What has ended stays as history."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.orm import Session

from jalsa.db.transactions import context_of
from jalsa.service.errors import InvalidField, NotFound
from patient_files.errors import AlreadyEnded
from patient_files.models import IdentityDue, Patient, PatientIdentifier
from patient_files.patients import queries, record
from patient_files.patients.commands import CorrectIdentifier, Withdraw
from patient_files.patients.events import NO_IDENTITY, Identity
from patient_files.patients.operations import storing
from patient_files.patients.operations.identities import identities, tell_identities
from patient_files.patients.operations.locks import claim_patient, locked_patient
from patient_files.patients.rules import identifiers as rules
from patient_files.patients.rules.identifiers import Identifier


def add_identifier(
    db: Session, patient: Patient, given: Identifier, *, today: date, now: datetime
) -> PatientIdentifier:
    """Give a patient, whose row the caller has locked, a further identifier.

    Publishes PatientIdentityChanged where it is now the first. Raises 422 where it does not fit the nationality; the
    constraints `identifiers_value_key` and `identifiers_single_key` are violated where another patient has it, and
    where this one has another of a type of which there is one.
    """
    before = identities(db, patient)
    [added] = append(db, patient, [given], now=now)
    _store(db, patient, before, today, now)
    return added


def correct_identifier(
    db: Session,
    identifier: PatientIdentifier,
    patient: Patient,
    command: CorrectIdentifier,
    *,
    today: date,
    now: datetime,
) -> PatientIdentifier:
    """End an identifier from `locked_identifier`, and give its patient the right one, which is returned.

    The value of the old one is free from now on. Raises as `add_identifier` does, and 409 `invalid-transition` where it
    has ended.
    """
    if command.identifier == Identifier(identifier.type, identifier.issuing_country, identifier.value):
        raise InvalidField("value", "Must be another identifier than before.")
    before = identities(db, patient)
    end(db, identifier, command.reason, now=now)
    [added] = append(db, patient, [command.identifier], now=now)
    _store(db, patient, before, today, now)
    return added


def withdraw_identifier(
    db: Session, identifier: PatientIdentifier, patient: Patient, command: Withdraw, *, today: date, now: datetime
) -> PatientIdentifier:
    """End an identifier from `locked_identifier`. Raises 409 `invalid-transition` where it has ended."""
    before = identities(db, patient)
    end(db, identifier, command.reason, now=now)
    _store(db, patient, before, today, now)
    return identifier


def locked_identifier(db: Session, identifier_id: UUID) -> tuple[PatientIdentifier, Patient]:
    """An identifier as it is once its patient's row is locked, and the patient. Raises 404."""
    found = queries.find_identifier(db, identifier_id)
    if found is None:
        raise NotFound("identifier")
    patient = locked_patient(db, found.patient_id)
    db.refresh(found)
    return found, patient


def announce_identity(db: Session, patient_id: UUID, *, now: datetime) -> bool:
    """Publish an identity that another version stored. False where another transaction has the patient."""
    if not claim_patient(db, patient_id):
        return False
    patient, due = queries.find_patient(db, patient_id), db.get(IdentityDue, patient_id)
    if patient is not None and due is not None:
        told = identities(db, patient)
        tell_identities(db, patient, told, now, told_again=[patient_id] if told[patient_id] != NO_IDENTITY else ())
        db.delete(due)
        db.flush()
    return True


def replace_national_id(db: Session, patient: Patient, given: Identifier | None, reason: str, *, now: datetime) -> None:
    """Make `national_id` answer another identifier, or none.

    What it answers now ends. Only a passport and the like stay where a number of the national register is given,
    because `national_id` alone cannot have meant them.
    """
    current = record.national_id_of(patient)
    if given is not None and current is not None:
        if given == Identifier(current.type, current.issuing_country, current.value):
            return
        if current.type not in rules.NAMED_BY_NATIONAL_ID:
            current = None
    if current is not None:
        end(db, current, reason, now=now)
    if given is not None:
        append(db, patient, [given], now=now)


def append(db: Session, patient: Patient, given: Iterable[Identifier], *, now: datetime) -> list[PatientIdentifier]:
    """Give a patient identifiers, which are stored with the patient."""
    actor = context_of(db).actor
    added = [
        PatientIdentifier(
            type=each.type,
            issuing_country=each.issuing_country,
            value=each.value,
            created_at=now,
            created_by=actor,
        )
        for each in given
    ]
    patient.identifiers.extend(added)
    return added


def end(db: Session, identifier: PatientIdentifier, reason: str, *, now: datetime) -> None:
    """End an identifier, and store that before anything else is: its value and its type are free from then on."""
    if identifier.ended_at is not None:
        raise AlreadyEnded
    identifier.ended_at, identifier.ended_by, identifier.end_reason = now, context_of(db).actor, reason
    db.flush()


def _store(db: Session, patient: Patient, before: Mapping[UUID, Identity], today: date, now: datetime) -> None:
    storing.check_record(patient, today)
    storing.store(db, patient, today)
    tell_identities(db, patient, before, now)
