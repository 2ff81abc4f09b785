"""A centre with years of sessions, stored in bulk. What is measured is reading them, and booking beside them."""

from collections.abc import Sequence
from datetime import date, timedelta

import psycopg

TENANT, SERVICE_TYPE = "bench", "OT"
CLINICS, PROVIDERS, FEW = 17, 50, 10  # providers, and as many rooms, in each of the first two clinics and the others
# In the first of the clinics hardly an hour is free in the weeks ahead, and in the second most are. The third is
# ordinary.
FULL, EMPTY, ORDINARY = 1, 2, 3
ASKED = (FULL, EMPTY, ORDINARY)
AHEAD = timedelta(days=30)
PAST = timedelta(days=679)  # makes a million

# The exclusion constraints, which no reading uses, guard the time ahead only, because to build them for two years back
# takes minutes, and nobody books there.
_GUARD_AHEAD = """
    DO $$
    DECLARE
      guard record;
    BEGIN
      FOR guard IN SELECT conname, conrelid::regclass AS guarded, pg_get_constraintdef(oid) AS definition
                   FROM pg_constraint WHERE contype = 'x' LOOP
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', guard.guarded, guard.conname);
        EXECUTE format('ALTER TABLE %s ADD CONSTRAINT %I %s', guard.guarded, guard.conname,
                       replace(guard.definition, 'WHERE (', format('WHERE (starts_at > %L AND ', now())));
      END LOOP;
    END $$;
"""
# Ids like the application's, in the order of booking, so that the indexes are as dense. Triggers are off.
_PREPARE = """
    SET session_replication_role = replica;
    SET jalsa.tenant = 'bench';
    CREATE FUNCTION pg_temp.new_id(at timestamptz) RETURNS uuid LANGUAGE sql VOLATILE AS $$
      SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0')
              || '7' || substr(replace(gen_random_uuid()::text, '-', ''), 14))::uuid
    $$;
"""
_CENTRE = """
    INSERT INTO clinics (id, code, name_en, name_ar, timezone, active)
      SELECT pg_temp.new_id(now()), 'C' || n, 'Clinic ' || n, 'عيادة', 'Asia/Riyadh', true
      FROM generate_series(1, %(clinics)s) AS n;
    INSERT INTO service_types (id, code, name_en, name_ar, discipline, default_duration_minutes,
                               buffer_before_minutes, buffer_after_minutes, active)
      VALUES (pg_temp.new_id(now()), %(service_type)s, 'Therapy', 'علاج', 'OT', 60, 0, 0, true);
    INSERT INTO rooms (id, clinic_id, name, active)
      SELECT pg_temp.new_id(now()), id, 'Room ' || to_char(n, 'FM000'), true
      FROM clinics, generate_series(1, CASE WHEN code IN ('C1', 'C2') THEN %(providers)s ELSE %(few)s END) AS n;
    INSERT INTO providers (id, name_en, name_ar, user_id, discipline, active)
      SELECT pg_temp.new_id(now()), 'Provider ' || to_char(n, 'FM000'), 'معالج', code || '-' || n, 'OT', true
      FROM clinics, generate_series(1, CASE WHEN code IN ('C1', 'C2') THEN %(providers)s ELSE %(few)s END) AS n;
    INSERT INTO provider_clinics (id, provider_id, clinic_id)
      SELECT pg_temp.new_id(now()), p.id, c.id
      FROM providers p JOIN clinics c ON c.code = split_part(p.user_id, '-', 1);
    INSERT INTO working_hours (id, provider_id, clinic_id, weekday, starts, ends)
      SELECT pg_temp.new_id(now()), provider_id, clinic_id, weekday, '09:00', '17:00'
      FROM provider_clinics, generate_series(0, 4) AS weekday;
    INSERT INTO patients (id, file_number, active)
      SELECT pg_temp.new_id(now()), 'FILE-' || n, true FROM generate_series(1, 20000) AS n;
"""
# Eight hours of every working day. The fourth is a group of four. A desk is a provider with a room of its own.
_SESSIONS = """
    CREATE TEMP TABLE desks ON COMMIT DROP AS
      SELECT row_number() OVER () AS n, c.id AS clinic, p.id AS provider, r.id AS room, substr(code, 2)::int AS number
      FROM providers p JOIN provider_clinics pc ON pc.provider_id = p.id JOIN clinics c ON c.id = pc.clinic_id
      JOIN rooms r ON r.clinic_id = c.id AND right(r.name, 3) = right(p.name_en, 3);
    CREATE TEMP TABLE patient_numbers ON COMMIT DROP AS
      SELECT row_number() OVER () - 1 AS n, id FROM patients;
    CREATE TEMP TABLE made ON COMMIT DROP AS
      SELECT pg_temp.new_id(starts - interval '14 days') AS id, desks.*, slot, starts, starts < now() AS over
      FROM desks,
           generate_series(CAST(%(first)s AS timestamp), %(last)s, interval '1 day') AS day,
           generate_series(0, 7) AS slot,
           LATERAL (SELECT (day + (9 + slot) * interval '1 hour') AT TIME ZONE 'Asia/Riyadh' AS starts) AS hour
      WHERE extract(dow FROM day) < 5 AND number = ANY (%(clinics)s)
        AND (day < now() OR CASE number WHEN %(full)s THEN (n * 7 + slot * 31 + extract(doy FROM day)) %% 400 <> 0
                                        WHEN %(empty)s THEN slot IN (2, 3) ELSE true END)
      ORDER BY starts, n;
    INSERT INTO sessions (id, session_number, session_type, clinic_id, provider_id, room_id, service_type_id, starts_at,
                          ends_at, max_capacity, status, created_at, created_by, started_at, completed_at)
      SELECT id, 'SES-' || to_char(starts, 'YYMMDDHH24') || n, CASE WHEN slot = 3 THEN 'GROUP' ELSE 'INDIVIDUAL' END,
             clinic, provider, room, (SELECT id FROM service_types), starts, starts + interval '1 hour',
             CASE WHEN slot = 3 THEN 6 ELSE 1 END, CASE WHEN over THEN 'COMPLETED' ELSE 'SCHEDULED' END,
             starts - interval '14 days', 'bench', CASE WHEN over THEN starts END,
             CASE WHEN over THEN starts + interval '1 hour' END
      FROM made;
    INSERT INTO participants (id, appointment_number, session_id, patient_id, status, starts_at, ends_at, booked_at,
                              booked_by, arrived_at, arrived_cleared, arrived_consented, attended_at)
      SELECT pg_temp.new_id(starts - interval '14 days'),
             'APT-' || to_char(starts, 'YYMMDDHH24') || '-' || made.n || '-' || seat, made.id, p.id,
             CASE WHEN over THEN 'ATTENDED' ELSE 'BOOKED' END, starts, starts + interval '1 hour',
             starts - interval '14 days', 'bench', CASE WHEN over THEN starts END, CASE WHEN over THEN true END,
             CASE WHEN over THEN true END, CASE WHEN over THEN starts + interval '1 hour' END
      FROM made CROSS JOIN LATERAL generate_series(1, CASE WHEN slot = 3 THEN 4 ELSE 1 END) AS seat
      JOIN patient_numbers p ON p.n = (made.n * 4 + seat + slot * 1009 + extract(doy FROM starts)::int * 131) %% 20000;
"""


