"""What clinical-notes keeps of sessions, participants, providers, clinics and patients, as their owners announce it.

Events of different subjects come in any order. Each record follows the stream of its own subject. Where a stream of
another subject brings a record first, it is only anticipated, and what is known stays as it is.
"""

from uuid import UUID

from sqlalchemy.orm import Session

from clinical_notes import events
from clinical_notes.models import (
    ClinicProjection,
    ParticipantProjection,
    PatientProjection,
    ProviderProjection,
    SessionProjection,
)
from jalsa.db.projections import save, save_if_unknown, set_status


def save_clinic(db: Session, clinic: events.ClinicSaved) -> None:
    """Store or replace a clinic."""
    values = {"code": clinic.code, **_names(clinic), "timezone": clinic.timezone}
    save(db, ClinicProjection, clinic.clinic_id, values)


def save_provider(db: Session, provider: events.ProviderSaved) -> None:
    """Store or replace a provider."""
    save(db, ProviderProjection, provider.provider_id, _names(provider))


def save_patient(db: Session, patient: events.PatientSaved) -> None:
    """Store or replace a patient."""
    values = {"file_number": patient.file_number, "active": patient.active}
    save(db, PatientProjection, patient.patient_id, values)


def save_session(db: Session, placed: events.SessionPlacement) -> None:
    """Store a session as its own stream tells it, over what an appointment may have told before.

    Its status is left as it is, because only the session's later events change it.
    """
    save(db, SessionProjection, placed.session.id, _session(placed), first={"status": "SCHEDULED"})


def expect_session(db: Session, placed: events.SessionPlacement) -> None:
    """Store a session from what one of its appointments tells, unless it is known. A cancelled one stays cancelled."""
    save_if_unknown(db, SessionProjection, placed.session.id, {**_session(placed), "status": "SCHEDULED"})


def set_session_status(db: Session, session_id: UUID, status: str) -> None:
    """Store what has become of a session. Its appointments announce their own status."""
    set_status(db, SessionProjection, session_id, status)


def save_participant(db: Session, placed: events.AppointmentPlacement) -> None:
    """Store a participant, or move it to another session. That session must be known."""
    values = {
        "session_id": placed.session.id,
        "appointment_number": placed.appointment_number,
        "patient_id": placed.patient_id,
        "status": placed.status,
    }
    save(db, ParticipantProjection, placed.appointment_id, values)


def set_participant_status(db: Session, participant_id: UUID, status: str) -> None:
    """Store what has become of a participant."""
    set_status(db, ParticipantProjection, participant_id, status)


def _session(placed: events.SessionPlacement) -> dict[str, object]:
    session = placed.session
    return {
        "session_number": session.number,
        "session_type": session.type,
        "discipline": session.discipline,
        "starts_at": session.starts_at,
        "ends_at": session.ends_at,
        "timezone": session.timezone,
        "clinic_id": placed.clinic.id,
        "provider_id": placed.provider.id,
    }


def _names(named: events.ClinicSaved | events.ProviderSaved) -> dict[str, str]:
    return {"name_en": named.name_en, "name_ar": named.name_ar}
