"""What clinical-notes publishes, and the few fields that it reads of what the others publish."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from marshmallow import fields
from sqlalchemy.orm import Session

from clinical_notes.models import Note
from jalsa.events.contracts import Data, EventType, Fields, Stream
from jalsa.events.outbox import publish
from jalsa.http.fields import Instant


class _EventData(Data):
    """What the fields of the events' data mean, by their names; a field may have a description of its own."""

    meanings: ClassVar = {
        "note_id": "The note.",
        "session_id": "The session.",
        "participant_id": "The appointment that the note is about, or null for the note of a whole group session.",
        "discipline": "The code of the discipline of the note, such as OT.",
        "scope": "INDIVIDUAL (about one patient) or GROUP (about a whole session).",
        "signed_by": "The login of the clinician who signed.",
        "signed_at": "When the note was signed.",
    }


class NoteSignedData(_EventData):
    """A clinician signed a note.

    What the note says is left out.
    """

    note_id = fields.UUID(required=True)
    session_id = fields.UUID(required=True)
    participant_id = fields.UUID(required=True, allow_none=True)
    discipline = fields.String(required=True)
    scope = fields.String(required=True)
    signed_by = fields.String(required=True)
    signed_at = Instant(required=True)


NOTE_SIGNED = EventType("clinical-notes", "note", "NoteSigned", NoteSignedData())
PUBLISHES = (NOTE_SIGNED,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A record that an event names."""

    id: UUID


class _ReferenceFields(Fields):
    into = Reference

    id = fields.UUID(required=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnouncedSession:
    """A session as an event describes it: its times as instants in UTC, `timezone` the IANA zone of its clinic."""

    id: UUID
    number: str
    type: str
    starts_at: datetime
    ends_at: datetime
    timezone: str
    discipline: str


class _SessionFields(Fields):
    into = AnnouncedSession

    id = fields.UUID(required=True)
    number = fields.String(required=True)
    type = fields.String(required=True)
    starts_at = Instant(required=True)
    ends_at = Instant(required=True)
    timezone = fields.String(required=True)
    discipline = fields.String(required=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPlacement:
    """A session, where it takes place and with whom: SessionScheduled, SessionRescheduled."""

    session: AnnouncedSession
    clinic: Reference
    provider: Reference


class _PlacementFields(Fields):
    session = fields.Nested(_SessionFields(), required=True)
    clinic = fields.Nested(_ReferenceFields(), required=True)
    provider = fields.Nested(_ReferenceFields(), required=True)


class SessionPlacementFields(_PlacementFields):
    into = SessionPlacement


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionChanged:
    """What became of a session; the event's name says it."""

    session_id: UUID


class SessionChangedFields(Fields):
    into = SessionChanged

    session_id = fields.UUID(required=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionCorrected:
    """The status that a session has again, because a later one was a mistake."""

    session_id: UUID
    to_status: str


class SessionCorrectedFields(Fields):
    into = SessionCorrected

    session_id = fields.UUID(required=True)
    to_status = fields.String(required=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppointmentPlacement(SessionPlacement):
    """A patient's spot in a session, with all of the session: AppointmentBooked, AppointmentRescheduled."""

    appointment_id: UUID
    appointment_number: str
    patient_id: UUID
    status: str


class AppointmentPlacementFields(_PlacementFields):
    into = AppointmentPlacement

    appointment_id = fields.UUID(required=True)
    appointment_number = fields.String(required=True)
    patient_id = fields.UUID(required=True)
    status = fields.String(required=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppointmentChanged:
    """What became of an appointment; the event's name says it."""

    appointment_id: UUID


class AppointmentChangedFields(Fields):
    into = AppointmentChanged

    appointment_id = fields.UUID(required=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppointmentCorrected:
    """The status that an appointment has again, because a later one was a mistake."""

    appointment_id: UUID
    to_status: str


class AppointmentCorrectedFields(Fields):
    into = AppointmentCorrected

    appointment_id = fields.UUID(required=True)
    to_status = fields.String(required=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClinicSaved:
    """A clinic; events of earlier versions name no time zone."""

    clinic_id: UUID
    code: str
    name_en: str
    name_ar: str
    timezone: str | None = None


class ClinicFields(Fields):
    into = ClinicSaved

    clinic_id = fields.UUID(required=True)
    code = fields.String(required=True)
    name_en = fields.String(required=True)
    name_ar = fields.String(required=True)
    timezone = fields.String()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSaved:
    """A provider."""

    provider_id: UUID
    name_en: str
    name_ar: str


class ProviderFields(Fields):
    into = ProviderSaved

    provider_id = fields.UUID(required=True)
    name_en = fields.String(required=True)
    name_ar = fields.String(required=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientSaved:
    """A patient: PatientRegistered, PatientUpdated."""

    patient_id: UUID
    file_number: str
    active: bool


class PatientFields(Fields):
    into = PatientSaved

    patient_id = fields.UUID(required=True)
    file_number = fields.String(required=True)
    active = fields.Boolean(required=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientsMerged:
    """A patient's record was merged into another one at an instant."""

    loser_id: UUID
    survivor_id: UUID
    at: datetime


class MergedFields(Fields):
    into = PatientsMerged

    loser_id = fields.UUID(required=True)
    survivor_id = fields.UUID(required=True)
    at = Instant(required=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientsUnmerged:
    """A merged patient's record stands for itself again."""

    loser_id: UUID


class UnmergedFields(Fields):
    into = PatientsUnmerged

    loser_id = fields.UUID(required=True)


STREAMS = (
    Stream("scheduling", "clinic", reads={"ClinicSaved.v1": ClinicFields()}),
    Stream("scheduling", "provider", reads={"ProviderSaved.v1": ProviderFields()}),
    Stream(
        "scheduling",
        "session",
        reads={
            "SessionScheduled.v1": SessionPlacementFields(),
            "SessionRescheduled.v1": SessionPlacementFields(),
            "SessionStarted.v1": SessionChangedFields(),
            "SessionCompleted.v1": SessionChangedFields(),
            "SessionCancelled.v1": SessionChangedFields(),
            "SessionCorrected.v1": SessionCorrectedFields(),
        },
        ignores=frozenset({"SessionFilled.v1", "SessionSpotsOpened.v1"}),
    ),
    Stream(
        "scheduling",
        "appointment",
        reads={
            "AppointmentBooked.v1": AppointmentPlacementFields(),
            "AppointmentConfirmed.v1": AppointmentChangedFields(),
            "AppointmentRescheduled.v1": AppointmentPlacementFields(),
            "AppointmentArrived.v1": AppointmentChangedFields(),
            "AppointmentAttended.v1": AppointmentChangedFields(),
            "AppointmentNoShow.v1": AppointmentChangedFields(),
            "AppointmentCancelled.v1": AppointmentChangedFields(),
            "AppointmentCorrected.v1": AppointmentCorrectedFields(),
        },
    ),
    Stream(
        "patient-files",
        "patient",
        reads={
            "PatientRegistered.v1": PatientFields(),
            "PatientUpdated.v1": PatientFields(),
            "PatientsMerged.v1": MergedFields(),
            "PatientsUnmerged.v1": UnmergedFields(),
        },
        ignores=frozenset({"ConsentStandingChanged.v1"}),
    ),
)


def note_signed(db: Session, note: Note, now: datetime) -> None:
    """Publish NoteSigned."""
    data = {
        "note_id": note.id,
        "session_id": note.session_id,
        "participant_id": note.participant_id,
        "discipline": note.discipline,
        "scope": note.scope,
        "signed_by": note.signed_by,
        "signed_at": note.signed_at,
    }
    publish(db, NOTE_SIGNED, note.id, data, now=now)
