"""Billing no longer keeps patients, whom nothing of it read: an invoice names its patient by id alone.

With the table goes what was kept of patient-files' events. Both ways leave no trace of having followed them, so an
earlier version that comes back reads patient-files' feed from the start and has every patient again.
"""

from alembic import op

from jalsa.db.schema import register_tenant_table

revision = "0008"
down_revision = "0007"

SERVICE = "billing"

# The owner is bound by the policies of tables, too, and no tenant is set here; that a migration takes kept events away
# is nothing that an operator did.
_FORGET = """
    ALTER TABLE inbox NO FORCE ROW LEVEL SECURITY, DISABLE TRIGGER audit_operated;
    ALTER TABLE inbox_heads NO FORCE ROW LEVEL SECURITY;
    DELETE FROM inbox WHERE source = '/jalsa/patient-files';
    DELETE FROM inbox_heads WHERE source = '/jalsa/patient-files';
    ALTER TABLE inbox FORCE ROW LEVEL SECURITY, ENABLE TRIGGER audit_operated;
    ALTER TABLE inbox_heads FORCE ROW LEVEL SECURITY;
    DELETE FROM feed_checkpoints WHERE source = 'patient-files';
    DELETE FROM stopped_sources WHERE source = 'patient-files';
"""


def upgrade() -> None:
    op.execute(_FORGET)
    op.execute("DROP TABLE patients")


def downgrade() -> None:
    op.execute("""
        CREATE TABLE patients (
          id uuid NOT NULL,
          tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
          file_number text NOT NULL,
          active boolean NOT NULL,
          first_name_en text NOT NULL,
          last_name_en text NOT NULL,
          first_name_ar text,
          last_name_ar text,
          PRIMARY KEY (tenant_id, id)
        );
    """)
    register_tenant_table(op.execute, "patients", SERVICE, audited=False)
    op.execute(_FORGET)
