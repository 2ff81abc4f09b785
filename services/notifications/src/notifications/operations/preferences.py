"""A patient's preferences."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from notifications.models import PatientProjection, Preferences


def replace(db: Session, patient: PatientProjection, data: Mapping[str, Any]) -> None:
    """Store a patient's preferences in place of what was; the patient's row is locked by the caller."""
    preferences = db.get(Preferences, patient.id) or Preferences(id=patient.id)
    for name, value in data.items():
        setattr(preferences, name, value)
    db.add(preferences)
    db.flush()
