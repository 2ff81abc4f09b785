"""Periodic and due work: no-shows, sessions that need a decision, and the waitlist. Any number of workers can run it.

The relay role finds what is due for all tenants. The application role of the tenant then handles each row in its own
transaction, which checks the row again under its lock.
"""

from datetime import datetime
from typing import Protocol
from uuid import UUID

from sqlalchemy.orm import Session

from jalsa.work.jobs import Find, Job, JobTools, in_transaction, run_due
from scheduling.use_cases import appointments as use_cases
from scheduling.use_cases import due, minimum_attendance, waitlist


def mark_no_shows(tools: JobTools) -> int:
    """Mark as no-shows the participants who have not arrived within the grace period after their start.

    This includes participants whose grace period ended during a long downtime.
    """
    return _run(tools, "no-shows", due.overdue_participants, use_cases.mark_no_show)


def flag_decisions(tools: JobTools) -> int:
    """Flag the sessions that have too few participants when a decision about them is due."""
    return _run(tools, "decisions", due.sessions_to_decide, minimum_attendance.flag)


def lapse_offers(tools: JobTools) -> int:
    """Let the offers lapse that were not accepted in time, and offer their spots to the next entries."""
    return _run(tools, "offers", due.expired_offers, waitlist.lapse_offer)


def close_entries(tools: JobTools) -> int:
    """Close the waitlist entries to which nothing can be offered any longer."""
    return _run(tools, "waitlist", due.past_entries, waitlist.lapse_entry)


JOBS = (
    Job("no-shows", 7200, mark_no_shows),
    Job("decisions", 30, flag_decisions),
    Job("offers", 5, lapse_offers),
    Job("waitlist", 60, close_entries),
)


class _Operation(Protocol):
    def __call__(self, db: Session, row_id: UUID, /, *, now: datetime) -> bool: ...


def _run(tools: JobTools, work: str, find: Find, operation: _Operation) -> int:
    return run_due(tools, work, find, in_transaction(operation, "scheduler"))
