"""Who reads what of a patient: the access log, and break-glass grants."""

from alembic import op

from jalsa.db.access_log import create_access_log, drop_access_log

revision = "0009"
down_revision = "0005"

SERVICE = "patient-files"


def upgrade() -> None:
    create_access_log(op.execute, SERVICE)


def downgrade() -> None:
    drop_access_log(op.execute)
