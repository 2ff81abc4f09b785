"""Aliases of merged patients: what names one is found under the survivor, and goes back when the merge is undone."""

from alembic import op

from jalsa.db.aliases import create_aliases, drop_aliases

revision = "0009"
down_revision = "0008"

SERVICE = "billing"


def upgrade() -> None:
    create_aliases(op.execute, SERVICE)


def downgrade() -> None:
    drop_aliases(op.execute)
