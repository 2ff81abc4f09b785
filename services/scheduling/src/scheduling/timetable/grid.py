"""When a session could begin: a grid of the clinic's wall time, and what of it lies in free time. No I/O."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache

from scheduling.timetable.hours import PARTS_OF_DAY, days, instant_of, local_day, wall_time_exists, weekday_of, zone_of
from scheduling.timetable.intervals import Interval

_FIRST_WINDOW = timedelta(days=2)
_GROWTH = 4


@dataclass(frozen=True)
class Grid:
    """The times at which a session may begin: every `step_minutes` of the wall time of a zone, from each midnight on.

    A time that the clock leaves out is none, one that comes twice is two. `weekdays` (0 = Sunday … 6 = Saturday; none
    means any) and `part_of_day` are of the time at which it begins.
    """

    zone: str
    step_minutes: int
    part_of_day: str | None = None
    weekdays: frozenset[int] = frozenset()

    def start_times(self, free: Iterable[Interval], length: timedelta, bounds: Interval) -> Iterator[datetime]:
        """The grid's times within bounds at which that length of free time follows; the earliest first.

        `free` are merged intervals. The time may reach beyond the end of the bounds, but not begin there.
        """
        tz = zone_of(self.zone)
        for start, end in free:
            first, last = max(start, bounds[0]), min(end - length, bounds[1])
            if first > last:
                continue
            for day in days(first.astimezone(tz).date(), last.astimezone(tz).date()):
                times = self._on(day)
                upto = min(bisect_right(times, last), bisect_left(times, bounds[1]))
                yield from times[bisect_left(times, first) : upto]

    def _on(self, day: date) -> Sequence[datetime]:
        if self.weekdays and weekday_of(day) not in self.weekdays:
            return ()
        return _times(day, self.zone, self.step_minutes, self.part_of_day)


def windows(start: datetime, end: datetime) -> Iterator[Interval]:
    """The time from start to end in pieces that grow, for whoever may have found enough in the first of them."""
    length = _FIRST_WINDOW
    while start < end:
        yield start, min(start + length, end)
        start, length = start + length, length * _GROWTH


@lru_cache(maxsize=512)
def _times(day: date, zone: str, step: int, part_of_day: str | None) -> tuple[datetime, ...]:
    """A day's times in UTC; the same for every provider who is asked about, and in every request."""
    tz = zone_of(zone)
    first, last = PARTS_OF_DAY[part_of_day] if part_of_day else (0, 24)
    minutes = [minute for minute in range(0, last * 60, step) if minute >= first * 60]
    midnight, next_midnight = local_day(day, tz)
    if next_midnight - midnight == timedelta(days=1):
        return tuple(midnight + timedelta(minutes=minute) for minute in minutes)
    walls = [
        wall for wall in (time(minute // 60, minute % 60) for minute in minutes) if wall_time_exists(day, wall, tz)
    ]
    return tuple(sorted({instant_of(day, wall, tz, latest=latest) for wall in walls for latest in (False, True)}))
