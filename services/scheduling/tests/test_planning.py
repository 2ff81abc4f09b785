"""The plan of a package against a model that looks at every quarter of an hour, without I/O."""

import time as clock
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduling.packages.rules.planning import (
    Failure,
    Occurrence,
    Planned,
    PlanningPreferences,
    ProviderOption,
    Rooms,
    check,
    plan,
    warnings,
)
from scheduling.packages.rules.reasons import ANYBODY, ASSIGNED, HOLDS_OTHERS, reason, warning
from scheduling.timetable.hours import PARTS_OF_DAY, WorkingHours, local_day, open_intervals
from scheduling.timetable.intervals import Interval, merged, subtract

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
BERLIN, RIYADH, NEW_YORK = "Europe/Berlin", "Asia/Riyadh", "America/New_York"
#: 02:00 becomes 03:00, and 03:00 becomes 02:00.
SPRING, AUTUMN = date(2026, 3, 29), date(2026, 10, 25)
SUNDAY = date(2026, 11, 22)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
PROVIDERS = tuple(UUID(int=n) for n in range(1, 5))
ROOMS = tuple(UUID(int=n) for n in range(11, 14))


@dataclass(frozen=True)
class Question:
    """What is asked of the planner."""

    preferences: PlanningPreferences
    options: Mapping[int, Sequence[ProviderOption]]
    rooms: Rooms | None
    placed: Sequence[Occurrence]

    def plan(self) -> list[Planned]:
        return plan(self.preferences, self.options, self.rooms, self.placed)


# In the model a session may begin at every quarter of an hour that the clock shows, unless something is said against
# it.


def quarters(preferences: PlanningPreferences, first: date, last: date) -> Iterator[datetime]:
    tz = ZoneInfo(preferences.zone)
    instant, end = local_day(first, tz)[0], local_day(last, tz)[1]
    while instant < end:
        if instant.astimezone(tz).minute % 15 == 0:
            yield instant
        instant += 5 * MINUTE


def local(preferences: PlanningPreferences, instant: datetime) -> datetime:
    return instant.astimezone(ZoneInfo(preferences.zone))


def weekday(day: date) -> int:
    return (day.weekday() + 1) % 7


def inside(intervals: Sequence[Interval], start: datetime, end: datetime) -> bool:
    return any(a <= start and end <= b for a, b in intervals)


def near(one: Occurrence, other: Occurrence, apart: timedelta) -> bool:
    return one.starts_at < other.ends_at + apart and other.starts_at < one.ends_at + apart


def asked_days(preferences: PlanningPreferences, number: int, placed: Collection[Occurrence]) -> list[date]:
    """The days on which a session may be, whoever holds it: asked for, after the lower numbers, apart from all."""
    found = []
    for n in range((preferences.last - preferences.first).days + 1):
        day = preferences.first + n * DAY
        apart = [(day - local(preferences, o.starts_at).date()).days for o in placed if o.number < number]
        from_all = [abs((day - local(preferences, o.starts_at).date()).days) for o in placed]
        if (not preferences.weekdays or weekday(day) in preferences.weekdays) and min(
            [*apart, *from_all, 99]
        ) >= preferences.gap_days:
            found.append(day)
    return found


def free_rooms(question: Question, one: Occurrence, placed: Collection[Occurrence]) -> list[UUID]:
    if question.rooms is None:
        return []
    return [
        room
        for room, free in question.rooms.free.items()
        if inside(free, one.starts_at, one.ends_at)
        and not any(o.room_id == room and near(one, o, question.preferences.apart) for o in placed)
    ]


def stands_against(
    question: Question, option: ProviderOption, one: Occurrence, placed: Collection[Occurrence]
) -> str | None:
    """The first conflict of a placement on one of the days asked for."""
    preferences = question.preferences
    for code, left in zip(("outside-working-hours", "provider-busy", "patient-busy"), option.stages, strict=True):
        if one.starts_at <= preferences.not_before or not inside(left, one.starts_at, one.ends_at):
            return code
    for other in placed:
        if near(one, other, preferences.apart if other.provider_id == one.provider_id else timedelta(0)):
            return "patient-busy"
    return "room-busy" if question.rooms and not free_rooms(question, one, placed) else None


