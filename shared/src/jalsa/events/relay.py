"""The relay gives each stored event its position, then publishes in that order and marks what the broker confirmed.

The two stages are apart, so that the feed goes on while the broker is down. Only one process does each at a time. The
right to it is the lock of its row in `relay_state`, held by the very transaction that records the progress. A relay
whose database connection drops has lost both, so there are never two that mark.
"""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import structlog
from sqlalchemy import Engine, Row, text

from jalsa.events.contracts import routing_key
from jalsa.events.outbox import COLUMNS, envelope_of
from jalsa.service import metrics
from jalsa.service.backoff import backoff
from jalsa.service.stopping import Stop

log = structlog.get_logger()

BATCH = 2000
MEASURE_SECONDS = 5.0
_ANY_UNPLACED = text("SELECT EXISTS (SELECT FROM outbox WHERE position IS NULL)")
_LEAD = text("SELECT position FROM relay_state WHERE work = :work FOR UPDATE SKIP LOCKED")
_ADVANCE = text("UPDATE relay_state SET position = :position WHERE work = :work")
_ASSIGN_POSITIONS = text("""
    WITH unplaced AS (SELECT id, n FROM outbox WHERE position IS NULL ORDER BY n LIMIT :limit),
         numbered AS (SELECT id, :placed + row_number() OVER (ORDER BY n) AS position FROM unplaced)
    UPDATE outbox SET position = numbered.position FROM numbered WHERE outbox.id = numbered.id
""")
# an event's data stays the text that it is, from the table to the bus
_UNCONFIRMED = text(f"""
    SELECT {COLUMNS}::text AS data FROM outbox WHERE position > :confirmed ORDER BY position LIMIT :limit
""")  # noqa: S608 a constant
_WAITING = text("""
    SELECT (SELECT position FROM relay_state WHERE work = 'place')
         - (SELECT position FROM relay_state WHERE work = 'publish')
""")


@dataclass(frozen=True)
class Message:
    """One event as the bus takes it."""

    id: str
    key: str
    body: bytes


class Publisher(Protocol):
    """A way to the bus. It is not thread-safe. The relay's publishing thread owns it."""

    def publish(self, messages: Sequence[Message]) -> int:
        """Publish in order. Returns how many, counted from the first, the broker has confirmed."""

    def keep_alive(self) -> None:
        """Answer what the broker sent meanwhile (heartbeats)."""

    def close(self) -> None:
        """Drop the connection."""


def assign_positions(engine: Engine) -> int:
    """Give the events that have become visible their positions. Returns how many."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:  # asked often: one round trip
        if not conn.execute(_ANY_UNPLACED).scalar_one():
            return 0
    with engine.begin() as conn:
        placed = conn.execute(_LEAD, {"work": "place"}).scalar()
        if placed is None:
            return 0
        # This is a statement of its own, because its snapshot is younger than the lock, so it sees all that the last
        # leader did
        count = conn.execute(_ASSIGN_POSITIONS, {"placed": placed, "limit": BATCH}).rowcount
        conn.execute(_ADVANCE, {"work": "place", "position": placed + count})
        return count


def publish_placed(engine: Engine, publisher: Publisher) -> int | None:
    """Publish the next events, in order, and record what was confirmed.

    Returns how many, or None if none of them was.
    """
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:  # asked often: one round trip
        if not conn.execute(_WAITING).scalar_one():
            return 0
    with engine.begin() as conn:
        confirmed = conn.execute(_LEAD, {"work": "publish"}).scalar()
        if confirmed is None:
            return 0
        rows = conn.execute(_UNCONFIRMED, {"confirmed": confirmed, "limit": BATCH}).all()
        if not rows:
            return 0
        done = publisher.publish([_message(row) for row in rows])
        if done:
            conn.execute(_ADVANCE, {"work": "publish", "position": rows[done - 1].position})
        return done or None


def _message(row: Row[Any]) -> Message:
    return Message(str(row.id), routing_key(row.tenant_id, row.subject, row.type), envelope_of(row).encode(row.data))


class Relay:
    """The relay's two loops, for a worker to run. `engine` is the relay role's."""

    def __init__(self, service: str, engine: Engine, publisher: Publisher) -> None:
        self.service = service
        self.engine = engine
        self.publisher = publisher
        self._placed = threading.Event()

    def assign_positions_loop(self, stop: Stop) -> None:
        """Place events as they become visible, with or without a broker."""
        pause = 0.02
        while not stop.wait(pause):
            count = assign_positions(self.engine)
            pause = 0.02 if count else min(pause * 1.2, 0.1)
            if count:
                self._placed.set()

    def publish_loop(self, stop: Stop) -> None:
        """Publish what is placed. After a failure wait, longer each time, up to 5 seconds."""
        failures = 0
        measured = 0.0
        while not stop.is_set():
            self._placed.wait(0.1)
            self._placed.clear()
            if time.monotonic() - measured > MEASURE_SECONDS:
                self._measure()
                measured = time.monotonic()
            done: int | None = BATCH
            while done == BATCH and not stop.is_set():
                done = publish_placed(self.engine, self.publisher)
                metrics.EVENTS_PUBLISHED.labels(self.service).inc(done or 0)
            if done is None:
                failures += 1
                pause = backoff(failures, first=0.5, longest=5.0)
                self._failed(pause)
                stop.wait(pause)
            else:
                failures = 0
                self.publisher.keep_alive()
        self.publisher.close()

    def _failed(self, pause: float) -> None:
        metrics.PUBLISH_FAILURES.labels(self.service).inc()
        log.warning("events-not-confirmed", waiting=self._measure(), retry_seconds=pause)

    def _measure(self) -> int:
        """How many events wait for the broker's confirm. It is measured by leader and follower alike."""
        with self.engine.connect() as conn:
            waiting = int(conn.execute(_WAITING).scalar_one())
        metrics.OUTBOX_WAITING.labels(self.service).set(waiting)
        return waiting
