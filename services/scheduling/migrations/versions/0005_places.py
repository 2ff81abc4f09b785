"""Places: when a series has its sessions, what stands over a session, who is fulfilled or can not be told.

A function says which absences stand over a session, and everybody asks it: bookings, offers, lists, answers.
"""

from alembic import op

revision = "0005"
down_revision = "0004"

SERVICE = "scheduling"

# As `placing.conflicts` has it for a place. A rule that a manager set aside when the session was placed does not count.
_BLOCKED_BY = """
    CREATE FUNCTION blocked_by(placed sessions) RETURNS text[] LANGUAGE plpgsql STABLE AS $$
    DECLARE
      found text[] := '{}';
    BEGIN
      IF placed.status <> 'SCHEDULED' THEN
        RETURN found;
      END IF;
      IF EXISTS (SELECT FROM time_off
                 WHERE provider_id = placed.provider_id AND starts_at < placed.ends_at AND ends_at > placed.starts_at)
      THEN
        found := found || 'time-off'::text;
      END IF;
      IF EXISTS (SELECT FROM closures c JOIN clinics k ON k.id = placed.clinic_id
                 WHERE (c.clinic_id IS NULL OR c.clinic_id = placed.clinic_id)
                   AND c.starts_on <= ((placed.ends_at - interval '1 microsecond') AT TIME ZONE k.timezone)::date
                   AND c.ends_on >= (placed.starts_at AT TIME ZONE k.timezone)::date)
      THEN
        found := found || 'closure'::text;
      END IF;
      IF found <> '{}' AND placed.overridden <> '{}' THEN
        RETURN ARRAY(SELECT rule FROM unnest(found) AS rule WHERE rule <> ALL (placed.overridden));
      END IF;
      RETURN found;
    END $$;
"""
# `waits`: whether the patient has an open waitlist entry, which the booking may fulfil. `elsewhere`: the sessions in
# which the patient is offered a place; their rows are locked with the wanted one's, in order, to pass those places on.
_HOLD_PLACE_V3 = """
    CREATE FUNCTION hold_place(wanted_patient uuid, wanted_session uuid, moving uuid, OUT active boolean,
                               OUT consented boolean, OUT taken int, OUT held int, OUT offered uuid,
                               OUT enrolled boolean, OUT busy boolean, OUT blocked text[], OUT waits boolean,
                               OUT elsewhere uuid[])
    LANGUAGE plpgsql AS $$
    DECLARE
      placed sessions;
    BEGIN
      PERFORM pg_advisory_xact_lock(hashtextextended('patient:' || wanted_patient, 0));
      SELECT p.active, p.consented INTO active, consented FROM patients p WHERE p.id = wanted_patient;
      IF NOT coalesce(active, false) THEN
        RETURN;
      END IF;
      waits := EXISTS (SELECT FROM waitlist_entries
                       WHERE patient_id = wanted_patient AND status IN ('WAITING', 'OFFERED'));
      elsewhere := '{}';
      IF waits THEN
        elsewhere := ARRAY(SELECT session_id FROM waitlist_offers
                           WHERE patient_id = wanted_patient AND status = 'OPEN'
                             AND session_id IS DISTINCT FROM wanted_session);
      END IF;
      IF wanted_session IS NOT NULL THEN
        IF elsewhere <> '{}' THEN
          PERFORM FROM sessions WHERE id = wanted_session OR id = ANY (elsewhere) ORDER BY id FOR UPDATE;
        END IF;
        SELECT * INTO placed FROM sessions WHERE id = wanted_session FOR UPDATE;
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
        blocked := blocked_by(placed);
      END IF;
    END $$;
"""
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
# Rows of every tenant are changed, and nobody's tenant is set to audit it under.
_OPEN = "ALTER TABLE {} NO FORCE ROW LEVEL SECURITY, DISABLE TRIGGER audit"
_CLOSE = "ALTER TABLE {} FORCE ROW LEVEL SECURITY, ENABLE TRIGGER audit"


