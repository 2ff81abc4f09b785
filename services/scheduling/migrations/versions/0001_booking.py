"""Clinics, providers, sessions, participants: what one booking needs.

Exclusion constraints stand on a range type of uuid, because btree_gist is not everywhere.
"""

from alembic import op

from jalsa.db.schema import create_mechanisms, drop_mechanisms, register_tenant_table

revision = "0001"
down_revision = None

SERVICE = "scheduling"
TABLES = (
    "clinics",
    "rooms",
    "providers",
    "provider_clinics",
    "working_hours",
    "service_types",
    "sessions",
    "participants",
)
PROJECTIONS = ("patients", "clearances")


def upgrade() -> None:
    create_mechanisms(op.execute, SERVICE)
    op.execute("""
        CREATE TYPE uuidrange AS RANGE (subtype = uuid);

        CREATE TABLE clinics (
          id uuid PRIMARY KEY,
          tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
          code text NOT NULL,
          name_en text NOT NULL,
          name_ar text NOT NULL,
          timezone text NOT NULL,
          active boolean NOT NULL,
          UNIQUE (tenant_id, id),
          CONSTRAINT clinics_code_key UNIQUE (tenant_id, code)
        );
        CREATE TABLE rooms (
          id uuid PRIMARY KEY,
          tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
          clinic_id uuid NOT NULL,
          name text NOT NULL,
          active boolean NOT NULL,
          UNIQUE (tenant_id, id),
          CONSTRAINT rooms_name_key UNIQUE (tenant_id, clinic_id, name),
          FOREIGN KEY (tenant_id, clinic_id) REFERENCES clinics (tenant_id, id)
        );
        CREATE TABLE providers (
          id uuid PRIMARY KEY,
          tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
          name_en text NOT NULL,
          name_ar text NOT NULL,
          user_id text NOT NULL,
          discipline text NOT NULL,
          active boolean NOT NULL,
          UNIQUE (tenant_id, id),
          CONSTRAINT providers_user_key UNIQUE (tenant_id, user_id)
        );
        CREATE TABLE provider_clinics (
          id uuid PRIMARY KEY,
          tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
          provider_id uuid NOT NULL,
          clinic_id uuid NOT NULL,
          UNIQUE (tenant_id, provider_id, clinic_id),
          FOREIGN KEY (tenant_id, provider_id) REFERENCES providers (tenant_id, id),
          FOREIGN KEY (tenant_id, clinic_id) REFERENCES clinics (tenant_id, id)
        );
        CREATE TABLE working_hours (
          id uuid PRIMARY KEY,
          tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
          provider_id uuid NOT NULL,
          clinic_id uuid NOT NULL,
          weekday smallint NOT NULL CHECK (weekday BETWEEN 0 AND 6),
          starts time NOT NULL,
          ends time NOT NULL,
          CHECK (starts < ends OR ends = '00:00'),
          FOREIGN KEY (tenant_id, provider_id, clinic_id)
            REFERENCES provider_clinics (tenant_id, provider_id, clinic_id)
        );
        CREATE INDEX working_hours_provider ON working_hours (tenant_id, provider_id);
        CREATE TABLE service_types (
          id uuid PRIMARY KEY,
          tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
          code text NOT NULL,
          name_en text NOT NULL,
          name_ar text NOT NULL,
          discipline text NOT NULL,
          default_duration_minutes int NOT NULL CHECK (default_duration_minutes > 0),
          buffer_before_minutes int NOT NULL CHECK (buffer_before_minutes >= 0),
          buffer_after_minutes int NOT NULL CHECK (buffer_after_minutes >= 0),
          active boolean NOT NULL,
          UNIQUE (tenant_id, id),
          CONSTRAINT service_types_code_key UNIQUE (tenant_id, code)
        );

        CREATE TABLE sessions (
          id uuid PRIMARY KEY,
          tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
          session_number text NOT NULL,
          session_type text NOT NULL CHECK (session_type IN ('INDIVIDUAL', 'GROUP')),
          clinic_id uuid NOT NULL,
          provider_id uuid NOT NULL,
          room_id uuid,
          service_type_id uuid NOT NULL,
          starts_at timestamptz NOT NULL,
          ends_at timestamptz NOT NULL CHECK (ends_at > starts_at AND ends_at <= starts_at + interval '8 hours'),
          during tstzrange NOT NULL GENERATED ALWAYS AS (tstzrange(starts_at, ends_at)) STORED,
          max_capacity smallint NOT NULL CHECK (max_capacity BETWEEN 1 AND 20),
          min_participants smallint CHECK (min_participants BETWEEN 1 AND max_capacity),
          group_notes text,
          status text NOT NULL CHECK (status IN ('SCHEDULED', 'IN_PROGRESS', 'COMPLETED', 'CANCELLED')),
          created_at timestamptz NOT NULL,
          created_by text NOT NULL,
          cancelled_at timestamptz,
          cancelled_by text,
          cancel_reason text,
          CHECK (session_type = 'GROUP' OR max_capacity = 1),
          CHECK ((status = 'CANCELLED') = (cancelled_at IS NOT NULL)),
          UNIQUE (tenant_id, id),
          UNIQUE (tenant_id, id, starts_at, ends_at),
          CONSTRAINT sessions_number_key UNIQUE (tenant_id, session_number),
          FOREIGN KEY (tenant_id, clinic_id) REFERENCES clinics (tenant_id, id),
          FOREIGN KEY (tenant_id, provider_id) REFERENCES providers (tenant_id, id),
          FOREIGN KEY (tenant_id, room_id) REFERENCES rooms (tenant_id, id),
          FOREIGN KEY (tenant_id, service_type_id) REFERENCES service_types (tenant_id, id),
          CONSTRAINT sessions_provider_busy EXCLUDE USING gist
            (uuidrange(provider_id, provider_id, '[]') WITH &&, during WITH &&) WHERE (status <> 'CANCELLED'),
          CONSTRAINT sessions_room_busy EXCLUDE USING gist
            (uuidrange(room_id, room_id, '[]') WITH &&, during WITH &&)
            WHERE (status <> 'CANCELLED' AND room_id IS NOT NULL)
        );
        CREATE INDEX sessions_clinic_time ON sessions (tenant_id, clinic_id, starts_at);
        CREATE INDEX sessions_time ON sessions (tenant_id, starts_at, id);
        CREATE INDEX sessions_provider_time ON sessions (provider_id, starts_at) WHERE status <> 'CANCELLED';
        CREATE INDEX sessions_room_time ON sessions (room_id, starts_at) WHERE status <> 'CANCELLED';

        CREATE TABLE participants (
          id uuid PRIMARY KEY,
          tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
          appointment_number text NOT NULL,
          session_id uuid NOT NULL,
          patient_id uuid NOT NULL,
          status text NOT NULL
            CHECK (status IN ('BOOKED', 'CONFIRMED', 'ARRIVED', 'ATTENDED', 'NO_SHOW', 'CANCELLED')),
          live boolean NOT NULL
            GENERATED ALWAYS AS (status IN ('BOOKED', 'CONFIRMED', 'ARRIVED', 'ATTENDED')) STORED,
          notes text,
          starts_at timestamptz NOT NULL,
          ends_at timestamptz NOT NULL,
          booked_at timestamptz NOT NULL,
          booked_by text NOT NULL,
          confirmed_at timestamptz,
          cancelled_at timestamptz,
          cancelled_by text,
          cancel_reason text,
          CHECK ((status = 'CANCELLED') = (cancelled_at IS NOT NULL)),
          CONSTRAINT participants_number_key UNIQUE (tenant_id, appointment_number),
          CONSTRAINT participants_session FOREIGN KEY (tenant_id, session_id, starts_at, ends_at)
            REFERENCES sessions (tenant_id, id, starts_at, ends_at) ON UPDATE CASCADE,
          CONSTRAINT participants_patient_busy EXCLUDE USING gist
            (uuidrange(patient_id, patient_id, '[]') WITH &&, tstzrange(starts_at, ends_at) WITH &&) WHERE (live)
        );
        CREATE UNIQUE INDEX participants_enrolled_once ON participants (session_id, patient_id) WHERE live;
        CREATE INDEX participants_session ON participants (session_id, id);
        CREATE INDEX participants_patient ON participants (patient_id, id);

        -- A session never has more live participants than its capacity (P2). Locking the session's row makes the
        -- count see every other booking of it, whatever the application did or forgot. Before the row, because after
        -- it the foreign key's share lock is held, and two bookings would each wait for the other's.
        CREATE FUNCTION check_capacity() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
        DECLARE
          capacity smallint;
        BEGIN
          SELECT max_capacity INTO capacity FROM sessions WHERE id = NEW.session_id FOR UPDATE;
          IF (SELECT count(*) FROM participants WHERE session_id = NEW.session_id AND live AND id <> NEW.id) >= capacity
          THEN
            RAISE EXCEPTION 'session full' USING ERRCODE = 'check_violation', CONSTRAINT = 'participants_capacity';
          END IF;
          RETURN NEW;
        END $$;
        CREATE TRIGGER capacity BEFORE INSERT OR UPDATE OF session_id, status ON participants
          FOR EACH ROW WHEN (NEW.status IN ('BOOKED', 'CONFIRMED', 'ARRIVED', 'ATTENDED'))
          EXECUTE FUNCTION check_capacity();
        CREATE FUNCTION check_lowered_capacity() RETURNS trigger LANGUAGE plpgsql
        SET search_path = public, pg_temp AS $$
        BEGIN
          IF (SELECT count(*) FROM participants WHERE session_id = NEW.id AND live) > NEW.max_capacity THEN
            RAISE EXCEPTION 'session full' USING ERRCODE = 'check_violation', CONSTRAINT = 'participants_capacity';
          END IF;
          RETURN NULL;
        END $$;
        CREATE TRIGGER capacity AFTER UPDATE OF max_capacity ON sessions
          FOR EACH ROW WHEN (NEW.max_capacity < OLD.max_capacity) EXECUTE FUNCTION check_lowered_capacity();

        -- Their ids are made elsewhere: two tenants may have the same one, and neither learns of it.
        CREATE TABLE patients (
          id uuid NOT NULL,
          tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
          file_number text NOT NULL,
          active boolean NOT NULL,
          consented boolean NOT NULL DEFAULT false,
          PRIMARY KEY (tenant_id, id)
        );
        CREATE TABLE clearances (
          id uuid NOT NULL,
          tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
          cleared boolean NOT NULL,
          PRIMARY KEY (tenant_id, id)
        );

        -- What the rules of a booking ask, read under the locks that keep it true: the patient's, then the session's
        -- row. It decides nothing; it is three statements in one round trip. A patient's lock comes before every
        -- provider's and room's, so whoever waits for one who is not known yet keeps nobody else from anything.
        CREATE FUNCTION hold_place(wanted_patient uuid, wanted_session uuid, OUT active boolean, OUT consented boolean,
                                   OUT taken int, OUT enrolled boolean, OUT busy boolean)
        LANGUAGE plpgsql AS $$
        DECLARE
          placed record;
        BEGIN
          PERFORM pg_advisory_xact_lock(hashtextextended('patient:' || wanted_patient, 0));
          SELECT p.active, p.consented INTO active, consented FROM patients p WHERE p.id = wanted_patient;
          IF active THEN
            SELECT starts_at, ends_at INTO placed FROM sessions WHERE id = wanted_session FOR UPDATE;
            SELECT count(*), coalesce(bool_or(patient_id = wanted_patient), false) INTO taken, enrolled
            FROM participants WHERE session_id = wanted_session AND live;
            busy := EXISTS (SELECT FROM participants WHERE live AND patient_id = wanted_patient
                            AND session_id <> wanted_session
                            AND starts_at < placed.ends_at AND ends_at > placed.starts_at);
          END IF;
        END $$;
    """)
    for table in TABLES:
        register_tenant_table(op.execute, table, SERVICE)
    for table in PROJECTIONS:
        register_tenant_table(op.execute, table, SERVICE, audited=False)


def downgrade() -> None:
    op.execute(f"DROP TABLE {', '.join((*PROJECTIONS, *reversed(TABLES)))} CASCADE")
    op.execute("DROP FUNCTION hold_place(uuid, uuid), check_capacity(), check_lowered_capacity()")
    op.execute("DROP TYPE uuidrange")
    drop_mechanisms(op.execute, SERVICE)
