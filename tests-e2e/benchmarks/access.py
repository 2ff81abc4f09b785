"""The access log: what it costs a reading, and how long it takes to find who saw a patient among ten million rows."""

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import load
import psycopg
from booking import running
from sqlalchemy import make_url

from jalsa.dev.issuer import Issuer
from jalsa.dev.kit import ServiceKit, service_kit
from jalsa.dev.servers import Servers
from patient_files.app import SERVICE

TENANT = "bench"
CLIENTS, READINGS = 8, 2_000
MONTHS, ROWS, PATIENTS, PEOPLE = 120, 10_000_000, 50_000, 400
ASKED, WARM = 200, 40

_REGISTRY = """
    SET session_replication_role = replica;
    SET jalsa.tenant = 'bench';
    INSERT INTO patients (id, first_name_en, last_name_en, birth_calendar, birth_precision, birth_value, born_from,
                          born_to, sex, preferred_language, active, created_at)
      SELECT gen_random_uuid(), 'Sara', 'Number ' || n, 'GREGORIAN', 'DAY', '2015-04-30', '2015-04-30', '2015-04-30',
             'F', 'ar', true, now()
      FROM generate_series(1, %(patients)s) AS n;
    INSERT INTO main_files (id, file_number, patient_id, opened_at)
      SELECT gen_random_uuid(), 'FILE-2026-' || to_char(row_number() OVER (), 'FM000000'), id, now() FROM patients;
    ANALYZE;
"""
_MONTHS = """
    DO $$
    DECLARE
      month timestamp;
      name text;
    BEGIN
      FOR back IN 1 .. %(months)s LOOP
        month := date_trunc('month', now() AT TIME ZONE 'UTC') - back * interval '1 month';
        name := to_char(month, '"access_log_"YYYY_MM');
        EXECUTE format('CREATE TABLE %%I (LIKE access_log INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', name);
        EXECUTE format('ALTER TABLE access_log ATTACH PARTITION %%I FOR VALUES FROM (%%L) TO (%%L)', name,
                       month AT TIME ZONE 'UTC', (month + interval '1 month') AT TIME ZONE 'UTC');
      END LOOP;
    END $$
"""
# A month of a hospital: people read patients at random, four in ten rows stand for an hour.
_FILL = """
    WITH known AS (SELECT array_agg(id ORDER BY id) AS ids FROM patients), month AS (
      SELECT (date_trunc('month', now() AT TIME ZONE 'UTC') - %(back)s * interval '1 month') AT TIME ZONE 'UTC'
        AS begins
    )
    INSERT INTO access_log (tenant_id, id, at, person, roles, patient_id, kind, record_id, purpose, outcome, request_id,
                            hourly)
    SELECT 'bench', gen_random_uuid(), CASE WHEN n %% 10 < 4 THEN date_trunc('hour', at) ELSE at END,
           'user.' || (random() * %(people)s)::int, ARRAY['clinician'], ids[1 + floor(random() * %(patients)s)],
           (ARRAY['patient', 'file', 'consent', 'encounter'])[1 + n %% 4], gen_random_uuid()::text, 'TREAT', 'READ',
           gen_random_uuid()::text, n %% 10 < 4
    FROM known, month, LATERAL (
      SELECT n, begins + random() * interval '28 days' AS at FROM generate_series(1, %(rows)s) AS n
    ) AS drawn
    ON CONFLICT DO NOTHING
"""


def measure(servers: Servers, issuer: Issuer, *, rounds: int) -> dict[str, Any]:
    """Readings per second with and without the log, in turn. Then milliseconds of the answers on a full log."""
    with service_kit(SERVICE, servers, issuer) as kit:
        url = f"{servers.postgres.url.rsplit('/', 1)[0]}/{make_url(kit.config.database_url).database}"
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(_REGISTRY % {"patients": PATIENTS})
            patients = [str(row[0]) for row in connection.execute("SELECT id FROM patients")]
        token = issuer.token(TENANT, ["records"], subject="reader")
        with _web(kit) as ours, _web(kit, logging=False) as bare:
            costs = {
                "record": _cost(ours, bare, token, [f"/v1/patients/{each}" for each in patients], rounds),
                "list": _cost(ours, bare, token, ["/v1/patients?limit=50"], rounds),
            }
            rows = _fill(url)
            found = {
                "patient": _answers(ours, token, [f"/v1/patients/{each}/access-log" for each in patients]),
                "person": _answers(ours, token, [f"/v1/access-log?actor=user.{n}" for n in range(1, PEOPLE)]),
            }
    return {**costs, "rows": rows, "found": found}


@contextmanager
def _web(kit: ServiceKit, *, logging: bool = True) -> Iterator[int]:
    bare = [sys.executable, str(Path(__file__).parent / "access_app.py")]
    with running(kit, [sys.executable, "-m", "patient_files", "web"] if logging else bare) as port:
        yield port


def _cost(ours: int, bare: int, token: str, paths: list[str], rounds: int) -> dict[str, Any]:
    def rate(port: int, count: int = READINGS) -> float:
        requests = [load.request(port, "GET", random.choice(paths), token, b"") for _ in range(count)]
        result = load.run(port, requests, CLIENTS)
        if set(result.statuses) != {200}:
            raise RuntimeError(f"answers: {dict(result.statuses)}")
        return result.per_second

    for port in (ours, bare):
        rate(port, READINGS // 4)
    rates = [(rate(ours), rate(bare)) for _ in range(rounds)]
    return {
        "ratio": median(one / other for one, other in rates),
        "ours": [one for one, _ in rates],
        "bare": [other for _, other in rates],
    }


def _fill(url: str) -> int:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(_MONTHS % {"months": MONTHS})
        values = {"people": PEOPLE, "patients": PATIENTS, "rows": ROWS // MONTHS}
        for back in range(1, MONTHS + 1):
            connection.execute(_FILL % {**values, "back": back})
        connection.execute("VACUUM ANALYZE access_log")
        row = connection.execute("SELECT count(*) FROM access_log").fetchone()
    assert row is not None
    return int(row[0])


def _answers(port: int, token: str, paths: list[str]) -> dict[str, float]:
    """Milliseconds of one client's requests, one after another."""
    asked = random.sample(paths, ASKED + WARM)
    result = load.run(port, [load.request(port, "GET", path, token, b"") for path in asked], 1)
    if set(result.statuses) != {200}:
        raise RuntimeError(f"answers: {dict(result.statuses)}")
    latencies = [seconds * 1e3 for seconds in result.latencies[WARM:]]
    return {"median": median(latencies), "p95": quantiles(latencies, n=20)[18], "max": max(latencies)}
