"""A service's database and roles: made once, shared by many databases, and from one script for psql and for us."""

import re
import secrets
import subprocess
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from sqlalchemy import NullPool, create_engine, make_url, text

from jalsa.dev.provision import LIMITS_SQL, ROLES_SQL, drop_database, provision
from jalsa.dev.servers import PrivatePostgres, postgres


@pytest.fixture
def service() -> str:
    return f"service_{secrets.token_hex(4)}"


def who(url: str) -> tuple[str, str]:
    with psycopg.connect(url) as connection:
        [answer] = connection.execute("SELECT current_user::text, current_database()::text").fetchall()
    return answer[0], answer[1]


def test_each_role_logs_in_to_the_database(cluster: PrivatePostgres, service: str) -> None:
    urls = provision(cluster.url, service, secret="s")
    assert who(urls.owner) == (f"{service}_owner", service)
    assert who(urls.app) == (f"{service}_app", service)
    assert who(urls.relay) == (f"{service}_relay", service)


def test_a_second_time_changes_nothing(cluster: PrivatePostgres, service: str) -> None:
    first = provision(cluster.url, service, secret="s")
    with psycopg.connect(first.owner) as connection:
        connection.execute("CREATE TABLE kept ()")
    assert provision(cluster.url, service, secret="s") == first
    with psycopg.connect(first.owner) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)


def test_parallel_workers_get_databases_of_their_own_that_share_the_roles(
    cluster: PrivatePostgres, service: str
) -> None:
    databases = [f"{service}_gw{number}" for number in range(6)]
    with ThreadPoolExecutor(6) as pool:
        urls = list(pool.map(lambda name: provision(cluster.url, name, secret="s", service=service), databases))
    assert [who(each.app) for each in urls] == [(f"{service}_app", name) for name in databases]


def test_only_the_owner_may_create_tables(cluster: PrivatePostgres, service: str) -> None:
    urls = provision(cluster.url, service, secret="s")
    for url in (urls.app, urls.relay):
        with psycopg.connect(url) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("CREATE TABLE forbidden ()")
    with psycopg.connect(urls.owner) as connection:
        connection.execute("CREATE TABLE allowed ()")


def test_the_roles_of_another_service_may_not_even_connect(cluster: PrivatePostgres, service: str) -> None:
    provision(cluster.url, service, secret="s")
    other = provision(cluster.url, f"{service}_other", secret="s")
    for url in (other.owner, other.app, other.relay):
        intruder = re.sub(r"[^/]+$", service, url)
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(intruder)


def test_a_services_roles_may_connect_to_no_database_of_the_cluster_but_theirs(
    cluster: PrivatePostgres, service: str
) -> None:
    urls = provision(cluster.url, service, secret="s")
    with psycopg.connect(cluster.url) as connection:
        databases = [name for (name,) in connection.execute("SELECT datname FROM pg_database WHERE datallowconn")]
    assert {"postgres", "template1"} < set(databases)
    for url in (urls.owner, urls.app, urls.relay):
        for database in set(databases) - {service}:
            with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
                psycopg.connect(make_url(url).set(database=database).render_as_string(hide_password=False))


def test_no_role_has_rights_beyond_its_database(cluster: PrivatePostgres, service: str) -> None:
    provision(cluster.url, service, secret="s")
    rights = "rolsuper, rolcreatedb, rolcreaterole, rolbypassrls, rolreplication"
    with psycopg.connect(cluster.url) as connection:
        asked = f"SELECT {rights} FROM pg_roles WHERE rolname LIKE %s"
        found = connection.execute(asked.encode(), [f"{service}\\_%"]).fetchall()
    assert found == [(False,) * 5] * 3


LIMITS = {
    "app": {"statement_timeout": "30s", "lock_timeout": "10s", "idle_in_transaction_session_timeout": "1min"},
    "relay": {"statement_timeout": "1min", "lock_timeout": "10s", "idle_in_transaction_session_timeout": "10min"},
    "owner": {"statement_timeout": "0", "lock_timeout": "10s", "idle_in_transaction_session_timeout": "10min"},
}
PLANNING = {"plan_cache_mode": "force_generic_plan", "jit": "off"}


