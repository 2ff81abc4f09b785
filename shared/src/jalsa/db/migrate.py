"""Migrations by alembic, under the owner role, with a limit on how long a lock is waited for."""

from pathlib import Path

from alembic import command, context
from alembic.config import Config as AlembicConfig
from alembic.util import CommandError
from sqlalchemy import create_engine, pool, text
from sqlalchemy.exc import DBAPIError

from jalsa.db.transactions import LOCKED, database_is_away, sqlstate

#: How long a migration waits for a table that others use, before it gives up and changes nothing.
LOCK_TIMEOUT = "10s"


class MigrationError(Exception):
    """The database cannot be brought to the revision now. The message is one line for the operator."""


def migrate(folder: Path, owner_url: str, revision: str = "head") -> str:
    """Bring a database to a revision. Returns the one that it is at then. Two that run at once wait for each other.

    `revision` is `head`, `base`, a later one's name, or so many steps back: `-1`. Raises MigrationError where it is
    none of these, the database does not answer, or others use a table for too long.
    """
    try:
        _migrate(folder, owner_url, revision)
        found = _revision(owner_url)
    except CommandError as error:
        raise MigrationError(f"there is no way to {revision}: {error}") from error
    except DBAPIError as error:
        if database_is_away(error):
            raise MigrationError(f"the database cannot be reached: {_first_line(error)}") from error
        if sqlstate(error) == LOCKED:
            raise MigrationError(f"a table was in use for more than {LOCK_TIMEOUT}: nothing was changed") from error
        raise
    if revision[0] not in "+-" and revision not in ("head", "base", found):
        raise MigrationError(f"the database is at {found}, which is later than {revision}; the way back is -1, -2, …")
    return found


def _revision(owner_url: str) -> str:
    engine = create_engine(owner_url, poolclass=pool.NullPool, hide_parameters=True)
    with engine.connect() as connection:
        found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return str(found or "base")


def _first_line(error: DBAPIError) -> str:
    return str(error.orig).partition("\n")[0]


def _migrate(folder: Path, owner_url: str, revision: str) -> None:
    config = AlembicConfig()
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.attributes["owner_url"] = owner_url
    (command.downgrade if revision == "base" or revision.startswith("-") else command.upgrade)(config, revision)


def run_env() -> None:
    """What a service's `migrations/env.py` calls."""
    url = context.config.attributes["owner_url"]
    # a migration may wait for as long as the server is there
    network = {"connect_timeout": 10, "tcp_user_timeout": 15_000, "keepalives_idle": 15}  # s, ms, s
    engine = create_engine(url, poolclass=pool.NullPool, hide_parameters=True, connect_args=network)
    with engine.connect() as connection:
        # Another migration is waited for at length, whatever its role's limit. The lock is released with the
        # connection.
        connection.execute(text("SET lock_timeout = 0"))
        connection.execute(text("SELECT pg_advisory_lock(7423)"))
        connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
        connection.commit()
        context.configure(connection=connection, transaction_per_migration=True)
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()
