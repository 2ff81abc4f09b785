"""The rules of scheduling in the field's own words: state machines, numbers, working hours. No I/O."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from jalsa.states import table

SESSION = table(
    "session", "SCHEDULED", SCHEDULED="IN_PROGRESS CANCELLED", IN_PROGRESS="COMPLETED", COMPLETED="", CANCELLED=""
)
PARTICIPANT = table(
    "participant",
    "BOOKED",
    BOOKED="CONFIRMED ARRIVED CANCELLED NO_SHOW",
    CONFIRMED="ARRIVED CANCELLED NO_SHOW",
    ARRIVED="ATTENDED",
    ATTENDED="",
    NO_SHOW="ARRIVED",
    CANCELLED="",
)

#: The states in which a session takes up its provider and room, and in which a participant takes up a place.
LIVE_SESSION = ("SCHEDULED", "IN_PROGRESS", "COMPLETED")
LIVE_PARTICIPANT = ("BOOKED", "CONFIRMED", "ARRIVED", "ATTENDED")

INDIVIDUAL, GROUP = "INDIVIDUAL", "GROUP"
DISCIPLINES = ("PSYCHOLOGY", "OT", "ABA", "SLP", "MEDICAL", "NURSING")
MAX_GROUP = 20
MAX_MINUTES = 480


@dataclass(frozen=True)
class WorkingHours:
    """A provider's hours on one weekday (0 = Sunday … 6 = Saturday) in one clinic, in the clinic's wall time."""

    weekday: int
    start: time
    end: time
    clinic_id: UUID


def weekday_of(day: date) -> int:
    """0 = Sunday … 6 = Saturday."""
    return day.isoweekday() % 7


def within_working_hours(
    hours: Iterable[WorkingHours], clinic_id: UUID, zone: str, starts_at: datetime, ends_at: datetime
) -> bool:
    """Whether a session lies within one stretch of the provider's hours in that clinic, on its local day.

    The hours' wall times are made instants on that day, so a clock change lengthens or shortens them.
    """
    tz = ZoneInfo(zone)
    day = starts_at.astimezone(tz).date()
    return any(
        datetime.combine(day, h.start, tz).astimezone(UTC) <= starts_at
        and ends_at <= _end_of(day, h.end, tz).astimezone(UTC)
        for h in hours
        if h.clinic_id == clinic_id and h.weekday == weekday_of(day)
    )


def _end_of(day: date, end: time, tz: ZoneInfo) -> datetime:
    """An end of 00:00 is the midnight that ends the day."""
    if end == time(0):
        return datetime.combine(day + timedelta(days=1), end, tz)
    return datetime.combine(day, end, tz)


def local_year(now: datetime, zone: str) -> int:
    """The year in which a number is taken, by the clinic's clock."""
    return now.astimezone(ZoneInfo(zone)).year


def check_in_blockers(*, cleared: bool, consented: bool, starts_at: datetime, zone: str, now: datetime) -> list[str]:
    """What stands against checking a participant in: any of `finance`, `consent`, `too-early`.

    It is too early before the session's day in the clinic's zone.
    """
    tz = ZoneInfo(zone)
    blockers = []
    if not cleared:
        blockers.append("finance")
    if not consented:
        blockers.append("consent")
    if now.astimezone(tz).date() < starts_at.astimezone(tz).date():
        blockers.append("too-early")
    return blockers
