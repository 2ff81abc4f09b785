"""What is published of merges."""

from datetime import datetime

from sqlalchemy.orm import Session

from jalsa.db.transactions import context_of
from jalsa.events.contracts import EventType
from jalsa.events.outbox import publish
from patient_files.events import catalogue
from patient_files.models import Patient


def patients_merged(db: Session, loser: Patient, survivor: Patient, now: datetime) -> None:
    """Publish PatientsMerged, on the loser's subject."""
    _publish(db, catalogue.PATIENTS_MERGED, loser, survivor, now)


def patients_unmerged(db: Session, loser: Patient, survivor: Patient, now: datetime) -> None:
    """Publish PatientsUnmerged, on the loser's subject."""
    _publish(db, catalogue.PATIENTS_UNMERGED, loser, survivor, now)


def _publish(db: Session, event: EventType, loser: Patient, survivor: Patient, now: datetime) -> None:
    data = {
        "loser_id": loser.id,
        "survivor_id": survivor.id,
        "loser_file_number": loser.file.file_number,
        "survivor_file_number": survivor.file.file_number,
        "at": now,
        "by": context_of(db).actor,
    }
    publish(db, event, loser.id, data, now=now)
