"""Who reads what of a patient: the access log, break-glass grants, who treats a patient, and a tenant's settings."""

from alembic import op

from jalsa.db.access_log import create_access_log, drop_access_log
from jalsa.db.schema import grant_relay_access, register_tenant_table

revision = "0009"
down_revision = "0007"

SERVICE = "patient-files"


def upgrade() -> None:
    create_access_log(op.execute, SERVICE)
    op.execute("""
        CREATE TABLE break_glass (
          id uuid NOT NULL,
          tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
          patient_id uuid NOT NULL,
          opened_by text NOT NULL,
          reason_code text NOT NULL
            CHECK (reason_code IN ('EMERGENCY', 'COVERAGE', 'SAFEGUARDING', 'COMPLAINT', 'OTHER')),
          reason text NOT NULL CHECK (char_length(reason) BETWEEN 20 AND 1000),
          scope text NOT NULL CHECK (scope IN ('RECORD', 'ENCOUNTERS', 'TIMELINE')),
          opened_at timestamptz NOT NULL,
          until timestamptz NOT NULL,
          closed_at timestamptz,
          closed_by text,
          due_at timestamptz,
          outcome text CHECK (outcome IN ('JUSTIFIED', 'UNJUSTIFIED', 'UNCLEAR')),
          comment text,
          reviewed_at timestamptz,
          reviewed_by text,
          PRIMARY KEY (tenant_id, id),
          FOREIGN KEY (tenant_id, patient_id) REFERENCES patients (tenant_id, id),
          CHECK (until > opened_at AND until <= opened_at + interval '240 minutes'),
          CHECK ((closed_at IS NULL) = (closed_by IS NULL) AND closed_at >= opened_at),
          CHECK ((reviewed_at IS NULL) = (reviewed_by IS NULL) AND (reviewed_at IS NULL) = (outcome IS NULL)),
          -- a review has come, so that none is due
          CHECK (reviewed_at IS NULL OR due_at IS NULL),
          CHECK (comment IS NULL OR outcome IS NOT NULL),
          CONSTRAINT break_glass_own CHECK (reviewed_by <> opened_by)
        );
        CREATE INDEX break_glass_person ON break_glass (tenant_id, opened_by, until);
        CREATE INDEX break_glass_due ON break_glass (due_at) WHERE due_at IS NOT NULL;

        CREATE TABLE settings (
          id uuid NOT NULL,
          tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
          treating_days_after int NOT NULL CHECK (treating_days_after BETWEEN 0 AND 3650),
          treating_days_before int NOT NULL CHECK (treating_days_before BETWEEN 0 AND 3650),
          PRIMARY KEY (tenant_id, id),
          CONSTRAINT settings_once UNIQUE (tenant_id)
        );

        -- Null for an appointment that was booked before this was read.
        ALTER TABLE appointments ADD COLUMN booked_by text;
        CREATE INDEX appointments_treating ON appointments (tenant_id, patient_id, provider_id, starts_at);
    """)
    # what was granted and why is never changed
    rights = "SELECT, INSERT, UPDATE (closed_at, closed_by, due_at, outcome, comment, reviewed_at, reviewed_by)"
    register_tenant_table(op.execute, "break_glass", SERVICE, rights=rights)
    register_tenant_table(op.execute, "settings", SERVICE, rights="SELECT, INSERT, UPDATE")
    # which reviews are due is found for all tenants at once
    grant_relay_access(op.execute, "break_glass", SERVICE, "id, tenant_id, due_at")


def downgrade() -> None:
    op.execute("DROP INDEX appointments_treating; ALTER TABLE appointments DROP COLUMN booked_by")
    op.execute("DROP TABLE settings, break_glass")
    drop_access_log(op.execute)
