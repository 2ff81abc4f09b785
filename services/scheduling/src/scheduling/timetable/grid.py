"""When a session could start: a grid in the clinic's wall time, and the times of it that lie in free time. No I/O."""

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
    """The times at which a session may start: every `step_minutes` of a zone's wall time, counted from each midnight.

    A wall time that a clock change skips gives no start. One that occurs twice gives two. `weekdays` (0 = Sunday … 6 =
    Saturday, empty for any) and `part_of_day` apply to the time at which the session starts.
    """

    zone: str
    step_minutes: int
    part_of_day: str | None = None
    weekdays: frozenset[int] = frozenset()

    def start_times(self, free: Iterable[Interval], length: timedelta, bounds: Interval) -> Iterator[datetime]:
        """Yield the times of the grid within `bounds` that are followed by `length` of free time, the earliest first.

        `free` contains merged intervals. A session may end after the bounds, but it starts before their end.
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
    """Yield the time from start to end in pieces of growing length, so that a caller can stop early."""
    length = _FIRST_WINDOW
    while start < end:
        yield start, min(start + length, end)
        start, length = start + length, length * _GROWTH


@lru_cache(maxsize=512)
def _times(day: date, zone: str, step: int, part_of_day: str | None) -> tuple[datetime, ...]:
    """Return a day's times in UTC. They are cached because they are the same for every provider and every request."""
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
