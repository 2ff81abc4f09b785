"""What scheduling publishes, and the few fields that it reads of what the others publish."""

from datetime import datetime
from typing import Any

from marshmallow import Schema, fields
from sqlalchemy.orm import Session

from jalsa.contracts import EventType, Fields, Stream
from jalsa.outbox import publish
from jalsa.web.fields import Instant
from scheduling.models import Clinic, ClinicalSession, Participant, Provider, Room


class _Clinic(Schema):
    id = fields.UUID(required=True)
    code = fields.String(required=True)
    name_en = fields.String(required=True)
    name_ar = fields.String(required=True)


class _Provider(Schema):
    id = fields.UUID(required=True)
    user_id = fields.String(required=True)
    name_en = fields.String(required=True)
    name_ar = fields.String(required=True)


class _Room(Schema):
    id = fields.UUID(required=True)
    name = fields.String(required=True)


class _Session(Schema):
    id = fields.UUID(required=True)
    number = fields.String(required=True)
    type = fields.String(required=True)
    starts_at = Instant(required=True)
    ends_at = Instant(required=True)
    duration_minutes = fields.Integer(required=True)
    timezone = fields.String(required=True)
    service_type = fields.String(required=True)
    discipline = fields.String(required=True)
    max_capacity = fields.Integer(required=True)


class _Package(Schema):
    id = fields.UUID(required=True)
    number = fields.String(required=True)
    session_number = fields.Integer(required=True)
    total_sessions = fields.Integer(required=True)


class ClinicSavedData(Schema):
    clinic_id = fields.UUID(required=True)
    code = fields.String(required=True)
    name_en = fields.String(required=True)
    name_ar = fields.String(required=True)
    timezone = fields.String(required=True)
    active = fields.Boolean(required=True)


class ProviderSavedData(Schema):
    provider_id = fields.UUID(required=True)
    user_id = fields.String(required=True)
    name_en = fields.String(required=True)
    name_ar = fields.String(required=True)
    discipline = fields.String(required=True)
    clinic_ids = fields.List(fields.UUID(), required=True)
    active = fields.Boolean(required=True)


class SessionScheduledData(Schema):
    session_id = fields.UUID(required=True)
    status = fields.String(required=True)
    session = fields.Nested(_Session(), required=True)
    clinic = fields.Nested(_Clinic(), required=True)
    provider = fields.Nested(_Provider(), required=True)
    room = fields.Nested(_Room(), required=True, allow_none=True)


class SessionCancelledData(Schema):
    session_id = fields.UUID(required=True)
    session_number = fields.String(required=True)
    cancelled_at = Instant(required=True)
    cancelled_by = fields.String(required=True)


class AppointmentBookedData(Schema):
    appointment_id = fields.UUID(required=True)
    appointment_number = fields.String(required=True)
    status = fields.String(required=True)
    patient_id = fields.UUID(required=True)
    booked_at = Instant(required=True)
    booked_by = fields.String(required=True)
    session = fields.Nested(_Session(), required=True)
    clinic = fields.Nested(_Clinic(), required=True)
    provider = fields.Nested(_Provider(), required=True)
    room = fields.Nested(_Room(), required=True, allow_none=True)
    package = fields.Nested(_Package(), required=True, allow_none=True)


class AppointmentConfirmedData(Schema):
    appointment_id = fields.UUID(required=True)
    appointment_number = fields.String(required=True)
    patient_id = fields.UUID(required=True)
    session_id = fields.UUID(required=True)
    confirmed_at = Instant(required=True)
    confirmed_by = fields.String(required=True)


class AppointmentCancelledData(Schema):
    """The reason stays here: it is free text, and may be clinical."""

    appointment_id = fields.UUID(required=True)
    appointment_number = fields.String(required=True)
    patient_id = fields.UUID(required=True)
    session_id = fields.UUID(required=True)
    cancelled_at = Instant(required=True)
    cancelled_by = fields.String(required=True)
    session_cancelled = fields.Boolean(required=True)


CLINIC_SAVED = EventType("scheduling", "clinic", "ClinicSaved", ClinicSavedData())
PROVIDER_SAVED = EventType("scheduling", "provider", "ProviderSaved", ProviderSavedData())
SESSION_SCHEDULED = EventType("scheduling", "session", "SessionScheduled", SessionScheduledData())
SESSION_CANCELLED = EventType("scheduling", "session", "SessionCancelled", SessionCancelledData())
APPOINTMENT_BOOKED = EventType("scheduling", "appointment", "AppointmentBooked", AppointmentBookedData())
APPOINTMENT_CONFIRMED = EventType("scheduling", "appointment", "AppointmentConfirmed", AppointmentConfirmedData())
APPOINTMENT_CANCELLED = EventType("scheduling", "appointment", "AppointmentCancelled", AppointmentCancelledData())
PUBLISHES = (
    CLINIC_SAVED,
    PROVIDER_SAVED,
    SESSION_SCHEDULED,
    SESSION_CANCELLED,
    APPOINTMENT_BOOKED,
    APPOINTMENT_CONFIRMED,
    APPOINTMENT_CANCELLED,
)


