"""Periodic and due work: no-shows, sessions to decide upon, the waitlist. Any number of workers do it at once.

The relay role finds what is due for all tenants; each piece is then done by the application role for its tenant, in
a transaction of its own that looks again under the row's lock.
"""

from datetime import datetime
from typing import Protocol
from uuid import UUID

from sqlalchemy.orm import Session

from jalsa.work.jobs import Find, Job, JobTools, in_transaction, run_due
from scheduling.use_cases import appointments as use_cases
from scheduling.use_cases import due, minimum_attendance, waitlist


def mark_no_shows(tools: JobTools) -> int:
    """Make those no-shows who have not arrived within the grace after their start, also those of a long downtime."""
    return _run(tools, "no-shows", due.overdue_participants, use_cases.mark_no_show)


def flag_decisions(tools: JobTools) -> int:
    """Flag the sessions that have too few participants at their time of decision."""
    return _run(tools, "decisions", due.sessions_to_decide, minimum_attendance.flag)


def lapse_offers(tools: JobTools) -> int:
    """Pass on the spots that were offered and not accepted in time."""
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
