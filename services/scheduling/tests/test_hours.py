"""Wall times, intervals and working hours, without I/O. The models count minutes and know no arithmetic."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduling.timetable.hours import (
    WorkingHours,
    day_of,
    days,
    instant_of,
    local_day,
    open_intervals,
    wall_time_exists,
    weekday_of,
)
from scheduling.timetable.intervals import Interval, contains, merged, subtract

CLINIC = UUID(int=1)
RIYADH, BERLIN, HAVANA = "Asia/Riyadh", "Europe/Berlin", "America/Havana"
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
SPRING, AUTUMN = date(2026, 3, 29), date(2026, 10, 25)  # in Berlin: 02:00 becomes 03:00, 03:00 becomes 02:00

# the clock changes at night, at midnight, by half an hour, or never
zones = st.sampled_from([RIYADH, BERLIN, HAVANA, "Africa/Cairo", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"])
changes = [SPRING, AUTUMN, date(2026, 3, 8), date(2026, 11, 1), date(2026, 4, 5), date(2026, 4, 24), date(2026, 10, 30)]
some_days = st.one_of(st.sampled_from(changes), st.dates(date(2026, 1, 1), date(2027, 12, 31)))
walls = st.integers(0, 24 * 60 - 1).map(lambda n: time(n // 60, n % 60))


def week(start: str, end: str, *, weekdays: Iterable[int] = range(7), clinic: UUID = CLINIC) -> list[WorkingHours]:
    return [WorkingHours(day, time.fromisoformat(start), time.fromisoformat(end), clinic) for day in weekdays]


def local(text: str, zone: str, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)


def within(hours: list[WorkingHours], zone: str, start: datetime, end: datetime) -> bool:
    """Whether a session from start to end lies in the hours."""
    return contains(open_intervals(hours, CLINIC, zone, day_of(start, zone), day_of(end, zone)), start, end)


def fits(hours: list[WorkingHours], zone: str, start: str, end: str) -> bool:
    return within(hours, zone, local(start, zone), local(end, zone))


def shown(day: date, wall: time, zone: str) -> list[datetime]:
    """Every instant at which the clock shows that time, found by watching it for three days."""
    noon = datetime.combine(day, time(12), UTC)
    minutes = (noon + n * MINUTE for n in range(-36 * 60, 36 * 60))
    return [
        m for m in minutes if m.astimezone(ZoneInfo(zone)).replace(tzinfo=None, fold=0) == datetime.combine(day, wall)
    ]


@given(day=some_days, wall=walls, zone=zones)
def test_a_wall_time_is_the_instant_at_which_the_clock_shows_it(day: date, wall: time, zone: str) -> None:
    tz, there = ZoneInfo(zone), shown(day, wall, zone)
    assert wall_time_exists(day, wall, tz) is bool(there)
    if there:
        assert instant_of(day, wall, tz) == there[0]
        assert instant_of(day, wall, tz, latest=True) == there[-1]
    else:  # what a clock would show that had not been set
        before = datetime.combine(day, wall, UTC) - DAY
        offset = before.astimezone(tz).utcoffset()
        assert offset is not None
        assert instant_of(day, wall, tz) == instant_of(day, wall, tz, latest=True) == before + DAY - offset


def test_a_time_that_the_clock_leaves_out_or_shows_twice() -> None:
    tz, half_past_two = ZoneInfo(BERLIN), time(2, 30)
    assert not wall_time_exists(SPRING, half_past_two, tz)
    assert instant_of(SPRING, half_past_two, tz) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)  # 03:30
    assert wall_time_exists(AUTUMN, half_past_two, tz)
    assert instant_of(AUTUMN, half_past_two, tz) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert instant_of(AUTUMN, half_past_two, tz, latest=True) == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("day", "zone", "hours"), [(SPRING, BERLIN, 23), (AUTUMN, BERLIN, 25), (SPRING, RIYADH, 24), (AUTUMN, RIYADH, 24)]
)
def test_a_local_day_is_as_long_as_the_clock_makes_it(day: date, zone: str, hours: int) -> None:
    start, end = local_day(day, ZoneInfo(zone))
    assert end - start == timedelta(hours=hours)


@given(day=some_days, zone=zones)
def test_local_days_follow_each_other_and_hold_the_instants_of_their_day(day: date, zone: str) -> None:
    tz = ZoneInfo(zone)
    start, end = local_day(day, tz)
    assert local_day(day + DAY, tz)[0] == end
    assert day_of(start, zone) == day_of(end - timedelta(microseconds=1), zone) == day
    assert day_of(start - timedelta(microseconds=1), zone) == day - DAY


def test_weekdays_are_counted_from_sunday() -> None:
    assert [weekday_of(day) for day in days(date(2026, 11, 22), date(2026, 11, 28))] == list(range(7))


def interval(start: int, length: int) -> Interval:
    return EPOCH + start * MINUTE, EPOCH + (start + length) * MINUTE


some_intervals = st.lists(st.builds(interval, st.integers(0, 60), st.integers(0, 20)), max_size=8)


def minutes_of(intervals: Iterable[Interval]) -> set[int]:
    return {n for n in range(100) for start, end in intervals if start <= EPOCH + n * MINUTE < end}


def in_order_and_apart(intervals: list[Interval]) -> bool:
    edges = [edge for pair in intervals for edge in pair]
    return edges == sorted(set(edges))


@given(some_intervals)
def test_merged_intervals_are_the_same_minutes_in_order_and_apart(intervals: list[Interval]) -> None:
    found = merged(intervals)
    assert in_order_and_apart(found)
    assert minutes_of(found) == minutes_of(intervals)


@given(some_intervals, some_intervals)
def test_what_is_left_is_the_minutes_that_were_not_taken(intervals: list[Interval], taken: list[Interval]) -> None:
    left = subtract(merged(intervals), merged(taken))
    assert in_order_and_apart(left)
    assert minutes_of(left) == minutes_of(intervals) - minutes_of(taken)


@given(some_intervals, st.integers(0, 70), st.integers(1, 20))
def test_a_time_is_covered_if_every_minute_is_there(intervals: list[Interval], start: int, length: int) -> None:
    asked = interval(start, length)
    assert contains(merged(intervals), *asked) is (minutes_of([asked]) <= minutes_of(intervals))


stretches = st.builds(
    lambda weekday, start, length, valid: WorkingHours(
        weekday, time(start), time((start + length) % 24), CLINIC, *sorted(valid) if valid else (None, None)
    ),
    st.integers(0, 6),
    st.integers(0, 12),
    st.integers(1, 12),
    st.one_of(st.none(), st.tuples(some_days, some_days)),
)


@given(hours=st.lists(stretches, max_size=5), day=some_days, zone=zones)
def test_a_provider_works_in_the_minutes_between_the_two_wall_times(
    hours: list[WorkingHours], day: date, zone: str
) -> None:
    tz = ZoneInfo(zone)
    start, end = local_day(day, tz)
    found = open_intervals(hours, CLINIC, zone, day, day)
    assert in_order_and_apart(found)
    worked = set()
    for stretch in hours:
        if stretch.weekday != day.isoweekday() % 7:
            continue
        if stretch.valid_from and stretch.valid_to and not stretch.valid_from <= day <= stretch.valid_to:
            continue
        opens = instant_of(day, stretch.start, tz)
        closes = end if stretch.end == time(0) else instant_of(day, stretch.end, tz, latest=True)
        worked |= {m for m in range(-120, 27 * 60) if opens <= start + m * MINUTE < closes}
    assert {
        m for m in range(-120, 27 * 60) if contains(found, start + m * MINUTE, start + m * MINUTE + MINUTE)
    } == worked


@pytest.mark.parametrize(
    ("start", "end", "fit"),
    [
        ("2026-11-23T09:00", "2026-11-23T17:00", True),
        ("2026-11-23T08:59", "2026-11-23T10:00", False),
        ("2026-11-23T16:01", "2026-11-23T17:01", False),
        ("2026-11-23T12:00", "2026-11-23T12:01", True),
        ("2026-11-23T22:00", "2026-11-24T10:00", False),
    ],
)
def test_a_session_lies_within_the_hours_to_the_minute(start: str, end: str, fit: bool) -> None:
    assert fits(week("09:00", "17:00"), RIYADH, start, end) is fit


def test_hours_count_on_their_weekday_in_the_clinics_zone() -> None:
    sunday = week("00:00", "06:00", weekdays=[0])
    # half past midnight on Sunday in Riyadh is still Saturday in UTC
    start = datetime(2026, 11, 21, 21, 30, tzinfo=UTC)
    assert within(sunday, RIYADH, start, start + MINUTE)
    assert not within(sunday, "UTC", start, start + MINUTE)


def test_hours_in_another_clinic_do_not_count() -> None:
    assert not fits(week("09:00", "17:00", clinic=uuid4()), RIYADH, "2026-11-23T10:00", "2026-11-23T11:00")


def test_a_break_between_two_stretches_is_kept_free() -> None:
    hours = week("09:00", "12:00") + week("13:00", "17:00")
    assert fits(hours, RIYADH, "2026-11-23T11:00", "2026-11-23T12:00")
    assert not fits(hours, RIYADH, "2026-11-23T11:30", "2026-11-23T13:30")


def test_stretches_that_adjoin_are_one_also_over_midnight() -> None:
    hours = week("09:00", "12:00") + week("12:00", "00:00")
    assert fits(hours, RIYADH, "2026-11-23T11:30", "2026-11-23T12:30")
    assert not fits(hours, RIYADH, "2026-11-23T23:30", "2026-11-24T00:30")
    assert fits(hours + week("00:00", "01:00"), RIYADH, "2026-11-23T23:30", "2026-11-24T00:30")


def test_hours_hold_from_their_first_day_to_their_last() -> None:
    hours = [WorkingHours(1, time(9), time(17), CLINIC, date(2026, 11, 23), date(2026, 11, 30))]
    for day, worked in (("2026-11-16", False), ("2026-11-23", True), ("2026-11-30", True), ("2026-12-07", False)):
        assert fits(hours, RIYADH, f"{day}T10:00", f"{day}T11:00") is worked


def test_an_end_at_midnight_is_the_end_of_the_day() -> None:
    hours = week("20:00", "00:00")
    assert fits(hours, RIYADH, "2026-11-23T23:00", "2026-11-24T00:00")
    assert not fits(hours, RIYADH, "2026-11-23T23:30", "2026-11-24T00:30")


def test_where_the_clock_is_set_back_to_midnight_the_day_before_has_ended_at_the_first() -> None:
    saturday = week("20:00", "00:00", weekdays=[6])
    midnight = local("2026-11-01T00:00", HAVANA)
    assert within(saturday, HAVANA, midnight - MINUTE, midnight)
    assert not within(saturday, HAVANA, midnight - MINUTE, midnight + MINUTE)


@pytest.mark.parametrize(("day", "hours"), [(SPRING, 5), (AUTUMN, 7)])
def test_from_midnight_to_six_is_as_long_as_the_clock_makes_it(day: date, hours: int) -> None:
    start = local(f"{day}T00:00", BERLIN)
    assert within(week("00:00", "06:00"), BERLIN, start, start + timedelta(hours=hours))
    assert not within(week("00:00", "06:00"), BERLIN, start, start + timedelta(hours=hours, minutes=1))


def test_hours_that_end_at_a_time_that_comes_twice_end_at_its_second_coming() -> None:
    night = week("00:00", "02:30")
    start = local("2026-10-25T00:00", BERLIN)
    assert within(night, BERLIN, start, local("2026-10-25T02:30", BERLIN, fold=1))
    assert not within(night, BERLIN, start, local("2026-10-25T02:31", BERLIN, fold=1))


def test_nine_in_the_morning_is_nine_before_and_after_the_clock_change() -> None:
    hours = week("09:00", "10:00")
    for day, utc_hour in (("2026-10-24", 7), ("2026-10-26", 8)):
        start = datetime.fromisoformat(f"{day}T{utc_hour:02}:00").replace(tzinfo=UTC)
        assert within(hours, BERLIN, start, start + timedelta(hours=1))


@given(
    start=st.integers(0, 2 * 366 * 24 * 60).map(lambda n: EPOCH + n * MINUTE), length=st.integers(1, 480), zone=zones
)
def test_hours_round_the_clock_refuse_nothing(start: datetime, length: int, zone: str) -> None:
    assert within(week("00:00", "00:00"), zone, start, start + length * MINUTE)
