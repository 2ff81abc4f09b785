"""Bookings per second over HTTP, with everything on, against the bare application, and the races for one place."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import load
import psycopg
import urllib3
from sqlalchemy import text

from jalsa.db.transactions import Database
from jalsa.dev.issuer import Issuer
from jalsa.dev.kit import ServiceKit, service_kit
from jalsa.dev.servers import Postgres, Servers
from jalsa.dev.servers.processes import free_ports
from jalsa.service.ids import new_id
from scheduling.app import SERVICE
from scheduling.directory.operations.projections import save_patient

TENANT = "bench"
HERE = Path(__file__).parent


def measure(servers: Servers, issuer: Issuer, *, bookings: int, rounds: int) -> dict[str, Any]:
    """Rounds of both in turn. Returns the median of the ratios."""
    with service_kit(SERVICE, servers, issuer) as ours, service_kit(SERVICE, servers, issuer) as bare:
        owner_url = _make_bare(bare, servers.postgres)
        token = issuer.token(TENANT, ["manager"])
        with web(ours) as our_port, _bare_web(owner_url) as bare_port:
            ratios, our_rates, bare_rates = [], [], []
            for _ in range(rounds):
                our_rates.append(_book_ours(ours, our_port, token, bookings).per_second)
                bare_rates.append(_book_bare(bare, bare_port, bookings).per_second)
                ratios.append(our_rates[-1] / bare_rates[-1])
            races = {"race": _race(ours, our_port, token), "slot": _slot_race(ours, our_port, token)}
    return {"ratio": sorted(ratios)[len(ratios) // 2], "ours": our_rates, "bare": bare_rates, **races}


@contextmanager
def web(kit: ServiceKit) -> Iterator[int]:
    """The service's web process under gunicorn. Yields its port."""
    with running(kit, [sys.executable, "-m", kit.service.name.replace("-", "_"), "web"]) as port:
        yield port


@contextmanager
def running(kit: ServiceKit, command: list[str]) -> Iterator[int]:
    """A web process of a service, which the command starts. Yields its port."""
    [port] = free_ports(1)
    config = kit.config
    environment = {
        **os.environ,
        "DATABASE_URL": config.database_url,
        "JWKS_URL": config.jwks_url,
        "SERVICE_JWKS_URL": config.service_jwks_url,
        "ACCESS_LOG_KEY": config.access_log_key,
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "WEB_WORKERS": "2",
        "WEB_THREADS": "8",
    }
    with _process(command, environment, port, "/readyz"):
        yield port


@contextmanager
def _bare_web(url: str) -> Iterator[int]:
    [port] = free_ports(1)
    command = [sys.executable, str(HERE / "bare_app.py"), str(port)]
    with _process(command, {**os.environ, "DATABASE_URL": url}, port, "/"):
        yield port


@contextmanager
def _process(command: list[str], environment: dict[str, str], port: int, ready: str) -> Iterator[None]:
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                urllib3.request("GET", f"http://127.0.0.1:{port}{ready}", retries=False, timeout=2)
                break
            except urllib3.exceptions.HTTPError:
                time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait(20)


def _make_bare(kit: ServiceKit, postgres: Postgres) -> str:
    """The same tables, constraints and indexes, without triggers and row-level security. Returns a superuser's URL."""
    name = Database(kit.config.database_url).engine.url.database
    url = postgres.url.rsplit("/", 1)[0] + f"/{name}"
    with psycopg.connect(url, autocommit=True) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        for (table,) in tables:
            connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        connection.execute("CREATE SEQUENCE bare_numbers")
    return url


def _desk(kit: ServiceKit) -> tuple[UUID, UUID, UUID, str]:
    """A clinic, a provider who works round the clock there, a service type, and the code of both clinic and type."""
    clinic, provider, kind = new_id(), new_id(), new_id()
    code = str(clinic)[-6:].upper()
    names = {"clinic": clinic, "provider": provider, "kind": kind, "code": code}
    with kit.transaction(TENANT) as db:
        for statement in (
            "INSERT INTO clinics (id, code, name_en, name_ar, timezone, active) "
            "VALUES (:clinic, :code, 'c', 'c', 'Asia/Riyadh', true)",
            "INSERT INTO providers (id, name_en, name_ar, user_id, discipline, active) "
            "VALUES (:provider, 'p', 'p', :provider, 'OT', true)",
            "INSERT INTO provider_clinics (id, provider_id, clinic_id) VALUES (gen_random_uuid(), :provider, :clinic)",
            "INSERT INTO working_hours (id, provider_id, clinic_id, weekday, starts, ends) "
            "SELECT gen_random_uuid(), :provider, :clinic, day, '00:00', '00:00' FROM generate_series(0, 6) AS day",
            "INSERT INTO service_types (id, code, name_en, name_ar, discipline, default_duration_minutes, "
            "buffer_before_minutes, buffer_after_minutes, active) "
            "VALUES (:kind, :code, 's', 's', 'OT', 60, 0, 0, true)",
        ):
            db.execute(text(statement), names)
    return clinic, provider, kind, code


