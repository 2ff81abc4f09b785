"""The edge of a request: authenticate, authorise, open the transaction, run the view, store the key, commit."""

from collections.abc import Callable
from typing import Any, cast

import structlog
from flask import Flask, Response, current_app, g, request
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session
from werkzeug.exceptions import UnsupportedMediaType

from jalsa import idempotency
from jalsa.auth import PUBLIC, Principal, authorise
from jalsa.context import Context, child_trace, request_id
from jalsa.db import again, begin, commit, database_is_away, sqlstate
from jalsa.errors import Problem, conflict
from jalsa.web.restricted import as_seen_by

log = structlog.get_logger()

#: A value of the request that no schema refused: a NUL (seen by the driver, which gives no state), a number out of
#: range, a text that is too long, a character that JSON in the database can not hold.
_UNSTORABLE = frozenset({None, "22001", "22003", "22021", "22P05"})


def current_db() -> Session:
    """The request's transaction; the edge commits it if the view succeeds."""
    return cast(Session, g.db)


def current_principal() -> Principal:
    """The authenticated caller."""
    return cast(Principal, g.principal)


def run_as(principal: Principal, view: Callable[[], Any]) -> Response:
    """Run the rest of a public view for a caller who proved by other means than a bearer token for whom it is.

    It has the transaction of that tenant, and the same problems for what goes wrong, as every other view.
    """
    app = cast(JalsaFlask, current_app)
    app.enter(principal)
    return app.in_transaction(view)


class JalsaFlask(Flask):
    """Flask with one transaction per request: a view that raises, or answers 4xx or 5xx, has changed nothing."""

    def dispatch_request(self) -> Any:
        _trace()
        if request.routing_exception is not None or request.method == "OPTIONS" or request.endpoint == "static":
            return super().dispatch_request()
        permission = self._declared("permission")
        if permission == PUBLIC:
            return super().dispatch_request()
        self.enter(self.extensions["jalsa"].authenticator.principal(request.headers.get("Authorization")))
        authorise(self.extensions["jalsa"].service.policy, permission, g.principal)
        _check_content_type()
        return self.in_transaction(super().dispatch_request)

    def log_exception(self, *_: Any) -> None:
        """Flask would log the message, which may carry a patient's data; the error handler logs without it."""

    def enter(self, principal: Principal) -> None:
        """Take it from now on that this is the caller, also in the logs."""
        g.principal = principal
        structlog.contextvars.bind_contextvars(tenant=principal.tenant, actor=principal.subject)

    def in_transaction(self, view: Callable[[], Any]) -> Response:
        """Run a view in the caller's transaction, and commit it unless the view raises or answers an error."""
        try:
            return again(lambda: self._attempt(view))
        except IntegrityError as error:
            raise self._violation(error) from None
        except UnicodeEncodeError:
            raise _unstorable() from None
        except SQLAlchemyError as error:
            if database_is_away(error):
                log.warning("database-away", exc_info=error)
                raise _unavailable() from None
            if isinstance(error, DataError) and sqlstate(error) in _UNSTORABLE:
                raise _unstorable() from None
            raise

    def _attempt(self, view: Callable[[], Any]) -> Response:
        database = self.extensions["jalsa"].database
        with Session(database.engine, expire_on_commit=False, autoflush=False) as db:
            g.db = db
            begin(db, _context(g.principal))
            key = idempotency.key_of(request) if self._declared("kept") else None
            if key and (earlier := idempotency.earlier_response(db, request, key)):
                return self._as_seen_now(earlier)
            response = self.make_response(view())
            if response.status_code >= 400:
                return response
            if key:
                idempotency.store_response(db, request, key, response)
            commit(db)
            return response

    def _declared(self, name: str) -> Any:
        """What the view declares of itself; None where it says nothing."""
        return getattr(self.view_functions[cast(str, request.endpoint)], name, None)

    def _as_seen_now(self, earlier: Response) -> Response:
        """A kept answer, without what the caller may not read any more; its tag was of what it showed then."""
        schema, document = self._declared("answer"), earlier.get_json(silent=True)
        seen = as_seen_by(g.principal, schema, document) if schema is not None else document
        if seen != document:
            earlier.set_data(self.json.dumps(seen))
            earlier.headers.pop("ETag", None)
        return earlier

    def _violation(self, error: IntegrityError) -> Problem:
        """A constraint caught what the operation did not: the same problem, from the service's table of them."""
        name = getattr(getattr(error.orig, "diag", None), "constraint_name", None) or ""
        known = self.extensions["jalsa"].service.constraints.get(name)
        if known:
            return conflict(*known)
        log.error("constraint-violated", constraint=name, exc_info=error)
        return conflict("conflict", "The request contradicts what is stored.")


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


def _check_content_type() -> None:
    if request.method in ("POST", "PUT", "PATCH") and request.content_length and not request.is_json:
        raise UnsupportedMediaType("The body must be application/json.")


def _unstorable() -> Problem:
    return Problem(422, "validation-error", "The request has a value that can not be stored.")


def _unavailable() -> Problem:
    return Problem(
        503, "temporarily-unavailable", "The database can not be reached; try again.", headers={"Retry-After": "2"}
    )
