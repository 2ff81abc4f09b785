"""Records as their answers show them: the values, before the answer's schema writes them."""

from typing import Any

from notifications.http.schemas import MessageAnswer, NoticeAnswer, ReminderAnswer
from notifications.models import Appointment, Message, Notice, Package, PatientProjection, Preferences
from notifications.queries import reach_of

_MESSAGE = MessageAnswer()
_REMINDER = ReminderAnswer()
_NOTICE = NoticeAnswer()


def message(row: Message, appointment: Appointment | None, package: Package | None) -> dict[str, Any]:
    """A message with the number of its appointment or package, if it is about one."""
    return _values(_MESSAGE, row) | _numbers(appointment, package)


def reminder(row: Any) -> dict[str, Any]:
    """A reminder, as `queries.list_reminders` gives it, with its channel."""
    return _values(_REMINDER, row.Reminder) | {
        "appointment_number": row.Appointment.appointment_number,
        "channel": _channel(row),
        "sent_at": row.Message and row.Message.sent_at,
        "reason": row.Message and row.Message.reason,
    }


def _channel(row: Any) -> str | None:
    if row.Message and row.Message.channel:
        return str(row.Message.channel)
    if row.Reminder.status != "SCHEDULED" or row.PatientProjection is None:
        return None
    contact = reach_of(row.PatientProjection, row.Preferences).contact()
    return contact[0] if contact else None


def notice(row: Notice, appointment: Appointment | None, package: Package | None) -> dict[str, Any]:
    """A notice with its appointment's number and present start, or its package's number."""
    starts_at = appointment and appointment.starts_at
    return _values(_NOTICE, row) | _numbers(appointment, package) | {"starts_at": starts_at}


def _numbers(appointment: Appointment | None, package: Package | None) -> dict[str, Any]:
    return {
        "appointment_number": appointment and appointment.appointment_number,
        "package_number": package and package.package_number,
    }


def preferences(patient: PatientProjection, row: Preferences | None) -> dict[str, Any]:
    """A patient's preferences; without any, all channels and the language of the patient's file."""
    row = row or Preferences(whatsapp_enabled=True, sms_enabled=True, email_enabled=True)
    return {
        "patient_id": patient.id,
        "whatsapp_enabled": row.whatsapp_enabled,
        "sms_enabled": row.sms_enabled,
        "email_enabled": row.email_enabled,
        "language": row.language or patient.language,
        "quiet_hours": {"start": row.quiet_start, "end": row.quiet_end} if row.quiet_start else None,
    }


def _values(answer: Any, row: object) -> dict[str, Any]:
    return {name: getattr(row, name, None) for name in answer.fields}
