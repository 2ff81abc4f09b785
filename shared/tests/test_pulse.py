"""The pulse: what is known of a database that answers, is gone, freezes, or cannot write."""

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise
from typing import Any

import psycopg
import pytest
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from jalsa.db import pulse as module
from jalsa.db.pulse import Pulse
from jalsa.db.transactions import Database
from jalsa.dev.kit import eventually
from jalsa.dev.provision import Urls, drop_database, provision
from jalsa.dev.servers import PrivatePostgres

from .lamps import lamp_database


@contextmanager
def watched(url: str) -> Iterator[tuple[Database, Pulse]]:
    """A database with its pulse, which has answered once."""
    database = Database(url, pool_size=4, name="alpha-web", connect_timeout=2)
    pulse = Pulse(database)
    pulse.start()
    try:
        eventually(lambda: pulse.state() not in ("unknown", "no-answer"))
        yield database, pulse
    finally:
        pulse.stop()
        eventually(lambda: pulse._connection is None)
        database.dispose()


@contextmanager
def frozen(cluster: PrivatePostgres) -> Iterator[None]:
    cluster.pause()
    try:
        yield
    finally:
        cluster.resume()


def test_a_frozen_database_is_known_so_and_known_well_again_when_it_returns(
    cluster: PrivatePostgres, urls: Urls
) -> None:
    with watched(urls.app) as (database, pulse):
        assert (pulse.state(), database.away) == ("ok", False)
        with frozen(cluster):
            eventually(lambda: database.away, within=5)
            assert pulse.state() != "ok"
        eventually(lambda: pulse.state() == "ok" and not database.away, within=3)


@contextmanager
def questions(pulse: Pulse) -> Iterator[list[float]]:
    """When the pulse asked, by one clock."""
    asked: list[float] = []

    def note(*arguments: Any) -> None:
        if "to_regclass" in arguments[2]:
            asked.append(time.monotonic())

    sqlalchemy_event.listen(pulse._engine, "before_cursor_execute", note)
    yield asked
    sqlalchemy_event.remove(pulse._engine, "before_cursor_execute", note)


def test_without_requests_it_asks_seldom_and_a_request_has_it_asked_at_once_but_no_more_often_than_twice_a_second(
    urls: Urls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "IDLE_EVERY", 600.0)
    with watched(urls.app) as (_, pulse), questions(pulse) as asked:
        time.sleep(2 * module.ASK_EVERY)
        asked.clear()
        time.sleep(2 * module.ASK_EVERY)
        assert not asked
        used_at = time.monotonic()
        pulse.used()
        eventually(lambda: asked)
        assert asked[0] - used_at < module.ASK_EVERY

        def is_used() -> bool:
            pulse.used()
            return len(asked) > 3

        eventually(is_used)
        gaps = [later - earlier for earlier, later in pairwise(asked)]
        assert min(gaps) > 0.9 * module.ASK_EVERY


def test_a_frozen_database_that_nobody_uses_is_known_so_within_five_seconds(
    cluster: PrivatePostgres, urls: Urls
) -> None:
    with watched(urls.app) as (_, pulse), questions(pulse) as asked:
        eventually(lambda: len(asked) > 1 and asked[-1] - asked[-2] > 3 * module.ASK_EVERY)  # just asked, and idle
        with frozen(cluster):
            eventually(lambda: pulse.state() != "ok", within=5)
        eventually(lambda: pulse.state() == "ok", within=3)


def test_whoever_waits_for_a_frozen_database_is_let_go_and_nobody_begins_to_wait(
    cluster: PrivatePostgres, urls: Urls
) -> None:
    with watched(urls.app) as (database, _), database.engine.connect() as conn:
        conn.execute(text("SELECT 1"))
        with frozen(cluster):
            with pytest.raises(OperationalError):
                conn.execute(text("SELECT 2"))
            began = time.monotonic()
            with pytest.raises(OperationalError, match="does not answer"):
                database.engine.connect()
            assert time.monotonic() - began < 1
        eventually(lambda: not database.away)
        with database.engine.connect() as other:
            assert other.execute(text("SELECT 3")).scalar() == 3


