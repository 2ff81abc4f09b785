"""Outcomes come after the start, cancelling and moving to another day before it; a manager's reason sets that aside."""

from datetime import datetime, timedelta

from scheduling import errors
from scheduling.appointments.commands.placements import Override
from scheduling.models import ClinicalSession
from scheduling.timetable.hours import day_of


def check_begun(
    session: ClinicalSession, override_reason: str | None, *, now: datetime, early: timedelta = timedelta(0)
) -> None:
    """Raises 409 `invalid-transition` with the rule `before-start` before the start, or `early` before it.

    The start is the one that the session was given, however early somebody started it.
    """
    if override_reason is None and now < session.starts_at - early:
        raise errors.NotStarted


def check_not_begun(session: ClinicalSession, override_reason: str | None, *, now: datetime) -> None:
    """Raises 409 `invalid-transition` with the rule `after-start` from the start on, or once somebody started it."""
    if override_reason is None and (session.status == "IN_PROGRESS" or session.starts_at <= now):
        raise errors.StartedNotCancellable


def check_same_day(
    session: ClinicalSession, starts_at: datetime, override: Override | None, *, now: datetime
) -> list[str]:
    """The rules that are overridden where a session that has started moves to another local day.

    A session that is late moves on its day. On another day nobody would have missed it, as if it had been cancelled.
    Raises 409 `invalid-transition` with the rule `after-start` without an override.
    """
    zone = session.clinic.timezone
    if session.starts_at > now or day_of(starts_at, zone) == day_of(session.starts_at, zone):
        return []
    if override is None:
        raise errors.StartedStaysOnItsDay
    return [errors.AFTER_START]
