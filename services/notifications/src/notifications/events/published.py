"""What notifications publishes."""

from datetime import datetime

from marshmallow import Schema, fields
from sqlalchemy.orm import Session

from jalsa.events.contracts import EventType
from jalsa.events.outbox import publish
from notifications.models import Message


class MessageSentData(Schema):
    """Never a recipient or a text."""

    message_id = fields.UUID(required=True)
    kind = fields.String(required=True)
    channel = fields.String(required=True)
    appointment_id = fields.UUID(required=True, allow_none=True)
    patient_id = fields.UUID(required=True, allow_none=True)


class MessageFailedData(MessageSentData):
    """Without a channel where no contact was known."""

    channel = fields.String(required=True, allow_none=True)
    reason = fields.String(required=True)


MESSAGE_SENT = EventType("notifications", "message", "MessageSent", MessageSentData())
MESSAGE_FAILED = EventType("notifications", "message", "MessageFailed", MessageFailedData())
PUBLISHES = (MESSAGE_SENT, MESSAGE_FAILED)


def message_sent(db: Session, message: Message, now: datetime) -> None:
    """Publish MessageSent."""
    publish(db, MESSAGE_SENT, message.id, _message(message), now=now)


def message_failed(db: Session, message: Message, now: datetime) -> None:
    """Publish MessageFailed, with its reason."""
    publish(db, MESSAGE_FAILED, message.id, {**_message(message), "reason": message.reason}, now=now)


def _message(message: Message) -> dict[str, object]:
    return {
        "message_id": message.id,
        "kind": message.kind,
        "channel": message.channel,
        "appointment_id": message.appointment_id,
        "patient_id": message.patient_id,
    }
