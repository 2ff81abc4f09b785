"""Placement of the sessions of a package, in order, each on the earliest day with a fitting time. No I/O.

Days are local days of the clinic, both bounds included. Instants are UTC.
"""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from operator import itemgetter
from typing import TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from scheduling.timetable.grid import Grid
from scheduling.timetable.hours import PARTS_OF_DAY, day_of, days, local_day, weekday_of, zone_of
from scheduling.timetable.intervals import Interval, contains, overlaps, subtract, widened

MIN_SESSIONS, MAX_SESSIONS = 2, 100
#: The number of days over which a package without an end is planned, from its start.
OPEN_PERIOD_DAYS = 90
STEP_MINUTES = 15

T = TypeVar("T")

#: What can make a time impossible, in the order in which it is checked. The provider works in the open clinic, then has
#: no other session, and then the patient has none either.
STAGES = ("outside-working-hours", "provider-busy", "patient-busy")
NO_ROOM = "room-busy"
NO_PROVIDER, PERIOD_OVER, PAST, TOGETHER = "no-provider", "period-over", "past", "package-overlap"

#: What is unusual, but allowed, about the time of a session that a person placed.
OUT_OF_ORDER, GAP = "out-of-order", "gap"


@dataclass(frozen=True)
class PlanningPreferences:
    """What the sessions of a package have in common.

    `weekdays` are 0 = Sunday … 6 = Saturday, and empty for any day. `preferred` is a wall time or a part of the day.
    Two sessions are at least `gap_days` days apart. With one provider, or in one room, they are also at least `apart`
    from each other. A session may be up to `tolerance_days` later than the earliest day, in order to get the preferred
    time, or the time and weekday of the other sessions.
    """

    zone: str
    length: timedelta
    first: date
    last: date
    not_before: datetime
    weekdays: frozenset[int] = frozenset()
    preferred: time | str | None = None
    gap_days: int = 1
    tolerance_days: int = 0
    apart: timedelta = timedelta(0)


@dataclass(frozen=True, eq=False)
class ProviderOption:
    """A provider who may hold a session, and the provider's remaining time after each of STAGES."""

    provider_id: UUID
    stages: Sequence[Sequence[Interval]]

    @property
    def free(self) -> Sequence[Interval]:
        """The time in which a session is possible if a room is free."""
        return self.stages[-1]


@dataclass(frozen=True)
class Rooms:
    """The free time of the rooms that sessions may use, in the order in which they are chosen if one is required."""

    free: Mapping[UUID, Sequence[Interval]]
    required: bool = True

    def one(self, starts_at: datetime, ends_at: datetime, usual: UUID | None) -> UUID | None:
        """Return the usual room if it is free, or else the first free one."""
        if usual and contains(self.free.get(usual, ()), starts_at, ends_at):
            return usual
        return next((room for room, free in self.free.items() if contains(free, starts_at, ends_at)), None)

    def fits(self, one: "Occurrence") -> bool:
        """Whether the room of an occurrence is free, or any room if it has none."""
        if one.room_id is None:
            return not self.required or self.one(one.starts_at, one.ends_at, None) is not None
        return contains(self.free.get(one.room_id, ()), one.starts_at, one.ends_at)

    def less(self, one: "Occurrence", apart: timedelta) -> "Rooms":
        """Return the remaining time of the rooms when a session uses one, `apart` before and after it included."""
        if one.room_id is None or one.room_id not in self.free:
            return self
        taken = [widened(one.time, apart, apart)]
        return replace(self, free={**self.free, one.room_id: subtract(self.free[one.room_id], taken)})


@dataclass(frozen=True)
class Occurrence:
    """The placement of a session of a package, by the number of the session."""

    number: int
    starts_at: datetime
    ends_at: datetime
    provider_id: UUID
    room_id: UUID | None = None

    @property
    def time(self) -> Interval:
        """The time from the start to the end."""
        return self.starts_at, self.ends_at


@dataclass(frozen=True)
class Failure:
    """A session that cannot be placed, and why. This applies to all days from first to last, or to one time.

    `provider_id` is set if only one provider was possible. `starts_at` is set if the caller requested that exact time.
    """

    number: int
    code: str
    first: date
    last: date
    provider_id: UUID | None = None
    starts_at: datetime | None = None


Planned = Occurrence | Failure


def plan(
    preferences: PlanningPreferences,
    options: Mapping[int, Sequence[ProviderOption]],
    rooms: Rooms | None = None,
    placed: Collection[Occurrence] = (),
) -> list[Planned]:
    """Place the numbered sessions, each with one of its options. The other sessions of the package are `placed`.

    A session comes after all sessions with lower numbers, and keeps the gap to those with higher ones. The same input
    always gives the same plan.
    """
    planner = _Planner(preferences, rooms)
    for occurrence in placed:
        planner.take(occurrence)
    return [planner.place(number, options[number]) for number in sorted(options)]


