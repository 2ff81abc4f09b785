"""Messages, reminders, notices, preferences, and what they need of patients and appointments."""

from alembic import op

from jalsa.db.schema import create_mechanisms, drop_mechanisms, grant_relay_access, register_tenant_table

revision = "0001"
down_revision = None

SERVICE = "notifications"
KEPT = "SELECT, INSERT, UPDATE"
TABLES = ("preferences", "messages", "delivery_attempts", "reminders", "notices")
PROJECTIONS = ("patients", "clinics", "providers", "appointments")


def upgrade() -> None:
    create_mechanisms(op.execute, SERVICE)
    op.execute("""
        CREATE TABLE patients (
          id uuid NOT NULL,
          tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
          active boolean NOT NULL,
          language text NOT NULL CHECK (language IN ('ar', 'en')),
          phone text,
          email text,
          PRIMARY KEY (tenant_id, id)
        );
        CREATE TABLE clinics (
          id uuid NOT NULL,
          tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
          name_en text NOT NULL,
          name_ar text NOT NULL,
          timezone text NOT NULL,
          PRIMARY KEY (tenant_id, id)
        );
        CREATE TABLE providers (
          id uuid NOT NULL,
          tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
          user_id text NOT NULL,
          PRIMARY KEY (tenant_id, id)
        );
        CREATE TABLE appointments (
          id uuid NOT NULL,
          tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
          appointment_number text NOT NULL,
          patient_id uuid NOT NULL,
          clinic_id uuid NOT NULL,
          provider_id uuid NOT NULL,
          status text NOT NULL,
          starts_at timestamptz NOT NULL,
          ends_at timestamptz NOT NULL,
          PRIMARY KEY (tenant_id, id),
          FOREIGN KEY (tenant_id, clinic_id) REFERENCES clinics,
          FOREIGN KEY (tenant_id, provider_id) REFERENCES providers
        );
        CREATE INDEX appointments_number ON appointments (tenant_id, appointment_number);

        -- The id is the patient's, who may not be known here yet.
        CREATE TABLE preferences (
          id uuid NOT NULL,
          tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
          whatsapp_enabled boolean NOT NULL,
          sms_enabled boolean NOT NULL,
          email_enabled boolean NOT NULL,
          language text CHECK (language IN ('ar', 'en')),
          quiet_start time,
          quiet_end time,
          PRIMARY KEY (tenant_id, id),
          CHECK ((quiet_start IS NULL) = (quiet_end IS NULL))
        );

        CREATE TABLE messages (
          id uuid NOT NULL,
          tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
          kind text NOT NULL,
          appointment_id uuid NOT NULL,
          patient_id uuid NOT NULL,
          starts_at timestamptz NOT NULL,
          status text NOT NULL CHECK (status IN ('QUEUED', 'SENDING', 'SENT', 'CANCELLED', 'FAILED')),
          channel text CHECK (channel IN ('WHATSAPP', 'SMS', 'EMAIL')),
          recipient text,
          language text CHECK (language IN ('ar', 'en')),
          subject text,
          body text,
          attempts int NOT NULL,
          next_at timestamptz,
          created_at timestamptz NOT NULL,
          sent_at timestamptz,
          reason text,
          reference text,
          PRIMARY KEY (tenant_id, id),
          FOREIGN KEY (tenant_id, appointment_id) REFERENCES appointments,
          CHECK ((next_at IS NOT NULL) = (status IN ('QUEUED', 'SENDING'))),
          CHECK ((sent_at IS NOT NULL) = (status = 'SENT')),
          CHECK ((reason IS NOT NULL) = (status = 'FAILED')),
          CHECK (status NOT IN ('SENDING', 'SENT') OR num_nulls(channel, recipient, language, subject, body) = 0)
        );
        CREATE INDEX messages_due ON messages (next_at) WHERE status IN ('QUEUED', 'SENDING');
        -- Whatever the application did or forgot, a reminder is not sent twice for one time (promise P7).
        CREATE UNIQUE INDEX messages_reminder_once ON messages (tenant_id, appointment_id, kind, starts_at)
          WHERE kind IN ('REMINDER_24H', 'REMINDER_2H') AND status <> 'CANCELLED';
        CREATE INDEX messages_patient ON messages (tenant_id, patient_id, id);
        CREATE INDEX messages_appointment ON messages (tenant_id, appointment_id, id);

        CREATE TABLE delivery_attempts (
          id uuid NOT NULL,
          tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
          message_id uuid NOT NULL,
          number int NOT NULL,
          started_at timestamptz NOT NULL,
          ended_at timestamptz,
          outcome text,
          PRIMARY KEY (tenant_id, id),
          UNIQUE (tenant_id, message_id, number),
          FOREIGN KEY (tenant_id, message_id) REFERENCES messages,
          CHECK ((ended_at IS NULL) = (outcome IS NULL))
        );

        CREATE TABLE reminders (
          id uuid NOT NULL,
          tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
          appointment_id uuid NOT NULL,
          kind text NOT NULL CHECK (kind IN ('24H', '2H')),
          starts_at timestamptz NOT NULL,
          due_at timestamptz NOT NULL CHECK (due_at < starts_at),
          status text NOT NULL CHECK (status IN ('SCHEDULED', 'SENT', 'CANCELLED', 'FAILED')),
          message_id uuid,
          PRIMARY KEY (tenant_id, id),
          UNIQUE (tenant_id, message_id),
          FOREIGN KEY (tenant_id, appointment_id) REFERENCES appointments,
          FOREIGN KEY (tenant_id, message_id) REFERENCES messages,
          CHECK (status <> 'SENT' OR message_id IS NOT NULL)
        );
        CREATE UNIQUE INDEX reminders_once ON reminders (tenant_id, appointment_id, kind, starts_at)
          WHERE status <> 'CANCELLED';
        CREATE INDEX reminders_due ON reminders (due_at) WHERE status = 'SCHEDULED' AND message_id IS NULL;

        CREATE TABLE notices (
          id uuid NOT NULL,
          tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
          user_id text NOT NULL,
          kind text NOT NULL,
          appointment_id uuid NOT NULL,
          text_en text NOT NULL,
          text_ar text NOT NULL,
          created_at timestamptz NOT NULL,
          read_at timestamptz,
          PRIMARY KEY (tenant_id, id),
          FOREIGN KEY (tenant_id, appointment_id) REFERENCES appointments
        );
        CREATE INDEX notices_user ON notices (tenant_id, user_id, id);
        CREATE INDEX notices_unread ON notices (tenant_id, user_id) WHERE read_at IS NULL;
    """)
    for table in TABLES:
        register_tenant_table(op.execute, table, SERVICE, rights=KEPT)
    for table in PROJECTIONS:
        register_tenant_table(op.execute, table, SERVICE, audited=False, rights=KEPT)
    # Where work is due is found for all tenants at once; no patient's data is among these columns.
    grant_relay_access(op.execute, "reminders", SERVICE, "id, tenant_id, status, due_at, message_id")
    grant_relay_access(op.execute, "messages", SERVICE, "id, tenant_id, status, next_at")


def downgrade() -> None:
    op.execute(f"DROP TABLE {', '.join((*reversed(TABLES), *reversed(PROJECTIONS)))} CASCADE")
    drop_mechanisms(op.execute, SERVICE)
