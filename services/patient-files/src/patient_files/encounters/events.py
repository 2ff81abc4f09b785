"""What is published of encounters: all but the clinical fields, and nobody's words."""

from datetime import datetime

from sqlalchemy.orm import Session

from jalsa.events.contracts import EventType
from jalsa.events.outbox import publish
from patient_files.events import catalogue
from patient_files.models import Encounter

_TOLD = tuple(name for name in catalogue.ENCOUNTER_OPENED.schema.fields if name != "encounter_id")


def encounter_opened(db: Session, encounter: Encounter, now: datetime) -> None:
    """Publish EncounterOpened."""
    _publish(db, catalogue.ENCOUNTER_OPENED, encounter, now)


def encounter_updated(db: Session, encounter: Encounter, now: datetime) -> None:
    """Publish EncounterUpdated: the whole of what the others may know, not the change."""
    _publish(db, catalogue.ENCOUNTER_UPDATED, encounter, now)


def encounter_closed(db: Session, encounter: Encounter, now: datetime) -> None:
    """Publish EncounterClosed."""
    _publish(db, catalogue.ENCOUNTER_CLOSED, encounter, now)


def encounter_signed_off(db: Session, encounter: Encounter, now: datetime) -> None:
    """Publish EncounterSignedOff."""
    _publish(db, catalogue.ENCOUNTER_SIGNED_OFF, encounter, now)


def _publish(db: Session, event: EventType, encounter: Encounter, now: datetime) -> None:
    data = {"encounter_id": encounter.id, **{name: getattr(encounter, name) for name in _TOLD}}
    publish(db, event, encounter.id, data, now=now)
