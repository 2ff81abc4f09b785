"""The timetable: one function each for what takes up a provider, a room or a patient, and for the spots of a session.

Their text is in `0012_timetable.sql`, and in `0012_timetable_down.sql` that of the functions which they replace.
"""

from pathlib import Path

from alembic import op

revision = "0012"
down_revision = "0011"

_HERE = Path(__file__)


def upgrade() -> None:
    op.execute(_HERE.with_suffix(".sql").read_text("utf-8"))


def downgrade() -> None:
    op.execute(_HERE.with_name(f"{_HERE.stem}_down.sql").read_text("utf-8"))
