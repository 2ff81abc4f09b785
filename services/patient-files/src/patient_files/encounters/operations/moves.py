"""The moves of an encounter that a person makes: arrive, start, close, cancel."""

from datetime import datetime

from sqlalchemy.orm import Session

from jalsa.service.errors import InvalidField
from patient_files.encounters import events, rules
from patient_files.encounters.commands import CancelEncounter, MoveOn
from patient_files.encounters.operations import records
from patient_files.models import Encounter
from patient_files.timeline import operations as timeline


def arrive(db: Session, encounter: Encounter, command: MoveOn, *, now: datetime) -> Encounter:
    """The patient of a PLANNED encounter is here. Raises 409 `invalid-transition`, and 422 for the future."""
    at = _not_ahead(command, now)
    rules.ENCOUNTER.check(encounter.status, rules.ARRIVED)
    encounter.status, encounter.started_at = rules.ARRIVED, at
    return records.changed(db, encounter, now)


def start(db: Session, encounter: Encounter, command: MoveOn, *, now: datetime) -> Encounter:
    """The provider begins. One that was only planned starts then. Raises 409 `invalid-transition`, 422."""
    at = _not_ahead(command, now)
    rules.ENCOUNTER.check(encounter.status, rules.IN_PROGRESS)
    if encounter.status == rules.PLANNED:
        encounter.started_at = at
    encounter.status = rules.IN_PROGRESS
    return records.changed(db, encounter, now)


def close(db: Session, encounter: Encounter, command: MoveOn, *, now: datetime) -> Encounter:
    """The encounter has ended, and EncounterClosed is published; one that has ARRIVED is started by it as well.

    Raises 409 `encounter-signed-off` and `invalid-transition`; 422 for an end in the future, or before the start.
    """
    records.check_changeable(encounter)
    at = _not_ahead(command, now)
    if command.at is not None and at < encounter.started_at:
        raise InvalidField("at", "Must not be before the start.")
    return finish(db, encounter, at, now=now)


def finish(db: Session, encounter: Encounter, at: datetime, *, now: datetime) -> Encounter:
    """Let an encounter end, and publish EncounterClosed. Raises 409 `invalid-transition`."""
    if encounter.status == rules.ARRIVED:
        rules.ENCOUNTER.check(encounter.status, rules.IN_PROGRESS)
        encounter.status = rules.IN_PROGRESS
    rules.ENCOUNTER.check(encounter.status, rules.FINISHED)
    encounter.status, encounter.ended_at = rules.FINISHED, rules.end_of(encounter.started_at, at)
    encounter.updated_at = now
    db.flush()
    events.encounter_closed(db, encounter, now)
    timeline.tell_of_encounter(db, encounter, "ENCOUNTER_CLOSED", encounter.ended_at)
    return encounter


def cancel(db: Session, encounter: Encounter, command: CancelEncounter, *, now: datetime) -> Encounter:
    """The encounter does not take place. Raises 409 `invalid-transition`."""
    rules.ENCOUNTER.check(encounter.status, rules.CANCELLED)
    encounter.correction_reason = command.reason
    return records.cancelled(db, encounter, now)


def _not_ahead(command: MoveOn, now: datetime) -> datetime:
    if command.at is not None and command.at > now:
        raise InvalidField("at", "Must not be in the future.")
    return command.at or now
