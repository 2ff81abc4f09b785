"""The recurrence rules of series, without I/O. What a rule means is said here by its own properties."""

from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from scheduling.series.rules import MAX_OCCURRENCES, WEEKDAYS, Rule, days_of, occurrences, parse_rule

START = date(2026, 12, 1)  # a Tuesday
DAY = timedelta(days=1)

starts = st.dates(date(2026, 1, 1), date(2030, 12, 31))
weekdays = st.sets(st.sampled_from(WEEKDAYS), min_size=1)


def weekday(day: date) -> str:
    return WEEKDAYS[day.isoweekday() % 7]


def week_of(day: date, first_weekday: str) -> date:
    """The first day of a day's week."""
    while weekday(day) != first_weekday:
        day -= DAY
    return day


@st.composite
def rules(draw: st.DrawFn) -> tuple[Rule, date]:
    """A rule of all that is allowed, and a first day, short enough to be within the limits."""
    starts_on = draw(starts)
    parts = ["FREQ=WEEKLY"]
    if (interval := draw(st.sampled_from([None, 1, 2, 3, 4]))) is not None:
        parts.append(f"INTERVAL={interval}")
    if days := draw(st.none() | weekdays):
        parts.append(f"BYDAY={','.join(draw(st.permutations(sorted(days))))}")
    if (first := draw(st.none() | st.sampled_from(WEEKDAYS))) is not None:
        parts.append(f"WKST={first}")
    if draw(st.booleans()):
        parts.append(f"COUNT={draw(st.integers(1, 26))}")
    else:
        parts.append(f"UNTIL={starts_on + draw(st.integers(28, 98)) * DAY:%Y%m%d}")
    return parse_rule(";".join(draw(st.permutations(parts))), starts_on), starts_on


@given(rules())
def test_every_day_is_one_of_the_rules_weekdays_in_one_of_its_weeks(given_rule: tuple[Rule, date]) -> None:
    rule, starts_on = given_rule
    days = days_of(rule, starts_on)
    first_week = week_of(starts_on, rule.week_start)
    for day in days:
        assert weekday(day) in rule.weekdays
        assert (week_of(day, rule.week_start) - first_week).days % (7 * rule.interval) == 0
        assert day >= starts_on
    assert all(one < other for one, other in pairwise(days))


@given(rules())
def test_no_day_that_the_rule_names_is_left_out(given_rule: tuple[Rule, date]) -> None:
    rule, starts_on = given_rule
    days = days_of(rule, starts_on)
    first_week = week_of(starts_on, rule.week_start)
    whole_weeks = Counter(week_of(day, rule.week_start) for day in days)
    weeks = sorted(whole_weeks)
    for week in weeks[1:-1]:
        assert whole_weeks[week] == len(rule.weekdays)
    for one, other in pairwise([first_week, *weeks]):
        assert (other - one).days in (0, 7 * rule.interval)


@given(rules())
def test_a_rule_ends_after_its_count_or_on_its_last_day(given_rule: tuple[Rule, date]) -> None:
    rule, starts_on = given_rule
    days = days_of(rule, starts_on)
    if rule.until is None:
        assert len(days) == rule.count
    else:
        assert days[-1] <= rule.until
        assert rule.until - days[-1] < 7 * rule.interval * DAY


@given(rules(), st.data())
def test_exceptions_are_taken_out_and_nothing_else_changes(given_rule: tuple[Rule, date], data: st.DataObject) -> None:
    rule, starts_on = given_rule
    days = days_of(rule, starts_on)
    exceptions = data.draw(st.sets(st.sampled_from(days) | starts))
    assert days_of(rule, starts_on, exceptions) == [day for day in days if day not in exceptions]


@given(rules())
def test_a_rule_that_is_written_out_reads_as_the_same(given_rule: tuple[Rule, date]) -> None:
    rule, starts_on = given_rule
    assert parse_rule(str(rule), START) == rule
    assert parse_rule(str(rule).lower(), starts_on) == rule


@given(rules(), st.times(), st.sampled_from(["Europe/Berlin", "Asia/Riyadh", "America/St_Johns", "Pacific/Auckland"]))
def test_the_wall_time_is_the_same_on_every_day_unless_the_clock_leaves_it_out(
    given_rule: tuple[Rule, date], wall: time, zone: str
) -> None:
    for day, occurrence in zip(days := days_of(*given_rule), occurrences(days, wall, zone), strict=True):
        assert occurrence.starts_at.tzinfo is UTC
        there = occurrence.starts_at.astimezone(ZoneInfo(zone))
        if occurrence.shifted:
            assert timedelta() < there.replace(tzinfo=None) - datetime.combine(day, wall) <= timedelta(hours=1)
        else:
            assert (occurrence.occurs_on, there.date(), there.time().replace(fold=0)) == (day, day, wall)
            assert there.fold == 0  # of two the first


@given(starts, st.sampled_from(WEEKDAYS))
def test_without_byday_it_is_the_weekday_of_the_first_day(starts_on: date, first: str) -> None:
    days = days_of(parse_rule(f"FREQ=WEEKLY;COUNT=3;WKST={first}", starts_on), starts_on)
    assert days == [starts_on + n * 7 * DAY for n in range(3)]


