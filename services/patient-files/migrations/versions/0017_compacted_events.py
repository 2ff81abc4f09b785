"""Events that name people are compacted once they are superseded and older than thirty days."""

from alembic import op

from jalsa.db.compaction import create_compaction, drop_compaction, mark_compacted, unmark_compacted

revision = "0017"
down_revision = "0016"

SERVICE = "patient-files"
# the data of all of them that have one subject is alike
TYPES = (
    "jalsa.patient-files.PatientRegistered.v1",
    "jalsa.patient-files.PatientUpdated.v1",
    "jalsa.patient-files.PatientIdentityChanged.v1",
)


def upgrade() -> None:
    mark_compacted(op.execute)
    create_compaction(op.execute, SERVICE, TYPES)


def downgrade() -> None:
    drop_compaction(op.execute)
    unmark_compacted(op.execute)