ORDER = ("outside-working-hours", "provider-busy", "patient-busy", "room-busy")


def look(
    question: Question, number: int, placed: Collection[Occurrence]
) -> tuple[list[tuple[Occurrence, ProviderOption]], str | None]:
    """Every place that a session can have, or else what stands in the way of the time that came furthest."""
    preferences, options = question.preferences, question.options[number]
    lower = [local(preferences, o.starts_at).date() for o in placed if o.number < number]
    if max([preferences.first, *(day + preferences.gap_days * DAY for day in lower)]) > preferences.last:
        return [], "period-over"
    if not options:
        return [], "no-provider"
    if not (asked := set(asked_days(preferences, number, placed))):
        return [], "period-over"
    found, furthest = [], 0
    for starts_at in quarters(preferences, min(asked), max(asked)):
        if local(preferences, starts_at).date() in asked:
            for option in options:
                one = Occurrence(number, starts_at, starts_at + preferences.length, option.provider_id)
                code = stands_against(question, option, one, placed)
                furthest = max(furthest, ORDER.index(code)) if code else furthest
                found += [(one, option)] if code is None else []
    return found, ORDER[furthest] if not found else None


def off(preferences: PlanningPreferences, one: Occurrence) -> int:
    there = local(preferences, one.starts_at)
    if isinstance(preferences.preferred, str):
        first, last = PARTS_OF_DAY[preferences.preferred]
        return 0 if first <= there.hour < last else 1
    assert preferences.preferred
    return abs(there.hour * 60 + there.minute - preferences.preferred.hour * 60 - preferences.preferred.minute)


def most(values: Sequence[Any]) -> Any:
    """The one value that is more frequent than any other, if there is one."""
    common = Counter(values).most_common(2)
    return common[0][0] if common and (len(common) == 1 or common[0][1] > common[1][1]) else None


def spread(start: datetime, pieces: Sequence[tuple[int, int]]) -> list[Interval]:
    """Intervals from minutes after a start, and lengths."""
    return merged((start + a * MINUTE, start + (a + b) * MINUTE) for a, b in pieces)


some = st.lists(
    st.tuples(st.integers(0, 12 * 96).map(lambda n: n * 15 + n % 2 * 5), st.integers(3, 120).map(lambda n: n * 5)),
    max_size=14,
)
few = st.lists(
    st.tuples(st.integers(0, 12 * 96).map(lambda n: n * 15), st.integers(1, 60).map(lambda n: n * 10)), max_size=6
)


@st.composite
def questions(draw: st.DrawFn) -> Question:
    zone = draw(st.sampled_from([BERLIN, RIYADH, NEW_YORK, "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe"]))
    first = draw(st.sampled_from([SPRING - DAY, AUTUMN - 2 * DAY, date(2026, 3, 7), date(2026, 11, 1), SUNDAY]))
    midnight = local_day(first, ZoneInfo(zone))[0]
    preferences = PlanningPreferences(
        zone=zone,
        length=draw(st.sampled_from([15, 60, 90, 480])) * MINUTE,
        first=first,
        last=first + draw(st.integers(0, 12)) * DAY,
        not_before=midnight + draw(st.sampled_from([-1, 0, 600, 2021])) * MINUTE,
        weekdays=draw(st.one_of(st.just(frozenset[int]()), st.frozensets(st.integers(0, 6)))),
        preferred=draw(st.sampled_from([None, None, time(9), time(23, 45), time(23, 45), time(0), *PARTS_OF_DAY])),
        gap_days=draw(st.sampled_from([1, 1, 2, 4])),
        tolerance_days=draw(st.sampled_from([0, 0, 1, 5])),
        apart=draw(st.sampled_from([0, 10, 600, 900])) * MINUTE,
    )

    def always_or_some() -> list[Interval]:
        return draw(st.sampled_from([[(midnight - DAY, midnight + 14 * DAY)], spread(midnight - DAY, draw(some))]))

    def option(provider_id: UUID) -> ProviderOption:
        worked = always_or_some()
        untaken = subtract(worked, spread(midnight, draw(few)))
        return ProviderOption(provider_id, (worked, untaken, subtract(untaken, spread(midnight, draw(few)))))

    everybody = [option(p) for p in PROVIDERS[: draw(st.integers(0, 3))]]
    total = draw(st.integers(2, 6))
    placed = [
        Occurrence(
            number,
            midnight + (n * 15) * MINUTE,
            midnight + (n * 15) * MINUTE + preferences.length,
            PROVIDERS[n % 3],
            ROOMS[n % 2] if n % 5 else None,
        )
        for number, n in draw(st.dictionaries(st.integers(1, total), st.integers(-90, 12 * 96), max_size=3)).items()
    ]
    taken = {o.number for o in placed}
    rooms = draw(st.integers(0, 2))
    return Question(
        preferences=preferences,
        options={
            n: draw(st.sampled_from([everybody, everybody, everybody[:1], everybody[1:]]))
            for n in range(1, total + 1)
            if n not in taken
        },
        rooms=Rooms({room: always_or_some() for room in ROOMS[:rooms]}) if rooms else None,
        placed=placed,
    )


