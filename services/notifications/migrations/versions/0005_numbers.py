"""Counters only rise by one, and nobody makes loose numbers here."""

from alembic import op

from jalsa.db.schema import guard_numbers, unguard_numbers

revision = "0005"
down_revision = "0004"

SERVICE = "notifications"


def upgrade() -> None:
    guard_numbers(op.execute, SERVICE)


def downgrade() -> None:
    unguard_numbers(op.execute, SERVICE)
