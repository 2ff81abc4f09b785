"""The data of events as dataclasses. Their annotations are the schemas, so that each field is written once."""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, is_dataclass
from dataclasses import fields as declared
from datetime import date, datetime
from types import NoneType, UnionType
from typing import Annotated, Any, ClassVar, Union, dataclass_transform, get_args, get_origin, get_type_hints
from uuid import UUID

from marshmallow import EXCLUDE, Schema, fields, validate

from jalsa.service.commands import Loaded, Unset
from jalsa.service.fields import AnyField, Instant, PlainDate, Zone
from jalsa.service.json_types import JsonObject

#: The name of a time zone in which this machine can reckon. A `str` is not asked whether it is one.
ZoneName = Annotated[str, Zone]

#: The form of a value in JSON, by its type. A class of fields in an annotation says another one.
_FORMS: Mapping[object, type[AnyField]] = {
    str: fields.String,
    int: fields.Integer,
    bool: fields.Boolean,
    UUID: fields.UUID,
    date: PlainDate,
    datetime: Instant,
}


@dataclass_transform(frozen_default=True, kw_only_default=True)
@dataclass(frozen=True, kw_only=True)
class Data:
    """The data of an event, or what a consumer reads of it. Each subclass is a frozen dataclass.

    Data itself has no field. A consumer names it where the event's name and subject say all.

    `X | None` may be null, and what has a default may be absent. `X | Unset = UNSET` is absent or an X. In
    `Annotated[X, …]` a text describes the field, a validator of marshmallow limits it, and a class of fields gives its
    form. `meanings` describes fields by their names, said once for all events of a service, where they have no text.
    """

    meanings: ClassVar[Mapping[str, str]] = {}

    def __init_subclass__(cls) -> None:
        told = cls.__doc__
        dataclass(frozen=True, kw_only=True)(cls)
        cls.__doc__ = told  # where nothing is told, a dataclass shows its parameters


def schema_of(data: type[Any]) -> Schema:
    """The schema that writes the data of an event, and loads it into its dataclass. Unknown fields are ignored.

    What is nested may be any dataclass, such as one of a domain. Raises TypeError where a field's type has no form.
    """
    hints = get_type_hints(data, include_extras=True)
    meanings = getattr(data, "meanings", {})
    made = {
        each.name: _field(
            hints[each.name],
            meanings.get(each.name),
            required=each.default is MISSING and each.default_factory is MISSING,
        )
        for each in declared(data)
    }

    class Fields(Loaded):
        into = data

        class Meta:
            unknown = EXCLUDE
            register = False

    return Fields.from_dict(made, name=data.__name__)()


def _field(annotation: Any, meaning: str | None = None, *, required: bool = False) -> AnyField:
    types, notes = _parts(annotation)
    described = next((note for note in notes if isinstance(note, str)), meaning)
    options: JsonObject = {
        "required": required,
        "allow_none": NoneType in types,
        "validate": [note for note in notes if isinstance(note, validate.Validator)],
        "metadata": {"description": described} if described else {},
    }
    types -= {NoneType, Unset}
    if len(types) != 1:
        raise TypeError(f"Events have fields of one type, not {annotation}.")
    (kind,) = types
    if get_origin(kind) in (list, Sequence):
        return fields.List(_field(*get_args(kind)), **options)
    if isinstance(kind, type) and is_dataclass(kind):
        return fields.Nested(schema_of(kind), **options)
    form: type[AnyField] | None = next((note for note in notes if isinstance(note, type)), _FORMS.get(kind))
    if form is None:
        raise TypeError(f"Events have no form for {kind}.")
    return form(**options)


def _parts(annotation: Any) -> tuple[set[Any], list[Any]]:
    """The types that an annotation allows, and what stands beside them in `Annotated`."""
    if get_origin(annotation) is Annotated:
        types, notes = _parts(annotation.__origin__)
        return types, [*annotation.__metadata__, *notes]
    if get_origin(annotation) in (Union, UnionType):
        parts = [_parts(each) for each in get_args(annotation)]
        return set().union(*(types for types, _ in parts)), [note for _, notes in parts for note in notes]
    return {annotation}, []
