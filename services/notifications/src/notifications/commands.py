"""What the use cases of notifications are given by their callers. What other services announce is in `events`."""

from dataclasses import dataclass
from uuid import UUID

from notifications.domain import QuietHours


@dataclass(frozen=True, slots=True, kw_only=True)
class SetPreferences:
    """How a patient wants to be contacted. Without a language, the one in the patient's file counts."""

    whatsapp_enabled: bool = True
    sms_enabled: bool = True
    email_enabled: bool = True
    language: str | None = None
    quiet_hours: QuietHours | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FindMessages:
    """Which messages are listed: those to a patient, about an appointment, in a state."""

    patient_id: UUID | None = None
    appointment_number: str | None = None
    status: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FindReminders:
    """Which reminders are listed: those of an appointment."""

    appointment_number: str | None = None
