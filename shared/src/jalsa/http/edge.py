"""The edge of a request authenticates, authorises, reads the body, waits for its turn, and opens a transaction."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

import structlog
from flask import Flask, Response, current_app, g, request
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session

from jalsa.db import access_log
from jalsa.db.pulse import Pulse
from jalsa.db.transactions import (
    CANCELED,
    DISK_FULL,
    LOCKED,
    RETRYABLE,
    Database,
    Limits,
    begin,
    commit,
    database_is_away,
    retry_on_serialization_failure,
    sqlstate,
    wait_for_disk,
)
from jalsa.http import access, bodies, idempotency
from jalsa.http.gate import Gate, NoPlace
from jalsa.http.restricted import as_seen_by
from jalsa.service import metrics
from jalsa.service.context import Context, child_trace, request_id
from jalsa.service.errors import Conflict, DomainError, NotYetKnown
from jalsa.service.policy import PUBLIC, Principal, authorise
from jalsa.service.problems import Catalogue, Problem

log = structlog.get_logger()

_CHANGED = "Somebody else changed the same records at the same time. Try again."
_HELD = "Other requests held what this request needs for too long. Try again."
_AWAY = "The database cannot be reached. Try again."
#: A statement that writes, on a server that only repeats another one.
READ_ONLY = "25006"
#: Seconds for which what may be on its way here is waited for, and between two looks.
KNOWN_WITHIN, LOOK_AGAIN = 1.0, 0.05
#: Threads for liveness and readiness, for what needs no database, and for refusals.
SPARE_THREADS = 8
#: How many requests of a process wait so at once. Further ones are answered immediately.
MAX_WAITERS = 8

#: A value of the request that no schema refused: a NUL (seen by the driver, which gives no state), a number out of
#: range, a text that is too long, a character that JSON in the database cannot hold.
_UNSTORABLE = frozenset({None, "22001", "22003", "22021", "22P05"})


def current_db() -> Session:
    """The request's transaction. The edge commits it if the view succeeds."""
    return cast(Session, g.db)


def current_principal() -> Principal:
    """The authenticated caller."""
    return cast(Principal, g.principal)


def run_as(principal: Principal, view: Callable[[], ResponseReturnValue]) -> Response:
    """Run the rest of a public view for a caller who proved by other means than a bearer token for whom it is.

    It has the transaction of that tenant, and the same problems for what goes wrong, as every other view.
    """
    app = cast(JalsaFlask, current_app)
    app.enter(principal)
    return app.in_transaction(view)


#: The work of a transaction that has begun, with its commit.
Transaction = Callable[[Session], Response]


@dataclass(frozen=True)
class Patience:
    """How long a request waits, in seconds, for its turn and in its transaction, and how many wait for their turn.

    A lock is waited for somewhat longer than PostgreSQL needs to see a deadlock, and no longer than a caller should.
    200 clients for one spot all get their answer, although the kernel may hand most of them to one process.
    """

    turn: float = 1.8
    waiting: int = 200
    limits: Limits = field(default=Limits(lock=1.5, statement=10.0))

    def threads(self, places: int, services: int = 1) -> int:
        """How many threads a process needs, so that some are left when all places are taken and all who may, wait."""
        return services * (places + self.waiting) + SPARE_THREADS