def check(
    preferences: PlanningPreferences,
    options: Mapping[int, Sequence[ProviderOption]],
    rooms: Rooms | None,
    wanted: Sequence[Occurrence],
    placed: Collection[Occurrence] = (),
) -> list[Planned]:
    """Check which of the requested occurrences are possible, in their order, and give the reason for the others.

    Days, order and gaps are not checked, because the caller has decided on them. Only what is impossible for everybody
    is refused. An occurrence without a room gets one if `rooms` are required.
    """
    taken = [*placed]
    found: list[Planned] = []
    for one in placed:
        rooms = rooms and rooms.less(one, preferences.apart)
    for one in sorted(wanted, key=lambda o: (o.starts_at, o.number)):
        code = _conflict(preferences, one, options[one.number], rooms, taken)
        day = day_of(one.starts_at, preferences.zone)
        if code:
            found.append(Failure(one.number, code, day, day, one.provider_id, one.starts_at))
            continue
        if rooms and rooms.required and one.room_id is None:
            one = replace(one, room_id=rooms.one(one.starts_at, one.ends_at, None))
        rooms = rooms and rooms.less(one, preferences.apart)
        taken.append(one)
        found.append(one)
    order = {one.number: index for index, one in enumerate(wanted)}
    return sorted(found, key=lambda planned: order[planned.number])


def warnings(placed: Sequence[Occurrence], zone: str, gap_days: int) -> list[tuple[int, str]]:
    """Return by number which placed sessions are OUT_OF_ORDER, or follow another one after less than the GAP."""
    found = []
    for before, after in pairwise(sorted(placed, key=lambda o: o.starts_at)):
        if after.number < before.number:
            found.append((after.number, OUT_OF_ORDER))
        if (day_of(after.starts_at, zone) - day_of(before.starts_at, zone)).days < gap_days:
            found.append((after.number, GAP))
    return found


@dataclass
class _Planner:
    preferences: PlanningPreferences
    rooms: Rooms | None
    placed: dict[int, Occurrence] = field(default_factory=dict)
    _days: dict[int, date] = field(default_factory=dict)
    _failed: dict[tuple[frozenset[UUID], date], Failure] = field(default_factory=dict)
    _times: Counter[time] = field(default_factory=Counter)
    _weekdays: Counter[int] = field(default_factory=Counter)
    _providers: Counter[UUID] = field(default_factory=Counter)
    _rooms: Counter[UUID] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._tz = zone_of(self.preferences.zone)
        self._grid = Grid(self.preferences.zone, STEP_MINUTES)

    def place(self, number: int, options: Sequence[ProviderOption]) -> Planned:
        """Place a session at the best start on the earliest possible day and on the tolerated days after it."""
        gap = timedelta(days=self.preferences.gap_days)
        first = max([self.preferences.first, *(day + gap for other, day in self._days.items() if other < number)])
        # If the first day is the same, nothing was placed in the meantime, and the following sessions fail immediately.
        key = frozenset(c.provider_id for c in options), first
        if known := self._failed.get(key):
            return replace(known, number=number)
        best = self._best(first, options)
        if best is None:
            alone = options[0].provider_id if len(options) == 1 else None
            self._failed[key] = Failure(number, self._reason(first, options), first, self.preferences.last, alone)
            return self._failed[key]
        starts_at, option = best
        ends_at = starts_at + self.preferences.length
        room = self.rooms.one(starts_at, ends_at, _usual(self._rooms)) if self.rooms else None
        return self.take(Occurrence(number, starts_at, ends_at, option.provider_id, room))

    def take(self, occurrence: Occurrence) -> Occurrence:
        local = occurrence.starts_at.astimezone(self._tz)
        self.placed[occurrence.number], self._days[occurrence.number] = occurrence, local.date()
        self._times[local.time()] += 1
        self._weekdays[weekday_of(local.date())] += 1
        self._providers[occurrence.provider_id] += 1
        if occurrence.room_id:
            self._rooms[occurrence.room_id] += 1
        self.rooms = self.rooms and self.rooms.less(occurrence, self.preferences.apart)
        return occurrence

    def _best(self, first: date, options: Sequence[ProviderOption]) -> tuple[datetime, ProviderOption] | None:
        """Return the best start from the first day on with its provider.

        One who holds most of the other sessions is preferred.
        """
        usual, rank = _usual(self._providers), self._rank()
        ordered = sorted(options, key=lambda option: option.provider_id != usual)
        best, until = None, self.preferences.last
        for day in self._open_days(first, self.preferences.last):
            if day > until:
                break
            slots = self._slots(ordered, day, self.rooms)
            if slots and best is None:
                until = day + timedelta(days=self.preferences.tolerance_days)
            best = min([*filter(None, [best]), *slots.items()], key=rank, default=None)
            if best and rank.ideal(best):
                break
        return best

    def _open_days(self, first: date, last: date) -> Iterator[date]:
        """Yield the requested days that are at least the gap away from every placed session."""
        preferences, gap = self.preferences, timedelta(days=self.preferences.gap_days)
        later = [day for day in self._days.values() if day > first - gap]
        for day in days(first, last) if first <= last else ():
            if (not preferences.weekdays or weekday_of(day) in preferences.weekdays) and all(
                abs(day - d) >= gap for d in later
            ):
                yield day

    def _near(self, day: date) -> list[Occurrence]:
        """Return the sessions of the package that a session on a day could overlap."""
        start, end = local_day(day, self._tz)
        apart = self.preferences.apart
        return [
            o
            for o in self.placed.values()
            if overlaps(widened(o.time, apart, apart), (start, end + self.preferences.length))
        ]

    def _slots(
        self, options: Sequence[ProviderOption], day: date, rooms: Rooms | None
    ) -> dict[datetime, ProviderOption]:
        """Return the free starts on a day that conflict with no other session of the package and have a room if needed.

        Each start comes with the first option that is possible.
        """
        others, slots = self._near(day), dict[datetime, ProviderOption]()
        for option in options:
            for starts_at in self._begins(option.free, day):
                if not _meets(
                    self.preferences, starts_at, starts_at + self.preferences.length, option.provider_id, others
                ):
                    slots.setdefault(starts_at, option)
        if rooms is None:
            return slots
        return {
            start: option for start, option in slots.items() if rooms.one(start, start + self.preferences.length, None)
        }

    def _begins(self, free: Sequence[Interval], day: date) -> list[datetime]:
        """Return the future starts on a day for which there is enough free time."""
        bounds = local_day(day, self._tz)
        since = bisect_right(free, bounds[0], key=itemgetter(1))
        near = free[since : bisect_left(free, bounds[1], since, key=itemgetter(0))]
        start_times = self._grid.start_times(near, self.preferences.length, bounds)
        return [starts_at for starts_at in start_times if starts_at > self.preferences.not_before]

    def _rank(self) -> "_Rank":
        return _Rank(self._tz, self.preferences.preferred, _usual(self._times), _usual(self._weekdays))

    def _reason(self, first: date, options: Sequence[ProviderOption]) -> str:
        """Return the first stage after which no time is left on any of the days.

        Conflicts with other sessions of the package count as conflicts of the patient.
        """
        if first > self.preferences.last:
            return PERIOD_OVER
        if not options:
            return NO_PROVIDER
        asked = list(self._open_days(first, self.preferences.last))
        if not asked:
            return PERIOD_OVER
        for stage, code in enumerate(STAGES):
            if not any(self._begins(option.stages[stage], day) for option in options for day in asked):
                return code
        return NO_ROOM if any(self._slots(options, day, None) for day in asked) else STAGES[-1]


