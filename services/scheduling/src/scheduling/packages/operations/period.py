"""Checks of a package's period and of its preferred times. Days are local days of the clinic."""

from datetime import date, datetime

from jalsa.service.commands import UNSET
from jalsa.service.errors import InvalidField
from scheduling.models import Clinic, Package
from scheduling.packages.commands.planning import SchedulePackage
from scheduling.timetable.hours import TOO_FAR_AHEAD, day_of, last_day


def check_new_period(start: date, end: date | None, clinic: Clinic, now: datetime) -> None:
    """Raise 422 for a start before today, and what `check_period` raises."""
    check_start(start, clinic, now)
    check_period(start, end, clinic, now)


def check_start(start: date, clinic: Clinic, now: datetime) -> None:
    """Raise 422 for a start before today, or too far ahead."""
    if start < day_of(now, clinic.timezone):
        raise InvalidField("start_date", "Must not be before today.")
    if start > last_day(now, clinic.timezone):
        raise InvalidField("start_date", TOO_FAR_AHEAD)


def check_period(start: date, end: date | None, clinic: Clinic, now: datetime) -> None:
    """Raise 422 for a start or an end that is too far ahead, and for an end before the start."""
    horizon = last_day(now, clinic.timezone)
    if start > horizon:
        raise InvalidField("start_date", TOO_FAR_AHEAD)
    if end is not None and end < start:
        raise InvalidField("end_date", "Must not be before the start.")
    if end is not None and end > horizon:
        raise InvalidField("end_date", TOO_FAR_AHEAD)


def change_preferences(package: Package, command: SchedulePackage, now: datetime) -> None:
    """Store the given values of the period and of the preferred times. Raises 422 for the period."""
    for name in ("start_date", "end_date", "preferred_days", "preferred_time", "gap_days", "tolerance_days"):
        if (value := getattr(command, name)) is not UNSET:
            setattr(package, name, value)
    check_period(package.start_date, package.end_date, package.clinic, now)
