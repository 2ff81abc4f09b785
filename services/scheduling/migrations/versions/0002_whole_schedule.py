"""What a whole schedule needs: buffers, absences and closures, overrides, the lifecycle, series, the waitlist.

The place that an open offer holds counts like a participant's, in the same function and by the same kind of trigger.
"""

from alembic import op

from jalsa.db.schema import grant_relay_access, register_tenant_table

revision = "0002"
down_revision = "0001"

SERVICE = "scheduling"
TABLES = (
    "settings",
    "time_off",
    "closures",
    "session_series",
    "series_members",
    "waitlist_entries",
    "waitlist_offers",
    "calendar_links",
)

_HOLD_PLACE_V1 = """
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
"""
# `moving` is the place that is given up for the wanted one, or null: it stands in nobody's way.
_HOLD_PLACE_V2 = """
    CREATE FUNCTION hold_place(wanted_patient uuid, wanted_session uuid, moving uuid, OUT active boolean,
                               OUT consented boolean, OUT taken int, OUT held int, OUT offered uuid,
                               OUT enrolled boolean, OUT busy boolean)
    LANGUAGE plpgsql AS $$
    DECLARE
      placed record;
    BEGIN
      PERFORM pg_advisory_xact_lock(hashtextextended('patient:' || wanted_patient, 0));
      SELECT p.active, p.consented INTO active, consented FROM patients p WHERE p.id = wanted_patient;
      IF active AND wanted_session IS NOT NULL THEN
        SELECT starts_at, ends_at, clinic_id INTO placed FROM sessions WHERE id = wanted_session FOR UPDATE;
        consented := consented OR EXISTS (SELECT FROM patients p WHERE p.id = wanted_patient
                                          AND placed.clinic_id = ANY (p.consented_clinics));
        SELECT count(*), coalesce(bool_or(patient_id = wanted_patient), false) INTO taken, enrolled
        FROM participants WHERE session_id = wanted_session AND live;
        SELECT count(*) FILTER (WHERE patient_id <> wanted_patient),
               (array_agg(id) FILTER (WHERE patient_id = wanted_patient))[1] INTO held, offered
        FROM waitlist_offers WHERE session_id = wanted_session AND status = 'OPEN';
        busy := EXISTS (SELECT FROM participants WHERE live AND patient_id = wanted_patient
                        AND session_id <> wanted_session AND id IS DISTINCT FROM moving
                        AND starts_at < placed.ends_at AND ends_at > placed.starts_at);
      END IF;
    END $$;
"""
_CHECK_CAPACITY_V1 = """
    CREATE OR REPLACE FUNCTION check_capacity() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
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
    CREATE OR REPLACE FUNCTION check_lowered_capacity() RETURNS trigger LANGUAGE plpgsql
    SET search_path = public, pg_temp AS $$
    BEGIN
      IF (SELECT count(*) FROM participants WHERE session_id = NEW.id AND live) > NEW.max_capacity THEN
        RAISE EXCEPTION 'session full' USING ERRCODE = 'check_violation', CONSTRAINT = 'participants_capacity';
      END IF;
      RETURN NULL;
    END $$;
"""
# The same function checks a participant's row and an offer's: both have a session and an id.
_CHECK_CAPACITY_V2 = """
    CREATE OR REPLACE FUNCTION check_capacity() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
    DECLARE
      capacity smallint;
    BEGIN
      SELECT max_capacity INTO capacity FROM sessions WHERE id = NEW.session_id FOR UPDATE;
      IF (SELECT count(*) FROM participants WHERE session_id = NEW.session_id AND live AND id <> NEW.id)
         + (SELECT count(*) FROM waitlist_offers WHERE session_id = NEW.session_id AND status = 'OPEN' AND id <> NEW.id)
         >= capacity
      THEN
        RAISE EXCEPTION 'session full' USING ERRCODE = 'check_violation', CONSTRAINT = 'participants_capacity';
      END IF;
      RETURN NEW;
    END $$;
    CREATE OR REPLACE FUNCTION check_lowered_capacity() RETURNS trigger LANGUAGE plpgsql
    SET search_path = public, pg_temp AS $$
    BEGIN
      IF (SELECT count(*) FROM participants WHERE session_id = NEW.id AND live)
         + (SELECT count(*) FROM waitlist_offers WHERE session_id = NEW.id AND status = 'OPEN') > NEW.max_capacity
      THEN
        RAISE EXCEPTION 'session full' USING ERRCODE = 'check_violation', CONSTRAINT = 'participants_capacity';
      END IF;
      RETURN NULL;
    END $$;
"""


