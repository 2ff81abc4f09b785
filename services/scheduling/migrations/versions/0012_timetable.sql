-- The timetable: what takes up providers, rooms and patients, and how many spots of a session are free.
-- Each rule stands here once. The planner puts these functions' text in place of their calls, so that indexes are used
-- as if the text stood in the statement. That needs LANGUAGE sql, one SELECT, and no SET clause.

-- Whether two times overlap. The end does not belong to a time, so that two times which only touch do not overlap.
CREATE FUNCTION times_overlap(starts timestamptz, ends timestamptz, other_starts timestamptz, other_ends timestamptz)
RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT starts < other_ends AND ends > other_starts
$$;

-- The same for whole days, of which the last one belongs to them.
CREATE FUNCTION days_overlap(starts_on date, ends_on date, first_day date, last_day date)
RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT starts_on <= last_day AND ends_on >= first_day
$$;

-- Whether a session of that status takes up its provider and its room.
CREATE FUNCTION live_session(status text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT status <> 'CANCELLED'
$$;

-- What takes up a 'provider', a 'room' or a 'patient' between two instants. Only a literal kind is fast: the planner
-- then reads the tables of that kind alone. A new session with buffers of so many minutes cannot overlap the time from
-- taken_from to taken_to: a stored session with its own buffers must not meet the new one with its buffers, so that its
-- time is longer by both. Absences and patients have no buffers.
-- No session is longer than eight hours and no buffer longer than eight, so that a session which matters starts within
-- a range that a B-tree finds many times faster than the index of the exclusion constraints would.
CREATE FUNCTION occupancy(kind text, owner uuid, before_minutes int, after_minutes int, since timestamptz,
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

-- The closures of a clinic, its own and those of every clinic, on the local days that a time touches.
CREATE FUNCTION closures_over(clinic uuid, since timestamptz, until timestamptz) RETURNS SETOF closures
LANGUAGE sql STABLE AS $$
  SELECT c.* FROM clinics k JOIN closures c ON c.clinic_id IS NULL OR c.clinic_id = k.id
  WHERE k.id = clinic
    AND days_overlap(c.starts_on, c.ends_on, absence_day(k.timezone, since),
                     absence_day(k.timezone, until - interval '1 microsecond'))
$$;

-- The spots of a session: all of them, those of live participants, those that open offers hold, and those that can be
-- booked. The participant or offer `but` is not counted. What a statement does not read of it is not counted for it.
CREATE FUNCTION spots_of(session uuid, max_capacity int, but uuid DEFAULT NULL)
RETURNS TABLE (capacity int, taken int, held int, available int)
LANGUAGE sql STABLE AS $$
  SELECT c.capacity, c.taken, c.held, greatest(c.capacity - c.taken - c.held, 0) FROM (
    SELECT max_capacity AS capacity,
           (SELECT count(*) FROM participants p
            WHERE p.session_id = session AND p.live AND p.id IS DISTINCT FROM but)::int AS taken,
           (SELECT count(*) FROM waitlist_offers o
            WHERE o.session_id = session AND o.status = 'OPEN' AND o.id IS DISTINCT FROM but)::int AS held
    OFFSET 0  -- keeps the planner from counting each of them again for `available`
  ) AS c
$$;

-- A session never has more live participants and open offers than its capacity. Locking the session's row makes the
-- count see every other booking of it, whatever the application did or forgot. The same function checks a
-- participant's row and an offer's: both have a session and an id.
CREATE OR REPLACE FUNCTION check_capacity() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
  placed sessions;
BEGIN
  SELECT * INTO placed FROM sessions WHERE id = NEW.session_id FOR UPDATE;
  IF (SELECT s.taken + s.held >= s.capacity FROM spots_of(placed.id, placed.max_capacity, NEW.id) AS s) THEN
    RAISE EXCEPTION 'session full' USING ERRCODE = 'check_violation', CONSTRAINT = 'participants_capacity';
  END IF;
  RETURN NEW;
END $$;
CREATE OR REPLACE FUNCTION check_lowered_capacity() RETURNS trigger LANGUAGE plpgsql
SET search_path = public, pg_temp AS $$
BEGIN
  IF (SELECT s.taken + s.held > s.capacity FROM spots_of(NEW.id, NEW.max_capacity) AS s) THEN
    RAISE EXCEPTION 'session full' USING ERRCODE = 'check_violation', CONSTRAINT = 'participants_capacity';
  END IF;
  RETURN NULL;
END $$;

-- The absences over a session, without those that a manager overrode when the session was placed.
CREATE OR REPLACE FUNCTION blocked_by(placed sessions) RETURNS text[] LANGUAGE plpgsql STABLE AS $$
DECLARE
  found text[] := '{}';
BEGIN
  IF placed.status <> 'SCHEDULED' THEN
    RETURN found;
  END IF;
  IF EXISTS (SELECT FROM occupancy('provider', placed.provider_id, 0, 0, placed.starts_at, placed.ends_at) AS o
             WHERE o.cause = 'time-off')
  THEN
    found := found || 'time-off'::text;
  END IF;
  IF EXISTS (SELECT FROM closures_over(placed.clinic_id, placed.starts_at, placed.ends_at)) THEN
    found := found || 'closure'::text;
  END IF;
  IF found <> '{}' AND placed.overridden <> '{}' THEN
    RETURN ARRAY(SELECT rule FROM unnest(found) AS rule WHERE rule <> ALL (placed.overridden));
  END IF;
  RETURN found;
END $$;

-- What the rules of a booking ask, read under the locks that keep it true: the patient's, then the session's row. It
-- decides nothing. `moving` is the participant who gives up another spot for the wanted one, or null. `waits` says
-- whether the patient has an open waitlist entry, which the booking may fulfil. `elsewhere` are the other sessions in
-- which the patient is offered a spot; their rows are locked with the wanted one's, in order, to pass those spots on.
CREATE OR REPLACE FUNCTION hold_place(wanted_patient uuid, wanted_session uuid, moving uuid, OUT active boolean,
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
