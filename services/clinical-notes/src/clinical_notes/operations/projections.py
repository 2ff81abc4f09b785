"""What clinical-notes keeps of sessions, participants, providers, clinics and patients, as their owners announce it.

Events of different subjects come in any order. Each record follows the stream of its own subject; where a stream of
another subject brings it first, it is only anticipated: what is known stays as it is.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from clinical_notes.models import (
    ClinicProjection,
    ParticipantProjection,
    PatientProjection,
    ProviderProjection,
    SessionProjection,
)
from jalsa.db.projections import save, save_if_unknown, set_status


def save_clinic(db: Session, data: Mapping[str, Any]) -> None:
    """Store or replace a clinic."""
    values = {**_only(data, "code", "name_en", "name_ar"), "timezone": data.get("timezone")}
    save(db, ClinicProjection, data["clinic_id"], values)


def save_provider(db: Session, data: Mapping[str, Any]) -> None:
    """Store or replace a provider."""
    save(db, ProviderProjection, data["provider_id"], _only(data, "name_en", "name_ar"))


def save_patient(db: Session, data: Mapping[str, Any]) -> None:
    """Store or replace a patient."""
    save(db, PatientProjection, data["patient_id"], _only(data, "file_number", "active"))


def save_session(db: Session, data: Mapping[str, Any]) -> None:
    """Store a session as its own stream tells it, over what an appointment may have told before.

    Its status is left as it is: only the session's later events change it.
    """
    save(db, SessionProjection, data["session"]["id"], _session(data), first={"status": "SCHEDULED"})


def expect_session(db: Session, data: Mapping[str, Any]) -> None:
    """Store a session from what one of its appointments tells, unless it is known: a cancelled one stays cancelled."""
    save_if_unknown(db, SessionProjection, data["session"]["id"], {**_session(data), "status": "SCHEDULED"})


def set_session_status(db: Session, session_id: UUID, status: str) -> None:
    """Store what has become of a session."""
    set_status(db, SessionProjection, session_id, status)


def save_participant(db: Session, data: Mapping[str, Any]) -> None:
    """Store a participant, or move it to another session; that session must be known."""
    values = {"session_id": data["session"]["id"], **_only(data, "appointment_number", "patient_id", "status")}
    save(db, ParticipantProjection, data["appointment_id"], values)


def set_participant_status(db: Session, participant_id: UUID, status: str) -> None:
    """Store what has become of a participant."""
    set_status(db, ParticipantProjection, participant_id, status)


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
