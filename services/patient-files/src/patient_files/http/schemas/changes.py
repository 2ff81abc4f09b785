"""The shapes of requests and answers about what has changed."""

from marshmallow import Schema, fields, validate

from jalsa.service.commands import Loaded
from patient_files.changes.commands import FindChanges
from patient_files.policy import CHANGE_KINDS


class ChangesArgs(Loaded):
    into = FindChanges

    after = fields.Integer(load_default=None, validate=validate.Range(0, 2**63 - 1))


class ChangedAnswer(Schema):
    kind = fields.String(validate=validate.OneOf(tuple(CHANGE_KINDS)))
    id = fields.UUID()
    patient_id = fields.UUID()


class ChangesAnswer(Schema):
    position = fields.Integer()
    items = fields.List(fields.Nested(ChangedAnswer()))
