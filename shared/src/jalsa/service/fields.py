"""marshmallow fields that requests, answers and events have in common: instants, days and time zones."""

import re
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from marshmallow import ValidationError, fields

from jalsa.service import zones
from jalsa.service.json_types import JsonMapping

#: A field of a schema, whatever its value is. Fields differ by their values, and a schema has many.
AnyField = fields.Field[Any]

_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_INSTANT = re.compile(_DAY.pattern + r"[Tt ]\d\d:\d\d.*", re.ASCII)
_NO_INSTANT = "Must be an instant with its offset, such as 2026-11-20T09:00:00Z."


class Instant(fields.AwareDateTime):
    """An RFC 3339 instant with its offset, between 1900 and 2200. It is loaded as UTC and written with `Z`."""

    default_error_messages = dict.fromkeys(("invalid", "invalid_awareness"), _NO_INSTANT)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(format="iso", **kwargs)

    def _deserialize(self, value: object, attr: str | None, data: JsonMapping | None, **kwargs: object) -> datetime:
        if isinstance(value, str) and not _INSTANT.fullmatch(value):
            raise self.make_error("invalid")
        try:
            instant: datetime = super()._deserialize(value, attr, data, **kwargs)
            instant = instant.astimezone(UTC)
        except OverflowError:
            raise ValidationError("Must be between 1900 and 2200.") from None
        if not 1900 <= instant.year <= 2200:
            raise ValidationError("Must be between 1900 and 2200.")
        return instant

    def _serialize(self, value: Any, attr: str | None, obj: object, **kwargs: object) -> str | None:
        if value is None:
            return None
        return str(value.astimezone(UTC).isoformat()).replace("+00:00", "Z")


class PlainDate(fields.Date):
    """A day, `2026-11-20`: no other form, such as those of weeks, of which some readers take any ending."""

    def _deserialize(self, value: object, attr: str | None, data: JsonMapping | None, **kwargs: object) -> date:
        if not isinstance(value, str) or not _DAY.fullmatch(value):
            raise self.make_error("invalid", input=value, obj_type=self.OBJ_TYPE)
        day: date = super()._deserialize(value, attr, data, **kwargs)
        return day


class Zone(fields.String):
    """The name of a time zone in which this machine can reckon, as events have it."""

    def _deserialize(self, value: object, attr: str | None, data: JsonMapping | None, **kwargs: object) -> str:
        name = super()._deserialize(value, attr, data, **kwargs) or ""
        if not self._fits(name):
            raise ValidationError("Must be the name of an IANA time zone, for example Asia/Riyadh.")
        return ZoneInfo(name).key

    def _fits(self, name: str) -> bool:
        return zones.is_known(name)
