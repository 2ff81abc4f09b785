"""Packages: which session of which package an invoice is for, and the packages as scheduling announces them."""

from alembic import op

from jalsa.db.schema import register_tenant_table

revision = "0002"
down_revision = "0001"

SERVICE = "billing"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE packages (
          id uuid NOT NULL,
          tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
          number text NOT NULL,
          patient_id uuid NOT NULL,
          service_type text NOT NULL,
          total_sessions int NOT NULL,
          status text NOT NULL CHECK (status IN ('OPEN', 'COMPLETED', 'CANCELLED')),
          PRIMARY KEY (tenant_id, id)
        );

        -- No foreign key: an appointment may be known before its package.
        ALTER TABLE invoices
          ADD COLUMN package_id uuid,
          ADD COLUMN package_number text,
          ADD COLUMN package_session_number int,
          ADD COLUMN package_total_sessions int,
          ADD CONSTRAINT invoices_package_whole CHECK
            (num_nonnulls(package_id, package_number, package_session_number, package_total_sessions) IN (0, 4));
        CREATE INDEX invoices_package ON invoices (tenant_id, package_id) WHERE package_id IS NOT NULL;
        CREATE INDEX invoices_package_number ON invoices (tenant_id, package_number, id)
          WHERE package_number IS NOT NULL;
    """)
    register_tenant_table(op.execute, "packages", SERVICE, audited=False, rights="SELECT, INSERT, UPDATE")


def downgrade() -> None:
    op.execute("""
        ALTER TABLE invoices
          DROP COLUMN package_id,
          DROP COLUMN package_number,
          DROP COLUMN package_session_number,
          DROP COLUMN package_total_sessions;
        DROP TABLE packages;
    """)
