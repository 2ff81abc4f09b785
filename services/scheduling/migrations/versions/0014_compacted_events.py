"""An event in the log can say that it was compacted.

Every service's feed shows the mark, and only patient-files sets it.
"""

from alembic import op

from jalsa.db.compaction import mark_compacted, unmark_compacted

revision = "0014"
down_revision = "0012"


def upgrade() -> None:
    mark_compacted(op.execute)


def downgrade() -> None:
    unmark_compacted(op.execute)
