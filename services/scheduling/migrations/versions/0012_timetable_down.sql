-- The functions as they were before the timetable.
CREATE OR REPLACE FUNCTION hold_place(wanted_patient uuid, wanted_session uuid, moving uuid, OUT active boolean,
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
CREATE OR REPLACE FUNCTION blocked_by(placed sessions) RETURNS text[] LANGUAGE plpgsql STABLE AS $$
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
               AND c.starts_on <= absence_day(k.timezone, placed.ends_at - interval '1 microsecond')
               AND c.ends_on >= absence_day(k.timezone, placed.starts_at))
  THEN
    found := found || 'closure'::text;
  END IF;
  IF found <> '{}' AND placed.overridden <> '{}' THEN
    RETURN ARRAY(SELECT rule FROM unnest(found) AS rule WHERE rule <> ALL (placed.overridden));
  END IF;
  RETURN found;
END $$;
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
DROP FUNCTION spots_of(uuid, int, uuid), closures_over(uuid, timestamptz, timestamptz),
  occupancy(text, uuid, int, int, timestamptz, timestamptz), live_session(text),
  days_overlap(date, date, date, date), times_overlap(timestamptz, timestamptz, timestamptz, timestamptz);
