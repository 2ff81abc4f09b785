"""Sign-off, and what a tenant asks for before it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from jalsa.db.projections import save
from jalsa.db.transactions import context_of
from patient_files import errors
from patient_files.encounters import events, queries, rules
from patient_files.encounters.commands import Correct, DecideSettings
from patient_files.encounters.operations import records
from patient_files.models import Encounter, EncounterSettings
from patient_files.timeline import operations as timeline

_ONLY_ROW = UUID(int=0)


def sign_off(db: Session, encounter: Encounter, *, now: datetime) -> Encounter:
    """Sign off an encounter that the caller has locked, and publish EncounterSignedOff.

    Raises 409 `encounter-signed-off`, and `sign-off-blocked` with what is missing.
    """
    if encounter.signed_off:
        raise errors.EncounterSignedOff
    blockers = []
    if encounter.status != rules.FINISHED:
        blockers.append("not-finished")
    if not encounter.documentation_complete and queries.sign_off_needs_documentation(db):
        blockers.append("documentation")
    if blockers:
        raise errors.SignOffBlocked(blockers)
    encounter.signed_off, encounter.signed_by, encounter.signed_at = True, context_of(db).actor, now
    encounter.updated_at = now
    db.flush()
    events.encounter_signed_off(db, encounter, now)
    timeline.tell_of_encounter(db, encounter, "ENCOUNTER_SIGNED_OFF", now)
    return encounter


def withdraw_sign_off(db: Session, encounter: Encounter, command: Correct, *, now: datetime) -> Encounter:
    """Take the sign-off back, so that the encounter can be changed. Raises 409 `invalid-transition` without one."""
    if not encounter.signed_off:
        raise errors.NotSignedOff
    encounter.signed_off, encounter.signed_by, encounter.signed_at = False, None, None
    encounter.correction_reason = command.reason
    return records.changed(db, encounter, now)


def decide_settings(db: Session, command: DecideSettings) -> None:
    """Store what a tenant decides about its encounters."""
    values = {"sign_off_needs_documentation": command.sign_off_needs_documentation}
    save(db, EncounterSettings, _ONLY_ROW, values)
