"""Periodic and due work: no-shows, sessions to decide upon, the waitlist. Any number of workers do it at once.

The relay role finds what is due for all tenants; each piece is then done by the application role for its tenant, in
a transaction of its own that looks again under the row's lock.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial
from uuid import UUID

import structlog
from sqlalchemy.exc import DataError, IntegrityError

from jalsa import clock
from jalsa.context import for_system
from jalsa.db import again
from jalsa.jobs import Job, JobTools
from scheduling import queries
from scheduling.operations import arrivals, decisions, waitlist
from scheduling.queries import waitlist as waitlist_queries

log = structlog.get_logger()


def mark_no_shows(tools: JobTools) -> int:
    """Make those no-shows who have not arrived within the grace after their start, also those of a long downtime."""
    with tools.relay.engine.connect() as conn:
        due = queries.overdue_participants(conn, clock.now())
    _each(tools, due, arrivals.miss, "no-shows-marked")
    return 0


def flag_decisions(tools: JobTools) -> int:
    """Flag the sessions that have too few participants at their time of decision."""
    with tools.relay.engine.connect() as conn:
        due = queries.sessions_to_decide(conn, clock.now())
    _each(tools, due, decisions.flag, "sessions-flagged")
    return 0


def lapse_offers(tools: JobTools) -> int:
    """Pass on the places that were offered and not accepted in time."""
    with tools.relay.engine.connect() as conn:
        due = waitlist_queries.expired_offers(conn, clock.now())
    _each(tools, due, waitlist.lapse_offer, "offers-lapsed")
    return 0


def close_entries(tools: JobTools) -> int:
    """Close the waitlist entries that nothing can be offered to any more."""
    with tools.relay.engine.connect() as conn:
        due = waitlist_queries.past_entries(conn, clock.now())
    _each(tools, due, waitlist.lapse_entry, "waitlist-entries-closed")
    return 0


JOBS = (
    Job("no-shows", 7200, mark_no_shows),
    Job("decisions", 30, flag_decisions),
    Job("offers", 5, lapse_offers),
    Job("waitlist", 60, close_entries),
)


def _each(tools: JobTools, due: Iterable[tuple[str, UUID]], work: Callable[..., bool], event: str) -> None:
    """Do each piece of work for its tenant; a fault that is a row's own is logged, and does not keep the others."""
    done = 0
    for tenant, row_id in due:
        try:
            done += again(partial(_once, tools, tenant, row_id, work, clock.now()))
        except (DataError, IntegrityError) as error:
            log.error("due-work-failed", work=work.__name__, row_id=str(row_id), exc_info=error)
    if done:
        log.info(event, count=done)


def _once(tools: JobTools, tenant: str, row_id: UUID, work: Callable[..., bool], now: datetime) -> bool:
    with tools.app.transaction(for_system(tenant, "scheduler")) as db:
        return work(db, row_id, now=now)
