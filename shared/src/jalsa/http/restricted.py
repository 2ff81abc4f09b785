"""Fields that only some roles may read. The readers are declared once, at the field, and apply wherever it is shown.

A schema with such fields is an `Answer`. It writes what the caller may not read as null, and lists the names of these
fields, whether they have a value or not, in `withheld`.
"""

from collections.abc import Iterator
from typing import Any, TypeVar

from flask import g
from marshmallow import Schema, fields, post_dump

from jalsa.service.fields import AnyField
from jalsa.service.json_types import JsonObject
from jalsa.service.policy import Principal, Readers

F = TypeVar("F", bound=AnyField)


def restricted(readers: Readers, field: F) -> F:
    """Declare who reads a field. The OpenAPI document says it in `x-readers`."""
    field.__dict__["readers"] = readers
    field.metadata = {**field.metadata, "x-readers": sorted(readers.roles)}
    return field


def readers_of(schema: Schema) -> dict[str, Readers]:
    """The restricted fields of a schema itself, by the names under which they are written."""
    return {
        field.data_key or name: field.__dict__["readers"]
        for name, field in schema.fields.items()
        if "readers" in field.__dict__
    }


class Answer(Schema):
    """A schema of what is answered, some fields of which are not for everybody."""

    withheld = fields.List(
        fields.String(),
        metadata={"description": "The fields that you may not read. They are null, whatever their value is"},
    )

    @post_dump
    def _without_what_is_withheld(self, data: JsonObject, **_: object) -> JsonObject:
        return _shown(self, data, g.principal)


def as_seen_by(principal: Principal, schema: Schema, document: Any) -> Any:
    """A document that a schema wrote for this caller earlier, as the caller may see it now."""
    if isinstance(document, list):
        return [as_seen_by(principal, schema, member) for member in document]
    if not isinstance(document, dict):
        return document
    seen = dict(document)
    for name, inner in _nested(schema):
        if name in seen:
            seen[name] = as_seen_by(principal, inner, seen[name])
    return _shown(schema, seen, principal)


def check_declared(schema: Schema) -> None:
    """Raises TypeError for a restricted field in a schema, or in one inside it, that would not withhold it."""
    if readers_of(schema) and not isinstance(schema, Answer):
        raise TypeError(f"{type(schema).__name__} has restricted fields and is no Answer")
    for _, inner in _nested(schema):
        check_declared(inner)


def _shown(schema: Schema, data: JsonObject, principal: Principal) -> JsonObject:
    readers = readers_of(schema)
    if not readers:
        return data
    withheld = [name for name, who in readers.items() if name in data and not who.include(principal, data)]
    withheld += [name for name in data.get("withheld") or () if name not in withheld]
    return data | dict.fromkeys(withheld) | {"withheld": sorted(withheld)}


def _nested(schema: Schema) -> Iterator[tuple[str, Schema]]:
    """The schemas inside a schema, by the names under which they are written."""
    for name, field in schema.fields.items():
        inner = field.inner if isinstance(field, fields.List) else field
        if isinstance(inner, fields.Nested):
            yield field.data_key or name, inner.schema
