"""The shapes of requests and answers about main files and sub-files."""

from marshmallow import Schema, fields

from jalsa.http import Answer, restricted
from jalsa.http.fields import Instant, Name, state
from jalsa.service.commands import Loaded
from patient_files.files.commands import ChangeSubFile, GiveReason, OpenSubFile
from patient_files.files.rules import SUB_FILE
from patient_files.policy import FILING


class SubFileBody(Loaded):
    into = OpenSubFile

    clinic_id = fields.UUID(required=True)
    assigned_provider_id = fields.UUID(required=True)


class SubFilePatch(Loaded):
    into = ChangeSubFile

    assigned_provider_id = fields.UUID()


class ReasonBody(Loaded):
    into = GiveReason

    reason = Name(max=500, required=True)


class SubFileAnswer(Answer):
    id = fields.UUID()
    sub_file_number = fields.String()
    clinic_id = fields.UUID()
    clinic_code = fields.String()
    assigned_provider_id = fields.UUID()
    status = state(SUB_FILE)
    status_reason = restricted(FILING, fields.String(allow_none=True))
    opened_at = Instant()
    closed_at = Instant(allow_none=True)
    closed_by = fields.String(allow_none=True)


class FileAnswer(Schema):
    id = fields.UUID()
    file_number = fields.String()
    patient_id = fields.UUID()
    opened_at = Instant()
    sub_files = fields.List(fields.Nested(SubFileAnswer()))


class PendingSubFileAnswer(Schema):
    appointment_id = fields.UUID(attribute="id")
    appointment_number = fields.String()
    patient_id = fields.UUID()
    clinic_id = fields.UUID()
    clinic_code = fields.String()
    provider_id = fields.UUID()
    kept_at = Instant()
