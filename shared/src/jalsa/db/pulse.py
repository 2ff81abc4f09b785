"""Whether the database answers, asked again and again by a thread and over a connection that no request can take.

Nobody waits for a database that does not answer. Requests are refused immediately, and those that wait already are
released.
"""

import threading
import time

import structlog
from sqlalchemy import Connection, Engine, NullPool, create_engine, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from jalsa.db.transactions import DISK_FULL, Database, database_is_away, sqlstate
from jalsa.service import metrics

log = structlog.get_logger()

#: Seconds between two questions while there are requests, and while there are none. The next request asks immediately.
ASK_EVERY, IDLE_EVERY = 0.5, 2.0
#: Seconds between two looks at how long the present question has been open.
LOOK_EVERY = 0.1
#: After so many looks at an open question the database counts as not answering. That is one second, or five
#: where it is to write.
PATIENCE, PATIENCE_TO_WRITE = 10, 50
#: Seconds between two trials whether the database can write to its disk. The next question after them makes one.
WRITE_EVERY = 3.5
#: Seconds for which the database counts as full after a request found it so.
FULL_FOR = 10.0

OK, NO_ANSWER, FULL, EMPTY, ENDED = "ok", "no-answer", "disk-full", "empty", "not-watched"
#: What stands for the answer at the very beginning, and while there is none.
_UNKNOWN = "unknown"

_ASK = text("""
    SELECT to_regclass('idempotency_keys') IS NOT NULL AS migrated,
           current_setting('transaction_read_only') AS read_only
""")
# The service's worker found that others have had events of it (`jalsa.events.origin`). Its name is in that of the role.
_EMPTY = text("SELECT EXISTS (SELECT FROM stopped_sources WHERE replace(source, '-', '_') || '_app' = current_user)")
# The rows do not fit into the memory that they get, so the database writes them to its disk. No table grows by it.
_WRITE = tuple(
    text(statement)
    for statement in ("BEGIN", "SET LOCAL work_mem = '64kB'", "SELECT count(*) FROM generate_series(1, 20000)")
)
_END = text("COMMIT")


class Pulse:
    """Keeps `database.away`, and knows the state that readiness shows, which is "ok" or what is wrong in a word."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._engine: Engine = create_engine(
            database.engine.url,
            poolclass=NullPool,
            isolation_level="AUTOCOMMIT",  # a question is one statement, without two more around it
            hide_parameters=True,
            connect_args={
                "application_name": f"{database.name}-pulse",
                "connect_timeout": 2,
                "tcp_user_timeout": 2_000,  # milliseconds
                "keepalives_idle": 2,  # seconds, as the next one
                "keepalives_interval": 1,
                "keepalives_count": 2,
            },
        )
        self._connection: Connection | None = None
        self._found = _UNKNOWN
        self._reachable = True
        self._open_for = self._patience = 0  # Counted in looks. No question is open while there is no patience.
        self._wrote_at = self._full_until = float("-inf")
        self._alone, self._changing = threading.Lock(), threading.Lock()
        self._stop, self._asked, self._used = threading.Event(), threading.Event(), threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Ask from now on, in threads that end with the process."""
        for loop in (self._ask_loop, self._look_loop):
            thread = threading.Thread(target=loop, name=f"{self._database.name}-{loop.__name__}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Ask no more. A question that is open ends with its answer or with the process."""
        for event in (self._stop, self._asked, self._used):
            event.set()

    def used(self) -> None:
        """A request is about to use the database. Ask immediately whether it answers, unless that was just done."""
        if not self._used.is_set():
            self._used.set()

    def state(self) -> str:
        """What is known of the database. It is asked now if nobody asks regularly."""
        if not self._threads:
            with self._alone:
                self._ask()
                self._hang_up()
        elif not all(thread.is_alive() for thread in self._threads):
            return ENDED
        return self._known()

    def _known(self) -> str:
        if self._is_overdue() or (self._database.away and self._found == OK):
            return NO_ANSWER
        if self._found == OK and time.monotonic() < self._full_until:
            return FULL
        return self._found

    def found_full(self) -> None:
        """A request could not write for want of space."""
        self._full_until = time.monotonic() + FULL_FOR

    def _ask_loop(self) -> None:
        while not self._stop.is_set():
            self._used.clear()
            self._ask()
            self._stop.wait(ASK_EVERY)
            if self._found == OK:
                self._used.wait(IDLE_EVERY - ASK_EVERY)
        self._hang_up()

    def _look_loop(self) -> None:
        while self._asked.wait() and not self._stop.wait(LOOK_EVERY):
            with self._changing:
                if not self._patience:
                    self._asked.clear()
                # Looks are counted instead of seconds, because a process that was stopped itself has waited for nobody.
                self._open_for = self._open_for + 1 if self._patience else 0
                self._note()
            if self._database.away:
                self._database.break_off()

    def _open_question(self, patience: int) -> None:
        with self._changing:
            self._open_for, self._patience = 0, patience
            self._asked.set()

    def _is_overdue(self) -> bool:
        return 0 < self._patience <= self._open_for

    def _note(self) -> None:
        away = not self._reachable or self._is_overdue()
        if away != self._database.away:
            self._database.away = away
            log.warning("database-away" if away else "database-back", pool=self._database.name, state=self._known())
        metrics.DATABASE_UP.labels(self._database.name).set(not away)

    def _ask(self) -> None:
        self._open_question(PATIENCE)
        try:
            found = self._answer()
        except SQLAlchemyError:  # An operator may have ended the connection. A new one shows it.
            self._hang_up()
            found = self._answer_or_error()
        with self._changing:
            self._open_for, self._patience = 0, 0
            self._found, self._reachable = found
            if self._threads:
                self._note()

    def _answer_or_error(self) -> tuple[str, bool]:
        try:
            return self._answer()
        except SQLAlchemyError as error:
            self._hang_up()
            return type(error).__name__, not database_is_away(error)

    def _answer(self) -> tuple[str, bool]:
        """The state, and whether requests may use the database at all. Raises SQLAlchemyError."""
        if self._connection is None:
            self._connection = self._engine.connect()
        found = self._connection.execute(_ASK).one()
        if not found.migrated:
            return "not-migrated", True
        if self._connection.execute(_EMPTY).scalar_one():
            return EMPTY, False  # what it took in would be gone with the restore
        if found.read_only == "on":
            return "read-only", True
        return self._trial(self._connection), True

    def _trial(self, connection: Connection) -> str:
        if self._found == OK and time.monotonic() - self._wrote_at < WRITE_EVERY:
            return OK
        self._wrote_at = time.monotonic()
        self._open_question(PATIENCE_TO_WRITE)  # a busy disk makes writers wait
        state = OK
        try:
            for statement in _WRITE:
                connection.execute(statement)
        except DBAPIError as error:
            if error.connection_invalidated:
                raise
            state = FULL if sqlstate(error) == DISK_FULL else "not-writable"
        connection.execute(_END)  # of a transaction that failed, too
        return state

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.invalidate()
            self._connection.close()
            self._connection = None
