"""The shapes of requests and answers about references and findings."""

from collections.abc import Mapping
from typing import Any, ClassVar

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from jalsa.http import PageArgs
from jalsa.http.fields import Instant, Login, Pattern, Value
from jalsa.service.commands import Loaded
from jalsa.service.errors import NotFound
from patient_files.references.commands import (
    BadItem,
    DecideActors,
    FindFindings,
    FindReferences,
    ReferenceItem,
    RegisterReference,
    RegisterReferences,
)
from patient_files.references.rules import CODES, FINDINGS, LONGEST_REF, MOST_ITEMS, RESULTS

_SYSTEM = Pattern(r"^[a-z][a-z0-9_-]{0,59}$", error="Must be lower-case letters, digits, - and _.")
_KIND = Pattern(r"^[A-Za-z][A-Za-z0-9_]{0,59}$", error="Must be letters, digits and _.")
_REF = validate.Length(1, LONGEST_REF)


def check_system(system: str) -> None:
    """Raises 404 for what is no system's name."""
    try:
        _SYSTEM(system)
    except ValidationError:
        raise NotFound("system") from None


class ReferenceBody(Loaded):
    into: ClassVar[type[Any] | None] = RegisterReference

    system = fields.String(required=True, validate=_SYSTEM)
    kind = fields.String(required=True, validate=_KIND)
    ref = Value(required=True, validate=_REF)
    move = fields.Boolean(load_default=False)


class ReferenceItemBody(ReferenceBody):
    into = ReferenceItem

    encounter_id = fields.UUID(load_default=None, allow_none=True)
    legacy_key = Value(load_default=None, allow_none=True, validate=validate.Length(1, 60))
    allow_unknown = fields.Boolean(load_default=False)

    @validates_schema
    def _one_of_both(self, data: Mapping[str, Any], **_: Any) -> None:
        if (data.get("encounter_id") is None) == (data.get("legacy_key") is None):
            raise ValidationError("Must name the encounter by one of both.", "encounter_id")


class _Each(fields.Nested):
    """An item that is judged by itself: what cannot be read is a BadItem, and no error of the whole request."""

    def deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        """The item, or a BadItem."""
        try:
            return super().deserialize(value, *args, **kwargs)
        except ValidationError:
            return BadItem()


class BatchBody(Loaded):
    into = RegisterReferences

    items = fields.List(
        _Each(ReferenceItemBody()),
        required=True,
        validate=validate.Length(1, MOST_ITEMS),
        metadata={"description": "At most 1,000. Each is registered or rejected by itself"},
    )


class OutcomeAnswer(Schema):
    result = fields.String(validate=validate.OneOf(RESULTS))
    code = fields.String(validate=validate.OneOf(CODES), allow_none=True)
    reference_id = fields.UUID(allow_none=True)
    encounter_id = fields.UUID(allow_none=True)


class BatchAnswer(Schema):
    items = fields.List(fields.Nested(OutcomeAnswer()))


class ReferenceAnswer(Schema):
    id = fields.UUID()
    encounter_id = fields.UUID()
    registered_encounter_id = fields.UUID()
    system = fields.String()
    kind = fields.String()
    ref = fields.String()
    known = fields.Boolean()
    registered_at = Instant()
    registered_by = fields.String()
    ended_at = Instant(allow_none=True)
    ended_by = fields.String(allow_none=True)


class ReferenceArgs(PageArgs):
    into = FindReferences

    system = fields.String(required=True, validate=_SYSTEM)
    kind = fields.String(load_default=None, validate=_KIND)
    ref = Value(load_default=None, validate=_REF)


class FindingArgs(PageArgs):
    into = FindFindings

    finding = fields.String(load_default=None, validate=validate.OneOf(FINDINGS))


class FindingAnswer(Schema):
    finding = fields.String(validate=validate.OneOf(FINDINGS))
    encounter_id = fields.UUID()
    patient_id = fields.UUID(allow_none=True)
    reference_id = fields.UUID(allow_none=True)
    system = fields.String(allow_none=True)
    kind = fields.String(allow_none=True)
    ref = fields.String(allow_none=True)


class ActorsBody(Loaded):
    into = DecideActors

    actors = fields.List(Login(), required=True, validate=validate.Length(max=50))


class SystemAnswer(Schema):
    system = fields.String()
    actors = fields.List(fields.String())


class SystemsAnswer(Schema):
    items = fields.List(fields.Nested(SystemAnswer()))
