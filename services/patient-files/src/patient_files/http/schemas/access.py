"""The shapes of requests and answers about the access log, break-glass grants and settings."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from jalsa.db.access_log import OUTCOMES as LOG_OUTCOMES
from jalsa.db.access_log import PURPOSES
from jalsa.http import PageArgs
from jalsa.http.fields import FreeText, Instant, Value, state
from jalsa.http.sheets import separator
from jalsa.service.commands import Loaded
from patient_files.access.commands import FindGrants, OpenGrant, ReviewGrant
from patient_files.access.rules import (
    GRANT,
    MAX_MINUTES,
    MIN_REASON,
    OUTCOMES,
    REASON_CODES,
    SCOPES,
    USUAL_MINUTES,
)
from patient_files.settings.commands import PutSettings
from patient_files.settings.rules import (
    AGES_OF_MAJORITY,
    DEFAULTS,
    GREGORIAN,
    HIJRI,
    MAX_DAYS,
    MAX_DAYS_AFTER_MAJORITY,
)


@dataclass(frozen=True, slots=True)
class LogRequest:
    """Which rows of the access log are asked for, and in which form: json or csv, None as the Accept header says."""

    since: datetime | None
    until: datetime | None
    format: str | None
    separator: str
    actor: str | None = None


class LogArgs(PageArgs):
    """The query of the access log. The newest rows come first."""

    into = LogRequest

    since = Instant(data_key="from", load_default=None)
    until = Instant(data_key="to", load_default=None)
    format = fields.String(
        load_default=None,
        validate=validate.OneOf(["json", "csv"]),
        metadata={"description": "As the Accept header says if absent"},
    )
    separator = separator()

    @validates_schema
    def _has_an_end(self, data: dict[str, Any], **_: Any) -> None:
        if data["since"] and data["until"] and data["until"] <= data["since"]:
            raise ValidationError("Must be after from.", "to")


class ActorLogArgs(LogArgs):
    actor = Value(load_default=None, validate=validate.Length(1, 200))


class AccessEntryAnswer(Schema):
    id = fields.UUID()
    at = Instant()
    person = fields.String()
    roles = fields.List(fields.String())
    patient_id = fields.UUID(allow_none=True)
    kind = fields.String()
    record_id = fields.String(allow_none=True)
    relation = fields.String(allow_none=True)
    purpose = fields.String(validate=validate.OneOf(PURPOSES))
    reason = fields.String(allow_none=True)
    outcome = fields.String(validate=validate.OneOf(LOG_OUTCOMES))
    grant_id = fields.UUID(allow_none=True)
    request_id = fields.String()
    hourly = fields.Boolean()


def _is_long_enough(text: str) -> None:
    if len(" ".join(text.split())) < MIN_REASON:
        raise ValidationError("Must be at least 20 characters.")


class BreakGlassBody(Loaded):
    into = OpenGrant

    patient_id = fields.UUID(required=True)
    reason_code = fields.String(required=True, validate=validate.OneOf(REASON_CODES))
    reason = FreeText(required=True, max=1000, validate=_is_long_enough)
    scope = fields.String(required=True, validate=validate.OneOf(SCOPES))
    minutes = fields.Integer(load_default=USUAL_MINUTES, strict=True, validate=validate.Range(1, MAX_MINUTES))


class ReviewBody(Loaded):
    into = ReviewGrant

    outcome = fields.String(required=True, validate=validate.OneOf(OUTCOMES))
    comment = FreeText(max=1000, allow_none=True, load_default=None)


class BreakGlassArgs(PageArgs):
    into = FindGrants

    state = fields.String(load_default=None, validate=validate.OneOf(GRANT.states))


class BreakGlassAnswer(Schema):
    id = fields.UUID()
    patient_id = fields.UUID()
    opened_by = fields.String()
    reason_code = fields.String(validate=validate.OneOf(REASON_CODES))
    reason = fields.String()
    scope = fields.String(validate=validate.OneOf(SCOPES))
    state = state(GRANT)
    opened_at = Instant()
    until = Instant()
    closed_at = Instant(allow_none=True)
    closed_by = fields.String(allow_none=True)
    outcome = fields.String(allow_none=True, validate=validate.OneOf(OUTCOMES))
    comment = fields.String(allow_none=True)
    reviewed_at = Instant(allow_none=True)
    reviewed_by = fields.String(allow_none=True)


class SettingsBody(Loaded):
    into = PutSettings

    treating_days_after = fields.Integer(
        load_default=DEFAULTS["treating_days_after"], strict=True, validate=validate.Range(0, MAX_DAYS)
    )
    treating_days_before = fields.Integer(
        load_default=DEFAULTS["treating_days_before"], strict=True, validate=validate.Range(0, MAX_DAYS)
    )
    sign_off_needs_documentation = fields.Boolean(load_default=DEFAULTS["sign_off_needs_documentation"])
    known_signer_required = fields.Boolean(load_default=DEFAULTS["known_signer_required"])
    days_after_majority = fields.Integer(
        load_default=DEFAULTS["days_after_majority"], strict=True, validate=validate.Range(0, MAX_DAYS_AFTER_MAJORITY)
    )
    age_of_majority = fields.Integer(
        load_default=DEFAULTS["age_of_majority"], strict=True, validate=validate.Range(*AGES_OF_MAJORITY)
    )
    majority_calendar = fields.String(
        load_default=DEFAULTS["majority_calendar"], validate=validate.OneOf([GREGORIAN, HIJRI])
    )


class SettingsAnswer(SettingsBody):
    """What is set, or the defaults."""
