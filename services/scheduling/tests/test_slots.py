"""The grid on which sessions begin, without I/O."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduling.timetable.grid import Grid, windows
from scheduling.timetable.hours import PARTS_OF_DAY, local_day
from scheduling.timetable.intervals import Interval, intersect, merged

BERLIN, RIYADH = "Europe/Berlin", "Asia/Riyadh"
SPRING, AUTUMN = date(2026, 3, 29), date(2026, 10, 25)  # in Berlin: 02:00 becomes 03:00, 03:00 becomes 02:00
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
EVER = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))

zones = st.sampled_from([BERLIN, RIYADH, "America/Havana", "Australia/Lord_Howe", "Asia/Kathmandu"])
first_days = st.one_of(
    st.sampled_from([SPRING - DAY, AUTUMN - DAY, date(2026, 3, 7), date(2026, 10, 31), date(2026, 4, 4)]),
    st.dates(date(2026, 1, 1), date(2027, 12, 31)),
)


def times(grid: Grid, day: date, length: timedelta = HOUR) -> list[str]:
    """The wall times of a whole free day at which sessions of an hour may begin."""
    tz = ZoneInfo(grid.zone)
    start, end = local_day(day, tz)
    start_times = grid.start_times([(start, end + length)], length, (start, end))
    return [begin.astimezone(tz).strftime("%H:%M") for begin in start_times]


def test_an_ordinary_day_has_every_step_from_midnight_on() -> None:
    assert times(Grid(RIYADH, 60), SPRING) == [f"{hour:02}:00" for hour in range(24)]
    assert times(Grid(RIYADH, 50), SPRING)[:4] == ["00:00", "00:50", "01:40", "02:30"]
    assert len(times(Grid(RIYADH, 5), SPRING)) == 288


def test_in_spring_the_times_that_the_clock_leaves_out_are_none() -> None:
    found = times(Grid(BERLIN, 30), SPRING)
    assert found[:6] == ["00:00", "00:30", "01:00", "01:30", "03:00", "03:30"]
    assert len(found) == 46


def test_in_autumn_the_times_that_come_twice_are_two() -> None:
    found = times(Grid(BERLIN, 30), AUTUMN)
    assert found[4:10] == ["02:00", "02:30", "02:00", "02:30", "03:00", "03:30"]
    assert len(found) == 50


@pytest.mark.parametrize(
    ("part", "first", "last"),
    [("MORNING", "00:00", "11:45"), ("AFTERNOON", "12:00", "16:45"), ("EVENING", "17:00", "23:45")],
)
def test_a_part_of_the_day_bounds_the_wall_time_of_the_start(part: str, first: str, last: str) -> None:
    for day in (SPRING, AUTUMN, SPRING + DAY):
        found = times(Grid(BERLIN, 15, part), day)
        assert (found[0], found[-1]) == (first, last)


def test_the_parts_of_the_day_cover_the_whole_day() -> None:
    for step in (15, 50, 119):
        parts = [times(Grid(BERLIN, step, part), AUTUMN) for part in PARTS_OF_DAY]
        assert [one for part in parts for one in part] == times(Grid(BERLIN, step), AUTUMN)


def test_weekdays_are_those_of_the_clinics_zone() -> None:
    sundays = Grid(RIYADH, 60, weekdays=frozenset([0]))
    sunday = date(2026, 11, 22)
    assert len(times(sundays, sunday)) == 24
    assert times(sundays, sunday - DAY) == times(sundays, sunday + DAY) == []


@given(
    zone=zones,
    first=first_days,
    step=st.sampled_from([5, 15, 45, 60, 120]),
    part=st.sampled_from([None, *PARTS_OF_DAY]),
    weekdays=st.frozensets(st.integers(0, 6)),
    edges=st.lists(st.integers(-600, 5000), min_size=2, max_size=8),
    length=st.integers(1, 480),
    bounds=st.tuples(st.integers(0, 3000), st.integers(0, 3000)),
)
def test_a_session_begins_at_the_times_that_a_watched_clock_shows(
    zone: str,
    first: date,
    step: int,
    part: str | None,
    weekdays: frozenset[int],
    edges: list[int],
    length: int,
    bounds: tuple[int, int],
) -> None:
    tz = ZoneInfo(zone)
    midnight = local_day(first, tz)[0]
    free = merged((midnight + a * MINUTE, midnight + b * MINUTE) for a, b in pairwise(edges))
    start, end = (midnight + bound * MINUTE for bound in bounds)
    expected = []
    for minute in (midnight + n * MINUTE for n in range(3001)):
        there = minute.astimezone(tz)
        if (
            start <= minute < end
            and (there.hour * 60 + there.minute) % step == 0
            and (part is None or PARTS_OF_DAY[part][0] <= there.hour < PARTS_OF_DAY[part][1])
            and (not weekdays or there.isoweekday() % 7 in weekdays)
            and any(a <= minute and minute + length * MINUTE <= b for a, b in free)
        ):
            expected.append(minute)
    found = list(Grid(zone, step, part, weekdays).start_times(free, length * MINUTE, (start, end)))
    assert found == expected


def test_a_session_fits_into_free_time_to_the_minute() -> None:
    grid, nine = Grid("UTC", 15), datetime.combine(SPRING, time(9), UTC)
    assert list(grid.start_times([(nine, nine + HOUR)], HOUR, EVER)) == [nine]
    assert list(grid.start_times([(nine, nine + HOUR - MINUTE)], HOUR, EVER)) == []
    assert list(grid.start_times([(nine + MINUTE, nine + HOUR + 15 * MINUTE)], HOUR, EVER)) == [nine + 15 * MINUTE]


@given(minutes=st.integers(0, 200 * 24 * 60))
def test_windows_are_the_whole_time_in_few_pieces_the_first_of_them_short(minutes: int) -> None:
    start, end = EVER[0], EVER[0] + minutes * MINUTE
    found = list(windows(start, end))
    assert [a for a, _ in found] == [start, *(b for _, b in found)][: len(found)]
    assert sum((b - a for a, b in found), timedelta()) == end - start
    assert all(b - a <= 2 * DAY for a, b in found[:1])
    assert len(found) <= 5


def interval(start: int, length: int) -> Interval:
    return EVER[0] + start * MINUTE, EVER[0] + (start + length) * MINUTE


some_intervals = st.lists(st.builds(interval, st.integers(0, 60), st.integers(0, 20)), max_size=8).map(merged)


def minutes_of(intervals: list[Interval]) -> set[int]:
    return {n for n in range(100) for start, end in intervals if start <= EVER[0] + n * MINUTE < end}


@given(some_intervals, some_intervals)
def test_what_two_have_in_common_is_the_minutes_of_both(one: list[Interval], other: list[Interval]) -> None:
    found = intersect(one, other)
    assert merged(found) == found
    assert minutes_of(found) == minutes_of(one) & minutes_of(other)
