"""Clinics are known by their time zones, which can be corrected after a booking."""

from alembic import op

from jalsa.db.schema import register_tenant_table

revision = "0006"
down_revision = "0005"

SERVICE = "billing"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE clinics (
          id uuid NOT NULL,
          tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
          timezone text NOT NULL,
          PRIMARY KEY (tenant_id, id)
        )
    """)
    register_tenant_table(op.execute, "clinics", SERVICE, audited=False, rights="SELECT, INSERT, UPDATE")


def downgrade() -> None:
    op.execute("DROP TABLE clinics")
