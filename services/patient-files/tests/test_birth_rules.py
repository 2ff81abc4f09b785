"""Days of birth in two calendars, and the day on which somebody comes of age."""

from datetime import date, timedelta

import pytest
from hijridate import Gregorian
from hypothesis import given
from hypothesis import strategies as st

from patient_files.patients.rules.births import (
    DAY,
    GREGORIAN,
    HIJRI,
    MONTH,
    YEAR,
    AgeOfMajority,
    Birth,
    Majority,
    birth,
    is_after,
    majority,
    on_day,
)
from patient_files.patients.rules.refusals import RefusedValue

hijri_days = st.dates(date(1924, 8, 1), date(2077, 11, 16))


@pytest.mark.parametrize(
    ("value", "born_from", "born_to"),
    [
        ("1445-09-01", "2024-03-11", "2024-03-11"),
        ("1400-01-01", "1979-11-20", "1979-11-20"),
        ("1405-03", "1984-11-23", "1984-12-22"),
        ("1380", "1960-06-25", "1961-06-13"),
        ("1343-01-01", "1924-08-01", "1924-08-01"),
        ("1500", "2076-11-27", "2077-11-16"),
    ],
)
def test_a_hijri_birth_is_a_range_of_gregorian_days(value: str, born_from: str, born_to: str) -> None:
    precision = {10: DAY, 7: MONTH, 4: YEAR}[len(value)]
    found = birth(HIJRI, precision, value)
    assert (found.born_from.isoformat(), found.born_to.isoformat()) == (born_from, born_to)
    assert found.date_of_birth == (found.born_from if precision == DAY else None)


@pytest.mark.parametrize(
    ("precision", "value", "born_from", "born_to"),
    [
        (DAY, "2015-04-30", date(2015, 4, 30), date(2015, 4, 30)),
        (MONTH, "2024-02", date(2024, 2, 1), date(2024, 2, 29)),
        (YEAR, "1900", date(1900, 1, 1), date(1900, 12, 31)),
    ],
)
def test_a_gregorian_birth_may_be_known_to_the_month_or_the_year(
    precision: str, value: str, born_from: date, born_to: date
) -> None:
    assert birth(GREGORIAN, precision, value) == Birth(GREGORIAN, precision, value, born_from, born_to)


@pytest.mark.parametrize(
    ("calendar", "precision", "value"),
    [
        (HIJRI, DAY, "1445-01-30"),
        (HIJRI, DAY, "1445-02-31"),
        (HIJRI, DAY, "1342-01-01"),
        (HIJRI, DAY, "1501-01-01"),
        (HIJRI, DAY, "1445-13-01"),
        (HIJRI, DAY, "1445-00-01"),
        (HIJRI, DAY, "1445-01-00"),
        (HIJRI, MONTH, "1445-13"),
        (HIJRI, YEAR, "1342"),
        (HIJRI, DAY, "1445-09"),
        (HIJRI, YEAR, "1445-09-01"),
        (HIJRI, DAY, "2015-04-30"),
        (GREGORIAN, DAY, "1899-12-31"),
        (GREGORIAN, YEAR, "1899"),
        (GREGORIAN, YEAR, "0000"),
        (GREGORIAN, DAY, "2015-02-30"),
        (GREGORIAN, MONTH, "2015-13"),
        (GREGORIAN, MONTH, "2015-00"),
        (GREGORIAN, DAY, "1445-09-01"),
        (GREGORIAN, DAY, "2015-4-30"),
        (GREGORIAN, DAY, "2015-04-30\n"),
        (GREGORIAN, DAY, "٢٠١٥-٠٤-٣٠"),
        (GREGORIAN, DAY, "yesterday"),
        (GREGORIAN, DAY, ""),
    ],
)
def test_what_a_calendar_does_not_have_is_refused(calendar: str, precision: str, value: str) -> None:
    with pytest.raises(RefusedValue):
        birth(calendar, precision, value)


@given(hijri_days)
def test_every_day_of_the_table_is_the_same_day_in_either_calendar(day: date) -> None:
    year, month, of_month = Gregorian.fromdate(day).to_hijri().datetuple()
    found = birth(HIJRI, DAY, f"{year}-{month:02d}-{of_month:02d}")
    assert found.date_of_birth == on_day(day).date_of_birth == day


@given(st.integers(1343, 1499), st.integers(1, 12))
def test_the_months_of_a_hijri_year_follow_each_other_without_a_gap(year: int, month: int) -> None:
    this, whole = birth(HIJRI, MONTH, f"{year}-{month:02d}"), birth(HIJRI, YEAR, str(year))
    following = birth(HIJRI, MONTH, f"{year + month // 12}-{month % 12 + 1:02d}")
    assert this.born_to + timedelta(days=1) == following.born_from
    # the printed calendars of some early years have months of 28 and of 31 days
    assert 28 <= (this.born_to - this.born_from).days + 1 <= 31
    assert whole.born_from <= this.born_from < this.born_to <= whole.born_to
    assert 353 <= (whole.born_to - whole.born_from).days + 1 <= 356


def test_a_birth_is_in_the_future_only_if_all_of_it_is() -> None:
    today = date(2026, 11, 26)
    assert is_after(on_day(date(2026, 11, 27)), today)
    assert not is_after(on_day(today), today)
    assert not is_after(birth(GREGORIAN, YEAR, "2026"), today)
    assert not is_after(birth(HIJRI, YEAR, "1448"), today)
    assert is_after(birth(HIJRI, YEAR, "1449"), today)


@pytest.mark.parametrize(
    ("born", "calendar", "of_age_on"),
    [
        ("2008-04-30", GREGORIAN, "2026-04-30"),
        ("2008-02-29", GREGORIAN, "2026-03-01"),
        ("2008-12-31", GREGORIAN, "2026-12-31"),
        ("1979-11-20", HIJRI, "1997-05-07"),
        ("1910-01-01", HIJRI, "1928-01-01"),
        ("2061-01-01", HIJRI, "2079-01-01"),
    ],
)
def test_somebody_comes_of_age_after_eighteen_full_years(born: str, calendar: str, of_age_on: str) -> None:
    day = date.fromisoformat(of_age_on)
    assert majority(on_day(date.fromisoformat(born)), AgeOfMajority(18, calendar)) == Majority(day, day)


@given(st.dates(date(1900, 1, 1), date(2058, 1, 1)), st.integers(15, 21))
def test_eighteen_hijri_years_are_about_half_a_year_shorter(day: date, years: int) -> None:
    by_sun = majority(on_day(day), AgeOfMajority(years, GREGORIAN)).certain_on
    by_moon = majority(on_day(day), AgeOfMajority(years, HIJRI)).certain_on
    assert timedelta(0) <= by_sun - by_moon <= timedelta(days=12 * years)


@given(st.dates(date(1925, 1, 1), date(2058, 1, 1)), st.sampled_from([GREGORIAN, HIJRI]))
def test_whoever_was_born_later_comes_of_age_no_earlier(day: date, calendar: str) -> None:
    age = AgeOfMajority(18, calendar)
    assert majority(on_day(day), age).certain_on <= majority(on_day(day + timedelta(days=1)), age).certain_on


def test_a_birth_that_is_known_to_the_year_has_a_possible_and_a_certain_majority() -> None:
    born = birth(HIJRI, YEAR, "1430")
    assert majority(born, AgeOfMajority()) == Majority(date(2026, 12, 29), date(2027, 12, 17))
