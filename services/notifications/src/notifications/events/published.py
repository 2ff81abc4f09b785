"""What notifications publishes."""

from datetime import datetime
from typing import Annotated, ClassVar
from uuid import UUID

from sqlalchemy.orm import Session

from jalsa.events.contracts import EventType
from jalsa.events.data import Data
from jalsa.events.outbox import publish
from notifications.models import Message


class _EventData(Data):
    """What the fields of the events' data mean, by their names. A field may have a description of its own."""

    meanings: ClassVar = {
        "message_id": "The message.",
        "kind": "What the message is about, such as BOOKING_CONFIRMATION or REMINDER_24H.",
        "channel": "WHATSAPP, SMS or EMAIL.",
        "appointment_id": "The appointment that the message is about, or null.",
        "patient_id": "The patient to whom the message went, or null.",
        "reason": "A stable code of why the message could not be sent, such as no-contact.",
    }


class _MessageData(_EventData):
    message_id: UUID
    kind: str
    channel: Annotated[str | None, "WHATSAPP, SMS or EMAIL, or null where no contact was known."]
    appointment_id: UUID | None
    patient_id: UUID | None


class MessageSentData(_MessageData):
    """A message to a patient was sent.

    The recipient and the text are left out.
    """

    channel: str


class MessageFailedData(_MessageData):
    """A message to a patient could not be sent.

    It has no channel where no contact was known.
    """

    reason: str


MESSAGE_SENT = EventType("notifications", "message", "MessageSent", MessageSentData)
MESSAGE_FAILED = EventType("notifications", "message", "MessageFailed", MessageFailedData)
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