@settings(max_examples=300, deadline=None)
@given(questions())
def test_each_session_has_the_best_place_that_there_is_and_fails_only_where_there_is_none(question: Question) -> None:
    preferences = question.preferences
    placed = [*question.placed]
    found = question.plan()
    assert [one.number for one in found] == sorted(question.options)
    for one in found:
        can, code = look(question, one.number, placed)
        if isinstance(one, Failure):
            assert (can, one.code) == ([], code)
            assert one.last == preferences.last
            continue
        can_be = [o for o, _ in can]
        assert replace(one, room_id=None) in can_be
        day = local(preferences, one.starts_at).date()
        earliest = min(local(preferences, o.starts_at).date() for o in can_be)
        assert earliest <= day <= earliest + preferences.tolerance_days * DAY
        in_time = [
            o for o in can_be if local(preferences, o.starts_at).date() <= earliest + preferences.tolerance_days * DAY
        ]
        if preferences.preferred:
            assert off(preferences, one) == min(off(preferences, o) for o in in_time)
        elif placed and (usual := most([local(preferences, o.starts_at).time() for o in placed])):
            same = [o for o in in_time if local(preferences, o.starts_at).time() == usual]
            assert not same or local(preferences, one.starts_at).time() == usual
        elif not placed:
            assert one.starts_at == min(o.starts_at for o in in_time)
        rooms = free_rooms(question, one, placed)
        assert one.room_id in rooms or (one.room_id is None and question.rooms is None)
        usual_room = most([o.room_id for o in placed if o.room_id])
        assert usual_room not in rooms or one.room_id == usual_room
        placed.append(one)


@settings(max_examples=30, deadline=None)
@given(questions())
def test_the_same_question_has_the_same_answer(question: Question) -> None:
    shuffled = replace(question, options={n: question.options[n] for n in reversed(list(question.options))})
    assert question.plan() == question.plan() == shuffled.plan()


@settings(max_examples=60, deadline=None)
@given(questions())
def test_what_is_planned_can_be_had_as_it_is(question: Question) -> None:
    planned = [one for one in question.plan() if isinstance(one, Occurrence)]
    assert check(question.preferences, question.options, question.rooms, planned, question.placed) == planned


@settings(max_examples=100, deadline=None)
@given(questions(), st.lists(st.tuples(st.integers(-96, 12 * 96), st.integers(0, 3), st.integers(0, 4)), max_size=6))
def test_of_chosen_times_only_impossible_ones_are_refused(
    question: Question, wanted: list[tuple[int, int, int]]
) -> None:
    preferences, rooms = question.preferences, question.rooms
    midnight = local_day(preferences.first, ZoneInfo(preferences.zone))[0]
    asked = [
        Occurrence(
            number,
            midnight + n * 15 * MINUTE,
            midnight + n * 15 * MINUTE + preferences.length + n % 3 * 30 * MINUTE,
            PROVIDERS[who],
            ROOMS[room] if rooms and room < 2 else None,
        )
        for number, (n, who, room) in zip(question.options, wanted, strict=False)
    ]
    found = check(preferences, question.options, rooms, asked, question.placed)
    assert [one.number for one in found] == [one.number for one in asked]
    placed = [*question.placed]
    for one, got in sorted(zip(asked, found, strict=True), key=lambda pair: (pair[0].starts_at, pair[0].number)):
        option = next((c for c in question.options[one.number] if c.provider_id == one.provider_id), None)
        if option is None:
            code: str | None = "no-provider"
        elif one.starts_at <= preferences.not_before:
            code = "past"
        else:
            code = stands_against(replace(question, rooms=None), option, one, placed)
            together = stands_against(replace(question, rooms=None), option, one, []) is None
            code = "package-overlap" if code and together else code
            can = free_rooms(question, one, placed)
            if code is None and rooms and (one.room_id not in can if one.room_id else not can):
                code = "room-busy"
        if code:
            day = local(preferences, one.starts_at).date()
            assert got == Failure(one.number, code, day, day, one.provider_id, one.starts_at)
        else:
            assert isinstance(got, Occurrence)
            assert got == replace(one, room_id=got.room_id)
            assert got.room_id == one.room_id or got.room_id in can
            placed.append(got)


