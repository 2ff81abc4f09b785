"""Rules about the start of a session.

Outcomes are recorded after the start. Cancelling and moving to another day are done before it. A manager's reason
overrides these rules.
"""

from datetime import datetime, timedelta

from scheduling import errors
from scheduling.appointments.commands.placements import Override
from scheduling.models import ClinicalSession
from scheduling.timetable.hours import day_of


def check_begun(
    session: ClinicalSession, override_reason: str | None, *, now: datetime, early: timedelta = timedelta(0)
) -> None:
    """Raise 409 `invalid-transition` with the rule `before-start` until `early` before the start.

    The start is the scheduled one, even if somebody started the session earlier.
    """
    if override_reason is None and now < session.starts_at - early:
        raise errors.NotStarted


def check_not_begun(session: ClinicalSession, override_reason: str | None, *, now: datetime) -> None:
    """Raise 409 `invalid-transition` with the rule `after-start` after the start, or once the session was started."""
    if override_reason is None and (session.status == "IN_PROGRESS" or session.starts_at <= now):
        raise errors.StartedNotCancellable


def check_same_day(
    session: ClinicalSession, starts_at: datetime, override: Override | None, *, now: datetime
) -> list[str]:
    """Return the rules that are overridden where a session that has started is moved to another local day.

    A session that is late can be moved within its day. If it were moved to another day, nobody could be recorded as a
    no-show, as if it had been cancelled. Raises 409 `invalid-transition` with the rule `after-start` without an
    override.
    """
    zone = session.clinic.timezone
    if session.starts_at > now or day_of(starts_at, zone) == day_of(session.starts_at, zone):
        return []
    if override is None:
        raise errors.StartedStaysOnItsDay
    return [errors.AFTER_START]
