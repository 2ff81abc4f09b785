"""Fields that say who somebody is: parts of names, identifiers, births."""

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, validate

from jalsa.http import Answer, restricted
from jalsa.http.fields import Instant, Name, PlainDate, Value
from jalsa.service.commands import Loaded
from patient_files.patients.commands import CorrectIdentifier, Withdraw
from patient_files.patients.rules import births, identifiers
from patient_files.patients.rules.births import Birth
from patient_files.patients.rules.countries import COUNTRIES, UNKNOWN_COUNTRY
from patient_files.patients.rules.identifiers import Identifier
from patient_files.patients.rules.names import name_part
from patient_files.patients.rules.refusals import RefusedValue
from patient_files.policy import CORRECTIONS


class NamePart(fields.String):
    """A part of a name, as `name_part` has it: null, an empty text and punctuation alone stand for nothing."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(allow_none=True, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        try:
            return name_part(super()._deserialize(value, attr, data, **kwargs) or "")
        except RefusedValue as refusal:
            raise ValidationError(refusal.message) from None


class NationalId(fields.String):
    """A number without a type: one of the national register if it looks like one, else another's."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        try:
            return identifiers.national_id(super()._deserialize(value, attr, data, **kwargs) or "")
        except RefusedValue as refusal:
            raise ValidationError(refusal.message) from None


class Country(fields.String):
    """The code of a country in ISO 3166-1 alpha-2; `unknown` also allows ZZ, where nobody knows it."""

    def __init__(self, *, unknown: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.codes = COUNTRIES | {UNKNOWN_COUNTRY} if unknown else COUNTRIES

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        code = super()._deserialize(value, attr, data, **kwargs) or ""
        if code not in self.codes:
            raise ValidationError("Must be a country's code of two capital letters, such as SA.")
        return code


class BirthBody(Loaded):
    """When somebody was born, in the calendar in which it was told."""

    calendar = fields.String(required=True, validate=validate.OneOf(births.CALENDARS))
    precision = fields.String(required=True, validate=validate.OneOf(births.PRECISIONS))
    value = Value(required=True)

    @post_load
    def _into(self, data: dict[str, Any], **_: Any) -> Birth:
        try:
            return births.birth(**data)
        except RefusedValue as refusal:
            raise ValidationError(refusal.message, "value") from None


class BirthAnswer(Schema):
    calendar = fields.String(validate=validate.OneOf(births.CALENDARS))
    precision = fields.String(validate=validate.OneOf(births.PRECISIONS))
    value = fields.String()
    born_from = fields.Date()
    born_to = fields.Date()


class DateOfBirth(PlainDate):
    """A Gregorian day of birth."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        try:
            return births.on_day(super()._deserialize(value, attr, data, **kwargs))
        except RefusedValue as refusal:
            raise ValidationError(refusal.message) from None


class IdentifierBody(Loaded):
    """What identifies somebody to an authority."""

    type = fields.String(required=True, validate=validate.OneOf(identifiers.TYPES))
    issuing_country = Country(unknown=True, allow_none=True, load_default=None)
    value = fields.String(required=True)

    @post_load
    def _into(self, data: dict[str, Any], **_: Any) -> Any:
        return _identifier(data)


class CorrectionBody(IdentifierBody):
    """The right identifier instead of a wrong one."""

    reason = Name(max=500, required=True)

    @post_load
    def _into(self, data: dict[str, Any], **_: Any) -> CorrectIdentifier:
        reason = data.pop("reason")
        return CorrectIdentifier(identifier=_identifier(data), reason=reason)


class WithdrawBody(Loaded):
    """Why something ends."""

    into = Withdraw

    reason = Name(max=500, required=True)


class CurrentIdentifier(Schema):
    id = fields.UUID()
    type = fields.String(validate=validate.OneOf(identifiers.TYPES))
    issuing_country = fields.String()
    value = fields.String()


class IdentifierAnswer(Answer):
    id = fields.UUID()
    patient_id = fields.UUID()
    type = fields.String(validate=validate.OneOf(identifiers.TYPES))
    issuing_country = fields.String()
    value = fields.String()
    created_at = Instant()
    created_by = fields.String()
    ended_at = Instant(allow_none=True)
    ended_by = fields.String(allow_none=True)
    end_reason = restricted(CORRECTIONS, fields.String(allow_none=True))


def _identifier(data: dict[str, Any]) -> Identifier:
    try:
        return identifiers.identifier(**data)
    except RefusedValue as refusal:
        raise ValidationError(refusal.message, "value") from None