# Told by hand.


def office(
    zone: str = RIYADH,
    first: date = SUNDAY,
    start: time = time(9),
    end: time = time(17),
    *,
    provider: UUID = PROVIDERS[0],
    days: int = 800,
) -> ProviderOption:
    """A provider who works those hours every day, and is free."""
    week = [WorkingHours(day, start, end, UUID(int=0)) for day in range(7)]
    free = open_intervals(week, UUID(int=0), zone, first, first + days * DAY)
    return ProviderOption(provider, (free, free, free))


def busy(option: ProviderOption, *taken: Interval) -> ProviderOption:
    left = subtract(option.free, merged(taken))
    return replace(option, stages=(option.stages[0], left, left))


def some_preferences(**overrides: Any) -> PlanningPreferences:
    """An hour, from a Sunday on for ninety days."""
    asked = {"zone": RIYADH, "length": HOUR, "first": SUNDAY, "not_before": LONG_AGO, **overrides}
    return PlanningPreferences(**{"last": asked["first"] + 89 * DAY, **asked})


def at(day: date, hour: int, minute: int = 0, zone: str = RIYADH) -> datetime:
    return datetime.combine(day, time(hour, minute), ZoneInfo(zone)).astimezone(UTC)


def each(total: int, *options: ProviderOption) -> dict[int, Sequence[ProviderOption]]:
    return dict.fromkeys(range(1, total + 1), options)


def told(preferences: PlanningPreferences, found: Sequence[Planned]) -> list[str]:
    return [f"{local(preferences, o.starts_at):%d.%m. %H:%M}" if isinstance(o, Occurrence) else o.code for o in found]


def test_sessions_go_to_the_first_days_that_are_asked_for() -> None:
    preferences = some_preferences(weekdays=frozenset([0, 2]))
    assert told(preferences, plan(preferences, each(3, office()))) == ["22.11. 09:00", "24.11. 09:00", "29.11. 09:00"]
    preferences = some_preferences(gap_days=3)
    assert told(preferences, plan(preferences, each(3, office()))) == ["22.11. 09:00", "25.11. 09:00", "28.11. 09:00"]


def test_the_period_ends_with_its_last_day() -> None:
    preferences = some_preferences(last=SUNDAY + DAY)
    found = plan(preferences, each(4, office()))
    assert told(preferences, found) == ["22.11. 09:00", "23.11. 09:00", "period-over", "period-over"]


def test_nothing_begins_now_or_before() -> None:
    preferences = some_preferences(not_before=at(SUNDAY, 10))
    assert told(preferences, plan(preferences, each(2, office()))) == ["22.11. 10:15", "23.11. 10:15"]


def test_the_nearest_time_to_the_preferred_one_is_taken_the_earlier_of_two() -> None:
    taken = (at(SUNDAY, 11), at(SUNDAY, 13))
    preferences = some_preferences(preferred=time(11, 30))
    assert told(preferences, plan(preferences, each(2, busy(office(), taken)))) == ["22.11. 10:00", "23.11. 11:30"]
    preferences = some_preferences(preferred=time(11))
    assert told(preferences, plan(preferences, each(1, busy(office(), (at(SUNDAY, 10, 30), at(SUNDAY, 11, 30)))))) == [
        "22.11. 11:30"
    ]
    preferences = some_preferences(preferred="AFTERNOON")
    assert told(preferences, plan(preferences, each(2, busy(office(), taken)))) == ["22.11. 13:00", "23.11. 13:00"]


