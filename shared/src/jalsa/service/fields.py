"""marshmallow fields that requests, answers and events have in common: instants, days and time zones."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from marshmallow import ValidationError, fields

from jalsa.service import zones

_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_INSTANT = re.compile(_DAY.pattern + r"[Tt ]\d\d:\d\d.*", re.ASCII)


class Instant(fields.AwareDateTime):
    """An RFC 3339 instant with its offset, between 1900 and 2200. It is loaded as UTC and written with `Z`."""

    default_error_messages = dict.fromkeys(
        ("invalid", "invalid_awareness"), "Must be an instant with its offset, such as 2026-11-20T09:00:00Z."
    )

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(format="iso", **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> datetime:
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

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        if value is None:
            return None
        return str(value.astimezone(UTC).isoformat()).replace("+00:00", "Z")


class PlainDate(fields.Date):
    """A day, `2026-11-20`: no other form, such as those of weeks, of which some readers take any ending."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> date:
        if not isinstance(value, str) or not _DAY.fullmatch(value):
            raise self.make_error("invalid", input=value, obj_type=self.OBJ_TYPE)
        day: date = super()._deserialize(value, attr, data, **kwargs)
        return day


class Zone(fields.String):
    """The name of a time zone in which this machine can reckon, as events have it."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        name = super()._deserialize(value, attr, data, **kwargs) or ""
        if not self._fits(name):
            raise ValidationError("Must be the name of an IANA time zone, for example Asia/Riyadh.")
        return ZoneInfo(name).key

    def _fits(self, name: str) -> bool:
        return zones.is_known(name)