@dataclass(frozen=True)
class _Rank:
    """The order of slots on the same days: by the preferred time, the time of the other sessions, their weekday."""

    tz: ZoneInfo
    preferred: time | str | None
    time: time | None
    weekday: int | None

    def __call__(self, slot: tuple[datetime, ProviderOption]) -> tuple[int, bool, bool, datetime]:
        starts_at, _ = slot
        local = starts_at.astimezone(self.tz)
        return (
            self._off(local),
            self.time is not None and local.time() != self.time,
            self.weekday is not None and weekday_of(local.date()) != self.weekday,
            starts_at,
        )

    def ideal(self, slot: tuple[datetime, ProviderOption]) -> bool:
        """Whether no later slot can be better."""
        return not any(self(slot)[:-1])

    def _off(self, local: datetime) -> int:
        """The distance of a start from the preferred time, in minutes, or 1 if it is in another part of the day."""
        if self.preferred is None:
            return 0
        if isinstance(self.preferred, str):
            start, end = PARTS_OF_DAY[self.preferred]
            return int(not start <= local.hour < end)
        return abs(local.hour * 60 + local.minute - self.preferred.hour * 60 - self.preferred.minute)


def _usual(counted: Counter[T]) -> T | None:
    return max(counted, key=lambda value: counted[value]) if counted else None


def _meets(
    preferences: PlanningPreferences,
    starts_at: datetime,
    ends_at: datetime,
    provider_id: UUID,
    others: Collection[Occurrence],
) -> bool:
    for other in others:
        apart = preferences.apart if other.provider_id == provider_id else timedelta(0)
        if overlaps(widened(other.time, apart, apart), (starts_at, ends_at)):
            return True
    return False


def _conflict(
    preferences: PlanningPreferences,
    one: Occurrence,
    options: Sequence[ProviderOption],
    rooms: Rooms | None,
    taken: Collection[Occurrence],
) -> str | None:
    option = next((c for c in options if c.provider_id == one.provider_id), None)
    if option is None:
        return NO_PROVIDER
    if one.starts_at <= preferences.not_before:
        return PAST
    for code, left in zip(STAGES, option.stages, strict=True):
        if not contains(left, one.starts_at, one.ends_at):
            return code
    if _meets(preferences, one.starts_at, one.ends_at, one.provider_id, taken):
        return TOGETHER
    return NO_ROOM if rooms and not rooms.fits(one) else None
