"""Which waitlist entry an offer is of: its events tell whether the offer still stands."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.execute("ALTER TABLE offers ADD COLUMN entry_id uuid")


def downgrade() -> None:
    op.execute("ALTER TABLE offers DROP COLUMN entry_id")
