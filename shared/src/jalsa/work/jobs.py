"""Due and periodic work. What is due is a row with its time. Claiming it is taking its lock."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, TypeVar
from uuid import UUID

import structlog
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from jalsa.db.transactions import Database, database_is_away, retry_on_serialization_failure
from jalsa.service import clock, metrics
from jalsa.service.backoff import backoff
from jalsa.service.config import Config
from jalsa.service.context import for_system
from jalsa.service.stopping import Stop

log = structlog.get_logger()

Done = TypeVar("Done", covariant=True)

#: How many due rows are found at once.
PAGE = 100
#: How long a row that failed is left alone at most, in seconds.
LONGEST_REST = 600.0


class Resting:
    """The rows whose work failed, and until when each is left alone. A worker keeps them for as long as it runs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: dict[tuple[str, UUID], tuple[int, float]] = {}

    def failed(self, work: str, row_id: UUID) -> int:
        """Leave a row alone, longer with each failure. Returns how often it has failed."""
        with self._lock:
            failures = self._rows.get((work, row_id), (0, 0.0))[0] + 1
            self._rows[work, row_id] = failures, time.monotonic() + backoff(failures, first=2.0, longest=LONGEST_REST)
        return failures

    def done(self, work: str, row_id: UUID) -> None:
        """Forget a row's failures."""
        with self._lock:
            self._rows.pop((work, row_id), None)

    def of(self, work: str) -> set[UUID]:
        """The rows of one work that are to be left alone now."""
        present = time.monotonic()
        with self._lock:
            # a row that nobody asked for again in all that time is no longer due
            self._rows = {key: kept for key, kept in self._rows.items() if kept[1] + LONGEST_REST > present}
            return {row_id for (name, row_id), (_, until) in self._rows.items() if name == work and until > present}


class Looks(Protocol):
    """A look at what a source has said: see jalsa.events.lookout."""

    def has_all(self, source: str, tenant: str, subjects: Sequence[str]) -> bool:
        """Whether every event that the source has stored of these subjects is applied here. Raises SourceAway."""


@dataclass(frozen=True)
class JobTools:
    """What a job works with.

    The application role does one tenant's work, and the relay role sees where work is due.

    `lookout` is there where the service follows others.
    """

    app: Database
    relay: Database
    config: Config
    service: str = ""
    stop: Stop = field(default_factory=threading.Event)
    resting: Resting = field(default_factory=Resting)
    lookout: Looks | None = None


@dataclass(frozen=True)
class Job:
    """Work that every worker offers to do every `seconds`.

    `run` returns how much it did, because more may be due at once. Any number of workers run it side by side, so it
    claims each row with a lock and passes over what is locked. `holds` is how many of the application's connections it
    keeps while it waits for others. The worker's pool has as many more.
    """

    name: str
    seconds: float
    run: Callable[[JobTools], int]
    holds: int = 0


class Due(Protocol):
    """A row that is due, as the relay role sees it."""

    @property
    def id(self) -> UUID:
        """The row's id."""

    @property
    def tenant_id(self) -> str:
        """Whose it is."""

    @property
    def due_at(self) -> datetime:
        """Since when it is due."""


#: Finds at most `limit` due rows of all tenants, longest due first, without those of the given ids.
Find = Callable[[Connection, datetime, Sequence[UUID], int], Sequence[Due]]
#: Does one row's work, in transactions of its own. Returns whether it did any. False leaves the row for the next turn.
DoOne = Callable[[JobTools, Due], bool]


def loop(job: Job, tools: JobTools, stop: Stop) -> None:
    """Run a job again and again, without a pause while there is work."""
    while not stop.is_set():
        if not job.run(tools):
            stop.wait(job.seconds)


