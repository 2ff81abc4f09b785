"""The shapes of clinical-notes' requests and answers."""

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from clinical_notes.commands import ChangeNote, FindNotes, FindSessions, WriteNote
from clinical_notes.domain import DISCIPLINES, DRAFT, GROUP, INDIVIDUAL, MAX_CONTENT, MISSING, NOTE, SIGNED
from jalsa.http import PageArgs
from jalsa.http.fields import FreeText, Instant, state
from jalsa.service.characters import is_blank
from jalsa.service.commands import Loaded
from jalsa.service.json_types import JsonObject

_discipline = validate.OneOf(DISCIPLINES)
_scope = validate.OneOf([GROUP, INDIVIDUAL])
_status = validate.OneOf([DRAFT, SIGNED])


def _not_blank(text: str) -> None:
    if is_blank(text):
        raise ValidationError("Must not be blank.")


class _NoteContent(Loaded):
    content = FreeText(max=MAX_CONTENT, required=True, validate=_not_blank)


class NotePatch(_NoteContent):
    into = ChangeNote


class NoteBody(_NoteContent):
    into = WriteNote

    discipline = fields.String(required=True, validate=_discipline)
    scope = fields.String(required=True, validate=_scope)
    session_id = fields.UUID(required=True)
    participant_id = fields.UUID(allow_none=True, load_default=None)

    @validates_schema(skip_on_field_errors=True)
    def _fits_its_scope(self, data: JsonObject, **_: object) -> None:
        if data["scope"] == GROUP and data["participant_id"]:
            raise ValidationError("Must be absent in a group note.", "participant_id")
        if data["scope"] == INDIVIDUAL and not data["participant_id"]:
            raise ValidationError("Required for an individual note.", "participant_id")


class NoteAnswer(Schema):
    id = fields.UUID()
    discipline = fields.String(validate=_discipline)
    scope = fields.String(validate=_scope)
    session_id = fields.UUID()
    participant_id = fields.UUID(allow_none=True)
    provider_id = fields.UUID(metadata={"description": "The provider who writes and signs it"})
    content = fields.String()
    status = state(NOTE)
    version = fields.Integer(metadata={"description": "Counts the revisions of the content from 1"})
    created_at = Instant()
    created_by = fields.String()
    updated_at = Instant()
    signed_at = Instant(allow_none=True)
    signed_by = fields.String(allow_none=True)
    addenda = fields.List(
        fields.Dict(), dump_default=list, metadata={"description": "What was added after the signature"}
    )


class NoteArgs(PageArgs):
    into = FindNotes

    session_id = fields.UUID()
    participant_id = fields.UUID()
    patient_id = fields.UUID()
    discipline = fields.String(validate=_discipline)
    scope = fields.String(validate=_scope)
    status = fields.String(validate=_status)


class WorklistArgs(PageArgs):
    into = FindSessions

    provider_id = fields.UUID(
        load_default=None,
        metadata={"description": "If absent, the caller's own, or for a manager that of every provider"},
    )
    starts_from = Instant(data_key="from")
    starts_before = Instant(data_key="to")


class _NoteState(Schema):
    id = fields.UUID(allow_none=True)
    status = fields.String(validate=validate.OneOf([MISSING, DRAFT, SIGNED]))


class _Place(Schema):
    participant_id = fields.UUID(metadata={"description": "The `appointment_id`"})
    appointment_number = fields.String()
    patient_id = fields.UUID()
    file_number = fields.String(allow_none=True, metadata={"description": "Null until the patient is known here"})
    status = fields.String()
    note = fields.Nested(_NoteState())


class _Named(Schema):
    id = fields.UUID()
    name_en = fields.String()
    name_ar = fields.String()


class _Clinic(_Named):
    code = fields.String()


class WorklistItem(Schema):
    session_id = fields.UUID()
    session_number = fields.String()
    session_type = fields.String(validate=_scope)
    discipline = fields.String()
    status = fields.String()
    starts_at = Instant()
    ends_at = Instant()
    timezone = fields.String()
    clinic = fields.Nested(_Clinic(), allow_none=True)
    provider = fields.Nested(_Named(), allow_none=True)
    group_note = fields.Nested(
        _NoteState(), allow_none=True, metadata={"description": "Null for an individual session"}
    )
    roster = fields.List(fields.Nested(_Place()))
