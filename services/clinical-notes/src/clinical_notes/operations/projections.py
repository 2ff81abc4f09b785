"""What clinical-notes keeps of sessions, participants, providers, clinics and patients, as their owners announce it.

Events of different subjects come in any order. Each record follows the stream of its own subject; where a stream of
another subject brings it first, it is only anticipated: what is known stays as it is.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from clinical_notes.models import (
    ClinicProjection,
    ParticipantProjection,
    PatientProjection,
    ProviderProjection,
    SessionProjection,
)
from jalsa.db.transactions import TenantRow


def save_clinic(db: Session, data: Mapping[str, Any]) -> None:
    """Store or replace a clinic."""
    values = {**_only(data, "code", "name_en", "name_ar"), "timezone": data.get("timezone")}
    _save(db, ClinicProjection, data["clinic_id"], values)


def save_provider(db: Session, data: Mapping[str, Any]) -> None:
    """Store or replace a provider."""
    _save(db, ProviderProjection, data["provider_id"], _only(data, "name_en", "name_ar"))


def save_patient(db: Session, data: Mapping[str, Any]) -> None:
    """Store or replace a patient."""
    _save(db, PatientProjection, data["patient_id"], _only(data, "file_number", "active"))


def save_session(db: Session, data: Mapping[str, Any]) -> None:
    """Store a session as its own stream tells it, over what an appointment may have told before.

    Its status is left as it is: only the session's later events change it.
    """
    values = _session(data)
    db.execute(
        insert(SessionProjection)
        .values(id=data["session"]["id"], status="SCHEDULED", **values)
        .on_conflict_do_update(index_elements=["tenant_id", "id"], set_=values)
    )


def expect_session(db: Session, data: Mapping[str, Any]) -> None:
    """Store a session from what one of its appointments tells, unless it is known: a cancelled one stays cancelled."""
    db.execute(
        insert(SessionProjection)
        .values(id=data["session"]["id"], status="SCHEDULED", **_session(data))
        .on_conflict_do_nothing(index_elements=["tenant_id", "id"])
    )


def set_session_status(db: Session, session_id: UUID, status: str) -> None:
    """Store what has become of a session."""
    db.execute(update(SessionProjection).where(SessionProjection.id == session_id).values(status=status))


def save_participant(db: Session, data: Mapping[str, Any]) -> None:
    """Store a participant, or move it to another session; that session must be known."""
    values = {"session_id": data["session"]["id"], **_only(data, "appointment_number", "patient_id", "status")}
    _save(db, ParticipantProjection, data["appointment_id"], values)


def set_participant_status(db: Session, participant_id: UUID, status: str) -> None:
    """Store what has become of a participant."""
    db.execute(update(ParticipantProjection).where(ParticipantProjection.id == participant_id).values(status=status))


def _session(data: Mapping[str, Any]) -> dict[str, Any]:
    session = data["session"]
    return {
        "session_number": session["number"],
        "session_type": session["type"],
        **_only(session, "discipline", "starts_at", "ends_at", "timezone"),
        "clinic_id": data["clinic"]["id"],
        "provider_id": data["provider"]["id"],
    }


def _only(data: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: data[name] for name in names}


def _save(db: Session, kind: type[TenantRow], record_id: UUID, values: dict[str, Any]) -> None:
    db.execute(
        insert(kind)
        .values(id=record_id, **values)
        .on_conflict_do_update(index_elements=["tenant_id", "id"], set_=values)
    )
