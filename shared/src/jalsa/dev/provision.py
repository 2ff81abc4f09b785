"""A service's database and its three roles, for the local run and for tests: from the scripts in `deploy/postgres`."""

import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy import URL, make_url

_SCRIPTS = Path(__file__).parents[4] / "deploy" / "postgres"
ROLES_SQL, LIMITS_SQL = _SCRIPTS / "roles.sql", _SCRIPTS / "limits.sql"

# One at a time per cluster: parallel test workers create the same roles.
_LOCK = 0x6A616C7361


@dataclass(frozen=True)
class Urls:
    """Where each role of a service finds the database: `postgresql://` URLs, for SQLAlchemy and libpq alike."""

    owner: str
    app: str
    relay: str


def provision(superuser_url: str, database: str, *, secret: str, service: str | None = None) -> Urls:
    """Creates what is missing of a database and its roles `<service>_owner`, `_app` and `_relay`.

    What exists stays. The roles' limits are set again each time.

    Each password follows from `secret` and the role's name, so that a later call with the same secret returns URLs that
    work, and no password needs keeping. `service` is the database's name unless given. Databases of one service share
    its roles. Raises psycopg.Error where the superuser may not do this or the server does not answer.
    """
    service = service or database
    roles = {kind: f"{service}_{kind}" for kind in ("owner", "app", "relay")}
    passwords = {kind: _password(secret, role) for kind, role in roles.items()}
    variables = {
        "database": database,
        **{f"service_{kind}": role for kind, role in roles.items()},
        **{f"{kind}_password": password for kind, password in passwords.items()},
    }
    with _connect(superuser_url) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
        for statement in _statements(ROLES_SQL.read_text(), variables):
            with suppress(psycopg.errors.DuplicateObject, psycopg.errors.DuplicateDatabase):
                connection.execute(statement)
        for statement in _statements(LIMITS_SQL.read_text(), variables):
            connection.execute(statement)
    base = make_url(superuser_url).set(drivername="postgresql", database=database)
    return Urls(**{kind: _render(base.set(username=roles[kind], password=passwords[kind])) for kind in roles})


def drop_database(superuser_url: str, database: str) -> None:
    """Drops a database, if it exists, and breaks off its connections. The service's roles stay."""
    with _connect(superuser_url) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))


def _password(secret: str, role: str) -> str:
    return hmac.digest(secret.encode(), role.encode(), hashlib.sha256).hex()[:32]


def _connect(url: str) -> psycopg.Connection:
    return psycopg.connect(_render(make_url(url).set(drivername="postgresql")), autocommit=True)


def _render(url: URL) -> str:
    # SQLAlchemy writes a space (in the path of a socket) as "+", which libpq does not understand.
    address, question_mark, query = url.render_as_string(hide_password=False).partition("?")
    return address + question_mark + query.replace("+", "%20")


def _statements(script: str, variables: Mapping[str, str]) -> Iterator[bytes]:
    """Yields a psql script's statements. The lines of psql's own only derive variables, which are given here."""
    lines = [line for line in script.splitlines() if not line.startswith(("--", "\\"))]
    for statement in "\n".join(lines).split(";"):
        if statement.strip():
            yield _substitute(statement.strip(), variables).encode()


def _substitute(statement: str, variables: Mapping[str, str]) -> str:
    """Replaces psql's `:"name"` by an identifier and `:'name'` by a literal."""
    quoted = {'"': sql.Identifier, "'": sql.Literal}
    return re.sub(r""":(["'])(\w+)\1""", lambda found: quoted[found[1]](variables[found[2]]).as_string(), statement)