def test_the_time_of_the_others_is_kept_where_it_is_free() -> None:
    option = busy(office(), (at(SUNDAY, 9), at(SUNDAY, 9, 30)), (at(SUNDAY + DAY, 9), at(SUNDAY + DAY, 12)))
    preferences = some_preferences()
    assert told(preferences, plan(preferences, each(3, option))) == ["22.11. 09:30", "23.11. 12:00", "24.11. 09:30"]


def test_a_session_waits_for_a_better_time_only_within_the_tolerance() -> None:
    option = busy(office(), (at(SUNDAY + DAY, 9), at(SUNDAY + DAY, 12)))
    preferences = some_preferences(tolerance_days=1)
    assert told(preferences, plan(preferences, each(3, option))) == ["22.11. 09:00", "24.11. 09:00", "25.11. 09:00"]
    preferences = some_preferences(tolerance_days=1, preferred=time(14), weekdays=frozenset([0, 1]))
    afternoon = busy(office(), (at(SUNDAY, 12), at(SUNDAY, 17)))
    assert told(preferences, plan(preferences, each(2, afternoon))) == ["23.11. 14:00", "30.11. 14:00"]


def test_a_session_that_is_tried_again_stays_between_its_neighbours_or_goes_behind_them() -> None:
    preferences = some_preferences(gap_days=2)
    one, three = (
        Occurrence(n, at(day, 9), at(day, 10), PROVIDERS[0]) for n, day in ((1, SUNDAY), (3, SUNDAY + 4 * DAY))
    )
    again = {2: [office()]}
    assert told(preferences, plan(preferences, again, placed=[one, three])) == ["24.11. 09:00"]
    closer = replace(three, starts_at=three.starts_at - DAY, ends_at=three.ends_at - DAY)
    assert told(preferences, plan(preferences, again, placed=[one, closer])) == ["27.11. 09:00"]


def test_of_two_who_are_free_the_one_who_holds_the_others_is_taken() -> None:
    ada, ben = office(), office(provider=PROVIDERS[1])
    preferences = some_preferences()
    found = plan(preferences, each(3, busy(ada, (at(SUNDAY, 9), at(SUNDAY, 17))), ben))
    assert [o.provider_id for o in found if isinstance(o, Occurrence)] == [PROVIDERS[1]] * 3


def test_the_room_is_the_same_where_it_can_be_and_never_two_that_are_each_half_free() -> None:
    long = (at(SUNDAY, 0), at(SUNDAY + 9 * DAY, 0))
    preferences = some_preferences()
    first = subtract([long], [(at(SUNDAY + DAY, 8), at(SUNDAY + DAY, 18))])
    rooms = Rooms({ROOMS[0]: first, ROOMS[1]: [long]})
    found = plan(preferences, each(3, office()), rooms)
    assert [o.room_id for o in found if isinstance(o, Occurrence)] == [ROOMS[0], ROOMS[1], ROOMS[0]]
    halves = Rooms({ROOMS[n]: [(at(SUNDAY, 9 + n, 30), at(SUNDAY, 10 + n, 30))] for n in range(2)})
    found = plan(replace(preferences, length=90 * MINUTE, last=SUNDAY), each(1, office()), halves)
    assert told(preferences, found) == ["room-busy"]


@pytest.mark.parametrize(
    ("zone", "change"),
    [(BERLIN, SPRING), (BERLIN, AUTUMN), (NEW_YORK, date(2026, 3, 8)), (NEW_YORK, date(2026, 11, 1))],
)
def test_a_clock_change_moves_no_session_on_the_wall(zone: str, change: date) -> None:
    preferences = some_preferences(zone=zone, first=change - DAY)
    found = plan(preferences, each(3, office(zone, change - DAY)))
    assert [text[-5:] for text in told(preferences, found)] == ["09:00"] * 3
    days = {local(preferences, o.starts_at).date() for o in found if isinstance(o, Occurrence)}
    assert days == {change - DAY, change, change + DAY}


