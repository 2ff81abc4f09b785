"""What billing keeps of others' data, stored as their owners announce it."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from billing.models import PatientProjection


def save_patient(db: Session, data: Mapping[str, Any]) -> None:
    """Store or replace a patient's projection; `data` is what PatientRegistered and PatientUpdated say."""
    values = {name: value for name, value in data.items() if name != "patient_id"}
    db.execute(
        insert(PatientProjection)
        .values(id=data["patient_id"], **values)
        .on_conflict_do_update(index_elements=["id"], set_=values)
    )
