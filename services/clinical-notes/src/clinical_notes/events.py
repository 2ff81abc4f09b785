"""What clinical-notes publishes, and the few fields that it reads of what the others publish."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from sqlalchemy.orm import Session

from clinical_notes.models import Note
from jalsa.events.contracts import EventType, Stream
from jalsa.events.data import Data
from jalsa.events.outbox import publish


class _EventData(Data):
    """What the fields of the events' data mean, by their names. A field may have a description of its own."""

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

    note_id: UUID
    session_id: UUID
    participant_id: UUID | None
    discipline: str
    scope: str
    signed_by: str
    signed_at: datetime


NOTE_SIGNED = EventType("clinical-notes", "note", "NoteSigned", NoteSignedData)
PUBLISHES = (NOTE_SIGNED,)


class Reference(Data):
    """A record that an event names."""

    id: UUID


class AnnouncedSession(Data):
    """A session as an event describes it: its times as instants in UTC, `timezone` the IANA zone of its clinic."""

    id: UUID
    number: str
    type: str
    starts_at: datetime
    ends_at: datetime
    timezone: str
    discipline: str


class SessionPlacement(Data):
    """A session, where it takes place and with whom: SessionScheduled, SessionRescheduled."""

    session: AnnouncedSession
    clinic: Reference
    provider: Reference


class SessionCorrected(Data):
    """The status that a session has again, because a later one was a mistake."""

    session_id: UUID
    to_status: str


class AppointmentPlacement(SessionPlacement):
    """A patient's spot in a session, with all of the session: AppointmentBooked, AppointmentRescheduled."""

    appointment_id: UUID
    appointment_number: str
    patient_id: UUID
    status: str


class AppointmentCorrected(Data):
    """The status that an appointment has again, because a later one was a mistake."""

    appointment_id: UUID
    to_status: str


class ClinicSaved(Data):
    """A clinic. Events of earlier versions name no time zone."""

    clinic_id: UUID
    code: str
    name_en: str
    name_ar: str
    timezone: str | None = None


class ProviderSaved(Data):
    """A provider."""

    provider_id: UUID
    name_en: str
    name_ar: str


class PatientSaved(Data):
    """A patient: PatientRegistered, PatientUpdated."""

    patient_id: UUID
    file_number: str
    active: bool


class PatientsMerged(Data):
    """A patient's record was merged into another one at an instant."""

    loser_id: UUID
    survivor_id: UUID
    at: datetime


class PatientsUnmerged(Data):
    """A merged patient's record stands for itself again."""

    loser_id: UUID


STREAMS = (
    Stream("scheduling", "clinic", reads={"ClinicSaved.v1": ClinicSaved}),
    Stream("scheduling", "provider", reads={"ProviderSaved.v1": ProviderSaved}),
    Stream(
        "scheduling",
        "session",
        reads={
            "SessionScheduled.v1": SessionPlacement,
            "SessionRescheduled.v1": SessionPlacement,
            "SessionStarted.v1": Data,
            "SessionCompleted.v1": Data,
            "SessionCancelled.v1": Data,
            "SessionCorrected.v1": SessionCorrected,
        },
        ignores=frozenset({"SessionFilled.v1", "SessionSpotsOpened.v1"}),
    ),
    Stream(
        "scheduling",
        "appointment",
        reads={
            "AppointmentBooked.v1": AppointmentPlacement,
            "AppointmentConfirmed.v1": Data,
            "AppointmentRescheduled.v1": AppointmentPlacement,
            "AppointmentArrived.v1": Data,
            "AppointmentAttended.v1": Data,
            "AppointmentNoShow.v1": Data,
            "AppointmentCancelled.v1": Data,
            "AppointmentCorrected.v1": AppointmentCorrected,
        },
    ),
    Stream(
        "patient-files",
        "patient",
        reads={
            "PatientRegistered.v1": PatientSaved,
            "PatientUpdated.v1": PatientSaved,
            "PatientsMerged.v1": PatientsMerged,
            "PatientsUnmerged.v1": PatientsUnmerged,
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