def test_a_time_that_the_clock_leaves_out_is_not_planned_and_one_that_comes_twice_may_be() -> None:
    preferences = some_preferences(zone=BERLIN, first=SPRING - DAY, preferred=time(2, 30))
    nights = office(BERLIN, SPRING - DAY, time(0), time(6))
    assert told(preferences, plan(preferences, each(3, nights))) == ["28.03. 02:30", "29.03. 03:00", "30.03. 02:30"]
    preferences = some_preferences(zone=BERLIN, first=AUTUMN, preferred=time(2, 30))
    first = at(AUTUMN, 0, 30, "UTC")
    nights = office(BERLIN, AUTUMN, time(0), time(6))
    assert [o.starts_at for o in plan(preferences, each(1, nights)) if isinstance(o, Occurrence)] == [first]
    second = plan(preferences, each(1, busy(nights, (first, first + HOUR))))
    assert [o.starts_at for o in second if isinstance(o, Occurrence)] == [first + HOUR]


def test_a_session_may_reach_beyond_midnight_and_belongs_to_the_day_on_which_it_begins() -> None:
    preferences = some_preferences(preferred=time(23, 45), last=SUNDAY + DAY)
    found = plan(preferences, each(3, office(start=time(0), end=time(0))))
    assert told(preferences, found) == ["22.11. 23:45", "23.11. 23:45", "period-over"]
    late = some_preferences(length=480 * MINUTE, preferred=time(23, 45), apart=16 * HOUR + 15 * MINUTE)
    found = plan(late, each(2, office(start=time(0), end=time(0))))
    assert told(late, found) == ["22.11. 23:45", "24.11. 23:45"]  # with its buffers it would meet the first


def test_the_buffers_of_the_packages_own_sessions_keep_one_provider_and_one_room_apart() -> None:
    day = SUNDAY + DAY
    before = Occurrence(1, at(SUNDAY, 22, 45), at(SUNDAY, 23, 45), PROVIDERS[0], ROOMS[0])
    midnight = [(at(day, 0), at(day, 1))]
    preferences = some_preferences(apart=30 * MINUTE, last=day)
    rooms = Rooms({room: [(at(SUNDAY, 0), at(day, 23))] for room in ROOMS[:2]})
    same, other = (ProviderOption(provider, (midnight,) * 3) for provider in PROVIDERS[:2])
    assert told(preferences, plan(preferences, {2: [same]}, rooms, [before])) == ["patient-busy"]
    place = Occurrence(2, at(day, 0), at(day, 1), PROVIDERS[1], ROOMS[1])
    assert plan(preferences, {2: [other]}, rooms, [before]) == [place]
    assert plan(preferences, {2: [other]}, Rooms({ROOMS[0]: rooms.free[ROOMS[0]]}), [before])[0] == Failure(
        2, "room-busy", day, day, PROVIDERS[1]
    )
    nowhere = replace(place, room_id=None)
    assert check(preferences, {2: [other]}, rooms, [nowhere], [before]) == [place]
    both = [replace(before, room_id=None), nowhere]
    free_day = ProviderOption(PROVIDERS[0], ([(at(SUNDAY, 0), at(day, 23))],) * 3)
    assert check(preferences, {1: [free_day], 2: [other]}, rooms, both) == [before, place]


@pytest.mark.parametrize(
    ("stages", "code"),
    [
        ((0, 0, 0), "outside-working-hours"),
        ((1, 0, 0), "provider-busy"),
        ((1, 1, 0), "patient-busy"),
        ((1, 1, 1), "room-busy"),
    ],
)
def test_a_failure_names_the_first_thing_that_stands_in_the_way(stages: tuple[int, ...], code: str) -> None:
    open_time = office().free
    option = ProviderOption(PROVIDERS[0], [open_time if there else [] for there in stages])
    preferences = some_preferences(last=SUNDAY + 6 * DAY)
    found = plan(preferences, each(2, option), Rooms({ROOMS[0]: []}))
    assert found == [Failure(n, code, SUNDAY, SUNDAY + 6 * DAY, PROVIDERS[0]) for n in (1, 2)]


