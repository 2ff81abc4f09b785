"""Who speaks for a patient, with which right to consent, and who of them receives messages."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy.orm import Session

from jalsa.db.aliases import survivor_of
from jalsa.db.transactions import context_of
from jalsa.service.commands import UNSET
from jalsa.service.errors import InvalidField, NotFound
from jalsa.service.ids import new_id
from patient_files.errors import AlreadyEnded
from patient_files.models import Guardian, GuardianRight, Patient
from patient_files.patients import events, queries, record
from patient_files.patients.commands import AddGuardian, EndGuardian, GiveRight, UpdateGuardian
from patient_files.patients.operations import storing
from patient_files.patients.operations.locks import locked_patient
from patient_files.patients.rules.phones import Phone

_NAME_NEEDED = "A name in one script is needed."


def add_guardian(db: Session, patient: Patient, command: AddGuardian, *, today: date, now: datetime) -> Guardian:
    """Let somebody speak for a patient whose row the caller has locked. Publishes PatientUpdated if others learn of it.

    Raises a 422 problem for an unknown patient as guardian, for the patient, and without any name.
    """
    told = events.patient_data(patient)
    if command.primary:
        _step_back(db, patient)
    added = append(db, patient, command, now=now)
    _store(db, patient, told, today, now)
    return added


def append(db: Session, patient: Patient, command: AddGuardian, *, now: datetime) -> Guardian:
    """Add a guardian, who is stored with the patient. The first one is told first, unless another is said to be."""
    actor, others = context_of(db).actor, record.current_guardians(patient)
    if command.primary:
        for each in others:
            each.is_primary = False
    own_id = None if command.patient_id is None else survivor_of(db, command.patient_id)
    added = Guardian(
        id=new_id(),
        relation=command.relation,
        name_en=command.name_en,
        name_ar=command.name_ar,
        guardian_patient_id=own_id,
        email=command.email,
        language=command.language,
        receives_messages=command.receives_messages,
        is_primary=command.primary or not others,
        created_at=now,
        created_by=actor,
        rights=[_right(each, now, actor) for each in command.rights],
    )
    _set_phone(added, command.phone)
    if own_id is not None:
        _fill_in(db, added, patient.id, own_id)
    if not (added.name_en or added.name_ar):
        raise InvalidField("name_en", _NAME_NEEDED)
    patient.guardians.append(added)
    return added


def update_guardian(
    db: Session, guardian: Guardian, patient: Patient, command: UpdateGuardian, *, today: date, now: datetime
) -> Guardian:
    """Change a guardian from `locked_guardian`.

    Raises 409 `invalid-transition` where it has ended, and a 422 problem without any name.
    """
    _check_current(guardian)
    told = events.patient_data(patient)
    for name in ("relation", "name_en", "name_ar", "email", "language", "receives_messages"):
        value = getattr(command, name)
        if value is not UNSET:
            setattr(guardian, name, value)
    if command.phone is not UNSET:
        _set_phone(guardian, command.phone)
    if not (guardian.name_en or guardian.name_ar):
        raise InvalidField("name_en", _NAME_NEEDED)
    if command.primary is True and not guardian.is_primary:
        _step_back(db, patient)
        guardian.is_primary = True
    elif command.primary is False and guardian.is_primary:
        _step_back(db, patient)
    _store(db, patient, told, today, now)
    return guardian


def give_right(db: Session, guardian: Guardian, command: GiveRight, *, now: datetime) -> Guardian:
    """Give a guardian from `locked_guardian` a right to consent. Raises 409 `invalid-transition` where it has ended."""
    _check_current(guardian)
    guardian.rights.append(_right(command, now, context_of(db).actor))
    db.flush()
    return guardian


def end_guardian(
    db: Session, guardian: Guardian, patient: Patient, command: EndGuardian, *, today: date, now: datetime
) -> Guardian:
    """Let a guardian from `locked_guardian` speak for the patient no longer. Another one is told first from now on.

    Raises 409 `invalid-transition` where it has ended, and 422 for a day that is still to come.
    """
    _check_current(guardian)
    ended_on = command.ended_on or today
    if ended_on > today:
        raise InvalidField("ended_on", "Must not be in the future.")
    told = events.patient_data(patient)
    guardian.ended_on, guardian.end_reason = ended_on, command.reason
    db.flush()
    if guardian.is_primary and (others := record.current_guardians(patient)):
        others[0].is_primary = True
    _store(db, patient, told, today, now)
    return guardian


def locked_guardian(db: Session, guardian_id: UUID) -> tuple[Guardian, Patient]:
    """A guardian as it is once the patient's row is locked, until the transaction ends, and the patient. Raises 404."""
    found = queries.find_guardian(db, guardian_id)
    if found is None:
        raise NotFound("guardian")
    patient = locked_patient(db, found.patient_id)
    db.refresh(found)
    return found, patient


def _fill_in(db: Session, guardian: Guardian, patient_id: UUID, guardian_patient_id: UUID) -> None:
    """Take over from the guardian's own record what was not given; of a restricted record, the name alone."""
    if guardian_patient_id == patient_id:
        raise InvalidField("patient_id", "Must be another patient.")
    own = queries.find_patient(db, guardian_patient_id)
    if own is None:
        raise InvalidField("patient_id", "There is no such patient.")
    if not (guardian.name_en or guardian.name_ar):
        shown = record.display_names(own)
        guardian.name_en, guardian.name_ar = shown.en, shown.ar
    if own.restricted:
        return
    if guardian.phone is None and (phone := record.first_phone(own)) is not None:
        guardian.phone, guardian.phone_type = phone.number, phone.number_type
    guardian.email = guardian.email or own.email
    guardian.language = guardian.language or own.preferred_language


def _set_phone(guardian: Guardian, phone: Phone | None) -> None:
    guardian.phone = phone.number if phone else None
    guardian.phone_type = phone.number_type if phone else None


def _right(given: GiveRight, now: datetime, actor: str) -> GuardianRight:
    return GuardianRight(
        basis=given.basis,
        document=given.document,
        valid_from=given.valid_from,
        valid_to=given.valid_to,
        created_at=now,
        created_by=actor,
    )


def _step_back(db: Session, patient: Patient) -> None:
    """Nobody is told first; stored before somebody else is, because one at most may be."""
    for each in record.current_guardians(patient):
        each.is_primary = False
    db.flush()


def _check_current(guardian: Guardian) -> None:
    if guardian.ended_on is not None:
        raise AlreadyEnded


def _store(db: Session, patient: Patient, told: events.PatientTold, today: date, now: datetime) -> None:
    storing.store(db, patient, today)
    events.patient_updated(db, patient, told, now)
