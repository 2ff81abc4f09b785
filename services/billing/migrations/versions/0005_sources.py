"""Heads and checkpoints keep the id of their last event, so that a source that was restored is noticed."""

from alembic import op

from jalsa.db.schema import create_sources, drop_sources

revision = "0005"
down_revision = "0004"

SERVICE = "billing"


def upgrade() -> None:
    create_sources(op.execute, SERVICE)


def downgrade() -> None:
    drop_sources(op.execute, SERVICE)
