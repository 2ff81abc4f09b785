"""The few fields that patient files read of what scheduling publishes."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from marshmallow import fields

from jalsa.events.contracts import Fields, Stream
from jalsa.http.fields import Instant, Zone


@dataclass(frozen=True, slots=True, kw_only=True)
class ClinicSaved:
    """What patient files read of ClinicSaved; `timezone` is an IANA name."""

    clinic_id: UUID
    code: str
    name_en: str
    name_ar: str
    timezone: str
    active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSaved:
    """What patient files read of ProviderSaved."""

    provider_id: UUID
    user_id: str
    name_en: str
    name_ar: str
    active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BookedSession:
    """What patient files read of an appointment's session."""

    starts_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BookedClinic:
    """Where an appointment takes place."""

    id: UUID
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BookedProvider:
    """With whom a patient has an appointment."""

    id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class AppointmentPlaced:
    """What patient files read of AppointmentBooked and AppointmentRescheduled."""

    appointment_id: UUID
    appointment_number: str
    status: str
    patient_id: UUID
    session: BookedSession
    clinic: BookedClinic
    provider: BookedProvider


@dataclass(frozen=True, slots=True, kw_only=True)
class AppointmentChanged:
    """What patient files read of an event that itself says what has become of an appointment."""

    appointment_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class AppointmentCorrected:
    """What patient files read of AppointmentCorrected."""

    appointment_id: UUID
    to_status: str


class ClinicFields(Fields):
    into = ClinicSaved

    clinic_id = fields.UUID(required=True)
    code = fields.String(required=True)
    name_en = fields.String(required=True)
    name_ar = fields.String(required=True)
    timezone = Zone(required=True)
    active = fields.Boolean(required=True)


class ProviderFields(Fields):
    into = ProviderSaved

    provider_id = fields.UUID(required=True)
    user_id = fields.String(required=True)
    name_en = fields.String(required=True)
    name_ar = fields.String(required=True)
    active = fields.Boolean(required=True)


class _BookedSession(Fields):
    into = BookedSession

    starts_at = Instant(required=True)


class _BookedClinic(Fields):
    into = BookedClinic

    id = fields.UUID(required=True)
    code = fields.String(required=True)


class _BookedProvider(Fields):
    into = BookedProvider

    id = fields.UUID(required=True)


class PlacementFields(Fields):
    into = AppointmentPlaced

    appointment_id = fields.UUID(required=True)
    appointment_number = fields.String(required=True)
    status = fields.String(required=True)
    patient_id = fields.UUID(required=True)
    session = fields.Nested(_BookedSession(), required=True)
    clinic = fields.Nested(_BookedClinic(), required=True)
    provider = fields.Nested(_BookedProvider(), required=True)


class AppointmentFields(Fields):
    into = AppointmentChanged

    appointment_id = fields.UUID(required=True)


class CorrectedFields(Fields):
    into = AppointmentCorrected

    appointment_id = fields.UUID(required=True)
    to_status = fields.String(required=True)


STREAMS = (
    Stream("scheduling", "clinic", reads={"ClinicSaved.v1": ClinicFields()}),
    Stream("scheduling", "provider", reads={"ProviderSaved.v1": ProviderFields()}),
    Stream(
        "scheduling",
        "appointment",
        reads={
            "AppointmentBooked.v1": PlacementFields(),
            "AppointmentConfirmed.v1": AppointmentFields(),
            "AppointmentRescheduled.v1": PlacementFields(),
            "AppointmentArrived.v1": AppointmentFields(),
            "AppointmentAttended.v1": AppointmentFields(),
            "AppointmentNoShow.v1": AppointmentFields(),
            "AppointmentCancelled.v1": AppointmentFields(),
            "AppointmentCorrected.v1": CorrectedFields(),
        },
    ),
)
