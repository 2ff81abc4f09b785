"""What happened to each patient, in order, with the class of readers of each entry; and whose each invoice is."""

from alembic import op

from jalsa.db.schema import register_tenant_table

revision = "0015"
down_revision = "0014"

SERVICE = "patient-files"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE timeline_entries (
          id uuid NOT NULL,
          tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
          patient_id uuid NOT NULL,
          at timestamptz NOT NULL,
          kind text NOT NULL,
          visibility text NOT NULL CHECK (visibility IN ('ADMIN', 'CLINICAL', 'NOTE', 'BILLING')),
          ref_kind text NOT NULL,
          ref_id uuid NOT NULL,
          clinic_id uuid,
          provider_id uuid,
          PRIMARY KEY (tenant_id, id),
          -- a group's note is in the timeline of each of its patients
          CONSTRAINT timeline_entries_key UNIQUE (tenant_id, kind, ref_id, at, patient_id)
        );
        -- each class of entries that somebody may read is one range of it
        CREATE INDEX timeline_entries_visible ON timeline_entries (tenant_id, patient_id, visibility, at, id);

        CREATE TABLE invoices (
          id uuid NOT NULL,
          tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
          patient_id uuid NOT NULL,
          appointment_id uuid NOT NULL,
          PRIMARY KEY (tenant_id, id)
        );
    """)
    # made of what is audited elsewhere
    register_tenant_table(op.execute, "timeline_entries", SERVICE, audited=False, rights="SELECT, INSERT, UPDATE")
    register_tenant_table(op.execute, "invoices", SERVICE, audited=False, rights="SELECT, INSERT, UPDATE")


def downgrade() -> None:
    op.execute("DROP TABLE invoices, timeline_entries")
