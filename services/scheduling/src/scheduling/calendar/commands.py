"""The inputs of the calendar and of its feeds."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowCalendar:
    """Show the schedule of a clinic, of a provider, or of both, and perhaps of one room only.

    A bound is a whole local day of each clinic, or an instant in UTC, of which the last is not included.
    """

    first: date | datetime
    last: date | datetime
    clinic_id: UUID | None = None
    provider_id: UUID | None = None
    room_id: UUID | None = None
    cancelled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadFeed:
    """Read a provider's feed in `en` or `ar`. The secret token of its address authorises the request."""

    token: str = ""
    language: str = "en"