def upgrade() -> None:
    op.execute("""
        CREATE TABLE settings (
          id uuid PRIMARY KEY,
          tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant') UNIQUE,
          no_show_grace_minutes int NOT NULL CHECK (no_show_grace_minutes BETWEEN 0 AND 1440),
          offer_minutes int NOT NULL CHECK (offer_minutes BETWEEN 5 AND 10080),
          decision_lead_hours int NOT NULL CHECK (decision_lead_hours BETWEEN 0 AND 720)
        );

        ALTER TABLE working_hours ADD valid_from date, ADD valid_to date,
          ADD CONSTRAINT working_hours_valid CHECK (valid_from <= valid_to);
        CREATE TABLE time_off (
          id uuid PRIMARY KEY,
          tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
          provider_id uuid NOT NULL,
          starts_at timestamptz NOT NULL,
          ends_at timestamptz NOT NULL CHECK (ends_at > starts_at),
          reason text,
          created_at timestamptz NOT NULL,
          created_by text NOT NULL,
          UNIQUE (tenant_id, id),
          FOREIGN KEY (tenant_id, provider_id) REFERENCES providers (tenant_id, id)
        );
        CREATE INDEX time_off_provider ON time_off (provider_id, ends_at);
        CREATE TABLE closures (
          id uuid PRIMARY KEY,
          tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
          clinic_id uuid,
          kind text NOT NULL CHECK (kind IN ('CLOSURE', 'PUBLIC_HOLIDAY')),
          name_en text NOT NULL,
          name_ar text NOT NULL,
          starts_on date NOT NULL,
          ends_on date NOT NULL CHECK (ends_on >= starts_on),
          created_at timestamptz NOT NULL,
          created_by text NOT NULL,
          UNIQUE (tenant_id, id),
          FOREIGN KEY (tenant_id, clinic_id) REFERENCES clinics (tenant_id, id)
        );
        CREATE INDEX closures_days ON closures (tenant_id, ends_on);

        CREATE TABLE session_series (
          id uuid PRIMARY KEY,
          tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
          clinic_id uuid NOT NULL,
          provider_id uuid NOT NULL,
          room_id uuid,
          service_type_id uuid NOT NULL,
          starts_on date NOT NULL,
          start_time time NOT NULL,
          duration_minutes int NOT NULL,
          rrule text NOT NULL,
          exceptions date[] NOT NULL,
          max_capacity smallint NOT NULL CHECK (max_capacity BETWEEN 1 AND 20),
          min_participants smallint CHECK (min_participants BETWEEN 1 AND max_capacity),
          group_notes text,
          created_at timestamptz NOT NULL,
          created_by text NOT NULL,
          UNIQUE (tenant_id, id),
          FOREIGN KEY (tenant_id, clinic_id) REFERENCES clinics (tenant_id, id),
          FOREIGN KEY (tenant_id, provider_id) REFERENCES providers (tenant_id, id),
          FOREIGN KEY (tenant_id, room_id) REFERENCES rooms (tenant_id, id),
          FOREIGN KEY (tenant_id, service_type_id) REFERENCES service_types (tenant_id, id)
        );
        CREATE TABLE series_members (
          id uuid PRIMARY KEY,
          tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
          series_id uuid NOT NULL,
          patient_id uuid NOT NULL,
          joined_on date NOT NULL,
          joined_at timestamptz NOT NULL,
          joined_by text NOT NULL,
          left_on date,
          left_at timestamptz,
          left_by text,
          leave_reason text,
          CHECK ((left_on IS NULL) = (left_at IS NULL)),
          UNIQUE (tenant_id, id),
          FOREIGN KEY (tenant_id, series_id) REFERENCES session_series (tenant_id, id)
        );
        CREATE UNIQUE INDEX series_members_once ON series_members (series_id, patient_id) WHERE left_on IS NULL;

        ALTER TABLE sessions
          ADD buffer_before_minutes smallint NOT NULL DEFAULT 0 CHECK (buffer_before_minutes >= 0),
          ADD buffer_after_minutes smallint NOT NULL DEFAULT 0 CHECK (buffer_after_minutes >= 0),
          ADD closes_when_empty boolean NOT NULL DEFAULT false,
          ADD series_id uuid,
          ADD occurs_on date,
          ADD started_at timestamptz,
          ADD started_by text,
          ADD completed_at timestamptz,
          ADD completed_by text,
          ADD reschedule_count int NOT NULL DEFAULT 0,
          ADD change_reason text,
          ADD overridden text[] NOT NULL DEFAULT '{}',
          ADD override_reason text,
          ADD decision_at timestamptz,
          ADD decision text CHECK (decision IN ('NEEDED', 'MET', 'RUN', 'MERGED', 'CANCELLED')),
          ADD CONSTRAINT sessions_started CHECK ((status IN ('IN_PROGRESS', 'COMPLETED')) = (started_at IS NOT NULL)),
          ADD CONSTRAINT sessions_completed CHECK ((status = 'COMPLETED') = (completed_at IS NOT NULL)),
          ADD CONSTRAINT sessions_overridden CHECK (overridden = '{}' OR override_reason IS NOT NULL),
          ADD CONSTRAINT sessions_decided CHECK (decision_at IS NULL OR min_participants IS NOT NULL),
          ADD CONSTRAINT sessions_occurrence CHECK ((series_id IS NULL) = (occurs_on IS NULL)),
          ADD FOREIGN KEY (tenant_id, series_id) REFERENCES session_series (tenant_id, id);
        CREATE INDEX sessions_series ON sessions (series_id, starts_at) WHERE series_id IS NOT NULL;
        CREATE INDEX sessions_provider_cancelled ON sessions (provider_id, starts_at) WHERE status = 'CANCELLED';
        CREATE INDEX sessions_decision_due ON sessions (decision_at) WHERE decision IS NULL AND decision_at IS NOT NULL;
        CREATE INDEX sessions_decision_needed ON sessions (tenant_id, starts_at) WHERE decision = 'NEEDED';

        ALTER TABLE participants
          ADD reschedule_count int NOT NULL DEFAULT 0,
          ADD change_reason text,
          ADD arrived_at timestamptz,
          ADD arrived_by text,
          ADD arrived_cleared boolean,
          ADD arrived_consented boolean,
          ADD check_in_override_reason text,
          ADD attended_at timestamptz,
          ADD attended_by text,
          ADD no_show_at timestamptz,
          ADD no_show_by text,
          ADD no_show_reason text,
          ADD CONSTRAINT participants_arrived CHECK (
            (status IN ('ARRIVED', 'ATTENDED'))
              = (arrived_at IS NOT NULL AND arrived_cleared IS NOT NULL AND arrived_consented IS NOT NULL)),
          ADD CONSTRAINT participants_attended CHECK ((status = 'ATTENDED') = (attended_at IS NOT NULL)),
          ADD CONSTRAINT participants_no_show CHECK (status <> 'NO_SHOW' OR no_show_at IS NOT NULL);
        CREATE INDEX participants_time ON participants (tenant_id, starts_at, id);
        CREATE INDEX participants_expected ON participants (starts_at) WHERE status IN ('BOOKED', 'CONFIRMED');
        CREATE INDEX participants_queue ON participants (tenant_id, arrived_at) WHERE status = 'ARRIVED';
        ALTER TABLE patients ADD consented_clinics uuid[] NOT NULL DEFAULT '{}';

        CREATE TABLE waitlist_entries (
          id uuid PRIMARY KEY,
          tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
          patient_id uuid NOT NULL,
          session_id uuid,
          service_type_id uuid NOT NULL,
          clinic_id uuid,
          provider_id uuid,
          weekdays smallint[] NOT NULL,
          part_of_day text CHECK (part_of_day IN ('MORNING', 'AFTERNOON', 'EVENING')),
          from_date date,
          until_date date,
          priority smallint NOT NULL CHECK (priority BETWEEN 1 AND 5),
          notes text,
          status text NOT NULL
            CHECK (status IN ('WAITING', 'OFFERED', 'ACCEPTED', 'DECLINED', 'LAPSED', 'CANCELLED')),
          created_at timestamptz NOT NULL,
          created_by text NOT NULL,
          closed_at timestamptz,
          closed_by text,
          CHECK (from_date <= until_date),
          CHECK ((status IN ('WAITING', 'OFFERED')) = (closed_at IS NULL)),
          UNIQUE (tenant_id, id),
          FOREIGN KEY (tenant_id, session_id) REFERENCES sessions (tenant_id, id),
          FOREIGN KEY (tenant_id, service_type_id) REFERENCES service_types (tenant_id, id),
          FOREIGN KEY (tenant_id, clinic_id) REFERENCES clinics (tenant_id, id),
          FOREIGN KEY (tenant_id, provider_id) REFERENCES providers (tenant_id, id)
        );
        CREATE UNIQUE INDEX waitlist_entries_session_once ON waitlist_entries (session_id, patient_id)
          WHERE status IN ('WAITING', 'OFFERED') AND session_id IS NOT NULL;
        CREATE UNIQUE INDEX waitlist_entries_service_once ON waitlist_entries (service_type_id, patient_id)
          WHERE status IN ('WAITING', 'OFFERED') AND session_id IS NULL;
        CREATE INDEX waitlist_entries_order ON waitlist_entries (tenant_id, priority, id);
        CREATE INDEX waitlist_entries_waiting ON waitlist_entries (service_type_id, priority, id)
          WHERE status = 'WAITING';
        CREATE TABLE waitlist_offers (
          id uuid PRIMARY KEY,
          tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
          entry_id uuid NOT NULL,
          session_id uuid NOT NULL,
          patient_id uuid NOT NULL,
          status text NOT NULL CHECK (status IN ('OPEN', 'ACCEPTED', 'DECLINED', 'LAPSED', 'WITHDRAWN')),
          offered_at timestamptz NOT NULL,
          expires_at timestamptz NOT NULL CHECK (expires_at > offered_at),
          closed_at timestamptz,
          closed_by text,
          CHECK ((status = 'OPEN') = (closed_at IS NULL)),
          UNIQUE (tenant_id, id),
          FOREIGN KEY (tenant_id, entry_id) REFERENCES waitlist_entries (tenant_id, id),
          FOREIGN KEY (tenant_id, session_id) REFERENCES sessions (tenant_id, id)
        );
        CREATE UNIQUE INDEX waitlist_offers_open_entry ON waitlist_offers (entry_id) WHERE status = 'OPEN';
        CREATE UNIQUE INDEX waitlist_offers_open ON waitlist_offers (session_id, patient_id) WHERE status = 'OPEN';
        CREATE INDEX waitlist_offers_due ON waitlist_offers (expires_at) WHERE status = 'OPEN';
        CREATE INDEX waitlist_offers_entry ON waitlist_offers (entry_id, id);
        CREATE INDEX waitlist_offers_session ON waitlist_offers (session_id, patient_id);
        CREATE TRIGGER capacity BEFORE INSERT ON waitlist_offers
          FOR EACH ROW WHEN (NEW.status = 'OPEN') EXECUTE FUNCTION check_capacity();

        CREATE TABLE calendar_links (
          id uuid PRIMARY KEY,
          tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
          provider_id uuid NOT NULL,
          token_hash bytea NOT NULL,
          created_at timestamptz NOT NULL,
          created_by text NOT NULL,
          CONSTRAINT calendar_links_provider UNIQUE (tenant_id, provider_id),
          FOREIGN KEY (tenant_id, provider_id) REFERENCES providers (tenant_id, id)
        );

        DROP FUNCTION hold_place(uuid, uuid);
    """)
    op.execute(_HOLD_PLACE_V2)
    op.execute(_CHECK_CAPACITY_V2)
    for table in TABLES:
        register_tenant_table(op.execute, table, SERVICE)
    # what the workers look for in all tenants at once: only what says that work is due
    grant_relay_access(op.execute, "settings", SERVICE, "tenant_id, no_show_grace_minutes")
    grant_relay_access(op.execute, "participants", SERVICE, "id, tenant_id, session_id, status, starts_at")
    grant_relay_access(op.execute, "sessions", SERVICE, "id, tenant_id, status, starts_at, decision_at, decision")
    grant_relay_access(op.execute, "waitlist_entries", SERVICE, "id, tenant_id, session_id, status, until_date")
    grant_relay_access(op.execute, "waitlist_offers", SERVICE, "id, tenant_id, session_id, status, expires_at")