def test_what_a_person_placed_out_of_order_or_too_near_is_warned_of() -> None:
    days = {1: SUNDAY + DAY, 2: SUNDAY, 3: SUNDAY + 4 * DAY}
    placed = [Occurrence(n, at(day, 9), at(day, 10), PROVIDERS[0]) for n, day in days.items()]
    assert warnings(placed, RIYADH, 2) == [(1, "out-of-order"), (1, "gap")]
    assert warnings([], RIYADH, 2) == []


MARCH = date(2026, 3, 1)
PERIOD = "from 1 March 2026 to 29 May 2026"


@pytest.mark.parametrize(
    ("failure", "preferences", "who", "text"),
    [
        (
            Failure(1, "provider-busy", MARCH, MARCH + 89 * DAY),
            some_preferences(first=MARCH, weekdays=frozenset([2, 0])),
            ASSIGNED,
            f"No free time of 60 minutes was found for the assigned provider on a Sunday or Tuesday {PERIOD}.",
        ),
        (
            Failure(1, "provider-busy", MARCH, MARCH + 89 * DAY),
            some_preferences(first=MARCH, weekdays=frozenset([6, 1, 3]), length=MINUTE),
            ANYBODY,
            f"No free time of 1 minute was found for any provider of this clinic "
            f"on a Monday, Wednesday or Saturday {PERIOD}.",
        ),
        (
            Failure(1, "provider-busy", MARCH, MARCH),
            some_preferences(first=MARCH, last=MARCH, weekdays=frozenset([0])),
            HOLDS_OTHERS,
            "No free time of 60 minutes was found for the provider of the other sessions on 1 March 2026.",
        ),
        (
            Failure(1, "outside-working-hours", MARCH, MARCH + 89 * DAY),
            some_preferences(first=MARCH, weekdays=frozenset([5])),
            ASSIGNED,
            f"No working time of 60 minutes was found for the assigned provider on a Friday {PERIOD}, "
            "or the clinic is closed.",
        ),
        (
            Failure(1, "patient-busy", MARCH, MARCH + 89 * DAY),
            some_preferences(first=MARCH),
            ANYBODY,
            f"The patient has other sessions whenever any provider of this clinic has 60 minutes free {PERIOD}.",
        ),
        (
            Failure(1, "room-busy", MARCH, MARCH + 89 * DAY),
            some_preferences(first=MARCH),
            ASSIGNED,
            f"None of the rooms is free when the assigned provider has 60 minutes free {PERIOD}.",
        ),
        (
            Failure(1, "no-provider", MARCH, MARCH + 89 * DAY),
            some_preferences(first=MARCH),
            ANYBODY,
            "No active provider of the service type's discipline has working hours in this clinic.",
        ),
        (
            Failure(1, "no-provider", MARCH, MARCH + 89 * DAY),
            some_preferences(first=MARCH),
            ASSIGNED,
            "The assigned provider is no longer active, or has no working hours in this clinic.",
        ),
        (
            Failure(3, "period-over", MARCH + 90 * DAY, MARCH + 89 * DAY),
            some_preferences(first=MARCH),
            ASSIGNED,
            "The period ends on 29 May 2026, and no day is left in it that is 1 day or more from the other sessions.",
        ),
        (
            Failure(3, "period-over", MARCH + 88 * DAY, MARCH + 89 * DAY),
            some_preferences(first=MARCH, gap_days=2, weekdays=frozenset([4])),
            ASSIGNED,
            "The period ends on 29 May 2026, and no Thursday is left in it "
            "that is 2 days or more from the other sessions.",
        ),
        (
            Failure(1, "period-over", MARCH + 100 * DAY, MARCH + 89 * DAY),
            some_preferences(first=MARCH + 100 * DAY, last=MARCH + 89 * DAY),
            ASSIGNED,
            "The period ended on 29 May 2026.",
        ),
    ],
)
def test_a_reason_is_a_sentence_to_act_on(
    failure: Failure, preferences: PlanningPreferences, who: str, text: str
) -> None:
    assert reason(failure, preferences, who) == text
    assert str(failure.last.year) in reason(failure, preferences, who, "ar") or failure.code == "no-provider"


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("no-provider", "The provider has no working hours in this clinic."),
        ("past", "09:30 on 1 March 2026 is in the past."),
        (
            "outside-working-hours",
            "The provider does not work here for 60 minutes from 09:30 on 1 March 2026, or the clinic is closed.",
        ),
        ("provider-busy", "The provider is not free for 60 minutes from 09:30 on 1 March 2026."),
        ("patient-busy", "The patient is not free for 60 minutes from 09:30 on 1 March 2026."),
        ("package-overlap", "Another session of the package is too close to 09:30 on 1 March 2026."),
        ("room-busy", "No suitable room is free for 60 minutes from 09:30 on 1 March 2026."),
    ],
)
def test_the_reason_against_one_time_speaks_of_that_time(code: str, text: str) -> None:
    failure = Failure(1, code, MARCH, MARCH, PROVIDERS[0], at(MARCH, 9, 30))
    assert reason(failure, some_preferences(), ASSIGNED) == text
    assert "09:30" in reason(failure, some_preferences(), ASSIGNED, "ar") or code == "no-provider"


