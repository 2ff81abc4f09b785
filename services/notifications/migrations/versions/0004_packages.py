"""Packages: a message or notice is about an appointment, an offer, or a whole package."""

from alembic import op

from jalsa.db.schema import register_tenant_table

revision = "0004"
down_revision = "0003"

SERVICE = "notifications"
TOLD = ("messages", "delivery_attempts", "notices")


def upgrade() -> None:
    op.execute("""
        CREATE TABLE packages (
          id uuid NOT NULL,
          tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
          package_number text NOT NULL,
          patient_id uuid NOT NULL,
          clinic_id uuid NOT NULL,
          sessions jsonb NOT NULL,
          unscheduled int NOT NULL,
          starts_at timestamptz,
          announced_at timestamptz NOT NULL,
          replaced_at timestamptz,
          PRIMARY KEY (tenant_id, id),
          FOREIGN KEY (tenant_id, clinic_id) REFERENCES clinics
        );

        ALTER TABLE appointments ADD COLUMN moved_alone_at timestamptz;

        ALTER TABLE messages ADD COLUMN package_id uuid;
        ALTER TABLE messages ADD COLUMN session_numbers smallint[];
        ALTER TABLE messages ALTER COLUMN starts_at DROP NOT NULL;
        ALTER TABLE messages ADD CHECK (package_id IS NOT NULL OR (starts_at IS NOT NULL AND session_numbers IS NULL));
        ALTER TABLE messages ADD FOREIGN KEY (tenant_id, package_id) REFERENCES packages;
        ALTER TABLE messages DROP CONSTRAINT messages_about_one;
        ALTER TABLE messages ADD CONSTRAINT messages_about_one
          CHECK (num_nonnulls(appointment_id, offer_id, package_id) = 1);
        CREATE INDEX messages_package ON messages (tenant_id, package_id) WHERE package_id IS NOT NULL;

        ALTER TABLE notices ALTER COLUMN appointment_id DROP NOT NULL;
        ALTER TABLE notices ADD COLUMN package_id uuid;
        ALTER TABLE notices ADD FOREIGN KEY (tenant_id, package_id) REFERENCES packages;
        ALTER TABLE notices ADD CONSTRAINT notices_about_one CHECK (num_nonnulls(appointment_id, package_id) = 1);
    """)
    register_tenant_table(op.execute, "packages", SERVICE, audited=False, rights="SELECT, INSERT, UPDATE")


def downgrade() -> None:
    # what is about packages has no place in what was; every tenant's goes, and nobody's tenant is set to audit it under
    for table in TOLD:
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY, DISABLE TRIGGER audit")
    op.execute("""
        DELETE FROM delivery_attempts a USING messages m
        WHERE m.tenant_id = a.tenant_id AND m.id = a.message_id AND m.package_id IS NOT NULL
    """)
    op.execute("DELETE FROM messages WHERE package_id IS NOT NULL")
    op.execute("DELETE FROM notices WHERE package_id IS NOT NULL")
    for table in TOLD:
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY, ENABLE TRIGGER audit")
    op.execute("""
        ALTER TABLE messages DROP CONSTRAINT messages_about_one, DROP COLUMN session_numbers, DROP COLUMN package_id,
          ALTER COLUMN starts_at SET NOT NULL;
        ALTER TABLE messages ADD CONSTRAINT messages_about_one CHECK (num_nonnulls(appointment_id, offer_id) = 1);
        ALTER TABLE notices DROP COLUMN package_id, ALTER COLUMN appointment_id SET NOT NULL;
        ALTER TABLE appointments DROP COLUMN moved_alone_at;
        DROP TABLE packages;
    """)