def run_due(
    tools: JobTools, work: str, find: Find, do_one: DoOne, *, give_up: DoOne | None = None, at_once: int = 1
) -> int:
    """Do all that is due, each row by itself, `at_once` of them side by side. Returns how many rows were done.

    Whatever a row's work raises is that row's failure. It is logged and counted, and the row rests, longer each time,
    while all others are done. With `give_up`, that ends the row instead, unless the database was only too busy. Only a
    database that is away ends the turn, and its error is raised. Time goes by the database's clock.
    """
    done, visited, passed = 0, set[UUID](), tools.resting.of(work)
    while rows := _find(tools, work, find, passed, first=not visited):
        fresh = [row for row in rows if row.id not in visited]
        outcomes = _each(lambda row: _alone(tools, work, row, do_one, give_up), fresh, at_once)
        done += sum(outcomes)
        visited |= {row.id for row in fresh}
        passed |= {row.id for row, was_done in zip(fresh, outcomes, strict=True) if not was_done}
        if len(rows) < PAGE or not fresh or tools.stop.is_set():
            break
    if done:
        log.info("due-work-done", work=work, count=done)
    return done


class RowWork(Protocol[Done]):
    """What is done with one row in one transaction, by the database's clock."""

    def __call__(self, db: Session, row_id: UUID, /, *, now: datetime) -> Done:
        """Do it."""


def in_transaction(operation: RowWork[object], actor: str) -> DoOne:
    """The work of a row that is one transaction: `operation(db, row_id, now=…)`, as the system's `actor`.

    A row at which another worker is at this moment is passed over.
    """

    def do_one(tools: JobTools, row: Due) -> bool:
        def once() -> bool:
            with tools.app.transaction(for_system(row.tenant_id, actor)) as db:
                return _claim(db, actor, row.id) and bool(operation(db, row.id, now=clock.database_now(db)))

        return retry_on_serialization_failure(once)

    return do_one


_CLAIM = text("SELECT pg_try_advisory_xact_lock(hashtextextended(:work || :row_id, 0))")


def _claim(db: Session, work: str, row_id: UUID) -> bool:
    return bool(db.execute(_CLAIM, {"work": work, "row_id": str(row_id)}).scalar_one())


def _find(tools: JobTools, work: str, find: Find, passed: set[UUID], *, first: bool) -> Sequence[Due]:
    with tools.relay.engine.connect() as conn:
        now = clock.database_now(conn)
        rows = find(conn, now, sorted(passed), PAGE)
    if first:
        late = max(0.0, (now - rows[0].due_at).total_seconds()) if rows else 0.0
        metrics.DUE_LATE.labels(tools.service, work).set(late)
        metrics.DUE_RESTING.labels(tools.service, work).set(len(passed))
    return rows


def _each(do: Callable[[Due], bool], rows: Sequence[Due], at_once: int) -> list[bool]:
    if at_once == 1:
        return [do(row) for row in rows]
    with ThreadPoolExecutor(at_once, thread_name_prefix="due") as pool:
        # each in a copy of this thread's context: its log lines name the service and the loop, too
        return [each.result() for each in [pool.submit(copy_context().run, do, row) for row in rows]]


def _alone(tools: JobTools, work: str, row: Due, do_one: DoOne, give_up: DoOne | None) -> bool:
    if tools.stop.is_set():
        return False
    with structlog.contextvars.bound_contextvars(tenant=row.tenant_id):
        try:
            done = do_one(tools, row)
        except Exception as error:  # Whatever the error is, it is this row's. What lies behind it must be done.
            if database_is_away(error):
                raise
            failures = tools.resting.failed(work, row.id)
            metrics.DUE_FAILURES.labels(tools.service, work).inc()
            log.error("due-work-failed", work=work, row_id=str(row.id), failures=failures, exc_info=error)
            if give_up is None or isinstance(error, OperationalError):  # a lock or a time limit says nothing of the row
                return False
            return _alone(tools, work, row, give_up, None)
    tools.resting.done(work, row.id)
    return done


_PURGE = text("DELETE FROM idempotency_keys WHERE created_at < now() - interval '24 hours'")


def purge_idempotency_keys(tools: JobTools) -> int:
    """Forget the keys of requests that are more than a day old. Returns how many."""
    with tools.relay.engine.begin() as conn:
        return conn.execute(_PURGE).rowcount