def settings(url: str, names: Iterable[str]) -> dict[str, str]:
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT name, current_setting(name) FROM unnest(%s::text[]) name", [list(names)])
        return dict(rows.fetchall())


def test_each_role_has_its_limits_and_its_way_of_planning_without_asking_for_them(
    cluster: PrivatePostgres, service: str
) -> None:
    urls = provision(cluster.url, service, secret="s")
    for role, limits in LIMITS.items():
        wanted = limits | (PLANNING if role != "owner" else {})
        assert settings(getattr(urls, role), wanted) == wanted


def test_a_database_of_before_gets_the_limits_at_the_next_start(cluster: PrivatePostgres, service: str) -> None:
    urls = provision(cluster.url, service, secret="s")
    with psycopg.connect(cluster.url, autocommit=True) as connection:
        for role in ("app", "relay", "owner"):
            connection.execute(f"ALTER ROLE {service}_{role} RESET ALL".encode())
    assert settings(urls.app, ["lock_timeout"]) == {"lock_timeout": "0"}
    provision(cluster.url, service, secret="s")
    assert settings(urls.app, ["lock_timeout"]) == {"lock_timeout": "10s"}


def test_another_secret_gives_other_passwords(cluster: PrivatePostgres, service: str) -> None:
    provision(cluster.url, service, secret="s")
    wrong = provision(cluster.url, service, secret="another")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(wrong.app)


def test_names_are_quoted(cluster: PrivatePostgres) -> None:
    name = f"""odd "name" 'n' {secrets.token_hex(4)}"""
    urls = provision(cluster.url, name, secret="s")
    with create_engine(urls.app, poolclass=NullPool).connect() as connection:
        assert connection.execute(text("SELECT current_database()")).scalar_one() == name


def test_a_dropped_database_is_gone_even_while_in_use(cluster: PrivatePostgres, service: str) -> None:
    urls = provision(cluster.url, service, secret="s")
    with psycopg.connect(urls.app):
        drop_database(cluster.url, service)
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(urls.app)
    drop_database(cluster.url, service)


def test_a_socket_in_a_folder_with_a_space_serves_libpq_and_sqlalchemy(
    cluster: PrivatePostgres, service: str, tmp_path: Path
) -> None:
    folder = Path(f"/tmp/jalsa socket {service}")  # noqa: S108  a socket's path is short
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    try:
        with psycopg.connect(cluster.url, autocommit=True) as connection:
            connection.execute(f"ALTER SYSTEM SET unix_socket_directories = '{folder}'".encode())
        cluster.restart()
        user, port = cluster.url.removeprefix("postgresql://").split("@")[0], cluster.url.split(":")[-1].split("/")[0]
        urls = provision(f"postgresql://{user}@:{port}/postgres?host={quote(str(folder))}", service, secret="s")
        assert who(urls.app) == (f"{service}_app", service)
        with create_engine(urls.relay, poolclass=NullPool).connect() as connection:
            assert connection.execute(text("SELECT inet_server_addr()")).scalar_one() is None
    finally:
        with psycopg.connect(cluster.url, autocommit=True) as connection:
            connection.execute("ALTER SYSTEM RESET unix_socket_directories")
        cluster.restart()
        folder.rmdir()


def test_psql_runs_the_same_script(cluster: PrivatePostgres, service: str) -> None:
    binaries = postgres.postgres_binaries()
    assert binaries is not None
    variables = {"service": service, "owner_password": "o'o", "app_password": "a", "relay_password": "r"}
    given = [word for name, value in variables.items() for word in ("-v", f"{name}={value}")]
    command: list[str | Path] = [binaries / "psql", cluster.url, "-v", "ON_ERROR_STOP=1", *given]
    subprocess.run([*command, "-f", ROLES_SQL, "-f", LIMITS_SQL], check=True, capture_output=True)
    subprocess.run([*command, "-f", LIMITS_SQL], check=True, capture_output=True)
    address = cluster.url.split("@")[1].removesuffix("/postgres")
    assert who(f"postgresql://{service}_owner:o%27o@{address}/{service}") == (f"{service}_owner", service)
    app = f"postgresql://{service}_app:a@{address}/{service}"
    assert who(app) == (f"{service}_app", service)
    assert settings(app, LIMITS["app"]) == LIMITS["app"]
