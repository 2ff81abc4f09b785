"""marshmallow fields with the conventions of the HTTP surface."""

from datetime import date
from typing import Any, TypeVar

from marshmallow import INCLUDE, Schema, ValidationError, fields, validate

from jalsa.http.auth import is_login
from jalsa.service import zones
from jalsa.service.characters import clean_line, clean_value, is_blank, is_text, is_visible, unjoined
from jalsa.service.errors import Message
from jalsa.service.fields import AnyField
from jalsa.service.fields import Instant as Instant
from jalsa.service.fields import PlainDate as PlainDate
from jalsa.service.fields import Zone as Zone
from jalsa.service.folding import fold
from jalsa.service.json_types import JsonMapping
from jalsa.service.states import StateMachine

F = TypeVar("F", bound=AnyField)


class Name(fields.String):
    """One line of 1 to `max` characters (120), as `clean_line` leaves it, that shows a letter, a digit or a symbol.

    What folds to nothing, such as marks of vowels on no letter, shows none, because nobody could look for it.
    Punctuation alone stands for nothing where null does, and it is loaded as None.
    """

    def __init__(self, *, max: int = 120, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.max = max

    def _deserialize(self, value: object, attr: str | None, data: JsonMapping | None, **kwargs: object) -> Any:
        text = _line(super()._deserialize(value, attr, data, **kwargs), 1, self.max)
        if _shows_something(text):
            return text
        if self.allow_none and not is_blank(text):
            return None
        raise ValidationError("Must contain a letter, a digit or a symbol.")


class Login(fields.String):
    """A login of 1 to 120 characters, as `clean_line` leaves it and without any joiner, that a token may name."""

    def _deserialize(self, value: object, attr: str | None, data: JsonMapping | None, **kwargs: object) -> str:
        login = unjoined(_line(super()._deserialize(value, attr, data, **kwargs), 1, 120))
        if not _shows_something(login) or not is_login(login):
            raise ValidationError("Must be a login in visible characters without marks, not beginning with system:.")
        return login


class Words(fields.String):
    """What somebody looks for, which is one line of `least` to `max` characters, as `clean_line` leaves it."""

    def __init__(self, *, least: int = 2, max: int = 60, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.least, self.max = least, max

    def _deserialize(self, value: object, attr: str | None, data: JsonMapping | None, **kwargs: object) -> str:
        return _line(super()._deserialize(value, attr, data, **kwargs), self.least, self.max)


def _shows_something(text: str) -> bool:
    return is_visible(text) and fold(text) != ""


def _line(given: str | None, least: int, most: int) -> str:
    try:
        text = clean_line(given or "")
    except ValueError:
        raise ValidationError("Must not contain control characters.") from None
    if not least <= len(text) <= most:
        raise ValidationError(Message("Must be {least} to {most} characters.", least=least, most=most))
    return text


class Value(fields.String):
    """A number, an identifier or an address, as people paste it, loaded as `clean_value` leaves it."""

    def _deserialize(self, value: object, attr: str | None, data: JsonMapping | None, **kwargs: object) -> str:
        try:
            return clean_value(super()._deserialize(value, attr, data, **kwargs) or "")
        except ValueError:
            raise ValidationError("Must not contain control characters.") from None


class FreeText(fields.String):
    """Text of several lines, up to `max` characters (2000), without control characters or direction overrides."""

    def __init__(self, *, max: int = 2000, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.max = max

    def _deserialize(self, value: object, attr: str | None, data: JsonMapping | None, **kwargs: object) -> str:
        text = super()._deserialize(value, attr, data, **kwargs) or ""
        if not is_text(text):
            raise ValidationError("Must not contain control characters or text-direction overrides.")
        if len(text) > self.max:
            raise ValidationError(Message("Must be at most {most} characters.", most=self.max))
        return text


class Day(PlainDate):
    """A day, `2026-11-20`, between 1900 and 2200."""

    def _deserialize(self, value: object, attr: str | None, data: JsonMapping | None, **kwargs: object) -> date:
        day: date = super()._deserialize(value, attr, data, **kwargs)
        if not 1900 <= day.year <= 2200:
            raise ValidationError("Must be between 1900 and 2200.")
        return day


class WallTime(fields.Time):
    """A wall time, `HH:MM`. 24:00, as an end, is written 00:00."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(format="%H:%M", **kwargs)


class DayOrInstant(fields.String):
    """A day, or an instant with its offset: loaded as a date, or as a datetime in UTC."""

    def _deserialize(self, value: object, attr: str | None, data: JsonMapping | None, **kwargs: object) -> Any:
        kind = Day() if len(str(value)) == len("2026-11-20") else Instant()
        return kind.deserialize(value, attr, data, **kwargs)


class PlaceZone(Zone):
    """The name of the IANA time zone of a place, or UTC, as a caller may choose it."""

    def _fits(self, name: str) -> bool:
        return zones.is_place(name)


class Pattern(validate.Regexp):
    """A regular expression as ECMA-262 and Python both read it, `^…$`, that has to fit the whole text.

    Python's own `$` would let a line feed at the end pass. The OpenAPI document shows the expression as it is.
    """

    def __init__(self, regex: str, *, error: str | None = None) -> None:
        if not (regex.startswith("^") and regex.endswith("$")):
            raise ValueError(f"A pattern begins with ^ and ends with $: {regex}")
        super().__init__(regex, error=error)

    def __call__(self, value: Any) -> Any:
        if self.regex.fullmatch(value) is None:
            raise ValidationError(self._format_error(value))
        return value


def state(machine: StateMachine, **kwargs: Any) -> fields.String:
    """A state of a machine, for answers: the OpenAPI document lists all of them."""
    return fields.String(validate=validate.OneOf(machine.states), **kwargs)


def sometimes(field: F) -> F:
    """Declare that an answer may lack the field altogether. Every other field of an answer is always there."""
    field.metadata = {**field.metadata, "x-may-be-absent": True}
    return field


def code(max: int = 20, *, required: bool = True, description: str | None = None) -> fields.String:
    """A short code: capital letters, digits, `-` and `_`. It stands in numbers."""
    return fields.String(
        required=required,
        metadata={"description": description} if description else {},
        validate=Pattern(rf"^[A-Z][A-Z0-9_-]{{0,{max - 1}}}$", error="Must be capital letters, digits, - or _."),
    )


class EmptyBody(Schema):
    """A POST that needs no fields."""


class Problem(Schema):
    """RFC 9457 problem details. There may be further members."""

    class Meta:
        unknown = INCLUDE

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True)
    code = fields.String(required=True)
    errors = sometimes(fields.Dict())
    more_errors = sometimes(fields.Boolean())
    blockers = sometimes(fields.List(fields.String()))
    rule = sometimes(fields.String(allow_none=True))
    overridable = sometimes(fields.Boolean())
    conflicts = sometimes(fields.List(fields.Dict()))
    refusals = sometimes(fields.List(fields.Dict()))
    candidates = sometimes(fields.List(fields.Dict()))
