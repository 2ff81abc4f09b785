"""Prices, invoices with lines and payments, clearance: what one booking needs."""

from alembic import op

from jalsa.db.schema import create_mechanisms, drop_mechanisms, register_tenant_table

revision = "0001"
down_revision = None

SERVICE = "billing"
#: What the application may do with each table. Prices, lines and payments are never changed or taken away.
RIGHTS = {
    "prices": "SELECT, INSERT",
    "invoices": "SELECT, INSERT, UPDATE",
    "invoice_lines": "SELECT, INSERT",
    "payments": "SELECT, INSERT",
    "clearances": "SELECT, INSERT, UPDATE",
}
PROJECTIONS = ("patients",)


def upgrade() -> None:
    create_mechanisms(op.execute, SERVICE)
    op.execute("""
        CREATE TABLE prices (
          id uuid PRIMARY KEY,
          tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
          service_type text NOT NULL,
          clinic_id uuid,
          amount numeric(14,2) NOT NULL CHECK (amount >= 0),
          currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
          vat_category text NOT NULL CHECK (vat_category IN ('S', 'Z', 'E')),
          created_at timestamptz NOT NULL,
          created_by text NOT NULL
        );
        CREATE INDEX prices_newest ON prices (tenant_id, service_type, id);

        CREATE TABLE invoices (
          id uuid PRIMARY KEY,
          tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
          appointment_id uuid NOT NULL,
          appointment_number text NOT NULL,
          patient_id uuid NOT NULL,
          clinic_id uuid NOT NULL,
          service_type text NOT NULL,
          timezone text NOT NULL,
          status text NOT NULL CHECK (status IN ('DRAFT', 'ISSUED', 'PARTIALLY_PAID', 'PAID', 'VOID')),
          invoice_number text,
          currency text CHECK (currency ~ '^[A-Z]{3}$'),
          net numeric(14,2) CHECK (net >= 0),
          vat numeric(14,2) CHECK (vat >= 0),
          total numeric(14,2) CHECK (total = net + vat),
          paid numeric(14,2) NOT NULL CHECK (paid BETWEEN 0 AND coalesce(total, 0)),
          created_at timestamptz NOT NULL,
          issued_at timestamptz,
          paid_at timestamptz,
          voided_at timestamptz,
          voided_by text,
          void_reason text,
          UNIQUE (tenant_id, id),
          CONSTRAINT invoices_appointment_key UNIQUE (tenant_id, appointment_id),
          CONSTRAINT invoices_number_key UNIQUE (tenant_id, invoice_number),
          CONSTRAINT invoices_issued_whole CHECK
            (num_nonnulls(invoice_number, currency, net, vat, total, issued_at) IN (0, 6)),
          CONSTRAINT invoices_status_fits CHECK (CASE status
            WHEN 'DRAFT' THEN invoice_number IS NULL
            WHEN 'ISSUED' THEN invoice_number IS NOT NULL AND paid = 0
            WHEN 'PARTIALLY_PAID' THEN paid > 0 AND paid < total
            WHEN 'PAID' THEN paid > 0 AND paid = total
            ELSE paid = 0
          END),
          CHECK ((status = 'PAID') = (paid_at IS NOT NULL)),
          CHECK ((status = 'VOID') = (voided_at IS NOT NULL))
        );
        CREATE INDEX invoices_list ON invoices (tenant_id, id);
        CREATE INDEX invoices_patient ON invoices (tenant_id, patient_id, id);
        CREATE INDEX invoices_appointment_number ON invoices (tenant_id, appointment_number);
        CREATE INDEX invoices_waiting ON invoices (tenant_id, service_type, id) WHERE status = 'DRAFT';

        CREATE TABLE invoice_lines (
          id uuid PRIMARY KEY,
          tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
          invoice_id uuid NOT NULL,
          position smallint NOT NULL CHECK (position > 0),
          service_type text NOT NULL,
          quantity int NOT NULL CHECK (quantity > 0),
          unit_price numeric(14,2) NOT NULL CHECK (unit_price >= 0),
          net numeric(14,2) NOT NULL CHECK (net >= 0),
          vat_category text NOT NULL CHECK (vat_category IN ('S', 'Z', 'E')),
          vat_rate numeric(5,2) NOT NULL CHECK (vat_rate >= 0),
          vat numeric(14,2) NOT NULL CHECK (vat >= 0),
          UNIQUE (tenant_id, invoice_id, position),
          FOREIGN KEY (tenant_id, invoice_id) REFERENCES invoices (tenant_id, id)
        );

        CREATE TABLE payments (
          id uuid PRIMARY KEY,
          tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
          invoice_id uuid NOT NULL,
          amount numeric(14,2) NOT NULL CHECK (amount > 0),
          method text NOT NULL CHECK (method IN ('CASH', 'CARD', 'TRANSFER', 'INSURANCE')),
          reference text,
          received_at timestamptz NOT NULL,
          received_by text NOT NULL,
          FOREIGN KEY (tenant_id, invoice_id) REFERENCES invoices (tenant_id, id)
        );
        CREATE INDEX payments_invoice ON payments (tenant_id, invoice_id, id);

        CREATE TABLE clearances (
          id uuid PRIMARY KEY,
          tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
          cleared boolean NOT NULL,
          reason text NOT NULL,
          manual boolean NOT NULL
        );

        CREATE TABLE patients (
          id uuid PRIMARY KEY,
          tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
          file_number text NOT NULL,
          active boolean NOT NULL,
          first_name_en text NOT NULL,
          last_name_en text NOT NULL,
          first_name_ar text,
          last_name_ar text
        );
    """)
    for table, rights in RIGHTS.items():
        register_tenant_table(op.execute, table, SERVICE, rights=rights)
    for table in PROJECTIONS:
        register_tenant_table(op.execute, table, SERVICE, audited=False)


def downgrade() -> None:
    op.execute(f"DROP TABLE {', '.join((*PROJECTIONS, *reversed(RIGHTS)))} CASCADE")
    drop_mechanisms(op.execute, SERVICE)
