"""Migrations: alembic, under the owner role, with a limit on how long a lock is waited for."""

from pathlib import Path

from alembic import command, context
from alembic.config import Config as AlembicConfig
from sqlalchemy import create_engine, pool, text

#: How long a migration waits for a table that others use, before it gives up and changes nothing.
LOCK_TIMEOUT = "10s"


def migrate(folder: Path, owner_url: str, revision: str = "head") -> None:
    """Bring a database to a revision: `head`, `base`, or a name. Two that run at once wait for each other."""
    config = AlembicConfig()
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.attributes["owner_url"] = owner_url
    (command.downgrade if revision == "base" or revision.startswith("-") else command.upgrade)(config, revision)


def run_env() -> None:
    """What a service's `migrations/env.py` calls."""
    engine = create_engine(context.config.attributes["owner_url"], poolclass=pool.NullPool, hide_parameters=True)
    with engine.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(7423)"))  # released with the connection; waited for at length
        connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
        connection.commit()
        context.configure(connection=connection, transaction_per_migration=True)
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()
