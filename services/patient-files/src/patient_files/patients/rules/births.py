"""Days of birth in two calendars, known to the day, the month or the year, and when somebody comes of age.

Hijri dates are those of the Umm al-Qura calendar, by the table of `hijridate`, which has the years 1343 to 1500.
"""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta

from hijridate import Gregorian, Hijri

from jalsa.service.errors import Message
from patient_files.patients.rules.refusals import RefusedValue

GREGORIAN, HIJRI = "GREGORIAN", "HIJRI"
CALENDARS = (GREGORIAN, HIJRI)
DAY, MONTH, YEAR = "DAY", "MONTH", "YEAR"
PRECISIONS = (DAY, MONTH, YEAR)
EARLIEST_BIRTH = date(1900, 1, 1)
_HIJRI_YEARS = range(1343, 1501)
#: The first day of 1343 AH.
_EARLIEST_HIJRI = date(1924, 8, 1)

_VALUE = {
    DAY: re.compile(r"(\d{4})-(\d\d)-(\d\d)", re.ASCII),
    MONTH: re.compile(r"(\d{4})-(\d\d)", re.ASCII),
    YEAR: re.compile(r"(\d{4})", re.ASCII),
}
_SHAPE = {
    DAY: Message("Must be a day, such as 1445-09-01."),
    MONTH: Message("Must be a month, such as 1445-09."),
    YEAR: Message("Must be a year, such as 1445."),
}


@dataclass(frozen=True, slots=True)
class Birth:
    """When somebody was born, as it was given, and the first and the last (Gregorian) day that it can have been."""

    calendar: str
    precision: str
    value: str
    born_from: date
    born_to: date

    @property
    def date_of_birth(self) -> date | None:
        """The Gregorian day; None where only a month or a year is known."""
        return self.born_from if self.precision == DAY else None


@dataclass(frozen=True, slots=True)
class AgeOfMajority:
    """At how many full years, of which calendar, a person comes of age."""

    years: int = 18
    calendar: str = GREGORIAN


@dataclass(frozen=True, slots=True)
class Majority:
    """From which day on somebody may be of age, and from which day on that is certain. Both are included."""

    possible_on: date
    certain_on: date


def birth(calendar: str, precision: str, value: str) -> Birth:
    """When somebody was born: `1445-09-01`, `1445-09` or `1445`, as the precision says, in a calendar.

    Raises RefusedValue for what the calendar does not have, and for days before 1900. Nothing here knows today, so
    whoever stores it checks `is_after`.
    """
    matched = _VALUE[precision].fullmatch(value)
    if matched is None:
        raise RefusedValue(_SHAPE[precision])
    parts = tuple(map(int, matched.groups()))
    born_from, born_to = _hijri_range(*parts) if calendar == HIJRI else _gregorian_range(*parts)
    if born_from < EARLIEST_BIRTH:
        raise RefusedValue(Message("Must not be before 1900."))
    return Birth(calendar, precision, value, born_from, born_to)


def on_day(day: date) -> Birth:
    """A birth on a Gregorian day. Raises RefusedValue for days before 1900."""
    return birth(GREGORIAN, DAY, day.isoformat())


def is_after(born: Birth, today: date) -> bool:
    """Whether all of it lies in the future."""
    return born.born_from > today


def majority(born: Birth, age: AgeOfMajority) -> Majority:
    """When somebody comes of age. Of a birth that is not known to the day, there is a first and a last such day."""
    return Majority(_of_age_on(born.born_from, age), _of_age_on(born.born_to, age))


def _gregorian_range(year: int, month: int | None = None, day: int | None = None) -> tuple[date, date]:
    first_month, last_month = (1, 12) if month is None else (month, month)
    try:
        if day is not None:
            return (only := date(year, first_month, day)), only
        return date(year, first_month, 1), date(year, last_month, monthrange(year, last_month)[1])
    except ValueError:
        raise RefusedValue(Message("There is no such day in the Gregorian calendar.")) from None


def _hijri_range(year: int, month: int | None = None, day: int | None = None) -> tuple[date, date]:
    if year not in _HIJRI_YEARS:
        raise RefusedValue(Message("Must be of the years 1343 to 1500 of the Umm al-Qura calendar."))
    first_month, last_month = (1, 12) if month is None else (month, month)
    try:
        if day is not None:
            return (only := _gregorian(Hijri(year, first_month, day))), only
        last_day = Hijri(year, last_month, 1).month_length()
        return _gregorian(Hijri(year, first_month, 1)), _gregorian(Hijri(year, last_month, last_day))
    except ValueError:
        raise RefusedValue(Message("There is no such day in the Umm al-Qura calendar.")) from None


def _gregorian(day: Hijri) -> date:
    return date(*day.to_gregorian().datetuple())


def _of_age_on(born: date, age: AgeOfMajority) -> date:
    """The day on which somebody has lived the full years.

    Whoever was born on a day that the last of these years does not have comes of age on the day after that month. Where
    the Hijri table has no such year, Gregorian years count.
    """
    if age.calendar == HIJRI and (by_moon := _of_hijri_age_on(born, age.years)):
        return by_moon
    year = born.year + age.years
    if born.day > monthrange(year, born.month)[1]:
        return date(year, born.month + 1, 1)
    return born.replace(year=year)


def _of_hijri_age_on(born: date, years: int) -> date | None:
    if born < _EARLIEST_HIJRI or (given := Gregorian.fromdate(born).to_hijri()).year + years not in _HIJRI_YEARS:
        return None
    year, month, day = given.year + years, given.month, given.day
    if day > (last_day := Hijri(year, month, 1).month_length()):
        return _gregorian(Hijri(year, month, last_day)) + timedelta(days=1)
    return _gregorian(Hijri(year, month, day))
