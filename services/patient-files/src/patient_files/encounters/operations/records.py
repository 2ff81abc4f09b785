"""How an encounter's row is found for a change, made, and given a new version of its clinical text."""

from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from jalsa.db.numbers import sequence_number
from jalsa.db.transactions import context_of
from jalsa.service.errors import NotFound
from patient_files import errors
from patient_files.encounters import events, queries, rules
from patient_files.models import Encounter, EncounterText
from patient_files.timeline import operations as timeline


def locked(db: Session, encounter_id: UUID) -> Encounter:
    """An encounter as it is once its row is locked, until the transaction ends. Raises 404."""
    encounter = queries.find_encounter(db, encounter_id, lock=True)
    if encounter is None:
        raise NotFound("encounter")
    return encounter


def check_changeable(encounter: Encounter) -> None:
    """Raises 409 for an encounter that is signed off, or was entered in error."""
    if encounter.signed_off:
        raise errors.EncounterSignedOff
    if encounter.status == rules.ENTERED_IN_ERROR:
        raise errors.EncounterInError


def store(db: Session, encounter: Encounter, zone: str, now: datetime) -> Encounter:
    """Store a new encounter with its number, whose year is that of `now` in an IANA zone; publish EncounterOpened."""
    # the database makes the number while the row is stored, without another round trip
    encounter.encounter_number = sequence_number("ENC", now.astimezone(ZoneInfo(zone)).year)
    encounter.created_at = encounter.updated_at = now
    encounter.created_by = context_of(db).actor
    db.add(encounter)
    db.flush()
    events.encounter_opened(db, encounter, now)
    began = now if encounter.status == rules.PLANNED else encounter.started_at
    timeline.tell_of_encounter(db, encounter, "ENCOUNTER_OPENED", began)
    return encounter


def write_text(db: Session, encounter: Encounter, complaint: str | None, reason: str | None, now: datetime) -> None:
    """Store a version of the clinical text; the encounter itself keeps its number and its hash only."""
    version = encounter.text_version + 1
    encounter.text_version = version
    encounter.text_sha256 = rules.text_hash(encounter.id, version, complaint, reason)
    db.flush()
    written = EncounterText(
        encounter_id=encounter.id,
        version=version,
        chief_complaint=complaint,
        reason_for_visit=reason,
        written_at=now,
        written_by=context_of(db).actor,
    )
    db.add(written)
    db.flush()


def changed(db: Session, encounter: Encounter, now: datetime, *, told: str | None = None) -> Encounter:
    """Store what was changed of an encounter, and publish EncounterUpdated; `told` is what the timeline tells of it."""
    encounter.updated_at = now
    db.flush()
    events.encounter_updated(db, encounter, now)
    if told is not None:
        timeline.tell_of_encounter(db, encounter, told, now)
    return encounter


def cancelled(db: Session, encounter: Encounter, now: datetime) -> Encounter:
    """Store that an encounter does not take place."""
    encounter.status = rules.CANCELLED
    return changed(db, encounter, now, told="ENCOUNTER_CANCELLED")


def in_error(db: Session, encounter: Encounter, now: datetime) -> Encounter:
    """Store that an encounter should never have been stored."""
    encounter.status = rules.ENTERED_IN_ERROR
    return changed(db, encounter, now, told="ENCOUNTER_ENTERED_IN_ERROR")
