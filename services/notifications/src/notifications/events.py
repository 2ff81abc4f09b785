"""What notifications publishes, and the few fields that it reads of what the others publish."""

from datetime import datetime
from typing import ClassVar

from marshmallow import fields, validate
from sqlalchemy.orm import Session

from jalsa.events.contracts import Data, EventType, Fields, Stream
from jalsa.events.outbox import publish
from jalsa.http.fields import Instant, Zone
from notifications.domain import LANGUAGES, PACKAGE_CAUSES
from notifications.models import Message


class _EventData(Data):
    """What the fields of the events' data mean, by their names; a field may have a description of its own."""

    meanings: ClassVar = {
        "message_id": "The message.",
        "kind": "What the message is about, such as BOOKING_CONFIRMATION or REMINDER_24H.",
        "channel": "WHATSAPP, SMS or EMAIL.",
        "appointment_id": "The appointment that the message is about, or null.",
        "patient_id": "The patient to whom the message went, or null.",
        "reason": "A stable code of why the message could not be sent, such as no-contact.",
    }


class MessageSentData(_EventData):
    """A message to a patient was sent.

    The recipient and the text are left out.
    """

    message_id = fields.UUID(required=True)
    kind = fields.String(required=True)
    channel = fields.String(required=True)
    appointment_id = fields.UUID(required=True, allow_none=True)
    patient_id = fields.UUID(required=True, allow_none=True)


class MessageFailedData(MessageSentData):
    """A message to a patient could not be sent.

    It has no channel where no contact was known.
    """

    channel = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "WHATSAPP, SMS or EMAIL, or null where no contact was known."},
    )
    reason = fields.String(required=True)


MESSAGE_SENT = EventType("notifications", "message", "MessageSent", MessageSentData())
MESSAGE_FAILED = EventType("notifications", "message", "MessageFailed", MessageFailedData())
PUBLISHES = (MESSAGE_SENT, MESSAGE_FAILED)


class ClinicFields(Fields):
    clinic_id = fields.UUID(required=True)
    name_en = fields.String(required=True)
    name_ar = fields.String(required=True)
    timezone = Zone(required=True)


class ProviderFields(Fields):
    provider_id = fields.UUID(required=True)
    user_id = fields.String(required=True)


class PatientFields(Fields):
    patient_id = fields.UUID(required=True)
    active = fields.Boolean(required=True)
    preferred_language = fields.String(required=True, validate=validate.OneOf(LANGUAGES))
    phone = fields.String(required=True, allow_none=True)
    email = fields.String(required=True, allow_none=True)


class _Session(Fields):
    starts_at = Instant(required=True)
    ends_at = Instant(required=True)
    timezone = Zone(required=True)


class _Clinic(Fields):
    id = fields.UUID(required=True)
    name_en = fields.String(required=True)
    name_ar = fields.String(required=True)


class _Provider(Fields):
    id = fields.UUID(required=True)
    user_id = fields.String(required=True)


class _Announced(Fields):
    """Whether an event of the package tells the patient, so that this one need not."""

    announced_with_package = fields.Boolean(load_default=False)


class BookedFields(_Announced):
    appointment_id = fields.UUID(required=True)
    appointment_number = fields.String(required=True)
    patient_id = fields.UUID(required=True)
    session = fields.Nested(_Session(), required=True)
    clinic = fields.Nested(_Clinic(), required=True)
    provider = fields.Nested(_Provider(), required=True)
    recorded_late = fields.Boolean(load_default=False)


class RescheduledFields(BookedFields):
    status = fields.String(required=True)


class AppointmentFields(Fields):
    appointment_id = fields.UUID(required=True)


class CancelledFields(AppointmentFields, _Announced):
    pass


class CorrectedFields(AppointmentFields):
    to_status = fields.String(required=True)


class _NamedProvider(_Provider):
    name_en = fields.String(required=True)
    name_ar = fields.String(required=True)


class _PackageSession(Fields):
    session_number = fields.Integer(required=True)
    appointment_id = fields.UUID(required=True)
    starts_at = Instant(required=True)
    provider = fields.Nested(_NamedProvider(), required=True)


class PackageScheduledFields(Fields):
    package_id = fields.UUID(required=True)
    package_number = fields.String(required=True)
    patient_id = fields.UUID(required=True)
    clinic = fields.Nested(_Clinic(), required=True)
    timezone = Zone(required=True)
    cause = fields.String(required=True, validate=validate.OneOf(PACKAGE_CAUSES))
    sessions = fields.List(fields.Nested(_PackageSession()), required=True)
    changed = fields.List(fields.Integer(), required=True)
    unscheduled = fields.List(fields.Integer(), required=True)


class PackageFields(Fields):
    package_id = fields.UUID(required=True)


class _OfferedSession(Fields):
    starts_at = Instant(required=True)
    timezone = Zone(required=True)


class OfferedFields(Fields):
    entry_id = fields.UUID(required=True)
    offer_id = fields.UUID(required=True)
    patient_id = fields.UUID(required=True)
    expires_at = Instant(required=True)
    session = fields.Nested(_OfferedSession(), required=True)
    clinic = fields.Nested(_Clinic(), required=True)


class OfferFields(Fields):
    offer_id = fields.UUID(required=True)


STREAMS = (
    Stream("scheduling", "clinic", reads={"ClinicSaved.v1": ClinicFields()}),
    Stream("scheduling", "provider", reads={"ProviderSaved.v1": ProviderFields()}),
    Stream(
        "scheduling",
        "session",
        reads={},
        ignores=frozenset(
            {
                "SessionScheduled.v1",
                "SessionRescheduled.v1",
                "SessionStarted.v1",
                "SessionCompleted.v1",
                "SessionCancelled.v1",
                "SessionCorrected.v1",
                "SessionFilled.v1",
                "SessionSpotsOpened.v1",
            }
        ),
    ),
    Stream(
        "scheduling",
        "appointment",
        reads={
            "AppointmentBooked.v1": BookedFields(),
            "AppointmentConfirmed.v1": AppointmentFields(),
            "AppointmentRescheduled.v1": RescheduledFields(),
            "AppointmentArrived.v1": AppointmentFields(),
            "AppointmentAttended.v1": AppointmentFields(),
            "AppointmentNoShow.v1": AppointmentFields(),
            "AppointmentCancelled.v1": CancelledFields(),
            "AppointmentCorrected.v1": CorrectedFields(),
        },
    ),
    Stream(
        "scheduling",
        "package",
        reads={"PackageScheduled.v1": PackageScheduledFields(), "PackageCancelled.v1": PackageFields()},
        ignores=frozenset({"PackageCreated.v1", "PackageCompleted.v1", "PackageReopened.v1"}),
    ),
    Stream(
        "scheduling",
        "waitlist",
        reads={
            "WaitlistOffered.v1": OfferedFields(),
            "WaitlistOfferExpired.v1": OfferFields(),
            "WaitlistAccepted.v1": OfferFields(),
        },
    ),
    Stream(
        "patient-files",
        "patient",
        reads={"PatientRegistered.v1": PatientFields(), "PatientUpdated.v1": PatientFields()},
        ignores=frozenset({"PatientsMerged.v1", "ConsentStandingChanged.v1"}),
    ),
)


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
