"""The ordered inbox, by which each subject's events are applied exactly once and in sequence, whatever the bus does."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar
from uuid import UUID

import structlog
from marshmallow import ValidationError
from sqlalchemy import text
from sqlalchemy.orm import Session

from jalsa.db.transactions import Database, begin, commit, database_is_away, retry_on_serialization_failure
from jalsa.events import sources
from jalsa.events.contracts import Stream
from jalsa.events.envelope import Envelope, Unreadable, parse
from jalsa.events.sources import SourceChanged
from jalsa.service import clock, metrics
from jalsa.service.backoff import backoff
from jalsa.service.context import Context, for_system
from jalsa.service.ids import new_id
from jalsa.service.logging import describe

log = structlog.get_logger()

T = TypeVar("T")

MAX_ATTEMPTS = 10


@dataclass(frozen=True, kw_only=True)
class Received(Generic[T]):
    """An event as a handler gets it. `data` holds the declared fields and nothing else, as their schema loads them."""

    id: UUID
    subject_id: str
    time: datetime
    data: T


Handler = Callable[[Session, Received[Any]], None]


@dataclass(frozen=True, slots=True)
class Applied:
    """The last event of a subject that was applied here. Its id is None where a person has decided since."""

    last: int
    last_id: UUID | None


@dataclass(frozen=True, slots=True)
class LockedHead(Applied):
    """A subject's head, locked. `state` is that of the very event that asks, where it is kept already."""

    state: str | None
    stopped: bool


# The head is locked by writing it. What is kept of this very event comes with it.
_LOCK_HEAD = text("""
    INSERT INTO inbox_heads AS h (tenant_id, source, subject, last) VALUES (:tenant, :source, :subject, 0)
    ON CONFLICT (tenant_id, source, subject) DO UPDATE SET last = h.last
    RETURNING last, last_id, (SELECT state FROM inbox i WHERE i.tenant_id = :tenant AND i.source = :source
                              AND i.subject = :subject AND i.sequence = :sequence) AS state,
              EXISTS (SELECT FROM stopped_sources s WHERE s.source = :service) AS stopped
""")
_ADVANCE = text("""
    WITH head AS (UPDATE inbox_heads SET last = :sequence, last_id = :id
                  WHERE tenant_id = :tenant AND source = :source AND subject = :subject),
         done AS (DELETE FROM inbox WHERE tenant_id = :tenant AND source = :source AND subject = :subject
                  AND sequence = :sequence)
    SELECT envelope FROM inbox WHERE tenant_id = :tenant AND source = :source AND subject = :subject
    AND sequence = :sequence + 1 AND state = 'waiting'
""")
_KEEP = text("""
    INSERT INTO inbox (id, tenant_id, source, subject, sequence, type, envelope, state, attempts, next_at, error)
    VALUES (:id, :tenant, :source, :subject, :sequence, :type, CAST(:envelope AS jsonb), :state, :attempts, :next_at,
            :error)
    ON CONFLICT (tenant_id, source, subject, sequence) DO UPDATE
    SET state = EXCLUDED.state, attempts = inbox.attempts + EXCLUDED.attempts, next_at = EXCLUDED.next_at,
        error = EXCLUDED.error
    WHERE EXCLUDED.state <> 'waiting'
    RETURNING attempts
""")
_ATTEMPTS = text("""
    SELECT attempts FROM inbox WHERE tenant_id = :tenant AND source = :source AND subject = :subject
    AND sequence = :sequence
""")
# Read by the relay role, which sees what is due of every tenant, but no event's content.
_DUE = text("""
    SELECT i.id, i.tenant_id FROM inbox i JOIN inbox_heads h USING (tenant_id, source, subject)
    WHERE i.sequence = h.last + 1 AND (i.state = 'waiting' OR (i.state = 'retrying' AND i.next_at <= :now))
      AND NOT EXISTS (SELECT FROM stopped_sources s WHERE i.source = '/jalsa/' || s.source)
    ORDER BY i.received_at LIMIT 100
""")
_ALONE = text("SELECT pg_try_advisory_xact_lock(7424)")
_CONDEMN = text("UPDATE inbox SET state = 'dead', next_at = NULL, error = :error WHERE id = :id")
_COUNTS = text("SELECT state, count(*) FROM inbox GROUP BY state")
_HEADS = text("""
    SELECT tenant_id, subject, last, last_id FROM inbox_heads WHERE source = :source AND subject = ANY(:subjects)
""")


