"""The shapes of requests and answers about the timeline."""

from marshmallow import Schema, fields, validate

from jalsa.http import PageArgs
from jalsa.http.fields import Instant
from patient_files.timeline.commands import FindEntries
from patient_files.timeline.rules import KINDS, REF_KINDS


class TimelineArgs(PageArgs):
    into = FindEntries

    kind = fields.String(load_default=None, validate=validate.OneOf(KINDS))
    from_ = Instant(data_key="from", load_default=None, metadata={"description": "At this instant or later"})
    until = Instant(data_key="to", load_default=None, metadata={"description": "Before this instant"})


class TimelineAnswer(Schema):
    id = fields.UUID()
    at = Instant()
    kind = fields.String(validate=validate.OneOf(KINDS))
    ref_kind = fields.String(validate=validate.OneOf(REF_KINDS))
    ref_id = fields.UUID()
    clinic_id = fields.UUID(allow_none=True)
    provider_id = fields.UUID(allow_none=True)