def downgrade() -> None:
    op.execute("DROP FUNCTION hold_place(uuid, uuid, uuid)")
    op.execute(_HOLD_PLACE_V1)
    op.execute(_CHECK_CAPACITY_V1)
    op.execute("""
        DROP POLICY relay ON participants;
        DROP POLICY relay ON sessions;
        REVOKE SELECT (id, tenant_id, session_id, status, starts_at) ON participants FROM scheduling_relay;
        REVOKE SELECT (id, tenant_id, status, starts_at, decision_at, decision) ON sessions FROM scheduling_relay;
        ALTER TABLE patients DROP consented_clinics;
        ALTER TABLE participants DROP reschedule_count, DROP change_reason, DROP arrived_at, DROP arrived_by,
          DROP arrived_cleared, DROP arrived_consented, DROP check_in_override_reason, DROP attended_at,
          DROP attended_by, DROP no_show_at, DROP no_show_by, DROP no_show_reason;
        DROP INDEX participants_time, participants_expected, sessions_provider_cancelled;
        ALTER TABLE sessions DROP buffer_before_minutes, DROP buffer_after_minutes, DROP closes_when_empty,
          DROP series_id, DROP occurs_on, DROP started_at, DROP started_by, DROP completed_at, DROP completed_by,
          DROP reschedule_count, DROP change_reason, DROP overridden, DROP override_reason, DROP decision_at,
          DROP decision;
        ALTER TABLE working_hours DROP valid_from, DROP valid_to;
    """)
    op.execute(f"DROP TABLE {', '.join(reversed(TABLES))}")