def test_weeks_begin_on_sunday_unless_the_rule_says_otherwise() -> None:
    rule = "FREQ=WEEKLY;INTERVAL=2;BYDAY=SU,TU;COUNT=3"
    sunday_first = days_of(parse_rule(rule, START), START)
    monday_first = days_of(parse_rule(f"{rule};WKST=MO", START), START)
    assert sunday_first == [START, date(2026, 12, 13), date(2026, 12, 15)]
    assert monday_first == [START, date(2026, 12, 6), date(2026, 12, 15)]


def test_the_last_day_is_included() -> None:
    until = START + 14 * DAY
    assert days_of(parse_rule(f"FREQ=WEEKLY;UNTIL={until:%Y%m%d}", START), START)[-1] == until


@given(weekdays, st.integers(1, 4), st.integers(1, 100))
def test_a_series_has_at_most_a_hundred_occurrences_in_two_years(days: set[str], interval: int, count: int) -> None:
    rule = parse_rule(f"FREQ=WEEKLY;INTERVAL={interval};BYDAY={','.join(days)};COUNT={count}", START)
    fits = interval * 7 * (count // len(days) + 1) < 730
    too_long = interval * 7 * (count // len(days) - 1) > 732
    assume(fits or too_long)
    if fits:
        assert len(days_of(rule, START)) == count <= MAX_OCCURRENCES
    else:
        with pytest.raises(ValueError, match="at most 2 years"):
            days_of(rule, START)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("FREQ=WEEKLY;BYDAY=SU,MO,TU,WE,TH,FR,SA;UNTIL=20270311", "at most 100 occurrences"),
        ("FREQ=WEEKLY;UNTIL=99991231", "at most 100 occurrences"),
        ("FREQ=WEEKLY;INTERVAL=4;UNTIL=20281231", "at most 2 years"),
        ("FREQ=WEEKLY;UNTIL=20261130", "before its first day"),
        ("FREQ=WEEKLY;BYDAY=MO;UNTIL=20261206", "before its first day"),
    ],
)
def test_a_rule_with_too_many_days_or_none_is_refused(rule: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        days_of(parse_rule(rule, START), START)


def test_a_hundred_days_and_two_years_are_allowed() -> None:
    daily = "FREQ=WEEKLY;BYDAY=SU,MO,TU,WE,TH,FR,SA"
    assert len(days_of(parse_rule(f"{daily};UNTIL=20270310", START), START)) == MAX_OCCURRENCES
    assert days_of(parse_rule("FREQ=WEEKLY;INTERVAL=2;BYDAY=FR;UNTIL=20281201", START), START)[-1] == date(2028, 12, 1)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("", "Must be made of"),
        ("FREQ=WEEKLY;", "Must be made of"),
        ("FREQ=WEEKLY;COUNT=2;COUNT=3", "each at most once"),
        ("FREQ=WEEKLY;COUNT=2;BYMONTH=1", "Must be made of"),
        ("FREQ=WEEKLY;COUNT=2;EXDATE=20270101", "Must be made of"),
        ("RRULE:FREQ=WEEKLY;COUNT=2", "Must be made of"),
        ("COUNT=2", "FREQ=WEEKLY is required"),
        ("FREQ=DAILY;COUNT=2", "FREQ must be WEEKLY"),
        ("FREQ=WEEKLY", "Exactly one of COUNT and UNTIL"),
        ("FREQ=WEEKLY;COUNT=2;UNTIL=20270101", "Exactly one of COUNT and UNTIL"),
        ("FREQ=WEEKLY;COUNT=0", "COUNT must be"),
        ("FREQ=WEEKLY;COUNT=101", "COUNT must be"),
        ("FREQ=WEEKLY;COUNT=-1", "COUNT must be"),
        ("FREQ=WEEKLY;COUNT=٣", "COUNT must be"),
        ("FREQ=WEEKLY;COUNT=2\n", "COUNT must be"),
        ("FREQ=WEEKLY;COUNT=2;INTERVAL=0", "INTERVAL must be"),
        ("FREQ=WEEKLY;COUNT=2;INTERVAL=5", "INTERVAL must be"),
        ("FREQ=WEEKLY;COUNT=2;BYDAY=", "BYDAY must be"),
        ("FREQ=WEEKLY;COUNT=2;BYDAY=1MO", "BYDAY must be"),
        ("FREQ=WEEKLY;COUNT=2;BYDAY=MO,", "BYDAY must be"),
        ("FREQ=WEEKLY;COUNT=2;WKST=XX", "WKST must be"),
        ("FREQ=WEEKLY;UNTIL=20270230", "UNTIL must be"),
        ("FREQ=WEEKLY;UNTIL=20270101T000000Z", "UNTIL must be"),
        ("FREQ=WEEKLY;UNTIL=00000101", "UNTIL must be"),
    ],
)
def test_an_unsupported_rule_is_refused_with_a_reason(rule: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_rule(rule, START)