def set_up(url: str) -> None:
    """Clinics, rooms, providers with their hours, patients: the same for few sessions and for many."""
    with psycopg.connect(url, cursor_factory=psycopg.ClientCursor) as connection:
        connection.execute(_GUARD_AHEAD)
        connection.execute(_PREPARE)
        asked = {"clinics": CLINICS, "providers": PROVIDERS, "few": FEW, "service_type": SERVICE_TYPE}
        connection.execute(_CENTRE, asked)


def fill_ahead(url: str, today: date) -> None:
    """About 12,000 sessions: the weeks ahead of the clinics that are asked about."""
    _fill(url, today + timedelta(days=1), today + AHEAD, ASKED)


def fill_all(url: str, today: date) -> None:
    """The rest of a million: the weeks ahead of the other clinics, and the past of all."""
    everywhere = list(range(1, CLINICS + 1))
    _fill(url, today + timedelta(days=1), today + AHEAD, [c for c in everywhere if c not in ASKED])
    _fill(url, today - PAST, today - timedelta(days=1), everywhere)


def _fill(url: str, first: date, last: date, clinics: Sequence[int]) -> None:
    asked = {"first": first, "last": last, "clinics": list(clinics), "full": FULL, "empty": EMPTY}
    with psycopg.connect(url, cursor_factory=psycopg.ClientCursor, autocommit=True) as connection:
        connection.execute("SET work_mem = '256MB'; SET jit = off")
        connection.execute(_PREPARE)
        with connection.transaction():
            connection.execute(_SESSIONS, asked)
        connection.execute("VACUUM ANALYZE sessions")
        connection.execute("VACUUM ANALYZE participants")