class JalsaFlask(Flask):
    """Flask with one transaction per request. A view that raises, or answers 4xx or 5xx, has changed nothing."""

    database: Database
    pulse: Pulse
    gate: Gate
    patience: Patience

    def guard(self, database: Database, patience: Patience) -> None:
        """Let requests use this database, with so much patience."""
        self.database, self.patience = database, patience
        self.pulse = Pulse(database)
        self.gate = Gate(database.size, waiting=patience.waiting, patience=patience.turn)
        self._this_hour = access.ThisHour()
        self._waiters = threading.BoundedSemaphore(MAX_WAITERS)

    def dispatch_request(self) -> ResponseReturnValue:
        _trace()
        if request.routing_exception is not None or request.method == "OPTIONS" or request.endpoint == "static":
            return super().dispatch_request()
        permission = self._declared("permission")
        max_bytes = self._declared("max_bytes") or bodies.MAX_BYTES
        if permission == PUBLIC:
            bodies.limit(request, max_bytes)
            return super().dispatch_request()
        self.enter(self.extensions["jalsa"].authenticator.principal(request.headers.get("Authorization")))
        try:
            authorise(self.extensions["jalsa"].service.policy, permission, g.principal)
            bodies.read(request, max_bytes)
            return self.in_transaction(super().dispatch_request)
        except (DomainError, Problem) as refusal:
            if self._declared("reads"):
                self._log_refusal(refusal)
            raise

    def log_exception(self, *_: object) -> None:
        """Flask would log the message, which may carry a patient's data. The error handler logs without it."""

    def enter(self, principal: Principal) -> None:
        """Take it from now on that this is the caller, also in the logs."""
        g.principal = principal
        g.shown = access.Shown(self._declared("reads"))
        structlog.contextvars.bind_contextvars(tenant=principal.tenant, actor=principal.subject)

    def in_transaction(self, view: Callable[[], ResponseReturnValue]) -> Response:
        """Run a view in the caller's transaction, and commit it unless the view raises or answers an error.

        What is not known yet is waited for outside of the transaction, by a few requests at once.
        """
        answer = partial(self._answer, view)
        try:
            return self._in_turn(answer)
        except NotYetKnown:
            if not self._waiters.acquire(blocking=False):
                raise
        try:
            return self._until_known(answer)
        finally:
            self._waiters.release()

    def _log_refusal(self, refusal: DomainError | Problem) -> None:
        """Store that a record was not shown. Where that cannot be done, it raises the 503 problem that says so."""
        known: Catalogue = self.extensions["jalsa"].catalogue
        problem = known.problem(refusal) if isinstance(refusal, DomainError) else refusal
        if problem.status in access.REFUSALS:
            reads = access.refused(g.shown, request.view_args or {}, problem.code)
            self._in_turn(partial(self._store_refusal, reads))

    def _store_refusal(self, reads: list[access_log.Read], db: Session) -> Response:
        self._store_reads(db, reads, access_log.REFUSED)
        return Response()

    def _until_known(self, answer: Transaction) -> Response:
        deadline = time.monotonic() + KNOWN_WITHIN
        while True:
            time.sleep(LOOK_AGAIN)
            try:
                return self._in_turn(answer)
            except NotYetKnown:
                if time.monotonic() > deadline:
                    raise

    def _in_turn(self, work: Transaction) -> Response:
        """Do it when there is a place for it. Raises a 503 problem where there is none in time."""
        route = self._route()
        self.pulse.used()
        self._check_reachable()
        try:
            with self.gate.place(route):
                self._check_reachable()
                return self._run(work, route)
        except NoPlace:
            raise self._unavailable("crowded", "Too many requests wait for the same records. Try again.") from None

    def _check_reachable(self) -> None:
        if self.database.away:
            raise self._unavailable("database-away", _AWAY)

    def _run(self, work: Transaction, route: str) -> Response:
        """Do it in a transaction, with a problem for what the database says against it."""
        try:
            response = retry_on_serialization_failure(lambda: self._attempt(work))
        except (DomainError, Problem):
            self.gate.went_through(route)
            raise
        except access_log.CannotBeLogged as error:
            detail = "What is read cannot be logged at present, so that nothing is shown."
            raise self._unavailable("access-log", detail, error) from None
        except IntegrityError as error:
            raise self._violation(error) from None
        except UnicodeEncodeError:
            raise _unstorable() from None
        except SQLAlchemyError as error:
            if problem := self._database_problem(error, route):
                raise problem from None
            raise
        self.gate.went_through(route)
        return response

    def _attempt(self, work: Transaction) -> Response:
        with Session(self.database.engine, expire_on_commit=False, autoflush=False) as db:
            g.db = db
            begin(db, _context(g.principal), self._limits(), reads=self._only_reads())
            return work(db)

    def _answer(self, view: Callable[[], ResponseReturnValue], db: Session) -> Response:
        """What a view answers, committed with what it has shown, unless it is an error."""
        key = idempotency.key_of(request) if self._declared("kept") else None
        provider_id = g.principal.provider_id
        if key and (earlier := idempotency.earlier_response(db, request, key, provider_id=provider_id)):
            return self._as_seen_now(earlier)
        g.shown = access.Shown(self._declared("reads"))
        response = self.make_response(view())
        if response.status_code >= 400:
            return response
        if key:
            idempotency.store_response(db, request, key, response, self._kept(response), provider_id=provider_id)
        self._store_reads(db, access.shown_or_fail(g.shown, cast(str, request.endpoint)), access_log.READ)
        return response

    def _store_reads(self, db: Session, reads: list[access_log.Read], outcome: str) -> None:
        """Commit, with what was shown or refused as the last but the events: its rows may be waited for."""
        tenant, person = g.principal.tenant, g.principal.subject
        fresh = self._this_hour.without_stored(tenant, person, reads) if reads else reads
        if not fresh:
            commit(db)
            return
        if self._only_reads() and (outcome == access_log.REFUSED or any(read.grant_id for read in fresh)):
            wait_for_disk(db)
        added = access_log.store_and_commit(db, access.reader(g.principal, g.request_id), fresh, outcome)
        if added:
            self._this_hour.keep(tenant, person, fresh)
            metrics.ACCESS_ROWS.labels(self.extensions["jalsa"].service.name, outcome).inc(added)

    def _only_reads(self) -> bool:
        return request.method in ("GET", "HEAD") and self._declared("reads") is not None

    def _declared(self, name: str) -> Any:
        """What the view declares of itself, or None where it says nothing."""
        return getattr(self.view_functions[cast(str, request.endpoint)], name, None)

    def _route(self) -> str:
        """Under which name the gate counts the request. Views that may take long are counted together."""
        return "long" if self._declared("seconds") else cast(str, request.endpoint)

    def _limits(self) -> Limits:
        limits = self.patience.limits
        return Limits(limits.lock, self._declared("seconds") or limits.statement)

    def _as_seen_now(self, earlier: Response) -> Response:
        """A stored answer, without what the caller may no longer read. Its entity tag was that of the full answer."""
        schema, kept = self._declared("response"), earlier.get_json(silent=True)
        shortened: idempotency.Shortened | None = self._declared("shortened")
        document = shortened.complete(g.db, kept) if shortened and isinstance(kept, dict) else kept
        seen = as_seen_by(g.principal, schema, document) if schema is not None else document
        if seen != kept:
            earlier.set_data(self.json.dumps(seen))
        if seen != document:
            earlier.headers.pop("ETag", None)
        return earlier

    def _kept(self, response: Response) -> bytes:
        """What is kept of an answer for a repeat."""
        shortened: idempotency.Shortened | None = self._declared("shortened")
        if shortened is None:
            return response.get_data()
        return self.json.dumps(shortened.shorten(response.get_json() or {})).encode()

    def _violation(self, error: IntegrityError) -> DomainError:
        """A constraint caught what the operation did not. It is the same refusal, from the service's table of them."""
        name = getattr(getattr(error.orig, "diag", None), "constraint_name", None) or ""
        constraints: Mapping[str, Callable[[], DomainError]] = self.extensions["jalsa"].service.constraints
        if name in constraints:
            return constraints[name]()
        log.error("constraint-violated", constraint=name, exc_info=error)
        return Conflict()

    def _database_problem(self, error: SQLAlchemyError, route: str) -> Problem | None:
        """What a database error means to the caller, or None for a fault of ours."""
        state = sqlstate(error)
        if isinstance(error, DataError) and state in _UNSTORABLE:
            return _unstorable()
        if state == DISK_FULL:
            self.pulse.found_full()
            return self._unavailable("disk-full", "The database's disk is full. Nothing can be stored.", error, 10)
        if state == READ_ONLY:
            return self._unavailable("read-only", "The database can only be read at present.", error)
        if database_is_away(error):
            return self._unavailable("database-away", _AWAY, error)
        if state in (LOCKED, CANCELED):
            self.gate.hung(route)
            return self._unavailable("hung", _HELD, error)
        if state in RETRYABLE:
            return self._unavailable("lost", _CHANGED, error)
        return None

    def _unavailable(self, reason: str, detail: str, error: Exception | None = None, retry_after: int = 2) -> Problem:
        metrics.REFUSED.labels(self.extensions["jalsa"].service.name, reason).inc()
        if error is not None:
            log.warning("request-not-served", reason=reason, exc_info=error)
        return Problem(503, "temporarily-unavailable", detail, headers={"Retry-After": str(retry_after)})


def _trace() -> None:
    g.request_id = request_id(request.headers.get("X-Request-ID"))
    g.traceparent = child_trace(request.headers.get("traceparent"))
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(
        service=current_app.extensions["jalsa"].service.name, request_id=g.request_id, traceparent=g.traceparent
    )


def _context(principal: Principal) -> Context:
    return Context(
        tenant=principal.tenant,
        actor=principal.subject,
        request_id=g.request_id,
        traceparent=g.traceparent,
        correlation_id=g.request_id,
    )


def _unstorable() -> Problem:
    return Problem(422, "validation-error", "The request has a value that cannot be stored.")
