"""What others name is named within its tenant: keys of patients and clearances, and an appointment's number."""

from alembic import op

revision = "0004"
down_revision = "0003"

#: Their ids are given by other services, so only together with the tenant are they ours to take for unique.
KEYED_BY_OTHERS = ("patients", "clearances")


def upgrade() -> None:
    for table in KEYED_BY_OTHERS:
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT {table}_pkey, ADD PRIMARY KEY (tenant_id, id)")
    op.execute("""
        ALTER TABLE invoices ADD CONSTRAINT invoices_appointment_number_key UNIQUE (tenant_id, appointment_number);
        DROP INDEX invoices_appointment_number;
    """)


def downgrade() -> None:
    op.execute("""
        CREATE INDEX invoices_appointment_number ON invoices (tenant_id, appointment_number);
        ALTER TABLE invoices DROP CONSTRAINT invoices_appointment_number_key;
    """)
    for table in KEYED_BY_OTHERS:
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT {table}_pkey, ADD PRIMARY KEY (id)")
