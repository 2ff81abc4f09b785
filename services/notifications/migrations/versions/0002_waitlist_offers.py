"""Offers of a place to patients on the waitlist: a message is about an appointment, or about an offer."""

from alembic import op

from jalsa.db.schema import register_tenant_table

revision = "0002"
down_revision = "0001"

SERVICE = "notifications"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE offers (
          id uuid NOT NULL,
          tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
          patient_id uuid NOT NULL,
          clinic_id uuid NOT NULL,
          status text NOT NULL CHECK (status IN ('OPEN', 'ENDED')),
          starts_at timestamptz NOT NULL,
          expires_at timestamptz NOT NULL,
          PRIMARY KEY (tenant_id, id),
          FOREIGN KEY (tenant_id, clinic_id) REFERENCES clinics
        );

        ALTER TABLE messages ALTER COLUMN appointment_id DROP NOT NULL;
        ALTER TABLE messages ADD COLUMN offer_id uuid;
        ALTER TABLE messages ADD FOREIGN KEY (tenant_id, offer_id) REFERENCES offers;
        ALTER TABLE messages ADD CONSTRAINT messages_about_one CHECK (num_nonnulls(appointment_id, offer_id) = 1);
        CREATE INDEX messages_offer ON messages (tenant_id, offer_id) WHERE offer_id IS NOT NULL;
    """)
    register_tenant_table(op.execute, "offers", SERVICE, audited=False, rights="SELECT, INSERT, UPDATE")


def downgrade() -> None:
    # messages about offers have no place in what was; every tenant's go, and nobody's tenant is set to audit it under
    for table in ("messages", "delivery_attempts"):
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY, DISABLE TRIGGER audit")
    op.execute("""
        DELETE FROM delivery_attempts a USING messages m
        WHERE m.tenant_id = a.tenant_id AND m.id = a.message_id AND m.offer_id IS NOT NULL
    """)
    op.execute("DELETE FROM messages WHERE offer_id IS NOT NULL")
    for table in ("messages", "delivery_attempts"):
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY, ENABLE TRIGGER audit")
    op.execute("ALTER TABLE messages DROP COLUMN offer_id, ALTER COLUMN appointment_id SET NOT NULL")
    op.execute("DROP TABLE offers")