@pytest.mark.parametrize(
    ("minutes", "counted"),
    [
        (1, "دقيقة واحدة"),
        (2, "دقيقتين"),
        (3, "3 دقائق"),
        (10, "10 دقائق"),
        (11, "11 دقيقة"),
        (45, "45 دقيقة"),
        (100, "100 دقيقة"),
        (105, "105 دقائق"),
        (480, "480 دقيقة"),
    ],
)
def test_arabic_counts_minutes_by_its_own_plural_forms(minutes: int, counted: str) -> None:
    preferences = some_preferences(first=MARCH, length=minutes * MINUTE)
    in_a_period = Failure(1, "provider-busy", MARCH, MARCH + 89 * DAY)
    assert reason(in_a_period, preferences, ASSIGNED, "ar") == (
        f"لا توجد مدة {counted} متاحة لدى مقدم الخدمة المعيَّن من 1 مارس 2026 إلى 29 مايو 2026."
    )
    at_one_time = Failure(1, "provider-busy", MARCH, MARCH, PROVIDERS[0], at(MARCH, 9, 30))
    assert f" لمدة {counted} من الساعة 09:30 في 1 مارس 2026." in reason(at_one_time, preferences, ASSIGNED, "ar")


@pytest.mark.parametrize(
    ("days", "counted"),
    [(1, "يوم واحد"), (2, "يومين"), (3, "3 أيام"), (10, "10 أيام"), (11, "11 يوما"), (30, "30 يوما")],
)
def test_arabic_counts_days_by_its_own_plural_forms(days: int, counted: str) -> None:
    assert warning("gap", days, "ar") == f"تفصلها عن الجلسة السابقة مدة أقل من {counted}."
    over = Failure(3, "period-over", MARCH + 88 * DAY, MARCH + 89 * DAY)
    preferences = some_preferences(first=MARCH, gap_days=days, weekdays=frozenset([0, 4]))
    assert reason(over, preferences, ASSIGNED, "ar") == (
        f"تنتهي الفترة في 29 مايو 2026، ولم يبق فيها الأحد أو الخميس تفصله عن الجلسات الأخرى مدة {counted} أو أكثر."
    )


def test_a_hundred_sessions_among_fifty_providers_over_two_years_take_no_time() -> None:
    everybody = [UUID(int=100 + n) for n in range(50)]
    offices = [office(provider=p) for p in everybody]
    # an hour is never free as a whole
    quarters = [
        (start + (60 * n + 45) * MINUTE, start + (60 * n + 60) * MINUTE)
        for start, _ in offices[0].free
        for n in range(8)
    ]
    full = [busy(option, *quarters) for option in offices]
    always = [office(start=time(0), end=time(0), provider=p) for p in everybody]
    rooms = Rooms({UUID(int=200 + n): always[0].free for n in range(50)})
    for options, picky, placed in ((offices, {}, 100), (full, {}, 0), (always, {"tolerance_days": 30}, 100)):
        preferences = some_preferences(last=SUNDAY + 732 * DAY, preferred=time(9, 7), **picky)
        began = clock.perf_counter()
        found = plan(preferences, each(100, *options), rooms)
        assert clock.perf_counter() - began < 15
        assert sum(isinstance(one, Occurrence) for one in found) == placed
