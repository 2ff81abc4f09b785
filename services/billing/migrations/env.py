"""Alembic's entry. The mechanism is shared, the versions are this service's own."""

from jalsa.db.migrate import run_env

run_env()
