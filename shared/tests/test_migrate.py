"""Migrations: up, down and up again, two at once, and never a queue behind a table that others use."""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from jalsa.db import migrate as module
from jalsa.db.migrate import MigrationError, migrate
from jalsa.dev.provision import Urls, drop_database, provision
from jalsa.dev.servers import Servers

FIRST = """
from alembic import op
from jalsa.db.schema import create_mechanisms, drop_mechanisms

revision, down_revision = "0001", None

def upgrade():
    create_mechanisms(op.execute, "alpha")

def downgrade():
    drop_mechanisms(op.execute, "alpha")
"""
SECOND = """
from alembic import op
from jalsa.db.schema import register_tenant_table

revision, down_revision = "0002", "0001"

def upgrade():
    op.execute("CREATE TABLE lamps (id uuid PRIMARY KEY, tenant_id text NOT NULL)")
    register_tenant_table(op.execute, "lamps", "alpha")

def downgrade():
    op.execute("DROP TABLE lamps")
"""

PROGRAM = """
import sys
from pathlib import Path
from jalsa.db.migrate import migrate
migrate(Path(sys.argv[1]), sys.argv[2])
"""


@pytest.fixture
def urls(servers: Servers, tenant: str) -> Iterator[Urls]:
    name = f"migrated_{tenant}"
    yield provision(servers.postgres.url, name, secret="test", service="alpha")
    drop_database(servers.postgres.url, name)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "a folder with 100% spaces"
    (made / "versions").mkdir(parents=True)
    (made / "env.py").write_text("from jalsa.db.migrate import run_env\nrun_env()\n")
    (made / "versions" / "0001.py").write_text(FIRST)
    (made / "versions" / "0002.py").write_text(SECOND)
    return made


def tables(urls: Urls) -> set[str]:
    with psycopg.connect(urls.owner) as conn:
        rows = conn.execute(
            "SELECT relname FROM pg_class WHERE relkind IN ('r', 'S') AND relnamespace = 'public'::regnamespace"
        )
        return {row[0] for row in rows} - {"alembic_version"}


def test_up_down_and_up_again_leave_nothing_over(urls: Urls, folder: Path) -> None:
    migrate(folder, urls.owner)
    full = tables(urls)
    assert {"outbox", "inbox", "audit_log", "lamps"} <= full
    migrate(folder, urls.owner, "-1")
    assert tables(urls) == full - {"lamps"}
    migrate(folder, urls.owner, "base")
    assert tables(urls) == set()
    with psycopg.connect(urls.owner) as conn:
        left = conn.execute("SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace").fetchone()
    assert left == (0,)
    migrate(folder, urls.owner)
    assert tables(urls) == full
    migrate(folder, urls.owner)


def test_numbers_taken_meanwhile_do_not_stop_the_way_down(urls: Urls, folder: Path) -> None:
    migrate(folder, urls.owner)
    with psycopg.connect(urls.app) as conn:
        conn.execute("SELECT set_config('jalsa.tenant', 'agdar', true)")
        conn.execute("INSERT INTO numbers VALUES ('agdar', 'lamp', 1)")
        conn.execute("SELECT loose_number('LMP', 2026)")
    migrate(folder, urls.owner, "base")
    assert tables(urls) == set()


def test_two_at_once_wait_for_each_other(urls: Urls, folder: Path) -> None:
    command = [sys.executable, "-c", PROGRAM, str(folder), urls.owner]
    both = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    for each in both:
        assert each.communicate(timeout=60)[1].count("Traceback") == 0
        assert each.returncode == 0
    assert "lamps" in tables(urls)


def test_a_long_migration_elsewhere_is_waited_for_longer_than_a_table(
    urls: Urls, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOCK_TIMEOUT", "100ms")
    with psycopg.connect(urls.owner) as other:
        other.execute("SELECT pg_advisory_lock(7423)")
        timer = threading.Timer(0.6, other.close)
        timer.start()
        migrate(folder, urls.owner)
        timer.join()
    assert "lamps" in tables(urls)


def test_another_migration_is_waited_for_longer_than_the_owners_limit(
    urls: Urls, folder: Path, servers: Servers
) -> None:
    with psycopg.connect(servers.postgres.url, autocommit=True) as superuser:
        database = urls.owner.rpartition("/")[2]
        superuser.execute(f"ALTER ROLE alpha_owner IN DATABASE {database} SET lock_timeout = '50ms'".encode())
    with psycopg.connect(urls.owner) as other:
        other.execute("SELECT pg_advisory_lock(7423)")
        timer = threading.Timer(0.6, other.close)
        timer.start()
        migrate(folder, urls.owner)
        timer.join()
    assert "lamps" in tables(urls)


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nowhere.invalid:5432"])
def test_without_a_database_the_command_ends_with_one_clear_line(address: str) -> None:
    environment = {**os.environ, "DATABASE_OWNER_URL": f"postgresql://owner:hidden@{address}/billing"}
    done = subprocess.run(
        [sys.executable, "-m", "billing", "migrate"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert re.fullmatch(r"billing: the database cannot be reached: .+\n", done.stderr), done.stderr
    assert "hidden" not in done.stderr
    assert done.stdout == ""


def test_a_table_that_others_use_is_not_waited_for_at_length(
    urls: Urls, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOCK_TIMEOUT", "100ms")
    migrate(folder, urls.owner)
    with psycopg.connect(urls.owner) as other:
        other.execute("LOCK TABLE lamps IN ACCESS SHARE MODE")
        with pytest.raises(MigrationError, match="in use for more than 100ms"):
            migrate(folder, urls.owner, "-1")
    assert "lamps" in tables(urls), "and nothing was changed"


def test_an_earlier_revision_by_its_name_is_refused_and_not_said_to_be_reached(urls: Urls, folder: Path) -> None:
    assert migrate(folder, urls.owner, "0001") == "0001"
    assert migrate(folder, urls.owner) == "0002"
    with pytest.raises(MigrationError, match="at 0002, which is later than 0001"):
        migrate(folder, urls.owner, "0001")
    assert migrate(folder, urls.owner, "-1") == "0001"
    assert migrate(folder, urls.owner, "base") == "base"


@pytest.mark.parametrize("revision", ["0009", "nonsense", "-9"])
def test_a_revision_that_there_is_not_is_one_clear_line(urls: Urls, folder: Path, revision: str) -> None:
    with pytest.raises(MigrationError, match=f"no way to {revision}"):
        migrate(folder, urls.owner, revision)


def test_resuming_without_a_database_ends_with_one_clear_line() -> None:
    environment = {**os.environ, "DATABASE_RELAY_URL": "postgresql://relay:hidden@127.0.0.1:1/billing"}
    command = [sys.executable, "-m", "billing", "resume", "scheduling"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (
        1,
        "billing: the database cannot be reached; nothing was changed\n",
    )
