"""Sign-off, and what a tenant asks for before it."""

from datetime import datetime

from sqlalchemy.orm import Session

from jalsa.db.transactions import context_of
from patient_files import errors
from patient_files.encounters import events, rules
from patient_files.encounters.commands import Correct
from patient_files.encounters.operations import records
from patient_files.models import Encounter
from patient_files.settings import queries as settings
from patient_files.timeline import operations as timeline


def sign_off(db: Session, encounter: Encounter, *, now: datetime) -> Encounter:
    """Sign off an encounter that the caller has locked, and publish EncounterSignedOff.

    Raises 409 `encounter-signed-off`, and `sign-off-blocked` with what is missing.
    """
    if encounter.signed_off:
        raise errors.EncounterSignedOff
    blockers = []
    if encounter.status != rules.FINISHED:
        blockers.append("not-finished")
    if not encounter.documentation_complete and settings.settings(db).sign_off_needs_documentation:
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
