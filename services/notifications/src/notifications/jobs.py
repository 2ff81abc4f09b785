"""Due work: reminders become messages, messages go out. Any number of workers do it side by side.

The relay role finds what is due for all tenants; each piece is then done by the application role for its tenant.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar
from uuid import UUID

import structlog
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session

from jalsa import clock
from jalsa.context import for_system
from jalsa.db import again
from jalsa.jobs import Job, JobTools
from notifications import queries
from notifications.channels import Channel, channels
from notifications.channels.failure import NotSent
from notifications.config import NotificationsConfig
from notifications.domain import Outgoing
from notifications.operations import messages, reminders

log = structlog.get_logger()

T = TypeVar("T")

BATCH = 50
#: How many messages one worker delivers at once, so that a slow one does not hold up the others.
SENDERS = 4


def remind(tools: JobTools) -> int:
    """Make the messages of the reminders that are due. Returns how many."""
    with tools.relay.engine.connect() as conn:
        due = queries.due_reminders(conn, clock.now(), BATCH)
    return sum(_remind(tools, row) for row in due)


def send(tools: JobTools) -> int:
    """Send the messages that are due. Returns how many were tried."""
    with tools.relay.engine.connect() as conn:
        due = queries.due_messages(conn, clock.now(), BATCH)
    return sum(_side_by_side(lambda row: _send(tools, row), due)) if due else 0


JOBS = (Job("remind", 0.5, remind), Job("send", 0.5, send))


def _side_by_side(work: Callable[[Any], int], rows: Sequence[Any]) -> list[int]:
    with ThreadPoolExecutor(SENDERS, thread_name_prefix="notifications-send") as pool:
        return list(pool.map(work, rows))


def _remind(tools: JobTools, row: Any) -> int:
    return int(bool(_alone(tools, row, reminders.make_message, reminders.give_up)))


def _send(tools: JobTools, row: Any) -> int:
    outgoing = _alone(tools, row, messages.claim, messages.give_up)
    if outgoing is None:
        return 0
    assert isinstance(tools.config, NotificationsConfig)
    # no transaction is open while the outside world is called
    record = _attempt(channels(tools.config)[outgoing.channel], outgoing)
    _transaction(tools, row.tenant_id, record)
    return 1


def _alone(tools: JobTools, row: Any, work: Callable[..., T], give_up: Callable[..., None]) -> T | None:
    """Do one row's work. A fault that is its own is logged and ends it, and not the rows beside it."""
    try:
        return _transaction(tools, row.tenant_id, lambda db: work(db, row.id, now=clock.now()))
    except Exception as error:
        if _passes(error):
            raise
        log.error("due-work-failed", work=work.__qualname__, row_id=str(row.id), exc_info=error)
    _transaction(tools, row.tenant_id, lambda db: give_up(db, row.id, now=clock.now()))
    return None


def _attempt(channel: Channel, outgoing: Outgoing) -> Callable[[Session], None]:
    """Deliver; returns what is to be recorded of it."""
    message_id: UUID = outgoing.id
    known = {"message_id": str(message_id), "channel": outgoing.channel, "attempt": outgoing.attempt}
    try:
        reference = channel(outgoing)
    except NotSent as error:
        failure = error
    else:
        log.info("message-sent", **known)
        return lambda db: messages.record_sent(db, message_id, outgoing.attempt, reference, now=clock.now())
    log.warning("message-not-sent", **known, outcome=failure.outcome, again=failure.again)
    return lambda db: messages.record_failure(
        db,
        message_id,
        outgoing.attempt,
        outcome=failure.outcome,
        reason=failure.reason,
        again=failure.again,
        now=clock.now(),
    )


def _passes(error: Exception) -> bool:
    """Whether an error says nothing of the row that was worked on: the database is away, busy, or lost a race."""
    return isinstance(error, SQLAlchemyError) and not isinstance(error, IntegrityError | DataError)


def _transaction(tools: JobTools, tenant: str, work: Callable[[Session], T]) -> T:
    def once() -> T:
        with tools.app.transaction(for_system(tenant, "dispatch")) as db:
            return work(db)

    return again(once)
