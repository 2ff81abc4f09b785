"""marshmallow fields with the conventions of the HTTP surface."""

import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from marshmallow import Schema, ValidationError, fields, validate

# control characters and unpaired surrogates can not be stored or shown; bidirectional marks can disguise a name
_FORBIDDEN_IN_NAMES = re.compile(
    "[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff"
    "\ud800-\udfff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_FORBIDDEN_IN_TEXT = re.compile("[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class Name(fields.String):
    """One line of 1 to `max` characters (120), trimmed, in Unicode's composed form, without invisible marks."""

    def __init__(self, *, max: int = 120, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.max = max

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        text = unicodedata.normalize("NFC", super()._deserialize(value, attr, data, **kwargs) or "").strip()
        if _FORBIDDEN_IN_NAMES.search(text):
            raise ValidationError("Must not contain control characters or text-direction marks.")
        if not 1 <= len(text) <= self.max:
            raise ValidationError(f"Must be 1 to {self.max} characters.")
        return text


class FreeText(fields.String):
    """Text of several lines, up to `max` characters (2000), without control characters or direction overrides."""

    def __init__(self, *, max: int = 2000, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.max = max

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs) or ""
        if _FORBIDDEN_IN_TEXT.search(text):
            raise ValidationError("Must not contain control characters or text-direction overrides.")
        if len(text) > self.max:
            raise ValidationError(f"Must be at most {self.max} characters.")
        return text


class Instant(fields.AwareDateTime):
    """An RFC 3339 instant with its offset, between 1900 and 2200; loaded as UTC, written with `Z`."""

    default_error_messages = dict.fromkeys(
        ("invalid", "invalid_awareness"), "Must be an instant with its offset, such as 2026-11-20T09:00:00Z."
    )

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(format="iso", **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> datetime:
        try:
            instant: datetime = super()._deserialize(value, attr, data, **kwargs)
            instant = instant.astimezone(UTC)
        except OverflowError:
            raise ValidationError("Must be between 1900 and 2200.") from None
        if not 1900 <= instant.year <= 2200:
            raise ValidationError("Must be between 1900 and 2200.")
        return instant

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        if value is None:
            return None
        return str(value.astimezone(UTC).isoformat()).replace("+00:00", "Z")


class Day(fields.Date):
    """A day, `2026-11-20`, between 1900 and 2200."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> date:
        day: date = super()._deserialize(value, attr, data, **kwargs)
        if not 1900 <= day.year <= 2200:
            raise ValidationError("Must be between 1900 and 2200.")
        return day


class DayOrInstant(fields.String):
    """A day, or an instant with its offset: loaded as a date, or as a datetime in UTC."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        kind = Day() if len(str(value)) == len("2026-11-20") else Instant()
        return kind.deserialize(value, attr, data, **kwargs)


@cache
def _zones() -> frozenset[str]:
    """The zones' names, from the disk once: finding them takes milliseconds."""
    return frozenset(available_timezones())


class Zone(fields.String):
    """The name of an IANA time zone."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        name = super()._deserialize(value, attr, data, **kwargs) or ""
        if name not in _zones():
            raise ValidationError("Must be the name of an IANA time zone, such as Asia/Riyadh.")
        return ZoneInfo(name).key


def code(max: int = 20) -> fields.String:
    """A short code: capital letters, digits, `-` and `_`; it stands in numbers."""
    return fields.String(
        required=True,
        validate=validate.Regexp(
            rf"[A-Z][A-Z0-9_-]{{0,{max - 1}}}\Z", error="Must be capital letters, digits, - or _."
        ),
    )


class EmptyBody(Schema):
    """A POST that needs no fields."""


class Problem(Schema):
    """RFC 9457 problem details."""

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True)
    code = fields.String(required=True, metadata={"description": "Stable, kebab-case"})
    errors = fields.Dict(metadata={"description": "Messages by field, with 422"})
