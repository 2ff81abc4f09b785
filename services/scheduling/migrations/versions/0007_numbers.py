"""Counters only rise by one, and loose numbers are of known kinds and for the application alone."""

from alembic import op

from jalsa.db.schema import guard_numbers, unguard_numbers

revision = "0007"
down_revision = "0006"

SERVICE = "scheduling"


def upgrade() -> None:
    guard_numbers(op.execute, SERVICE, ("APT", "SES"))


def downgrade() -> None:
    unguard_numbers(op.execute, SERVICE)
