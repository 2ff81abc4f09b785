-- The functions as 0012 has them.
CREATE OR REPLACE FUNCTION occupancy(kind text, owner uuid, before_minutes int, after_minutes int, since timestamptz,
                          until timestamptz)
RETURNS TABLE (cause text, source_id uuid, source_number text, starts_at timestamptz, ends_at timestamptz,
               taken_from timestamptz, taken_to timestamptz)
LANGUAGE sql STABLE AS $$
  SELECT o.cause, o.id, o.number, o.starts_at, o.ends_at, o.taken_from, o.taken_to FROM (
    SELECT 'session' AS cause, taken.* FROM (
      SELECT s.id, s.session_number AS number, s.starts_at, s.ends_at,
             s.starts_at - make_interval(mins => s.buffer_before_minutes + after_minutes) AS taken_from,
             s.ends_at + make_interval(mins => s.buffer_after_minutes + before_minutes) AS taken_to
      FROM sessions s
      WHERE CASE kind WHEN 'provider' THEN s.provider_id WHEN 'room' THEN s.room_id END = owner
        AND live_session(s.status)
        AND s.starts_at > since - make_interval(mins => 960 + before_minutes)
        AND s.starts_at < until + make_interval(mins => 480 + after_minutes)
      OFFSET 0  -- keeps the planner from reckoning the buffers a second time for the condition below
    ) AS taken
    UNION ALL
    SELECT 'time-off', t.id, NULL, t.starts_at, t.ends_at, t.starts_at, t.ends_at
    FROM time_off t WHERE kind = 'provider' AND t.provider_id = owner
    UNION ALL
    SELECT 'session', p.session_id, NULL, p.starts_at, p.ends_at, p.starts_at, p.ends_at
    FROM participants p WHERE kind = 'patient' AND p.patient_id = owner AND p.live
  ) AS o
  WHERE times_overlap(o.taken_from, o.taken_to, since, until)
$$;

DROP FUNCTION hold_place(uuid, uuid, uuid);
CREATE FUNCTION hold_place(wanted_patient uuid, wanted_session uuid, moving uuid, OUT active boolean,
                                      OUT consented boolean, OUT taken int, OUT held int, OUT offered uuid,
                                      OUT enrolled boolean, OUT busy boolean, OUT blocked text[], OUT waits boolean,
                                      OUT elsewhere uuid[])
LANGUAGE plpgsql AS $$
DECLARE
  placed sessions;
  leaving uuid;
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
    SELECT id INTO offered FROM waitlist_offers
    WHERE session_id = wanted_session AND patient_id = wanted_patient AND status = 'OPEN';
    SELECT s.taken, s.held INTO taken, held FROM spots_of(placed.id, placed.max_capacity, offered) AS s;
    enrolled := EXISTS (SELECT FROM participants
                        WHERE session_id = wanted_session AND patient_id = wanted_patient AND live);
    IF moving IS NOT NULL THEN
      SELECT session_id INTO leaving FROM participants WHERE id = moving;
    END IF;
    busy := EXISTS (SELECT FROM occupancy('patient', wanted_patient, 0, 0, placed.starts_at, placed.ends_at) AS o
                    WHERE o.source_id <> wanted_session AND o.source_id IS DISTINCT FROM leaving);
    blocked := blocked_by(placed);
  END IF;
END $$;
