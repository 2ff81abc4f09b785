"""The shapes of notifications' requests and answers."""

from datetime import time

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from jalsa.http import Answer, PageArgs, restricted
from jalsa.http.fields import Instant, Value, WallTime, state
from jalsa.service.commands import Loaded
from jalsa.service.json_types import JsonObject
from notifications import domain
from notifications.commands import FindMessages, FindReminders, SetPreferences
from notifications.domain import CHANNELS, LANGUAGES, MESSAGE, MESSAGE_KINDS, REMINDER, REMINDERS
from notifications.policy import CONTACT

_number = validate.Length(1, 60)


class ReminderArgs(PageArgs):
    into = FindReminders

    appointment_number = Value(load_default=None, validate=_number)


class ReminderAnswer(Schema):
    id = fields.UUID()
    appointment_id = fields.UUID()
    appointment_number = fields.String()
    kind = fields.String(
        validate=validate.OneOf(list(REMINDERS)), metadata={"description": "`24H` or `2H` before the session"}
    )
    channel = fields.String(
        validate=validate.OneOf(CHANNELS),
        allow_none=True,
        metadata={"description": "The one taken, or for a scheduled reminder the one that would be taken now"},
    )
    due_at = Instant()
    status = state(REMINDER)
    sent_at = Instant(allow_none=True)
    message_id = fields.UUID(allow_none=True)
    reason = fields.String(allow_none=True, metadata={"description": "Why it failed"})


class MessageArgs(PageArgs):
    into = FindMessages

    patient_id = fields.UUID(load_default=None)
    appointment_number = Value(load_default=None, validate=_number)
    status = fields.String(load_default=None, validate=validate.OneOf(MESSAGE.states))


class MessageAnswer(Answer):
    """Channel, recipient, language and text are null until the message is about to be sent."""

    id = fields.UUID()
    kind = fields.String(validate=validate.OneOf(MESSAGE_KINDS))
    patient_id = fields.UUID()
    appointment_id = fields.UUID(allow_none=True)
    appointment_number = fields.String(allow_none=True)
    offer_id = fields.UUID(allow_none=True, metadata={"description": "The waitlist's offer, where it is about one"})
    package_id = fields.UUID(allow_none=True, metadata={"description": "The package, where it is about a whole one"})
    package_number = fields.String(allow_none=True)
    channel = fields.String(validate=validate.OneOf(CHANNELS), allow_none=True)
    recipient = restricted(CONTACT, fields.String(allow_none=True))
    language = fields.String(validate=validate.OneOf(LANGUAGES), allow_none=True)
    subject = restricted(CONTACT, fields.String(allow_none=True, metadata={"description": "Of an email"}))
    body = restricted(CONTACT, fields.String(allow_none=True))
    status = state(MESSAGE)
    attempts = fields.Integer()
    created_at = Instant()
    sent_at = Instant(allow_none=True)
    reason = fields.String(allow_none=True, metadata={"description": "Why it failed"})
    reference = fields.String(allow_none=True, metadata={"description": "What the mail server or gateway knows it by"})


class QuietHours(Loaded):
    """In the wall time of the appointment's clinic. It may pass midnight."""

    into = domain.QuietHours

    start: fields.Field[time] = WallTime(required=True)
    end: fields.Field[time] = WallTime(required=True)

    @validates_schema(skip_on_field_errors=True)
    def _takes_time(self, data: JsonObject, **_: object) -> None:
        if data["start"] == data["end"]:
            raise ValidationError("Must not be the start.", "end")


class PreferencesBody(Loaded):
    into = SetPreferences

    whatsapp_enabled = fields.Boolean(load_default=True)
    sms_enabled = fields.Boolean(load_default=True)
    email_enabled = fields.Boolean(load_default=True)
    language = fields.String(
        allow_none=True,
        load_default=None,
        validate=validate.OneOf(LANGUAGES),
        metadata={"description": "The one in the patient's file if absent"},
    )
    quiet_hours = fields.Nested(QuietHours(), allow_none=True, load_default=None)


class PreferencesAnswer(PreferencesBody):
    patient_id = fields.UUID()


class NoticeAnswer(Schema):
    id = fields.UUID()
    kind = fields.String()
    appointment_id = fields.UUID(allow_none=True)
    appointment_number = fields.String(allow_none=True)
    package_id = fields.UUID(allow_none=True, metadata={"description": "The package, where it is about a whole one"})
    package_number = fields.String(allow_none=True)
    grant_id = fields.UUID(
        allow_none=True,
        metadata={"description": "The grant of emergency access, where it is about one"},
    )
    starts_at = Instant(allow_none=True, metadata={"description": "Of the appointment"})
    text_en = fields.String()
    text_ar = fields.String()
    created_at = Instant()
    read_at = Instant(allow_none=True)


class InboxAnswer(Schema):
    items = fields.List(fields.Nested(NoticeAnswer()))
    next_cursor = fields.String(allow_none=True)
    unread_count = fields.Integer()
