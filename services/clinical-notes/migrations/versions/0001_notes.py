"""Session notes, and what is kept of the sessions, participants, providers, clinics and patients they are about.

Sessions, participants and patients are projections: no foreign key ties one to another that comes on a stream of its
own, except a participant to its session, because AppointmentBooked brings both.
"""

from alembic import op

from jalsa.db.schema import create_mechanisms, drop_mechanisms, register_tenant_table

revision = "0001"
down_revision = None

SERVICE = "clinical-notes"
PROJECTIONS = ("clinics", "providers", "patients", "sessions", "participants")


def upgrade() -> None:
    create_mechanisms(op.execute, SERVICE)
    op.execute("""
        CREATE TABLE clinics (
          id uuid NOT NULL,
          tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
          code text NOT NULL,
          name_en text NOT NULL,
          name_ar text NOT NULL,
          PRIMARY KEY (tenant_id, id)
        );
        CREATE TABLE providers (
          id uuid NOT NULL,
          tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
          name_en text NOT NULL,
          name_ar text NOT NULL,
          PRIMARY KEY (tenant_id, id)
        );
        CREATE TABLE patients (
          id uuid NOT NULL,
          tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
          file_number text NOT NULL,
          active boolean NOT NULL,
          PRIMARY KEY (tenant_id, id)
        );
        CREATE TABLE sessions (
          id uuid NOT NULL,
          tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
          session_number text NOT NULL,
          session_type text NOT NULL CHECK (session_type IN ('INDIVIDUAL', 'GROUP')),
          discipline text NOT NULL,
          status text NOT NULL CHECK (status IN ('SCHEDULED', 'IN_PROGRESS', 'COMPLETED', 'CANCELLED')),
          clinic_id uuid NOT NULL,
          provider_id uuid NOT NULL,
          starts_at timestamptz NOT NULL,
          ends_at timestamptz NOT NULL,
          timezone text NOT NULL,
          PRIMARY KEY (tenant_id, id)
        );
        CREATE INDEX sessions_provider_time ON sessions (tenant_id, provider_id, starts_at, id);
        CREATE INDEX sessions_time ON sessions (tenant_id, starts_at, id);
        CREATE TABLE participants (
          id uuid NOT NULL,
          tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
          appointment_number text NOT NULL,
          session_id uuid NOT NULL,
          patient_id uuid NOT NULL,
          status text NOT NULL
            CHECK (status IN ('BOOKED', 'CONFIRMED', 'ARRIVED', 'ATTENDED', 'NO_SHOW', 'CANCELLED')),
          PRIMARY KEY (tenant_id, id),
          FOREIGN KEY (tenant_id, session_id) REFERENCES sessions (tenant_id, id)
        );
        CREATE INDEX participants_session ON participants (session_id, id);
        CREATE INDEX participants_patient ON participants (tenant_id, patient_id);

        CREATE TABLE notes (
          id uuid PRIMARY KEY,
          tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
          discipline text NOT NULL
            CHECK (discipline IN ('PSYCHOLOGY', 'OT', 'ABA', 'SLP', 'MEDICAL', 'NURSING')),
          scope text NOT NULL CHECK (scope IN ('GROUP', 'INDIVIDUAL')),
          session_id uuid NOT NULL,
          participant_id uuid,
          provider_id uuid NOT NULL,
          content text NOT NULL CHECK (char_length(content) BETWEEN 1 AND 20000),
          status text NOT NULL CHECK (status IN ('DRAFT', 'SIGNED')),
          version int NOT NULL CHECK (version >= 1),
          created_at timestamptz NOT NULL,
          created_by text NOT NULL,
          updated_at timestamptz NOT NULL,
          signed_at timestamptz,
          signed_by text,
          CHECK ((scope = 'GROUP') = (participant_id IS NULL)),
          CHECK ((status = 'SIGNED') = (signed_at IS NOT NULL)),
          CHECK ((status = 'SIGNED') = (signed_by IS NOT NULL)),
          FOREIGN KEY (tenant_id, session_id) REFERENCES sessions (tenant_id, id),
          FOREIGN KEY (tenant_id, participant_id) REFERENCES participants (tenant_id, id)
        );
        CREATE UNIQUE INDEX notes_group_once ON notes (tenant_id, session_id) WHERE scope = 'GROUP';
        CREATE UNIQUE INDEX notes_participant_once ON notes (tenant_id, participant_id) WHERE scope = 'INDIVIDUAL';
        CREATE INDEX notes_session ON notes (session_id, id);
        CREATE INDEX notes_tenant ON notes (tenant_id, id);

        -- What was signed stays as it was signed, whatever the application does or forgot.
        CREATE FUNCTION keep_signed() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
        BEGIN
          RAISE EXCEPTION 'signed note' USING ERRCODE = 'check_violation', CONSTRAINT = 'notes_signed';
        END $$;
        CREATE TRIGGER keep_signed BEFORE UPDATE OR DELETE ON notes
          FOR EACH ROW WHEN (OLD.status = 'SIGNED') EXECUTE FUNCTION keep_signed();
    """)
    for table in PROJECTIONS:
        register_tenant_table(op.execute, table, SERVICE, audited=False, rights="SELECT, INSERT, UPDATE")
    # a note is never deleted, and what it is about never changes
    register_tenant_table(
        op.execute,
        "notes",
        SERVICE,
        rights="SELECT, INSERT, UPDATE (content, version, status, updated_at, signed_at, signed_by)",
    )


def downgrade() -> None:
    op.execute(f"DROP TABLE notes, {', '.join(reversed(PROJECTIONS))}")
    op.execute("DROP FUNCTION keep_signed()")
    drop_mechanisms(op.execute, SERVICE)
