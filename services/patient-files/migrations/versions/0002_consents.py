"""Consents, and what was announced last of each patient's consent to treatment."""

from alembic import op

from jalsa.db.schema import grant_relay_access, register_tenant_table

revision = "0002"
down_revision = "0001"

SERVICE = "patient-files"


def upgrade() -> None:
    op.execute("""
        -- Null for a clinic that has not been saved since this was read.
        ALTER TABLE clinics ADD COLUMN timezone text;

        CREATE TABLE consents (
          id uuid NOT NULL,
          tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
          patient_id uuid NOT NULL,
          consent_type text NOT NULL CHECK (consent_type IN ('TREATMENT', 'DATA_SHARING', 'PHOTOGRAPHY', 'RESEARCH')),
          clinic_id uuid,
          signed_by text NOT NULL,
          signed_at timestamptz NOT NULL,
          expires_on date,
          ends_at timestamptz CHECK (ends_at > signed_at),
          revoked_at timestamptz,
          revoked_by text,
          revoke_reason text,
          created_at timestamptz NOT NULL,
          created_by text NOT NULL,
          PRIMARY KEY (tenant_id, id),
          FOREIGN KEY (tenant_id, patient_id) REFERENCES patients (tenant_id, id),
          CHECK (signed_at <= created_at),
          CHECK ((expires_on IS NULL) = (ends_at IS NULL)),
          CHECK ((revoked_at IS NULL) = (revoked_by IS NULL)),
          CHECK (revoked_at IS NOT NULL OR revoke_reason IS NULL)
        );
        CREATE INDEX consents_patient ON consents (tenant_id, patient_id, id);

        CREATE TABLE consent_standings (
          id uuid NOT NULL,
          tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
          consented boolean NOT NULL,
          clinic_ids uuid[] NOT NULL,
          due_at timestamptz,
          PRIMARY KEY (tenant_id, id),
          FOREIGN KEY (tenant_id, id) REFERENCES patients (tenant_id, id)
        );
        CREATE INDEX consent_standings_due ON consent_standings (due_at) WHERE due_at IS NOT NULL;
    """)
    # what was signed is never changed: a consent can only be revoked
    rights = "SELECT, INSERT, UPDATE (revoked_at, revoked_by, revoke_reason)"
    register_tenant_table(op.execute, "consents", SERVICE, rights=rights)
    # made of the consents, which are audited
    register_tenant_table(op.execute, "consent_standings", SERVICE, audited=False, rights="SELECT, INSERT, UPDATE")
    # where a standing is due to change is found for all tenants at once
    grant_relay_access(op.execute, "consent_standings", SERVICE, "id, tenant_id, due_at")


def downgrade() -> None:
    op.execute("DROP TABLE consent_standings, consents")
    op.execute("ALTER TABLE clinics DROP COLUMN timezone")
