"""The recurrence of a series: the part of RFC 5545's recurrence rules that a group needs. No I/O.

Days are local. Each day gets the same wall time, which is converted to an instant once.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime, time
from itertools import islice

from dateutil import rrule
from dateutil.relativedelta import relativedelta

from scheduling.timetable.hours import instant_of, wall_time_exists, weekday_of, zone_of

MAX_OCCURRENCES = 100
MAX_YEARS = 2
#: The weekdays as RFC 5545 writes them, 0 = Sunday … 6 = Saturday.
WEEKDAYS = ("SU", "MO", "TU", "WE", "TH", "FR", "SA")

_DAY = f"({'|'.join(WEEKDAYS)})"
_PARTS = {
    "FREQ": ("WEEKLY", "FREQ must be WEEKLY."),
    "INTERVAL": ("[1-4]", "INTERVAL must be a number of weeks from 1 to 4."),
    "BYDAY": (f"{_DAY}(,{_DAY})*", f"BYDAY must be weekdays out of {','.join(WEEKDAYS)}."),
    "COUNT": ("[1-9][0-9]?|100", f"COUNT must be a number from 1 to {MAX_OCCURRENCES}."),
    "UNTIL": ("[0-9]{8}", "UNTIL must be the last local day, such as 20270131."),
    "WKST": (_DAY, "WKST must be a weekday."),
}


@dataclass(frozen=True)
class Rule:
    """A rule for every week, or every few weeks, on some weekdays.

    It ends after `count` days, or with the day `until`.
    """

    interval: int
    weekdays: tuple[str, ...]
    count: int | None
    until: date | None
    week_start: str

    def __str__(self) -> str:
        """The rule as RFC 5545 writes it, with all optional parts."""
        end = f"COUNT={self.count}" if self.until is None else f"UNTIL={self.until:%Y%m%d}"
        return f"FREQ=WEEKLY;INTERVAL={self.interval};BYDAY={','.join(self.weekdays)};{end};WKST={self.week_start}"


@dataclass(frozen=True)
class Occurrence:
    """One day of a series and its start in UTC. It is `shifted` where the clock skips the rule's time on that day."""

    occurs_on: date
    starts_at: datetime
    shifted: bool


def parse_rule(text: str, starts_on: date) -> Rule:
    """Parse an RRULE. Raises ValueError for anything but FREQ=WEEKLY with exactly one of COUNT and UNTIL.

    Without BYDAY, the weekday is that of `starts_on`. Weeks start on Sunday unless WKST says otherwise, whereas RFC
    5545 lets them start on Monday. The difference matters for rules such as every other week on several days.
    """
    given = _parts(text)
    if "FREQ" not in given:
        raise ValueError("FREQ=WEEKLY is required.")
    if ("COUNT" in given) == ("UNTIL" in given):
        raise ValueError("Exactly one of COUNT and UNTIL is required.")
    days = given["BYDAY"].split(",") if "BYDAY" in given else [WEEKDAYS[weekday_of(starts_on)]]
    return Rule(
        interval=int(given.get("INTERVAL", "1")),
        weekdays=tuple(day for day in WEEKDAYS if day in days),
        count=int(given["COUNT"]) if "COUNT" in given else None,
        until=_day(given["UNTIL"]) if "UNTIL" in given else None,
        week_start=given.get("WKST", "SU"),
    )


def days_of(rule: Rule, starts_on: date, exceptions: Collection[date] = ()) -> list[date]:
    """Return the rule's days from `starts_on` on, without the exceptions. `starts_on` need not be one of them.

    As in RFC 5545, COUNT counts the exceptions too, and an exception that is no day of the rule has no effect. Raises
    ValueError where the rule has no day at all, more than MAX_OCCURRENCES days, or a day later than MAX_YEARS after
    `starts_on`.
    """
    found = [instant.date() for instant in islice(_recurrence(rule, starts_on), MAX_OCCURRENCES + 1)]
    if not found:
        raise ValueError("The rule ends before its first day.")
    if len(found) > MAX_OCCURRENCES:
        raise ValueError(f"A series has at most {MAX_OCCURRENCES} occurrences.")
    if found[-1] > starts_on + relativedelta(years=MAX_YEARS):
        raise ValueError(f"A series lasts at most {MAX_YEARS} years.")
    return [day for day in found if day not in exceptions]


def occurrences(days: Iterable[date], wall: time, zone: str) -> list[Occurrence]:
    """Convert one wall time on local days to instants. A clock change moves the instant and not the wall time."""
    tz = zone_of(zone)
    return [Occurrence(day, instant_of(day, wall, tz), shifted=not wall_time_exists(day, wall, tz)) for day in days]


def _parts(text: str) -> dict[str, str]:
    given: dict[str, str] = {}
    for part in text.upper().split(";"):
        name, _, value = part.partition("=")
        if name not in _PARTS or name in given:
            raise ValueError(f"Must be made of {', '.join(_PARTS)}, each at most once.")
        pattern, message = _PARTS[name]
        if not re.fullmatch(pattern, value):
            raise ValueError(message)
        given[name] = value
    return given


def _day(digits: str) -> date:
    try:
        return date.fromisoformat(digits)
    except ValueError:
        raise ValueError(_PARTS["UNTIL"][1]) from None


def _recurrence(rule: Rule, starts_on: date) -> rrule.rrule:
    return rrule.rrule(
        rrule.WEEKLY,
        dtstart=datetime.combine(starts_on, time()),
        interval=rule.interval,
        byweekday=[getattr(rrule, day) for day in rule.weekdays],
        count=rule.count,
        until=rule.until and datetime.combine(rule.until, time()),
        wkst=getattr(rrule, rule.week_start),
    )
