"""Packages: courses of 2 to 100 sessions of one service for one patient.

A participant says which session of which package it is; a package session's state follows from it, and the database
refuses, at the commit, one that does not.
"""

from alembic import op

from jalsa.db.schema import register_tenant_table

revision = "0003"
down_revision = "0002"

SERVICE = "scheduling"
TABLES = ("packages", "package_sessions", "provider_assignments")


def upgrade() -> None:
    op.execute("""
        CREATE TABLE packages (
          id uuid PRIMARY KEY,
          tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
          package_number text NOT NULL,
          patient_id uuid NOT NULL,
          clinic_id uuid NOT NULL,
          service_type_id uuid NOT NULL,
          provider_id uuid,
          room_id uuid,
          room_required boolean NOT NULL,
          total_sessions smallint NOT NULL CHECK (total_sessions BETWEEN 2 AND 100),
          session_duration_minutes smallint NOT NULL CHECK (session_duration_minutes BETWEEN 1 AND 480),
          start_date date NOT NULL,
          end_date date CHECK (end_date >= start_date),
          preferred_days smallint[] NOT NULL CHECK (preferred_days <@ '{0,1,2,3,4,5,6}'),
          preferred_time text,
          gap_days smallint NOT NULL CHECK (gap_days BETWEEN 1 AND 30),
          tolerance_days smallint NOT NULL CHECK (tolerance_days BETWEEN 0 AND 30),
          use_multiple_providers boolean NOT NULL,
          auto_schedule boolean NOT NULL,
          status text NOT NULL CHECK (status IN ('DRAFT', 'SCHEDULED', 'IN_PROGRESS', 'COMPLETED', 'CANCELLED')),
          change_reason text,
          created_at timestamptz NOT NULL,
          created_by text NOT NULL,
          paused_at timestamptz,
          paused_by text,
          pause_reason text,
          completed_at timestamptz,
          cancelled_at timestamptz,
          cancelled_by text,
          cancel_reason text,
          CHECK ((status = 'COMPLETED') = (completed_at IS NOT NULL)),
          CHECK ((status = 'CANCELLED') = (cancelled_at IS NOT NULL)),
          CHECK (paused_at IS NULL OR status IN ('DRAFT', 'SCHEDULED', 'IN_PROGRESS')),
          UNIQUE (tenant_id, id),
          CONSTRAINT packages_number_key UNIQUE (tenant_id, package_number),
          FOREIGN KEY (tenant_id, clinic_id) REFERENCES clinics (tenant_id, id),
          FOREIGN KEY (tenant_id, service_type_id) REFERENCES service_types (tenant_id, id),
          FOREIGN KEY (tenant_id, provider_id) REFERENCES providers (tenant_id, id),
          FOREIGN KEY (tenant_id, room_id) REFERENCES rooms (tenant_id, id)
        );
        CREATE INDEX packages_patient ON packages (patient_id, id);
        CREATE INDEX packages_created ON packages (tenant_id, created_at);

        CREATE TABLE package_sessions (
          id uuid PRIMARY KEY,
          tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
          package_id uuid NOT NULL,
          session_number smallint NOT NULL CHECK (session_number BETWEEN 1 AND 100),
          provider_id uuid,
          provider_chosen boolean NOT NULL,
          status text NOT NULL CHECK (status IN ('PENDING', 'SCHEDULED', 'COMPLETED', 'FAILED', 'CANCELLED')),
          owed boolean NOT NULL,
          scheduling_attempts int NOT NULL CHECK (scheduling_attempts >= 0),
          scheduling_error_code text,
          scheduling_error text,
          scheduling_error_ar text,
          CHECK ((status = 'FAILED') = (scheduling_error IS NOT NULL)),
          CHECK (num_nulls(scheduling_error_code, scheduling_error, scheduling_error_ar) IN (0, 3)),
          CHECK (owed OR status = 'CANCELLED'),
          UNIQUE (tenant_id, id),
          UNIQUE (package_id, session_number),
          FOREIGN KEY (tenant_id, package_id) REFERENCES packages (tenant_id, id),
          FOREIGN KEY (tenant_id, provider_id) REFERENCES providers (tenant_id, id)
        );
        CREATE INDEX package_sessions_provider ON package_sessions (provider_id, package_id);

        CREATE TABLE provider_assignments (
          id uuid PRIMARY KEY,
          tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
          package_session_id uuid NOT NULL,
          provider_id uuid NOT NULL,
          kind text NOT NULL CHECK (kind IN ('REQUESTED', 'CHOSEN', 'SUBSTITUTE')),
          reason text,
          assigned_at timestamptz NOT NULL,
          assigned_by text NOT NULL,
          UNIQUE (tenant_id, id),
          FOREIGN KEY (tenant_id, package_session_id) REFERENCES package_sessions (tenant_id, id),
          FOREIGN KEY (tenant_id, provider_id) REFERENCES providers (tenant_id, id)
        );
        CREATE INDEX provider_assignments_session ON provider_assignments (package_session_id, id);

        ALTER TABLE participants ADD package_session_id uuid,
          ADD CONSTRAINT participants_package_session FOREIGN KEY (tenant_id, package_session_id)
            REFERENCES package_sessions (tenant_id, id);
        CREATE UNIQUE INDEX participants_package_session_once ON participants (package_session_id) WHERE live;
        CREATE INDEX participants_package_sessions ON participants (package_session_id, id)
          WHERE package_session_id IS NOT NULL;

        -- Progress is counted from the package's sessions, and their states are those of its appointments: at the
        -- commit, whatever the application did or forgot.
        CREATE FUNCTION check_package_step() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
        DECLARE
          step uuid := CASE TG_TABLE_NAME WHEN 'participants' THEN (to_jsonb(NEW) ->> 'package_session_id')::uuid
                       ELSE NEW.id END;
          held text := (SELECT CASE p.status WHEN 'ATTENDED' THEN 'COMPLETED' ELSE 'SCHEDULED' END
                        FROM participants p WHERE p.package_session_id = step AND p.live);
          shown text := (SELECT s.status FROM package_sessions s WHERE s.id = step);
        BEGIN
          IF shown <> coalesce(held, 'none') AND (held IS NOT NULL OR shown IN ('SCHEDULED', 'COMPLETED')) THEN
            RAISE EXCEPTION 'package session out of step'
              USING ERRCODE = 'check_violation', CONSTRAINT = 'package_sessions_in_step';
          END IF;
          RETURN NULL;
        END $$;
        CREATE CONSTRAINT TRIGGER in_step AFTER INSERT OR UPDATE OF status ON package_sessions
          DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_package_step();
        CREATE CONSTRAINT TRIGGER in_step AFTER UPDATE OF status, package_session_id ON participants
          DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.package_session_id IS NOT NULL)
          EXECUTE FUNCTION check_package_step();

        ALTER TABLE settings ADD make_up_no_shows boolean NOT NULL DEFAULT false;
    """)
    for table in TABLES:
        register_tenant_table(op.execute, table, SERVICE)


def downgrade() -> None:
    op.execute("""
        ALTER TABLE settings DROP make_up_no_shows;
        DROP TRIGGER in_step ON participants;
        ALTER TABLE participants DROP package_session_id;
    """)
    op.execute(f"DROP TABLE {', '.join(reversed(TABLES))}")
    op.execute("DROP FUNCTION check_package_step()")
