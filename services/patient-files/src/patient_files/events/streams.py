"""The few fields that patient files read of what scheduling publishes."""

from datetime import datetime
from uuid import UUID

from jalsa.events.contracts import Stream
from jalsa.events.data import Data, ZoneName


class ClinicSaved(Data):
    """What patient files read of ClinicSaved; `timezone` is an IANA name."""

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


class BookedClinic(Data):
    """Where an appointment takes place."""

    id: UUID
    code: str


class BookedProvider(Data):
    """With whom a patient has an appointment."""

    id: UUID


class AppointmentPlaced(Data):
    """What patient files read of AppointmentBooked and AppointmentRescheduled."""

    appointment_id: UUID
    appointment_number: str
    status: str
    patient_id: UUID
    session: BookedSession
    clinic: BookedClinic
    provider: BookedProvider


class AppointmentChanged(Data):
    """What patient files read of an event that itself says what has become of an appointment."""

    appointment_id: UUID


class AppointmentCorrected(Data):
    """What patient files read of AppointmentCorrected."""

    appointment_id: UUID
    to_status: str


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
            "AppointmentArrived.v1": AppointmentChanged,
            "AppointmentAttended.v1": AppointmentChanged,
            "AppointmentNoShow.v1": AppointmentChanged,
            "AppointmentCancelled.v1": AppointmentChanged,
            "AppointmentCorrected.v1": AppointmentCorrected,
        },
    ),
)
