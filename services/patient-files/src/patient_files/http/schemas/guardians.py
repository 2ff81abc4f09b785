"""The shapes of requests and answers about those who speak for a patient."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, validate, validates_schema

from jalsa.http import Answer, restricted
from jalsa.http.fields import Day, Instant, Name
from jalsa.service.commands import Loaded
from patient_files.http.schemas.contacts import Email, PhoneNumber
from patient_files.http.schemas.identity import NamePart
from patient_files.patients.commands import AddGuardian, EndGuardian, GiveRight, UpdateGuardian
from patient_files.patients.rules.guardians import BASES, RELATIONS
from patient_files.patients.rules.records import LANGUAGES
from patient_files.policy import CORRECTIONS

_relation = validate.OneOf(RELATIONS)
_language = validate.OneOf(LANGUAGES)
#: How many rights a guardian is given at once at most.
_MOST_RIGHTS = 10


class RightBody(Loaded):
    """A right to consent."""

    into = GiveRight

    basis = fields.String(required=True, validate=validate.OneOf(BASES))
    document = Name(max=200, allow_none=True, load_default=None)
    valid_from = Day(required=True)
    valid_to = Day(allow_none=True, load_default=None)

    @validates_schema
    def _check_days(self, data: dict[str, Any], **_: Any) -> None:
        if data["valid_to"] is not None and data["valid_to"] < data["valid_from"]:
            raise ValidationError("Must not be before the first day.", "valid_to")


class GuardianBody(Loaded):
    """Somebody who speaks for a patient: a patient of the tenant, or a name."""

    into = AddGuardian

    relation = fields.String(required=True, validate=_relation)
    patient_id = fields.UUID(allow_none=True, load_default=None)
    name_en = NamePart(load_default=None)
    name_ar = NamePart(load_default=None)
    phone = PhoneNumber(allow_none=True, load_default=None)
    email = Email(allow_none=True, load_default=None)
    language = fields.String(allow_none=True, load_default=None, validate=_language)
    receives_messages = fields.Boolean(load_default=False)
    primary = fields.Boolean(load_default=False)
    rights = fields.List(fields.Nested(RightBody()), load_default=list, validate=validate.Length(max=_MOST_RIGHTS))

    @post_load
    def _into(self, data: dict[str, Any], **_: Any) -> AddGuardian:
        return AddGuardian(**{**data, "rights": tuple(data["rights"])})


class GuardianPatch(Loaded):
    into = UpdateGuardian

    relation = fields.String(validate=_relation)
    name_en = NamePart()
    name_ar = NamePart()
    phone = PhoneNumber(allow_none=True)
    email = Email(allow_none=True)
    language = fields.String(allow_none=True, validate=_language)
    receives_messages = fields.Boolean()
    primary = fields.Boolean()


class GuardianEndBody(Loaded):
    into = EndGuardian

    ended_on = Day(allow_none=True, load_default=None)
    reason = Name(max=500, required=True)


class RightAnswer(Schema):
    id = fields.UUID()
    basis = fields.String(validate=validate.OneOf(BASES))
    document = fields.String(allow_none=True)
    valid_from = fields.Date()
    valid_to = fields.Date(allow_none=True)


class CurrentGuardian(Schema):
    id = fields.UUID()
    relation = fields.String(validate=_relation)
    guardian_patient_id = fields.UUID(allow_none=True)
    name_en = fields.String(allow_none=True)
    name_ar = fields.String(allow_none=True)
    phone = fields.String(allow_none=True)
    phone_type = fields.String(allow_none=True)
    email = fields.String(allow_none=True)
    language = fields.String(allow_none=True)
    receives_messages = fields.Boolean()
    primary = fields.Boolean(attribute="is_primary")
    rights = fields.List(fields.Nested(RightAnswer()))


class GuardianAnswer(CurrentGuardian, Answer):
    patient_id = fields.UUID()
    created_at = Instant()
    created_by = fields.String()
    ended_on = fields.Date(allow_none=True)
    end_reason = restricted(CORRECTIONS, fields.String(allow_none=True))
