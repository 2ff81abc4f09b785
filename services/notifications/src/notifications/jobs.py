"""Due work makes messages of reminders and sends messages. Any number of workers do it side by side.

The relay role finds what is due for all tenants. Each piece is then done by the application role for its tenant.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar
from uuid import UUID

import structlog
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from jalsa.db.transactions import retry_on_serialization_failure
from jalsa.events.lookout import SourceAway
from jalsa.service import clock
from jalsa.service.context import for_system
from jalsa.work.jobs import Due, Job, JobTools, RowWork, in_transaction, run_due
from notifications import domain, queries
from notifications.channels import Channel, channels
from notifications.channels.failure import NotSent
from notifications.config import NotificationsConfig
from notifications.domain import Outgoing
from notifications.operations import messages, reminders

log = structlog.get_logger()

T = TypeVar("T")

ACTOR = "dispatch"
#: How many messages one worker delivers at once, so that a slow one does not hold up the others.
SENDERS = 4


def remind(tools: JobTools) -> int:
    """Make the messages of the reminders that are due. Returns how many."""
    make, give_up = (in_transaction(work, ACTOR) for work in (reminders.make_message, reminders.give_up))
    return run_due(tools, "remind", queries.due_reminders, make, give_up=give_up)


def send(tools: JobTools) -> int:
    """Send the messages that are due. Returns how many were tried."""
    give_up = in_transaction(messages.give_up, ACTOR)
    return run_due(tools, "send", queries.due_messages, _send, give_up=give_up, at_once=SENDERS)


JOBS = (Job("remind", 0.5, remind), Job("send", 0.5, send, holds=SENDERS))


def _send(tools: JobTools, row: Due) -> bool:
    try:
        step = messages.claim if _is_up_to_date(tools, row) else messages.withhold
    except SourceAway:
        return False
    with _held(tools, row.id) as is_ours:
        outgoing = _transaction(tools, row, step) if is_ours else None
        if outgoing is None:
            return False
        assert isinstance(tools.config, NotificationsConfig)
        # no row is locked while the outside world is called
        record = _attempt(channels(tools.config)[outgoing.channel], outgoing)
        _transaction(tools, row, record)
    return True


def _is_up_to_date(tools: JobTools, row: Due) -> bool:
    """Whether all that scheduling has said of what a message is about is known here, so that it may leave.

    Where scheduling does not answer, what is known is enough after a minute. Until then it raises SourceAway.
    """
    assert tools.lookout is not None
    subjects, now = _transaction(tools, row, lambda db, row_id, now: (queries.subjects_of(db, row_id), now))
    try:
        return tools.lookout.has_all("scheduling", row.tenant_id, subjects)
    except SourceAway:
        if now - row.due_at < domain.WAIT_FOR_SOURCE:
            raise
    return True


_BOUND = text("SELECT set_config('idle_in_transaction_session_timeout', :limit, true)")
_HOLD = text("SELECT pg_try_advisory_xact_lock(hashtextextended('message:' || :id, 0))")


@contextmanager
def _held(tools: JobTools, message_id: UUID) -> Iterator[bool]:
    """The right to send a message, if no other sender has it. It ends with the connection, and so with the worker.

    The lock is a transaction's, not a session's, which a connection pooler would leave behind. The transaction has no
    other lock, and no snapshot. The pool has a connection for each sender beside those for what is done meanwhile.
    """
    conn = tools.app.engine.connect()
    try:
        conn.execute(_BOUND, {"limit": f"{domain.LONGEST_ATTEMPT.total_seconds():.0f}s"})
        yield bool(conn.execute(_HOLD, {"id": str(message_id)}).scalar_one())
    finally:
        with suppress(DBAPIError):  # it was lost already: another sender looks after the message then
            conn.close()


def _attempt(channel: Channel, outgoing: Outgoing) -> RowWork[None]:
    """Deliver. Returns what is to be recorded of it."""
    known = {"message_id": str(outgoing.id), "channel": outgoing.channel, "attempt": outgoing.attempt}
    try:
        reference = channel(outgoing)
    except NotSent as error:
        failure = error
    else:
        log.info("message-sent", **known)
        return lambda db, message_id, now: messages.record_sent(db, message_id, outgoing.attempt, reference, now=now)
    log.warning("message-not-sent", **known, outcome=failure.outcome, again=failure.again)
    return lambda db, message_id, now: messages.record_failure(
        db,
        message_id,
        outgoing.attempt,
        outcome=failure.outcome,
        reason=failure.reason,
        again=failure.again,
        now=now,
    )


def _transaction(tools: JobTools, row: Due, work: RowWork[T]) -> T:
    def once() -> T:
        with tools.app.transaction(for_system(row.tenant_id, ACTOR)) as db:
            return work(db, row.id, now=clock.database_now(db))

    return retry_on_serialization_failure(once)