def _sessions(kit: ServiceKit, count: int, capacity: int) -> list[tuple[str, datetime]]:
    """Group sessions one after another, stored directly, because setting up is not what is measured."""
    clinic, provider, kind, suffix = _desk(kit)
    with kit.transaction(TENANT) as db:
        start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(days=30)
        rows: list[dict[str, Any]] = [
            {
                "id": new_id(),
                "n": f"SES-{suffix}-{i}",
                "clinic": clinic,
                "provider": provider,
                "kind": kind,
                "starts": start + timedelta(hours=i),
                "ends": start + timedelta(hours=i + 1),
                "capacity": capacity,
            }
            for i in range(count)
        ]
        db.execute(
            text(
                "INSERT INTO sessions (id, session_number, session_type, clinic_id, provider_id, service_type_id, "
                "starts_at, ends_at, max_capacity, status, created_at, created_by) VALUES (:id, :n, 'GROUP', :clinic, "
                ":provider, :kind, :starts, :ends, :capacity, 'SCHEDULED', now(), 'bench')"
            ),
            rows,
        )
    return [(str(row["id"]), row["starts"]) for row in rows]


def _patients(kit: ServiceKit, count: int) -> list[str]:
    ids = [new_id() for _ in range(count)]
    with kit.transaction(TENANT) as db:
        for patient_id in ids:
            save_patient(db, patient_id, file_number=f"FILE-{patient_id}", active=True)
    return [str(patient_id) for patient_id in ids]


def _book_ours(kit: ServiceKit, port: int, token: str, bookings: int) -> load.Result:
    sessions, patients = _sessions(kit, bookings // 20 + 1, 20), _patients(kit, bookings)
    requests = [
        load.request(
            port,
            "POST",
            f"/v1/sessions/{sessions[i % len(sessions)][0]}/participants",
            token,
            json.dumps({"patient_id": patient}).encode(),
        )
        for i, patient in enumerate(patients)
    ]
    return _checked(load.run(port, requests, clients=8), bookings)


def _book_bare(kit: ServiceKit, port: int, bookings: int) -> load.Result:
    sessions = _sessions(kit, bookings // 20 + 1, 20)
    requests = []
    for i in range(bookings):
        session_id, starts = sessions[i % len(sessions)]
        body = {
            "tenant": TENANT,
            "session": session_id,
            "patient": str(new_id()),
            "starts": starts.isoformat(),
            "ends": (starts + timedelta(hours=1)).isoformat(),
        }
        requests.append(load.request(port, "POST", "/participants", "none", json.dumps(body).encode()))
    return _checked(load.run(port, requests, clients=8), bookings)


def _checked(result: load.Result, bookings: int) -> load.Result:
    if result.statuses != {201: bookings}:
        raise RuntimeError(f"not all bookings were made: {dict(result.statuses)}")
    return result


def _race(kit: ServiceKit, port: int, token: str) -> dict[str, Any]:
    """200 clients for the last seat."""
    [(session_id, _)] = _sessions(kit, 1, 1)
    requests = [
        load.request(
            port, "POST", f"/v1/sessions/{session_id}/participants", token, json.dumps({"patient_id": patient}).encode()
        )
        for patient in _patients(kit, 200)
    ]
    result = load.run(port, requests, clients=200)
    return {"seconds": result.seconds, "statuses": dict(result.statuses)}


def _slot_race(kit: ServiceKit, port: int, token: str) -> dict[str, Any]:
    """200 clients for one individual slot of one provider."""
    clinic, provider, _, code = _desk(kit)
    place = {
        "clinic_id": str(clinic),
        "provider_id": str(provider),
        "service_type": code,
        "starts_at": (datetime.now(UTC) + timedelta(days=30)).isoformat(),
    }
    requests = [
        load.request(port, "POST", "/v1/appointments", token, json.dumps({**place, "patient_id": patient}).encode())
        for patient in _patients(kit, 200)
    ]
    result = load.run(port, requests, clients=200)
    return {"seconds": result.seconds, "statuses": dict(result.statuses)}
