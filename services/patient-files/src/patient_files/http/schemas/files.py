"""The shapes of answers about main files and sub-files."""

from marshmallow import Schema, fields, validate

from jalsa.http.fields import Instant
from patient_files.domain import ACTIVE


class SubFileAnswer(Schema):
    id = fields.UUID()
    sub_file_number = fields.String()
    clinic_id = fields.UUID()
    clinic_code = fields.String()
    assigned_provider_id = fields.UUID()
    status = fields.String(validate=validate.OneOf([ACTIVE]))
    opened_at = Instant()


class FileAnswer(Schema):
    id = fields.UUID()
    file_number = fields.String()
    patient_id = fields.UUID()
    opened_at = Instant()
    sub_files = fields.List(fields.Nested(SubFileAnswer()))
