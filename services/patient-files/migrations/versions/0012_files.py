"""Sub-files are closed and reopened, and a booking waits for the main file of a patient who has none yet."""

from alembic import op

from jalsa.db.schema import register_tenant_table, roles

revision = "0012"
down_revision = "0011"

SERVICE = "patient-files"
APP, _ = roles(SERVICE)
#: Which file it is never changes.
CHANGES = "status, status_reason, closed_at, closed_by, assigned_provider_id"


def upgrade() -> None:
    op.execute("""
        ALTER TABLE sub_files
          ADD status_reason text,
          ADD closed_at timestamptz,
          ADD closed_by text,
          DROP CONSTRAINT sub_files_status_check,
          ADD CONSTRAINT sub_files_status_check CHECK (status IN ('ACTIVE', 'CLOSED')),
          ADD CONSTRAINT sub_files_closed_check CHECK (
            (status = 'CLOSED') = (closed_at IS NOT NULL) AND (status = 'CLOSED') = (closed_by IS NOT NULL)
          );
        CREATE INDEX appointments_patient ON appointments (tenant_id, patient_id, clinic_id, starts_at);

        CREATE TABLE pending_sub_files (
          -- the appointment's: a booking waits once
          id uuid NOT NULL,
          tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
          appointment_number text NOT NULL,
          patient_id uuid NOT NULL,
          clinic_id uuid NOT NULL,
          clinic_code text NOT NULL,
          provider_id uuid NOT NULL,
          kept_at timestamptz NOT NULL,
          PRIMARY KEY (tenant_id, id)
        );
        CREATE INDEX pending_sub_files_patient ON pending_sub_files (tenant_id, patient_id);
    """)
    op.execute(f"GRANT UPDATE ({CHANGES}) ON sub_files TO {APP}")
    register_tenant_table(op.execute, "pending_sub_files", SERVICE)


def downgrade() -> None:
    op.execute("DROP TABLE pending_sub_files")
    op.execute(f"REVOKE UPDATE ({CHANGES}) ON sub_files FROM {APP}")
    op.execute("""
        DROP INDEX appointments_patient;
        -- an earlier version knows no closed file: they are active again
        ALTER TABLE sub_files NO FORCE ROW LEVEL SECURITY, DISABLE TRIGGER audit;
        UPDATE sub_files SET status = 'ACTIVE', closed_at = NULL, closed_by = NULL WHERE status = 'CLOSED';
        ALTER TABLE sub_files FORCE ROW LEVEL SECURITY, ENABLE TRIGGER audit;
        ALTER TABLE sub_files
          DROP CONSTRAINT sub_files_closed_check,
          DROP CONSTRAINT sub_files_status_check,
          DROP COLUMN status_reason,
          DROP COLUMN closed_at,
          DROP COLUMN closed_by,
          ADD CONSTRAINT sub_files_status_check CHECK (status = 'ACTIVE');
    """)
