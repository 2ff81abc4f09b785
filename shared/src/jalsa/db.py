"""Database access: one transaction per request or event, with tenant and actor set for as long as it lasts."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar, cast
from uuid import UUID

from sqlalchemy import Engine, create_engine, event, func, text
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Mapped, Session, mapped_column

from jalsa import metrics
from jalsa.context import Context
from jalsa.ids import new_id
from jalsa.outbox import flush_events

T = TypeVar("T")

_SET = text("""
    SELECT set_config('jalsa.tenant', :tenant, true), set_config('jalsa.actor', :actor, true),
           set_config('jalsa.request', :request, true)
""")

#: Two transactions that stood in each other's way; the loser may simply run again.
RETRYABLE = frozenset({"40001", "40P01"})
#: A statement that took too long, or that an operator ended: the database is there.
_CANCELED = "57014"


class TenantRow:
    """The columns that every tenant's record has. The database fills in the tenant of the transaction."""

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    tenant_id: Mapped[str] = mapped_column(server_default=func.current_setting("jalsa.tenant"))


Instant = TIMESTAMP(timezone=True)


class Database:
    """One role's connections to the service's database."""

    def __init__(self, url: str, *, pool_size: int = 8, name: str = "jalsa") -> None:
        self.engine: Engine = create_engine(
            url,
            pool_size=pool_size,
            max_overflow=2,
            pool_timeout=10,
            hide_parameters=True,
            connect_args={
                "application_name": name,
                "connect_timeout": 5,
                "tcp_user_timeout": 15_000,  # milliseconds; a server that is gone without a word is noticed by then
                "keepalives_idle": 15,  # seconds
                # a generic plan costs more than it does, and would be compiled: milliseconds for nothing
                "options": "-c plan_cache_mode=force_generic_plan -c jit=off",
            },
        )
        in_use = metrics.POOL_IN_USE.labels(name)
        event.listen(self.engine, "checkout", lambda *_: in_use.inc())
        event.listen(self.engine, "checkin", lambda *_: in_use.dec())

    @contextmanager
    def transaction(self, context: Context) -> Iterator[Session]:
        """A transaction under the context's tenant and actor.

        Commits at the end, after the events published in it were stored; rolls back on any exception.
        """
        with Session(self.engine, expire_on_commit=False, autoflush=False) as db:
            begin(db, context)
            yield db
            commit(db)

    def dispose(self) -> None:
        """Close the connections."""
        self.engine.dispose()


def begin(db: Session, context: Context) -> None:
    """Set tenant and actor for the transaction that this begins.

    It is the transaction's first statement, so it also finds out whether the pooled connection still lives: where the
    database was restarted meanwhile, it is simply sent again over a new one.
    """
    db.info["context"] = context
    names = {"tenant": context.tenant, "actor": context.actor, "request": context.request_id}
    try:
        db.execute(_SET, names)
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
        db.rollback()
        db.execute(_SET, names)


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
    """Whether an error says that the database can not be reached, and nothing of the work itself."""
    if isinstance(error, PoolTimeout) or (isinstance(error, DBAPIError) and error.connection_invalidated):
        return True
    if not isinstance(error, OperationalError | InterfaceError):
        return False
    state = sqlstate(error)
    return state is None or (state[:2] in ("08", "53", "57") and state != _CANCELED)


def again(work: Callable[[], T], *, attempts: int = 4) -> T:
    """Run `work`, a whole transaction, again where it lost against another one."""
    for left in range(attempts - 1, -1, -1):
        try:
            return work()
        except DBAPIError as error:
            if sqlstate(error) not in RETRYABLE or not left:
                raise
    raise AssertionError("unreachable")