class PatientFields(Fields):
    patient_id = fields.UUID(required=True)
    file_number = fields.String(required=True)
    active = fields.Boolean(required=True)


class ClearanceFields(Fields):
    appointment_id = fields.UUID(required=True)
    cleared = fields.Boolean(required=True)


STREAMS = (
    Stream(
        "patient-files",
        "patient",
        reads={"PatientRegistered.v1": PatientFields(), "PatientUpdated.v1": PatientFields()},
        passes_over=frozenset({"PatientsMerged.v1", "ConsentStandingChanged.v1"}),
    ),
    Stream("billing", "clearance", reads={"FinancialClearanceChanged.v1": ClearanceFields()}),
)


def clinic_saved(db: Session, clinic: Clinic, now: datetime) -> None:
    """Publish ClinicSaved."""
    publish(db, CLINIC_SAVED, clinic.id, _clinic(clinic), now=now)


def provider_saved(db: Session, provider: Provider, now: datetime) -> None:
    """Publish ProviderSaved."""
    data = {
        "provider_id": provider.id,
        "user_id": provider.user_id,
        **_named(provider),
        "discipline": provider.discipline,
        "clinic_ids": provider.clinic_ids,
        "active": provider.active,
    }
    publish(db, PROVIDER_SAVED, provider.id, data, now=now)


def session_scheduled(db: Session, session: ClinicalSession, now: datetime) -> None:
    """Publish SessionScheduled."""
    data = {"session_id": session.id, "status": session.status, **_where_and_when(session)}
    publish(db, SESSION_SCHEDULED, session.id, data, now=now)


def session_cancelled(db: Session, session: ClinicalSession, now: datetime) -> None:
    """Publish SessionCancelled."""
    data = {
        "session_id": session.id,
        "session_number": session.session_number,
        "cancelled_at": session.cancelled_at,
        "cancelled_by": session.cancelled_by,
    }
    publish(db, SESSION_CANCELLED, session.id, data, now=now)


def appointment_booked(db: Session, participant: Participant, session: ClinicalSession, now: datetime) -> None:
    """Publish AppointmentBooked: all that the four other services need to do their part."""
    data = {
        **_appointment(participant),
        "status": participant.status,
        "booked_at": participant.booked_at,
        "booked_by": participant.booked_by,
        **_where_and_when(session),
        "package": None,
    }
    publish(db, APPOINTMENT_BOOKED, participant.id, data, now=now)


def appointment_confirmed(db: Session, participant: Participant, by: str, now: datetime) -> None:
    """Publish AppointmentConfirmed."""
    data = {
        **_appointment(participant),
        "session_id": participant.session_id,
        "confirmed_at": participant.confirmed_at,
        "confirmed_by": by,
    }
    publish(db, APPOINTMENT_CONFIRMED, participant.id, data, now=now)


def appointment_cancelled(db: Session, participant: Participant, *, session_cancelled: bool, now: datetime) -> None:
    """Publish AppointmentCancelled."""
    data = {
        **_appointment(participant),
        "session_id": participant.session_id,
        "cancelled_at": participant.cancelled_at,
        "cancelled_by": participant.cancelled_by,
        "session_cancelled": session_cancelled,
    }
    publish(db, APPOINTMENT_CANCELLED, participant.id, data, now=now)


def _appointment(participant: Participant) -> dict[str, Any]:
    return {
        "appointment_id": participant.id,
        "appointment_number": participant.appointment_number,
        "patient_id": participant.patient_id,
    }


def _where_and_when(session: ClinicalSession) -> dict[str, Any]:
    return {
        "session": {
            "id": session.id,
            "number": session.session_number,
            "type": session.session_type,
            "starts_at": session.starts_at,
            "ends_at": session.ends_at,
            "duration_minutes": session.duration_minutes,
            "timezone": session.clinic.timezone,
            "service_type": session.service_type.code,
            "discipline": session.service_type.discipline,
            "max_capacity": session.max_capacity,
        },
        "clinic": {"id": session.clinic_id, "code": session.clinic.code, **_named(session.clinic)},
        "provider": {
            "id": session.provider_id,
            "user_id": session.provider.user_id,
            **_named(session.provider),
        },
        "room": _room(session.room),
    }


def _named(thing: Clinic | Provider) -> dict[str, str]:
    return {"name_en": thing.name_en, "name_ar": thing.name_ar}


def _clinic(clinic: Clinic) -> dict[str, Any]:
    return {
        "clinic_id": clinic.id,
        "code": clinic.code,
        **_named(clinic),
        "timezone": clinic.timezone,
        "active": clinic.active,
    }


def _room(room: Room | None) -> dict[str, Any] | None:
    return {"id": room.id, "name": room.name} if room else None
