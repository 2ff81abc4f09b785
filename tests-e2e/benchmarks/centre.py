"""The centre that `schedule_data` fills, with its records, what overlaps in it, and requests to it."""

import json
from datetime import datetime
from typing import Any

import load
import psycopg
from psycopg.rows import dict_row

_CENTRE = """
    SELECT c.id AS clinic, array_agg(DISTINCT pc.provider_id) AS providers, array_agg(DISTINCT r.id) AS rooms,
           (SELECT array_agg(id) FROM (SELECT id FROM patients ORDER BY id LIMIT 200) AS first) AS patients
    FROM clinics c JOIN provider_clinics pc ON pc.clinic_id = c.id JOIN rooms r ON r.clinic_id = c.id
    WHERE c.code = %s GROUP BY c.id
"""
OVERLAPS = """
    WITH live AS MATERIALIZED (SELECT * FROM sessions WHERE status <> 'CANCELLED' AND starts_at > %(from)s),
         places AS MATERIALIZED (SELECT * FROM participants WHERE live AND starts_at > %(from)s)
    SELECT (SELECT count(*) FROM live a JOIN live b ON a.provider_id = b.provider_id AND a.id < b.id
            AND a.during && b.during) AS providers,
           (SELECT count(*) FROM live a JOIN live b ON a.room_id = b.room_id AND a.id < b.id
            AND a.during && b.during) AS rooms,
           (SELECT count(*) FROM places a JOIN places b ON a.patient_id = b.patient_id AND a.id < b.id
            AND a.starts_at < b.ends_at AND b.starts_at < a.ends_at) AS patients
"""
DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"


def clinic(url: str, number: int) -> dict[str, Any]:
    """The id of a clinic by its number, and those of its providers, rooms, and of 200 patients."""
    return row(url, _CENTRE, [f"C{number}"])


def row(url: str, query: str, asked: Any = ()) -> dict[str, Any]:
    """The first row that a query returns."""
    with psycopg.connect(url, row_factory=dict_row) as connection:
        return connection.execute(query, asked).fetchone() or {}


def post(port: int, path: str, token: str, body: dict[str, Any]) -> bytes:
    """A request whose body is written as JSON."""
    written = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in body.items()}
    return load.request(port, "POST", path, token, json.dumps(written, default=str).encode())