class Inbox:
    """One service's inbox. `handlers` maps `scheduling.AppointmentBooked.v1` to `on_appointment_booked`."""

    def __init__(
        self,
        service: str,
        app: Database,
        relay: Database,
        streams: Sequence[Stream],
        handlers: Mapping[str, Handler],
        *,
        max_attempts: int = MAX_ATTEMPTS,
    ) -> None:
        self.service = service
        self.app = app
        self.relay = relay
        self.streams = {(s.service, s.aggregate): s for s in streams}
        self.handlers = handlers
        self.max_attempts = max_attempts
        self._check_wiring()

    def _check_wiring(self) -> None:
        read = {f"{s.service}.{event}" for s in self.streams.values() for event in s.reads}
        if read != set(self.handlers):
            raise ValueError(f"events without handler or handlers without event: {sorted(read ^ set(self.handlers))}")

    def follows(self, envelope: Envelope) -> bool:
        """Whether this service follows the event's subject at all."""
        return (envelope.service, envelope.aggregate) in self.streams

    def knows(self, envelope: Envelope) -> bool:
        """Whether the event is one that this service reads or knowingly passes over."""
        stream = self.streams.get((envelope.service, envelope.aggregate))
        return stream is not None and (envelope.event in stream.reads or envelope.event in stream.ignores)

    def receive(self, envelope: Envelope) -> None:
        """Apply an event if it is its turn, with those that wait directly behind it. Otherwise keep or forget it.

        Returns when the outcome is stored. Raises a database error only where the database itself is away.
        """
        following: Envelope | None = envelope
        while following is not None:
            following = self._take(following, due=False)

    def retry_due(self) -> int:
        """Try what is due again, which are failed events whose time has come, and any left waiting by a crash.

        One worker at a time does this, so that no event uses up two attempts at once. Whatever hinders one, say a lock
        on its subject's head, hinders no other. Returns how many were due.
        """
        with self.relay.engine.begin() as conn:
            counts = {str(state): int(n) for state, n in conn.execute(_COUNTS)}
            for state in ("waiting", "retrying", "dead"):
                metrics.INBOX.labels(self.service, state).set(counts.get(state, 0))
            if not conn.execute(_ALONE).scalar_one():
                return 0
            due = conn.execute(_DUE, {"now": clock.database_now(conn)}).all()
            for row in due:
                self._retry_alone(row.id, row.tenant_id)
        return len(due)

    def not_yet_applied(self, source: str, envelopes: Sequence[Envelope]) -> list[Envelope]:
        """Those of a feed's page that are not known as applied already (a cheap filter, not the decision).

        Raises SourceChanged where an event has the place of another one.
        """
        followed = [e for e in envelopes if self.follows(e)]
        heads = self._heads(source, followed)
        missing = []
        for envelope in followed:
            head = heads.get((envelope.tenant, envelope.subject))
            if head is not None:
                _same_story(envelope, head)
            if head is None or envelope.sequence > head.last:
                missing.append(envelope)
        return missing

    def ahead_of(self, source: str, envelopes: Sequence[Envelope]) -> dict[str, dict[str, int]]:
        """The subjects of these events of which a later one was applied: by tenant, with the last sequence."""
        told: dict[tuple[str, str], int] = {}
        for envelope in envelopes:
            key = envelope.tenant, envelope.subject
            told[key] = max(envelope.sequence, told.get(key, 0))
        found: dict[str, dict[str, int]] = {}
        for (tenant, subject), head in self._heads(source, envelopes).items():
            if head.last > told.get((tenant, subject), head.last):
                found.setdefault(tenant, {})[subject] = head.last
        return found

    def _heads(self, source: str, envelopes: Sequence[Envelope]) -> dict[tuple[str, str], Applied]:
        with self.relay.engine.connect() as conn:
            rows = conn.execute(_HEADS, {"source": source, "subjects": list({e.subject for e in envelopes})})
            return {(row.tenant_id, row.subject): Applied(row.last, row.last_id) for row in rows}

    def _retry_alone(self, event_id: UUID, tenant: str) -> None:
        with structlog.contextvars.bound_contextvars(tenant=tenant):
            try:
                self._retry(event_id, tenant)
            except Unreadable as error:  # an earlier version kept it, and what is read has become stricter
                self._condemn(event_id, tenant, error)
            except Exception as error:  # The error is this event's. What lies behind it must be tried, too.
                if database_is_away(error):
                    raise
                log.error("event-not-retried", inbox_id=str(event_id), exc_info=error)

    def _retry(self, event_id: UUID, tenant: str) -> None:
        following, due = self._load(event_id, tenant), True
        while following is not None:
            following, due = self._take(following, due=due), False

    def _condemn(self, event_id: UUID, tenant: str, error: Unreadable) -> None:
        with self.app.transaction(for_system(tenant, "inbox")) as db:
            db.execute(_CONDEMN, {"id": event_id, "error": describe(error)})
        metrics.EVENTS_APPLIED.labels(self.service, "failed").inc()
        log.warning("event-failed", inbox_id=str(event_id), dead=True, exc_info=error)

    def _load(self, event_id: UUID, tenant: str) -> Envelope | None:
        with self.app.transaction(for_system(tenant, "inbox")) as db:
            stored = db.execute(text("SELECT envelope FROM inbox WHERE id = :id"), {"id": event_id}).scalar()
        return parse(stored) if stored else None

    def _take(self, envelope: Envelope, *, due: bool) -> Envelope | None:
        """Returns the event that waits directly behind, if this one was applied."""
        with structlog.contextvars.bound_contextvars(tenant=envelope.tenant):
            try:
                return retry_on_serialization_failure(lambda: self._apply(envelope, due=due))
            except SourceChanged as changed:
                sources.stop(self.relay.engine, self.service, changed)
                return None
            except Exception as error:
                if database_is_away(error):
                    raise
                # whatever a handler raises is its event's failure: kept with the event, shown, and tried again
                failure = error
            retry_on_serialization_failure(lambda: self._record_failure(envelope, failure))
            return None

    def _apply(self, envelope: Envelope, *, due: bool) -> Envelope | None:
        context = self._context(envelope)
        key = _key(envelope)
        with Session(self.app.engine, expire_on_commit=False, autoflush=False) as db:
            begin(db, context)
            head = _lock_head(db, envelope)
            if head.stopped:
                metrics.EVENTS_APPLIED.labels(self.service, "stopped").inc()
                return None
            _same_story(envelope, head)
            if envelope.sequence <= head.last:
                metrics.EVENTS_APPLIED.labels(self.service, "duplicate").inc()
                return None
            if head.state in ("retrying", "dead") and not due:
                return None
            if envelope.sequence > head.last + 1:
                _keep(db, envelope, state="waiting")
                commit(db)
                metrics.EVENTS_APPLIED.labels(self.service, "early").inc()
                return None
            self._handle(db, envelope)
            db.flush()
            following = db.execute(_ADVANCE, {**key, "id": envelope.id}).scalar()
            commit(db)
        metrics.EVENTS_APPLIED.labels(self.service, "applied").inc()
        return parse(following) if following else None

    def _handle(self, db: Session, envelope: Envelope) -> None:
        stream = self.streams.get((envelope.service, envelope.aggregate))
        if stream is None or envelope.event not in stream.reads:
            return  # an earlier version may have kept events of what this one follows no more
        received = Received(
            id=envelope.id,
            subject_id=envelope.subject.split("/", 1)[1],
            time=envelope.time,
            data=stream.load(envelope.event, envelope.data),
        )
        self.handlers[f"{envelope.service}.{envelope.event}"](db, received)

    def _record_failure(self, envelope: Envelope, error: Exception) -> None:
        permanent = isinstance(error, ValidationError)
        with self.app.transaction(self._context(envelope)) as db:
            head = _lock_head(db, envelope)
            if envelope.sequence != head.last + 1:
                return
            attempts = (db.execute(_ATTEMPTS, _key(envelope)).scalar() or 0) + 1
            dead = permanent or attempts >= self.max_attempts
            delay = timedelta(seconds=backoff(attempts, first=1.0, longest=300.0, spread=0.5))
            _keep(
                db,
                envelope,
                state="dead" if dead else "retrying",
                attempts=1,
                next_at=None if dead else clock.database_now(db) + delay,
                error=describe(error),
            )
        metrics.EVENTS_APPLIED.labels(self.service, "failed").inc()
        log.warning(
            "event-failed", event_id=str(envelope.id), type=envelope.type, dead=dead, attempts=attempts, exc_info=error
        )

    def _context(self, envelope: Envelope) -> Context:
        made = for_system(envelope.tenant, envelope.event, trace=envelope.traceparent, cause=envelope.id)
        return Context(**{**made.__dict__, "correlation_id": envelope.correlation_id})


def _lock_head(db: Session, envelope: Envelope) -> LockedHead:
    row = db.execute(_LOCK_HEAD, _key(envelope)).one()
    return LockedHead(row.last, row.last_id, row.state, row.stopped)


def _same_story(envelope: Envelope, head: Applied) -> None:
    if envelope.sequence == head.last and head.last_id not in (None, envelope.id):
        raise SourceChanged(envelope.service, "another event with the sequence of one that was applied")


def _key(envelope: Envelope) -> dict[str, object]:
    return {
        "tenant": envelope.tenant,
        "source": envelope.source,
        "service": envelope.service,
        "subject": envelope.subject,
        "sequence": envelope.sequence,
    }


def _keep(
    db: Session,
    envelope: Envelope,
    *,
    state: str,
    attempts: int = 0,
    next_at: datetime | None = None,
    error: str | None = None,
) -> None:
    values = {
        **_key(envelope),
        "id": new_id(),
        "type": envelope.type,
        "envelope": json.dumps(envelope.attributes(), ensure_ascii=False),
        "state": state,
        "attempts": attempts,
        "next_at": next_at,
        "error": error,
    }
    db.execute(_KEEP, values)
