"""The locks under which a session is placed: sorted, so that two bookings never wait for each other in a circle."""

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(key, 0)) FROM unnest(CAST(:keys AS text[])) AS key")


# Whoever waits here for a patient who is not known yet keeps nobody from anything but that patient.
_LOCK_PATIENT = text("""
    SELECT held, patients.active
    FROM (SELECT pg_advisory_xact_lock(hashtextextended('patient:' || :id, 0))) AS held
    LEFT JOIN patients ON patients.id = CAST(:id AS uuid)
""")


def lock_patient(db: Session, patient_id: UUID) -> bool | None:
    """Keep everybody else from booking a patient; a patient's lock comes before every provider's and room's.

    Returns whether the patient is active, None where nothing is known of one.
    """
    active: bool | None = db.execute(_LOCK_PATIENT, {"id": str(patient_id)}).one().active
    return active


def lock(db: Session, *, providers: Iterable[UUID], rooms: Iterable[UUID]) -> None:
    """Keep everybody else from booking these until the transaction ends (promise P1)."""
    keys = [f"provider:{p}" for p in providers] + [f"room:{r}" for r in rooms]
    db.execute(_LOCK, {"keys": sorted(keys)})
