"""The period of a package, and when in it the sessions should be; days are the clinic's."""

from datetime import date, datetime

from jalsa.service.commands import UNSET
from jalsa.service.errors import InvalidField
from scheduling.commands.packages import SchedulePackage
from scheduling.domain.hours import TOO_FAR_AHEAD, day_of, last_day
from scheduling.models import Clinic, Package


def check_start(day: date, clinic: Clinic, now: datetime) -> None:
    """Raises 422 for a local day that is over, or too far ahead."""
    if day < day_of(now, clinic.timezone):
        raise InvalidField("start_date", "Must not be before today.")
    _check_near(day, clinic, now)


def check_period(package: Package, now: datetime) -> None:
    """Raises 422 for a start or an end that is too far ahead, and for an end that is before the start."""
    _check_near(package.start_date, package.clinic, now)
    if package.end_date is None:
        return
    if package.end_date < package.start_date:
        raise InvalidField("end_date", "Must not be before the start.")
    if package.end_date > last_day(now, package.clinic.timezone):
        raise InvalidField("end_date", TOO_FAR_AHEAD)


def change_preferences(package: Package, command: SchedulePackage, now: datetime) -> None:
    """Take over what is given of the period and of the preferred times. Raises 422 for the period."""
    for name in ("start_date", "end_date", "preferred_days", "preferred_time", "gap_days", "tolerance_days"):
        if (value := getattr(command, name)) is not UNSET:
            setattr(package, name, value)
    check_period(package, now)


def _check_near(start: date, clinic: Clinic, now: datetime) -> None:
    if start > last_day(now, clinic.timezone):
        raise InvalidField("start_date", TOO_FAR_AHEAD)
