"""What clinical-notes publishes, and the few fields that it reads of what the others publish."""

from datetime import datetime
from typing import ClassVar

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


class _Id(Fields):
    id = fields.UUID(required=True)


class _Session(Fields):
    id = fields.UUID(required=True)
    number = fields.String(required=True)
    type = fields.String(required=True)
    starts_at = Instant(required=True)
    ends_at = Instant(required=True)
    timezone = fields.String(required=True)
    discipline = fields.String(required=True)


class SessionPlaceFields(Fields):
    session = fields.Nested(_Session(), required=True)
    clinic = fields.Nested(_Id(), required=True)
    provider = fields.Nested(_Id(), required=True)


class SessionFields(Fields):
    session_id = fields.UUID(required=True)


class SessionCorrectedFields(SessionFields):
    to_status = fields.String(required=True)


class AppointmentPlaceFields(SessionPlaceFields):
    appointment_id = fields.UUID(required=True)
    appointment_number = fields.String(required=True)
    patient_id = fields.UUID(required=True)
    status = fields.String(required=True)


class AppointmentFields(Fields):
    appointment_id = fields.UUID(required=True)


class AppointmentCorrectedFields(AppointmentFields):
    to_status = fields.String(required=True)


class ClinicFields(Fields):
    clinic_id = fields.UUID(required=True)
    code = fields.String(required=True)
    name_en = fields.String(required=True)
    name_ar = fields.String(required=True)
    timezone = fields.String()


class ProviderFields(Fields):
    provider_id = fields.UUID(required=True)
    name_en = fields.String(required=True)
    name_ar = fields.String(required=True)


class PatientFields(Fields):
    patient_id = fields.UUID(required=True)
    file_number = fields.String(required=True)
    active = fields.Boolean(required=True)


STREAMS = (
    Stream("scheduling", "clinic", reads={"ClinicSaved.v1": ClinicFields()}),
    Stream("scheduling", "provider", reads={"ProviderSaved.v1": ProviderFields()}),
    Stream(
        "scheduling",
        "session",
        reads={
            "SessionScheduled.v1": SessionPlaceFields(),
            "SessionRescheduled.v1": SessionPlaceFields(),
            "SessionStarted.v1": SessionFields(),
            "SessionCompleted.v1": SessionFields(),
            "SessionCancelled.v1": SessionFields(),
            "SessionCorrected.v1": SessionCorrectedFields(),
        },
        ignores=frozenset({"SessionFilled.v1", "SessionSpotsOpened.v1"}),
    ),
    Stream(
        "scheduling",
        "appointment",
        reads={
            "AppointmentBooked.v1": AppointmentPlaceFields(),
            "AppointmentConfirmed.v1": AppointmentFields(),
            "AppointmentRescheduled.v1": AppointmentPlaceFields(),
            "AppointmentArrived.v1": AppointmentFields(),
            "AppointmentAttended.v1": AppointmentFields(),
            "AppointmentNoShow.v1": AppointmentFields(),
            "AppointmentCancelled.v1": AppointmentFields(),
            "AppointmentCorrected.v1": AppointmentCorrectedFields(),
        },
    ),
    Stream(
        "patient-files",
        "patient",
        reads={"PatientRegistered.v1": PatientFields(), "PatientUpdated.v1": PatientFields()},
        ignores=frozenset({"PatientsMerged.v1", "ConsentStandingChanged.v1"}),
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
