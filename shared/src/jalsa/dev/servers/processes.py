"""Processes that a test run owns. Each has a folder of its own, and ends with the run, however the run ends."""

import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from jalsa.dev.cluster import ServerError

# Outside Linux's ephemeral range (32768-60999): a server that restarts finds its port still free.
_PORTS = range(20000, 32000)

# Waits for the end of its input, which comes when the test run is gone, however it ended. Then it clears up.
_GUARD = """
trap '' INT TERM HUP
read -r _
children=$(cat "/proc/$1/task/$1/children" 2>/dev/null)
kill -s KILL -- "-$1" $children 2>/dev/null
sleep 0.2
rm -rf -- "$2"
"""


def free_ports(count: int) -> list[int]:
    """Returns ports of 127.0.0.1 that nobody listens on at the moment."""
    found: list[int] = []
    for port in random.sample(_PORTS, len(_PORTS)):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
        if len(found) == count:
            return found
    raise ServerError(f"No {count} free ports between {_PORTS.start} and {_PORTS.stop}.")


def wait_until(ready: Callable[[], bool], what: str, within: float, failed: Callable[[], str] = str) -> None:
    """Waits until `ready`. Raises ServerError after `within` seconds, or as soon as `failed` returns a reason."""
    deadline = time.monotonic() + within
    while not ready():
        if reason := failed():
            raise ServerError(f"{what} is not running: {reason}")
        if time.monotonic() > deadline:
            raise ServerError(f"{what} took more than {within:g} s.")
        time.sleep(0.05)


def make_folder(user: str | None = None) -> Path:
    """Returns a new empty folder, owned by `user` where one is given."""
    folder = Path(tempfile.mkdtemp(prefix="jalsa-test-"))
    if user is not None:
        shutil.chown(folder, user)
    return folder


def unprivileged_user() -> str | None:
    """Returns the account for servers that refuse to run as root, or None when we are not root."""
    if os.geteuid() != 0:
        return None
    accounts = {account.pw_name for account in pwd.getpwall()}
    return "postgres" if "postgres" in accounts else "nobody"


def group_of(user: str | None) -> int | None:
    """Returns the id of the user's main group."""
    return None if user is None else pwd.getpwnam(user).pw_gid


class Guard:
    """Runs a command when this process ends without having dismissed it. The command waits for the end of its input."""

    def __init__(self, command: Sequence[str]) -> None:
        # It has a process group of its own, because Ctrl-C must not reach the guard before it reaches what it guards.
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, process_group=0)

    def dismiss(self) -> None:
        self._process.kill()
        self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()


class OwnedProcess:
    """A running server process with its children. Its output goes to the file `output` in its folder."""

    def __init__(
        self, command: Sequence[str | Path], folder: Path, env: Mapping[str, str], user: str | None = None
    ) -> None:
        self._output = folder / "output"
        with self._output.open("ab") as output:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env=env,
                process_group=0,
                user=user,
                group=group_of(user),
                extra_groups=None if user is None else [],
            )
        self._guard = Guard(["/bin/sh", "-c", _GUARD, "guard", str(self._process.pid), str(folder)])

    @property
    def pid(self) -> int:
        return self._process.pid

    def failure(self) -> str:
        """Returns why the process is not running (the end of its output), or an empty string while it is."""
        status = self._process.poll()
        if status is None:
            return ""
        return f"exit status {status}\n" + "\n".join(self._output.read_text(errors="replace").splitlines()[-20:])

    def stop(self, with_signal: signal.Signals, within: float = 30) -> None:
        """Asks the process to end and waits for it. What is left of its children is killed."""
        family = self._family()
        self._process.send_signal(with_signal)
        try:
            self._process.wait(within)
        finally:
            self._end(family)

    def kill(self) -> None:
        """SIGKILL, to the process and to all its children."""
        self._end(self._family())

    def pause(self) -> None:
        """Sends SIGSTOP. Sockets stay open and nobody answers."""
        for member in self._family():
            _signal(member, signal.SIGSTOP)

    def resume(self) -> None:
        for member in self._family():
            _signal(member, signal.SIGCONT)

    def _family(self) -> list[psutil.Process]:
        # The parent first, so that a paused one starts no more children behind our back.
        try:
            parent = psutil.Process(self._process.pid)
            return [parent, *parent.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def _end(self, family: list[psutil.Process]) -> None:
        for member in family:
            _signal(member, signal.SIGKILL)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)  # what was born while we looked
        self._process.wait()
        wait_until(lambda: not any(map(_lives, family)), "The end of a killed server", within=10)
        self._guard.dismiss()


def _lives(process: psutil.Process) -> bool:
    try:
        # Orphans stay zombies until init has time for them. They hold nothing any more.
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return  # it ended by itself in the meantime
