"""Outcomes come after the start, and cancelling before it; a manager's reason sets both rules aside."""

from datetime import datetime, timedelta

from jalsa.errors import Problem, conflict
from scheduling import domain
from scheduling.models import ClinicalSession


def check_begun(
    session: ClinicalSession, override_reason: str | None, *, now: datetime, early: timedelta = timedelta(0)
) -> None:
    """Raises 409 `invalid-transition` with the rule `before-start` before the start, or `early` before it.

    The start is the one that the session was given, however early somebody started it.
    """
    if override_reason is None and now < session.starts_at - early:
        raise _untimely("The session has not begun.", domain.BEFORE_START)


def check_not_begun(session: ClinicalSession, override_reason: str | None, *, now: datetime) -> None:
    """Raises 409 `invalid-transition` with the rule `after-start` from the start on, or once somebody started it."""
    if override_reason is None and (session.status == "IN_PROGRESS" or session.starts_at <= now):
        detail = "The session has begun: check the patient in, or mark a no-show, instead of cancelling."
        raise _untimely(detail, domain.AFTER_START)


def _untimely(detail: str, rule: str) -> Problem:
    return conflict("invalid-transition", detail, rule=rule, overridable=True)
