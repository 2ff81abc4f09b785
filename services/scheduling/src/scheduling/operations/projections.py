"""What scheduling keeps of patients and clearance, as their owners announce it."""

from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from scheduling.models import ClearanceProjection, PatientProjection


def save_patient(db: Session, patient_id: UUID, *, file_number: str, active: bool) -> None:
    """Store or replace a patient's projection."""
    values = {"file_number": file_number, "active": active}
    db.execute(
        insert(PatientProjection)
        .values(id=patient_id, **values)
        .on_conflict_do_update(index_elements=["tenant_id", "id"], set_=values)
    )


def set_clearance(db: Session, appointment_id: UUID, *, cleared: bool) -> None:
    """Store whether billing has cleared an appointment."""
    db.execute(
        insert(ClearanceProjection)
        .values(id=appointment_id, cleared=cleared)
        .on_conflict_do_update(index_elements=["tenant_id", "id"], set_={"cleared": cleared})
    )
