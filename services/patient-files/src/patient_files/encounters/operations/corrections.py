"""What was a mistake: an encounter that never was, another patient's, or one that was opened twice."""

from datetime import datetime

from sqlalchemy.orm import Session

from jalsa.db.aliases import survivor_of
from jalsa.service.errors import InvalidField
from patient_files import errors
from patient_files.encounters import queries, rules
from patient_files.encounters.commands import Correct, MergeEncounter, MoveToPatient
from patient_files.encounters.operations import records
from patient_files.models import Encounter
from patient_files.patients import queries as patients
from patient_files.timeline import operations as timeline


def enter_in_error(db: Session, encounter: Encounter, command: Correct, *, now: datetime) -> Encounter:
    """Say that an encounter should never have been stored; its appointment may get another one.

    Raises 409 `encounter-signed-off`, and `invalid-transition` where it was said already.
    """
    records.check_changeable(encounter)
    rules.ENCOUNTER.check(encounter.status, rules.ENTERED_IN_ERROR)
    encounter.correction_reason = command.reason
    return records.in_error(db, encounter, now)


def move_to_patient(db: Session, encounter: Encounter, command: MoveToPatient, *, now: datetime) -> Encounter:
    """Give an encounter to the patient whose it is; what refers to it goes along.

    Raises 409 `encounter-signed-off`, `invalid-transition` for one in error; 422 `unknown-patient`, and for the
    encounter of an appointment, whose patient scheduling knows.
    """
    records.check_changeable(encounter)
    if encounter.appointment_id is not None:
        raise InvalidField("patient_id", "The encounter belongs to an appointment of the patient.")
    patient_id = survivor_of(db, command.patient_id)
    if patients.find_patient(db, patient_id) is None:
        raise errors.UnknownPatient
    timeline.move_encounter(db, encounter.id, encounter.patient_id, patient_id)
    encounter.patient_id, encounter.correction_reason = patient_id, command.reason
    return records.changed(db, encounter, now)


def merge(db: Session, encounter: Encounter, command: MergeEncounter, *, now: datetime) -> Encounter:
    """Let an encounter be read as another one of the same patient, `into`.

    The rows of both are locked by the caller, in the order of their ids. No reference is moved: those of the merged one
    are read through `replaced_by`. Raises 409 `encounter-signed-off`, `invalid-transition` for one in error, and
    `encounter-merge-refused`.
    """
    records.check_changeable(encounter)
    survivor = queries.find_encounter(db, command.into)
    if survivor is None:
        raise InvalidField("into", "There is no such encounter.")
    other_patient = survivor_of(db, survivor.patient_id) != survivor_of(db, encounter.patient_id)
    if survivor.id == encounter.id or survivor.status == rules.ENTERED_IN_ERROR or other_patient:
        raise errors.EncounterMergeRefused
    encounter.correction_reason, encounter.replaced_by = command.reason, survivor.id
    return records.in_error(db, encounter, now)
