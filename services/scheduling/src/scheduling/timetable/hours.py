"""Conversion of wall times to instants: local days, and the working hours of providers. No I/O."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from jalsa.service.errors import Message
from scheduling.timetable.intervals import Interval, merged

#: The number of local days from today on which any session may start at the latest, however it is placed.
MAX_DAYS_AHEAD = 732
TOO_FAR_AHEAD = Message("Must be at most {days} days from today.", days=MAX_DAYS_AHEAD)

#: The hours of wall time of each part of the day: from the first number, until before the second.
PARTS_OF_DAY = {"MORNING": (0, 12), "AFTERNOON": (12, 17), "EVENING": (17, 24)}


@dataclass(frozen=True)
class WorkingHours:
    """A provider's hours on one weekday (0 = Sunday … 6 = Saturday) in one clinic, in the clinic's wall time.

    They apply on the days from `valid_from` to `valid_to`, both included. None means no limit.
    """

    weekday: int
    start: time
    end: time
    clinic_id: UUID
    valid_from: date | None = None
    valid_to: date | None = None

    def on(self, day: date) -> bool:
        """Whether these hours apply on a day."""
        return (
            weekday_of(day) == self.weekday
            and (self.valid_from is None or self.valid_from <= day)
            and (self.valid_to is None or day <= self.valid_to)
        )


def weekday_of(day: date) -> int:
    """Return the weekday as 0 = Sunday … 6 = Saturday."""
    return day.isoweekday() % 7


@cache
def zone_of(name: str) -> ZoneInfo:
    """Return the zone with a stored name, or UTC where this machine does not know the name.

    The fallback lets stored rows be read until the name is corrected. New names are checked with `knows_zone` first.
    """
    return ZoneInfo(name if knows_zone(name) else "UTC")


@cache
def knows_zone(name: str) -> bool:
    """Whether this machine knows the time zone with a stored name."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def days(first: date, last: date) -> Iterator[date]:
    """Yield every day from the first to the last, both included."""
    for n in range((last - first).days + 1):
        yield first + timedelta(days=n)


@lru_cache(maxsize=4096)  # The hours of many providers start and end at the same wall times.
def instant_of(day: date, wall: time, tz: ZoneInfo, *, latest: bool = False) -> datetime:
    """Return the instant of a wall time, in UTC.

    A time that a clock change skips is read with the offset before the change, so 02:30 becomes 03:30. A time that
    occurs twice is the first of the two, or with `latest` the second. This follows RFC 5545, section 3.3.5.
    """
    fold = int(latest and _twice(day, wall, tz))
    return datetime.combine(day, wall, tz).replace(fold=fold).astimezone(UTC)


def wall_time_exists(day: date, wall: time, tz: ZoneInfo) -> bool:
    """Whether the clock shows a wall time on a day."""
    there = instant_of(day, wall, tz).astimezone(tz)
    return there.time().replace(fold=0) == wall and there.date() == day


def day_of(instant: datetime, zone: str) -> date:
    """Return the local day of an instant."""
    return instant.astimezone(zone_of(zone)).date()


def last_day(now: datetime, zone: str) -> date:
    """Return the last local day on which a session may start."""
    return day_of(now, zone) + timedelta(days=MAX_DAYS_AHEAD)


def part_of_day(instant: datetime, zone: str) -> str:
    """Return the part of the day in which an instant lies by the zone's clock."""
    hour = instant.astimezone(zone_of(zone)).hour
    return next(part for part, (_, end) in PARTS_OF_DAY.items() if hour < end)


def earliest_today(now: datetime) -> date:
    """Return the earliest day that is today somewhere on earth. The last time zone is twelve hours behind UTC."""
    return (now - timedelta(hours=12)).date()


def local_day(day: date, tz: ZoneInfo) -> Interval:
    """Return a whole local day. It is 23 or 25 hours long when the clock changes."""
    return instant_of(day, time(0), tz), instant_of(day + timedelta(days=1), time(0), tz)


def open_intervals(
    hours: Iterable[WorkingHours], clinic_id: UUID, zone: str, first: date, last: date
) -> list[Interval]:
    """Return when a provider works in a clinic, from the first to the last local day.

    Adjoining hours become one interval. The wall times are converted on each day, so a clock change lengthens or
    shortens the hours.
    """
    tz = zone_of(zone)
    there = [h for h in hours if h.clinic_id == clinic_id]
    return merged(_stretch(h, day, tz) for day in days(first, last) for h in there if h.on(day))


def _stretch(hours: WorkingHours, day: date, tz: ZoneInfo) -> Interval:
    """Convert the hours to instants on a day.

    An end of 00:00 is the midnight that ends the day. Where the clock is set back to 00:00, it is the first of the two
    midnights.
    """
    if hours.end == time(0):
        return instant_of(day, hours.start, tz), local_day(day, tz)[1]
    return instant_of(day, hours.start, tz), instant_of(day, hours.end, tz, latest=True)


def _twice(day: date, wall: time, tz: ZoneInfo) -> bool:
    """Whether the clock shows a wall time twice on a day, because it is set back."""
    first = datetime.combine(day, wall, tz)
    return first.replace(fold=1).utcoffset() < first.replace(fold=0).utcoffset()  # type: ignore[operator]
