"""The few fields that patient files read of what other services publish."""

from datetime import datetime
from uuid import UUID

from jalsa.events.contracts import Stream
from jalsa.events.data import Data, ZoneName
from jalsa.service.commands import UNSET, Unset


class ClinicSaved(Data):
    """What patient files read of ClinicSaved. `timezone` is an IANA name."""

    clinic_id: UUID
    code: str
    name_en: str
    name_ar: str
    timezone: ZoneName
    active: bool


class ProviderSaved(Data):
    """What patient files read of ProviderSaved."""

    provider_id: UUID
    user_id: str
    name_en: str
    name_ar: str
    active: bool


class BookedSession(Data):
    """What patient files read of an appointment's session."""

    starts_at: datetime
    id: UUID | Unset = UNSET
    timezone: ZoneName | Unset = UNSET
    service_type: str | Unset = UNSET


class BookedClinic(Data):
    """Where an appointment takes place."""

    id: UUID
    code: str


class BookedProvider(Data):
    """With whom a patient has an appointment."""

    id: UUID


class BookedRoom(Data):
    """The room of an appointment."""

    id: UUID
    name: str


class AppointmentPlaced(Data):
    """What patient files read of AppointmentBooked and AppointmentRescheduled. A move does not say who had booked."""

    appointment_id: UUID
    appointment_number: str
    status: str
    patient_id: UUID
    booked_by: str | Unset = UNSET
    session: BookedSession
    clinic: BookedClinic
    provider: BookedProvider
    room: BookedRoom | None


class AppointmentChanged(Data):
    """What patient files read of an event that itself says what has become of an appointment."""

    appointment_id: UUID


class AppointmentArrived(AppointmentChanged):
    """What patient files read of AppointmentArrived."""

    arrived_at: datetime


class AppointmentAttended(AppointmentChanged):
    """What patient files read of AppointmentAttended."""

    attended_at: datetime


class AppointmentCorrected(AppointmentChanged):
    """What patient files read of AppointmentCorrected."""

    to_status: str


class NoteSaid(Data):
    """What patient files read of an event of a note. `participant_id` is an appointment, or None for a group's note.

    Events of earlier versions say neither `kind` nor `documentation_complete`.
    """

    note_id: UUID
    session_id: UUID
    participant_id: UUID | None
    scope: str
    kind: str | None = None
    documentation_complete: bool | None = None


class InvoiceIssued(Data):
    """What patient files read of InvoiceIssued."""

    invoice_id: UUID
    appointment_id: UUID
    patient_id: UUID


class InvoiceChanged(Data):
    """What patient files read of an event that itself says what has become of an invoice."""

    invoice_id: UUID


STREAMS = (
    Stream("scheduling", "clinic", reads={"ClinicSaved.v1": ClinicSaved}),
    Stream("scheduling", "provider", reads={"ProviderSaved.v1": ProviderSaved}),
    Stream(
        "scheduling",
        "appointment",
        reads={
            "AppointmentBooked.v1": AppointmentPlaced,
            "AppointmentConfirmed.v1": AppointmentChanged,
            "AppointmentRescheduled.v1": AppointmentPlaced,
            "AppointmentArrived.v1": AppointmentArrived,
            "AppointmentAttended.v1": AppointmentAttended,
            "AppointmentNoShow.v1": AppointmentChanged,
            "AppointmentCancelled.v1": AppointmentChanged,
            "AppointmentCorrected.v1": AppointmentCorrected,
        },
    ),
    Stream("clinical-notes", "note", reads={"NoteSigned.v1": NoteSaid}),
    Stream(
        "billing",
        "invoice",
        reads={
            "InvoiceIssued.v1": InvoiceIssued,
            "InvoicePaid.v1": InvoiceChanged,
            "InvoiceVoided.v1": InvoiceChanged,
        },
        # the timeline tells when an invoice was paid, and not of each payment
        ignores=frozenset({"PaymentRecorded.v1"}),
    ),
)