def upgrade() -> None:
    # When a series has a session was not kept: one that was never moved is there, of the others the rule is known. It
    # cannot be reckoned in a zone that the database does not know; such a session is taken to be where it belongs.
    op.execute("ALTER TABLE sessions ADD series_starts_at timestamptz")
    for table in ("sessions", "session_series", "clinics"):
        op.execute(_OPEN.format(table))
    op.execute("""
        UPDATE sessions s
        SET series_starts_at = CASE WHEN s.reschedule_count > 0 AND c.timezone IN (SELECT name FROM pg_timezone_names)
                                    THEN (s.occurs_on + r.start_time) AT TIME ZONE c.timezone ELSE s.starts_at END
        FROM session_series r JOIN clinics c ON c.id = r.clinic_id WHERE r.id = s.series_id
    """)
    for table in ("sessions", "session_series", "clinics"):
        op.execute(_CLOSE.format(table))
    op.execute("""
        ALTER TABLE sessions
          ADD CONSTRAINT sessions_of_series CHECK ((series_id IS NULL) = (series_starts_at IS NULL));
        ALTER TABLE participants
          ADD booking_overridden text[] NOT NULL DEFAULT '{}',
          ADD booking_override_reason text,
          ADD CONSTRAINT participants_overridden
            CHECK (booking_overridden = '{}' OR booking_override_reason IS NOT NULL);
        GRANT SELECT (booked_at) ON participants TO scheduling_relay;

        ALTER TABLE patients ADD reachable boolean;
        ALTER TABLE waitlist_entries
          DROP CONSTRAINT waitlist_entries_status_check,
          ADD CONSTRAINT waitlist_entries_status_check CHECK
            (status IN ('WAITING', 'OFFERED', 'ACCEPTED', 'FULFILLED', 'DECLINED', 'LAPSED', 'CANCELLED')),
          ADD passed_over_at timestamptz,
          ADD passed_over_session_id uuid,
          ADD CONSTRAINT waitlist_entries_passed_over
            CHECK ((passed_over_at IS NULL) = (passed_over_session_id IS NULL)),
          ADD FOREIGN KEY (tenant_id, passed_over_session_id) REFERENCES sessions (tenant_id, id);
        CREATE INDEX waitlist_entries_patient ON waitlist_entries (patient_id) WHERE status IN ('WAITING', 'OFFERED');
        CREATE INDEX waitlist_entries_passed_over ON waitlist_entries (tenant_id, priority, id)
          WHERE status = 'WAITING' AND passed_over_at IS NOT NULL;
        CREATE INDEX waitlist_offers_patient ON waitlist_offers (patient_id) WHERE status = 'OPEN';
        DROP FUNCTION hold_place(uuid, uuid, uuid);
    """)
    op.execute(_BLOCKED_BY)
    op.execute(_HOLD_PLACE_V3)


def downgrade() -> None:
    op.execute("DROP FUNCTION hold_place(uuid, uuid, uuid), blocked_by(sessions)")
    op.execute(_HOLD_PLACE_V2)
    op.execute(_OPEN.format("waitlist_entries"))
    op.execute("UPDATE waitlist_entries SET status = 'CANCELLED' WHERE status = 'FULFILLED'")
    op.execute(_CLOSE.format("waitlist_entries"))
    op.execute("""
        DROP INDEX waitlist_offers_patient, waitlist_entries_patient;
        ALTER TABLE waitlist_entries
          DROP passed_over_at, DROP passed_over_session_id,
          DROP CONSTRAINT waitlist_entries_status_check,
          ADD CONSTRAINT waitlist_entries_status_check CHECK
            (status IN ('WAITING', 'OFFERED', 'ACCEPTED', 'DECLINED', 'LAPSED', 'CANCELLED'));
        ALTER TABLE patients DROP reachable;
        REVOKE SELECT (booked_at) ON participants FROM scheduling_relay;
        ALTER TABLE participants DROP booking_overridden, DROP booking_override_reason;
        ALTER TABLE sessions DROP series_starts_at;
    """)
