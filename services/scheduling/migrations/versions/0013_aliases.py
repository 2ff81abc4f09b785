"""Aliases of merged patients: one person is booked once at a time, and what names one is found under the survivor.

The functions that ask what a patient has are in `0013_aliases.sql`, and in `0013_aliases_down.sql` as they were.
"""

from pathlib import Path

from alembic import op

from jalsa.db.aliases import create_aliases, drop_aliases

revision = "0013"
down_revision = "0012"

SERVICE = "scheduling"
_HERE = Path(__file__)


def upgrade() -> None:
    create_aliases(op.execute, SERVICE)
    op.execute(_HERE.with_suffix(".sql").read_text("utf-8"))


def downgrade() -> None:
    op.execute(_HERE.with_name(f"{_HERE.stem}_down.sql").read_text("utf-8"))
    drop_aliases(op.execute)
