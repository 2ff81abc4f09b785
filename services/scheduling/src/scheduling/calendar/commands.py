"""What the calendar and its feeds are given."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowCalendar:
    """The part of the schedule of a clinic, a provider, or both that is shown, perhaps of one room alone.

    A bound is a local day of each clinic, which is whole, or an instant in UTC, of which the last is not included.
    """

    first: date | datetime
    last: date | datetime
    clinic_id: UUID | None = None
    provider_id: UUID | None = None
    room_id: UUID | None = None
    cancelled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadFeed:
    """A provider's feed in `en` or `ar`, opened by the secret token of its address."""

    token: str = ""
    language: str = "en"
