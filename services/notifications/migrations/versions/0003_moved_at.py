"""When an appointment was moved last: what was written of it before is not sent any more."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute("ALTER TABLE appointments ADD COLUMN moved_at timestamptz")


def downgrade() -> None:
    op.execute("ALTER TABLE appointments DROP COLUMN moved_at")
