"""Wall times made instants: local days, and providers' working hours. No I/O."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from jalsa.service.errors import Message
from scheduling.timetable.intervals import Interval, merged

#: How many local days ahead the last one is on which a session may begin, however it is placed.
MAX_DAYS_AHEAD = 732
TOO_FAR_AHEAD = Message("Must be at most {days} days from today.", days=MAX_DAYS_AHEAD)

#: The hours of the wall time that each is made of: from the first, until before the second.
PARTS_OF_DAY = {"MORNING": (0, 12), "AFTERNOON": (12, 17), "EVENING": (17, 24)}


@dataclass(frozen=True)
class WorkingHours:
    """A provider's hours on one weekday (0 = Sunday … 6 = Saturday) in one clinic, in the clinic's wall time.

    They hold on the days from `valid_from` to `valid_to`, both included; None is without a limit.
    """

    weekday: int
    start: time
    end: time
    clinic_id: UUID
    valid_from: date | None = None
    valid_to: date | None = None

    def on(self, day: date) -> bool:
        """Whether these hours are worked on that day."""
        return (
            weekday_of(day) == self.weekday
            and (self.valid_from is None or self.valid_from <= day)
            and (self.valid_to is None or day <= self.valid_to)
        )


def weekday_of(day: date) -> int:
    """0 = Sunday … 6 = Saturday."""
    return day.isoweekday() % 7


@cache
def zone_of(name: str) -> ZoneInfo:
    """The zone of a stored name, or UTC where this machine does not know it.

    So what others have stored can be read, until the name is corrected. What is new asks `knows_zone` first.
    """
    return ZoneInfo(name if knows_zone(name) else "UTC")


@cache
def knows_zone(name: str) -> bool:
    """Whether this machine can reckon in the zone of a stored name."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def days(first: date, last: date) -> Iterator[date]:
    """Every day from the first to the last."""
    for n in range((last - first).days + 1):
        yield first + timedelta(days=n)


@lru_cache(maxsize=4096)  # the hours of many providers begin and end at the same wall times
def instant_of(day: date, wall: time, tz: ZoneInfo, *, latest: bool = False) -> datetime:
    """The instant of a wall time, in UTC.

    A time that a clock change leaves out is read with the offset before the change (02:30 becomes 03:30), one that
    comes twice is its first coming, or the second with `latest`: so RFC 5545, section 3.3.5.
    """
    fold = int(latest and _twice(day, wall, tz))
    return datetime.combine(day, wall, tz).replace(fold=fold).astimezone(UTC)


def wall_time_exists(day: date, wall: time, tz: ZoneInfo) -> bool:
    """Whether the clock shows that time on that day."""
    there = instant_of(day, wall, tz).astimezone(tz)
    return there.time().replace(fold=0) == wall and there.date() == day


def day_of(instant: datetime, zone: str) -> date:
    """The local day of an instant."""
    return instant.astimezone(zone_of(zone)).date()


def last_day(now: datetime, zone: str) -> date:
    """The last local day on which a session may begin."""
    return day_of(now, zone) + timedelta(days=MAX_DAYS_AHEAD)


def part_of_day(instant: datetime, zone: str) -> str:
    """The part of the day that it is by the zone's clock."""
    hour = instant.astimezone(zone_of(zone)).hour
    return next(part for part, (_, end) in PARTS_OF_DAY.items() if hour < end)


def earliest_today(now: datetime) -> date:
    """The day that it still is somewhere: the last clocks on earth are twelve hours behind UTC."""
    return (now - timedelta(hours=12)).date()


def local_day(day: date, tz: ZoneInfo) -> Interval:
    """A whole local day; 23 or 25 hours long when the clock changes."""
    return instant_of(day, time(0), tz), instant_of(day + timedelta(days=1), time(0), tz)


def open_intervals(
    hours: Iterable[WorkingHours], clinic_id: UUID, zone: str, first: date, last: date
) -> list[Interval]:
    """When a provider works in a clinic, from the first to the last local day; what adjoins is one interval.

    The hours' wall times are made instants on each day, so a clock change lengthens or shortens them.
    """
    tz = zone_of(zone)
    there = [h for h in hours if h.clinic_id == clinic_id]
    return merged(_stretch(h, day, tz) for day in days(first, last) for h in there if h.on(day))


def _stretch(hours: WorkingHours, day: date, tz: ZoneInfo) -> Interval:
    """An end of 00:00 is the midnight that ends the day: its first, where the clock is set back to it."""
    if hours.end == time(0):
        return instant_of(day, hours.start, tz), local_day(day, tz)[1]
    return instant_of(day, hours.start, tz), instant_of(day, hours.end, tz, latest=True)


def _twice(day: date, wall: time, tz: ZoneInfo) -> bool:
    """Whether the clock shows that time twice on that day: it is set back."""
    first = datetime.combine(day, wall, tz)
    return first.replace(fold=1).utcoffset() < first.replace(fold=0).utcoffset()  # type: ignore[operator]