def test_a_long_statement_of_a_database_that_answers_is_left_alone(urls: Urls) -> None:
    with watched(urls.app) as (database, pulse), database.engine.connect() as conn:
        assert conn.execute(text("SELECT 'done' FROM pg_sleep(2)")).scalar() == "done"
        assert pulse.state() == "ok"


def test_a_process_that_was_stopped_itself_has_waited_for_nobody(urls: Urls, monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks are counted while the process runs. A clock would have gone on."""
    database = Database(urls.app, name="alpha-web")
    pulse = Pulse(database)
    pulse._open_question(module.PATIENCE)
    stops = iter([False] * (module.PATIENCE - 1) + [True])
    monkeypatch.setattr(pulse._stop, "wait", lambda _: next(stops))

    def is_away() -> bool:
        pulse._look_loop()
        return database.away

    assert not is_away()
    stops = iter([False, True])
    assert is_away()
    pulse._open_question(module.PATIENCE_TO_WRITE)
    stops = iter([False] * module.PATIENCE + [True])
    assert not is_away(), "a busy disk may take longer"


def test_a_database_that_is_gone_is_known_so_at_once(cluster: PrivatePostgres, urls: Urls) -> None:
    with watched(urls.app) as (database, pulse):
        cluster.stop()
        try:
            eventually(lambda: database.away, within=5)
            assert pulse.state() == "OperationalError"
        finally:
            cluster.start()
        eventually(lambda: pulse.state() == "ok" and not database.away, within=3)


def test_a_question_whose_connection_an_operator_ended_is_asked_again_over_another(
    cluster: PrivatePostgres, urls: Urls
) -> None:
    with watched(urls.app) as (database, pulse), psycopg.connect(cluster.url, autocommit=True) as operator:
        asked = "SELECT pid FROM pg_stat_activity WHERE application_name = 'alpha-web-pulse'"
        [[pid]] = operator.execute(asked).fetchall()
        seen: list[bool] = []

        def is_another() -> bool:
            seen.append(database.away)
            return operator.execute(asked).fetchall() not in ([(pid,)], [])

        operator.execute("SELECT pg_terminate_backend(%s)", [pid])
        eventually(is_another)
        assert not any(seen)
        eventually(lambda: pulse.state() == "ok")


@contextmanager
def without_space(cluster: PrivatePostgres) -> Iterator[None]:
    """What the pulse's connection is about to write goes to a device that is always full."""
    folder = cluster.folder / "data" / "base" / "pgsql_tmp"
    with psycopg.connect(cluster.url) as operator:
        asked = "SELECT pid FROM pg_stat_activity WHERE application_name = 'alpha-web-pulse'"
        [[pid]] = operator.execute(asked).fetchall()
    folder.mkdir(exist_ok=True)
    folder.chmod(0o777)
    names = [folder / f"pgsql_tmp{pid}.{number}" for number in range(1_000)]
    for name in names:
        with suppress(FileExistsError):
            name.symlink_to("/dev/full")
    try:
        yield
    finally:
        for name in names:
            name.unlink(missing_ok=True)


def test_a_database_whose_disk_is_full_is_not_ready_but_answers(cluster: PrivatePostgres, urls: Urls) -> None:
    with watched(urls.app) as (database, pulse):
        with without_space(cluster):
            eventually(lambda: pulse.state() == "disk-full", within=8)
            assert not database.away
        eventually(lambda: pulse.state() == "ok", within=8)


def test_a_database_that_can_only_be_read_is_not_ready(cluster: PrivatePostgres) -> None:
    with lamp_database("alpha", cluster) as urls:
        name = urls.app.rpartition("/")[2]
        with psycopg.connect(cluster.url, autocommit=True) as operator:
            operator.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on".encode())
        with watched(urls.app) as (database, pulse):
            assert (pulse.state(), database.away) == ("read-only", False)


def test_a_database_that_is_not_migrated_is_not_ready(cluster: PrivatePostgres) -> None:
    name = f"alpha_{secrets.token_hex(4)}"
    urls = provision(cluster.url, name, secret="test", service="alpha")
    try:
        with watched(urls.app) as (database, pulse):
            assert (pulse.state(), database.away) == ("not-migrated", False)
    finally:
        drop_database(cluster.url, name)
