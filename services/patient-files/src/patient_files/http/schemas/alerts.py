"""The shapes of requests and answers about warnings."""

from marshmallow import fields, validate

from jalsa.http import Answer, restricted
from jalsa.http.fields import Instant, Name
from jalsa.service.commands import Loaded
from patient_files.patients.commands import RaiseAlert
from patient_files.patients.rules.records import ALERT_KINDS, AUDIENCES
from patient_files.policy import ALERTS


class AlertBody(Loaded):
    into = RaiseAlert

    kind = fields.String(required=True, validate=validate.OneOf(ALERT_KINDS))
    text = Name(max=500, required=True)
    audience = fields.String(required=True, validate=validate.OneOf(AUDIENCES))


class AlertAnswer(Answer):
    id = fields.UUID()
    patient_id = fields.UUID()
    kind = fields.String(validate=validate.OneOf(ALERT_KINDS))
    text = fields.String()
    audience = fields.String(validate=validate.OneOf(AUDIENCES))
    created_at = Instant()
    created_by = fields.String()
    ended_at = Instant(allow_none=True)
    ended_by = fields.String(allow_none=True)
    end_reason = restricted(ALERTS, fields.String(allow_none=True))
