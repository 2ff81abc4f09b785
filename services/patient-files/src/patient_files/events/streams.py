"""The few fields that patient files read of what other services publish."""

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
    """What patient files read of an appointment's session; `timezone` is an IANA name."""

    starts_at: datetime
    id: UUID | None = None
    timezone: str | None = None
    service_type: str | None = None


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
class BookedRoom:
    """The room of an appointment."""

    id: UUID
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AppointmentPlaced:
    """What patient files read of AppointmentBooked and AppointmentRescheduled; the latter has no `booked_by`."""

    appointment_id: UUID
    appointment_number: str
    status: str
    patient_id: UUID
    session: BookedSession
    clinic: BookedClinic
    provider: BookedProvider
    room: BookedRoom | None
    booked_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AppointmentChanged:
    """What patient files read of an event that itself says what has become of an appointment."""

    appointment_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class AppointmentArrived:
    """What patient files read of AppointmentArrived."""

    appointment_id: UUID
    arrived_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AppointmentAttended:
    """What patient files read of AppointmentAttended."""

    appointment_id: UUID
    attended_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AppointmentCorrected:
    """What patient files read of AppointmentCorrected."""

    appointment_id: UUID
    to_status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteSaid:
    """What patient files read of an event of a note; `participant_id` is an appointment, or None for a group's note.

    Events of earlier versions say neither `kind` nor `documentation_complete`.
    """

    note_id: UUID
    session_id: UUID
    participant_id: UUID | None
    scope: str
    kind: str | None = None
    documentation_complete: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceIssued:
    """What patient files read of InvoiceIssued."""

    invoice_id: UUID
    appointment_id: UUID
    patient_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceChanged:
    """What patient files read of an event that itself says what has become of an invoice."""

    invoice_id: UUID


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
    id = fields.UUID()
    timezone = Zone()
    service_type = fields.String()


class _BookedClinic(Fields):
    into = BookedClinic

    id = fields.UUID(required=True)
    code = fields.String(required=True)


class _BookedProvider(Fields):
    into = BookedProvider

    id = fields.UUID(required=True)


class _BookedRoom(Fields):
    into = BookedRoom

    id = fields.UUID(required=True)
    name = fields.String(required=True)


class PlacementFields(Fields):
    into = AppointmentPlaced

    appointment_id = fields.UUID(required=True)
    appointment_number = fields.String(required=True)
    status = fields.String(required=True)
    patient_id = fields.UUID(required=True)
    session = fields.Nested(_BookedSession(), required=True)
    clinic = fields.Nested(_BookedClinic(), required=True)
    provider = fields.Nested(_BookedProvider(), required=True)
    room = fields.Nested(_BookedRoom(), required=True, allow_none=True)
    booked_by = fields.String()


class AppointmentFields(Fields):
    into = AppointmentChanged

    appointment_id = fields.UUID(required=True)


class ArrivedFields(Fields):
    into = AppointmentArrived

    appointment_id = fields.UUID(required=True)
    arrived_at = Instant(required=True)


class AttendedFields(Fields):
    into = AppointmentAttended

    appointment_id = fields.UUID(required=True)
    attended_at = Instant(required=True)


class CorrectedFields(Fields):
    into = AppointmentCorrected

    appointment_id = fields.UUID(required=True)
    to_status = fields.String(required=True)


class NoteFields(Fields):
    into = NoteSaid

    note_id = fields.UUID(required=True)
    session_id = fields.UUID(required=True)
    participant_id = fields.UUID(required=True, allow_none=True)
    scope = fields.String(required=True)
    kind = fields.String(allow_none=True)
    documentation_complete = fields.Boolean(allow_none=True)


class IssuedFields(Fields):
    into = InvoiceIssued

    invoice_id = fields.UUID(required=True)
    appointment_id = fields.UUID(required=True)
    patient_id = fields.UUID(required=True)


class InvoiceFields(Fields):
    into = InvoiceChanged

    invoice_id = fields.UUID(required=True)


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
            "AppointmentArrived.v1": ArrivedFields(),
            "AppointmentAttended.v1": AttendedFields(),
            "AppointmentNoShow.v1": AppointmentFields(),
            "AppointmentCancelled.v1": AppointmentFields(),
            "AppointmentCorrected.v1": CorrectedFields(),
        },
    ),
    Stream("clinical-notes", "note", reads={"NoteSigned.v1": NoteFields()}),
    Stream(
        "billing",
        "invoice",
        reads={
            "InvoiceIssued.v1": IssuedFields(),
            "InvoicePaid.v1": InvoiceFields(),
            "InvoiceVoided.v1": InvoiceFields(),
        },
        # the timeline tells when an invoice was paid, and not of each payment
        ignores=frozenset({"PaymentRecorded.v1"}),
    ),
)
