"""Records as their answers show them: the values, before the answer's schema writes them."""

from marshmallow import Schema

from jalsa.service.json_types import JsonObject
from notifications.http.schemas import MessageAnswer, NoticeAnswer, ReminderAnswer
from notifications.models import Appointment, Package, PatientProjection, Preferences
from notifications.queries import MessageRow, NoticeRow, ReminderRow

_MESSAGE = MessageAnswer()
_REMINDER = ReminderAnswer()
_NOTICE = NoticeAnswer()


def message(row: MessageRow) -> JsonObject:
    """A message with the number of its appointment or package, if it is about one."""
    return _values(_MESSAGE, row.message) | _numbers(row.appointment, row.package)


def reminder(row: ReminderRow) -> JsonObject:
    """A reminder with its channel, and with what became of its message."""
    return _values(_REMINDER, row.reminder) | {
        "appointment_number": row.appointment.appointment_number,
        "channel": _channel(row),
        "sent_at": row.message and row.message.sent_at,
        "reason": row.message and row.message.reason,
    }


def _channel(row: ReminderRow) -> str | None:
    if row.message and row.message.channel:
        return row.message.channel
    if row.reminder.status != "SCHEDULED" or row.recipient is None:
        return None
    contact = row.recipient.reach.contact()
    return contact[0] if contact else None


def notice(row: NoticeRow) -> JsonObject:
    """A notice with its appointment's number and present start or its package's number, as the caller has read it."""
    own = {
        "starts_at": row.appointment and row.appointment.starts_at,
        "read_at": row.read.read_at if row.read else row.notice.read_at,
    }
    return _values(_NOTICE, row.notice) | _numbers(row.appointment, row.package) | own


def _numbers(appointment: Appointment | None, package: Package | None) -> JsonObject:
    return {
        "appointment_number": appointment and appointment.appointment_number,
        "package_number": package and package.package_number,
    }


def preferences(patient: PatientProjection, row: Preferences | None) -> JsonObject:
    """A patient's preferences, or without any, all channels and the language of the patient's file."""
    row = row or Preferences(whatsapp_enabled=True, sms_enabled=True, email_enabled=True)
    return {
        "patient_id": patient.id,
        "whatsapp_enabled": row.whatsapp_enabled,
        "sms_enabled": row.sms_enabled,
        "email_enabled": row.email_enabled,
        "language": row.language or patient.language,
        "quiet_hours": {"start": row.quiet_start, "end": row.quiet_end} if row.quiet_start else None,
    }


def _values(answer: Schema, row: object) -> JsonObject:
    return {name: getattr(row, name, None) for name in answer.fields}
