"""Database access by one transaction per request or event, with tenant and actor set for as long as it lasts."""

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar, cast
from uuid import UUID

import psycopg
from sqlalchemy import Engine, create_engine, event, func, text
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Mapped, Session, mapped_column

from jalsa.db.event_rows import flush_events
from jalsa.service import metrics
from jalsa.service.context import Context
from jalsa.service.ids import new_id

T = TypeVar("T")

_NAMES = """
    SELECT set_config('jalsa.tenant', :tenant, true), set_config('jalsa.actor', :actor, true),
           set_config('jalsa.request', :request, true)
"""
_SET = text(_NAMES)
_SET_WITH_LIMITS = text(
    f"{_NAMES}, set_config('lock_timeout', :lock, true), set_config('statement_timeout', :statement, true)"
)

#: Two transactions that stood in each other's way. The loser may simply run again.
RETRYABLE = frozenset({"40001", "40P01"})
#: A statement that took too long, or that an operator ended. The database itself answers.
CANCELED = "57014"
#: A lock was not given within `lock_timeout`.
LOCKED = "55P03"
DISK_FULL = "53100"


class TenantRow:
    """The columns that every tenant's record has. The database fills in the tenant of the transaction."""

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    tenant_id: Mapped[str] = mapped_column(server_default=func.current_setting("jalsa.tenant"))


Instant = TIMESTAMP(timezone=True)


@dataclass(frozen=True)
class Limits:
    """How long, in seconds, a transaction's statements may wait for a lock, and how long they may take at all."""

    lock: float
    statement: float

    def settings(self) -> dict[str, str]:
        """The same as PostgreSQL reads it."""
        return {"lock": f"{self.lock * 1e3:.0f}ms", "statement": f"{self.statement * 1e3:.0f}ms"}


class Database:
    """One role's connections to the service's database.

    Each role's limits and its way of planning are settings of the role (`deploy/postgres/limits.sql`): a pooler such
    as PgBouncer refuses options at start-up. `connect_timeout` is in whole seconds.
    """

    def __init__(self, url: str, *, pool_size: int = 8, name: str = "jalsa", connect_timeout: int = 5) -> None:
        self.size = pool_size
        self.name = name
        #: Whether it is known not to answer (`jalsa.db.pulse`). If so, nobody waits for a new connection either.
        self.away = False
        self.engine: Engine = create_engine(
            url,
            pool_size=pool_size,
            max_overflow=2,
            pool_timeout=10,
            hide_parameters=True,
            connect_args={
                "application_name": name,
                "connect_timeout": connect_timeout,
                "tcp_user_timeout": 15_000,  # in milliseconds, until a server that vanished is noticed
                "keepalives_idle": 15,  # seconds
            },
        )
        self._in_use: dict[int, Any] = {}
        self._in_use_lock = threading.Lock()
        event.listen(self.engine, "checkout", self._taken)
        event.listen(self.engine, "checkin", self._given_back)
        event.listen(self.engine, "do_connect", self._refuse_while_away)

    def break_off(self) -> None:
        """Break off the connections that are in use.

        Whoever waits for an answer on one of them gets an error immediately.
        """
        with self._in_use_lock:
            for connection in self._in_use.values():
                # it may have ended by itself meanwhile
                with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.fileno())) as peer:
                    peer.shutdown(socket.SHUT_RDWR)

    def _taken(self, connection: object, record: object, _: object) -> None:
        with self._in_use_lock:
            self._in_use[id(record)] = connection
            metrics.POOL_IN_USE.labels(self.name).set(len(self._in_use))

    def _given_back(self, _: object, record: object) -> None:
        with self._in_use_lock:
            self._in_use.pop(id(record), None)
            metrics.POOL_IN_USE.labels(self.name).set(len(self._in_use))

    def _refuse_while_away(self, *_: object) -> None:
        if self.away:
            raise psycopg.OperationalError("The database does not answer.")

    @contextmanager
    def transaction(self, context: Context) -> Iterator[Session]:
        """A transaction under the context's tenant and actor.

        Commits at the end, after the events published in it were stored, and rolls back on any exception.
        """
        with Session(self.engine, expire_on_commit=False, autoflush=False) as db:
            begin(db, context)
            yield db
            commit(db)

    def dispose(self) -> None:
        """Close the connections."""
        self.engine.dispose()


def begin(db: Session, context: Context, limits: Limits | None = None) -> None:
    """Set tenant and actor for the transaction that this begins, and its limits where they are not the role's.

    It is the transaction's first statement, so it also finds out whether the pooled connection still lives. If the
    database was restarted meanwhile, the statement is sent again over a new one.
    """
    db.info["context"] = context
    values = {"tenant": context.tenant, "actor": context.actor, "request": context.request_id}
    statement = _SET
    if limits is not None:
        values, statement = {**values, **limits.settings()}, _SET_WITH_LIMITS
    try:
        db.execute(statement, values)
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
        db.rollback()
        db.execute(statement, values)


def commit(db: Session) -> None:
    """Store what is pending and the events that were published, and commit all of it as one."""
    db.flush()
    flush_events(db)
    db.commit()


def context_of(db: Session) -> Context:
    """The context under which the transaction runs."""
    return cast(Context, db.info["context"])


def sqlstate(error: BaseException) -> str | None:
    """The five-letter state of a database error, or None."""
    return getattr(getattr(error, "orig", None), "sqlstate", None)


def database_is_away(error: BaseException) -> bool:
    """Whether an error says that the database cannot be reached, and nothing of the work itself."""
    if isinstance(error, PoolTimeout) or (isinstance(error, DBAPIError) and error.connection_invalidated):
        return True
    if not isinstance(error, OperationalError | InterfaceError):
        return False
    state = sqlstate(error)
    return state is None or (state[:2] in ("08", "53", "57") and state != CANCELED)


def retry_on_serialization_failure(work: Callable[[], T], *, attempts: int = 4) -> T:
    """Run `work`, a whole transaction, again where it lost against another one."""
    for left in range(attempts - 1, -1, -1):
        try:
            return work()
        except DBAPIError as error:
            if sqlstate(error) not in RETRYABLE or not left:
                raise
    raise AssertionError("unreachable")
