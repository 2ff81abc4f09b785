"""Encounters, what refers to them, and timelines, each against bare statements of the same work."""

import time
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from statistics import median
from typing import Any
from uuid import UUID, uuid4

import psycopg
from sqlalchemy import Engine, create_engine, text

from jalsa.dev.issuer import Issuer
from jalsa.dev.kit import Client, ServiceKit, example, service_kit
from jalsa.dev.servers import PrivatePostgres, Servers
from jalsa.events.envelope import Envelope
from jalsa.service import logging
from jalsa.service.ids import new_id
from patient_files.app import SERVICE
from patient_files.references import queries as references

TENANT = "bench"
_BATCH = 1_000
_SET = text("""
    SELECT set_config('jalsa.tenant', :tenant, true), set_config('jalsa.actor', 'bench', true),
           set_config('jalsa.request', 'bench', true)
""")
_LOCK_HEAD = text("""
    INSERT INTO inbox_heads AS h (tenant_id, source, subject, last) VALUES (:tenant, :source, :subject, 0)
    ON CONFLICT (tenant_id, source, subject) DO UPDATE SET last = h.last RETURNING last
""")
_ARRIVED = text("UPDATE appointments SET status = 'ARRIVED' WHERE id = :appointment")
_OPENED = text("""
    INSERT INTO encounters (id, encounter_number, patient_id, provider_id, clinic_id, encounter_type, encounter_class,
      started_at, status, room_number, appointment_id, priority, documentation_complete, signed_off, billable,
      billing_codes, quality_measures, text_version, source, created_at, updated_at, created_by)
    SELECT :encounter, loose_number('ENC', 2026), patient_id, provider_id, clinic_id, service_type, 'AMB',
      CAST(:at AS timestamptz), 'ARRIVED', room_name, id, 'ROUTINE', false, false, true, '[]', '{}', 0, 'APPOINTMENT',
      now(), now(), 'bench'
    FROM appointments WHERE id = :appointment
""")
_TOLD = text("""
    INSERT INTO timeline_entries (id, patient_id, at, kind, visibility, ref_kind, ref_id, clinic_id, provider_id)
    SELECT entry.id, patient_id, CAST(:at AS timestamptz), entry.kind, 'ADMIN', 'appointment', a.id, clinic_id,
      provider_id
    FROM appointments a,
      unnest(CAST(:entries AS uuid[]), ARRAY['APPOINTMENT_ARRIVED', 'ENCOUNTER_OPENED']) AS entry (id, kind)
    WHERE a.id = :appointment
""")
_PUBLISHED = text("""
    WITH head AS (
      INSERT INTO outbox_heads (tenant_id, subject, last) VALUES (:tenant, 'encounter/' || CAST(:encounter AS text), 1)
      ON CONFLICT (tenant_id, subject) DO UPDATE SET last = outbox_heads.last + 1 RETURNING subject, last
    )
    INSERT INTO outbox (id, tenant_id, subject, sequence, type, time, correlation_id, traceparent, data)
    SELECT :event, :tenant, subject, last, 'jalsa.patient-files.EncounterOpened.v1', now(), 'bench', 'bench',
      to_jsonb(e) FROM head, encounters e WHERE e.id = :encounter
""")
_ADVANCE = text("""
    UPDATE inbox_heads SET last = 2 WHERE tenant_id = :tenant AND source = :source AND subject = :subject
""")


def measure(servers: Servers, postgres: PrivatePostgres, issuer: Issuer, *, rounds: int) -> dict[str, Any]:
    """All of it, in a database of its own each."""
    logging.configure("WARNING", SERVICE.name)
    with service_kit(SERVICE, servers, issuer) as kit:
        arrivals = _arrivals(kit, count=500, rounds=rounds)
        timeline = _timeline(kit, entries=5_000, asked=200)
    with service_kit(SERVICE, servers, issuer) as kit, _superuser(kit, postgres) as superuser:
        batches = _references(kit, superuser, count=10_000, rounds=rounds)
        integrity = _integrity(kit, superuser, count=1_000_000)
    return {"arrivals": arrivals, "timeline": timeline, "references": batches, "integrity": integrity}


@contextmanager
def _superuser(kit: ServiceKit, postgres: PrivatePostgres) -> Any:
    database = kit.config.database_url.rpartition("/")[2]
    with psycopg.connect(f"{postgres.url.rpartition('/')[0]}/{database}", autocommit=True) as connection:
        connection.execute("SELECT set_config('jalsa.tenant', %s, false)", (TENANT,))
        connection.execute("SELECT set_config('jalsa.actor', 'bench', false), set_config('jalsa.request', '', false)")
        yield connection


def _arrivals(kit: ServiceKit, *, count: int, rounds: int) -> dict[str, Any]:
    """Arrivals applied per second by one worker, against a loop of bare statements that store the same rows."""
    desk = kit.client(TENANT, "front-desk")
    patient = desk.post("/patients", _PATIENT).json["id"]
    ours, bare = [], []
    for _ in range(rounds):
        ours.append(_rate(kit.inbox.receive, [_booked(kit, patient) for _ in range(count)]))
        engine = create_engine(kit.config.database_url)
        bare.append(_rate(partial(_bare, engine), [_booked(kit, patient) for _ in range(count)]))
        engine.dispose()
    ratios = [a / b for a, b in zip(ours, bare, strict=True)]
    return {"ratio": median(ratios), "ours": ours, "bare": bare}


def _booked(kit: ServiceKit, patient: str) -> Envelope:
    """Book an appointment, and return its arrival."""
    appointment = str(uuid4())
    ids: dict[str, Any] = {"subject_id": appointment, "appointment_id": appointment}
    kit.inbox.receive(example("AppointmentBooked", "group", TENANT, patient_id=patient, **ids))
    return example("AppointmentArrived", "default", TENANT, sequence=2, **ids)


def _bare(engine: Engine, event: Envelope) -> None:
    """One transaction with SQLAlchemy Core: no look at what is there already, and no check of anything."""
    values = {
        "tenant": TENANT,
        "source": event.source,
        "subject": event.subject,
        "appointment": event.data["appointment_id"],
        "at": event.data["arrived_at"],
        "encounter": new_id(),
        "entries": [new_id(), new_id()],
        "event": new_id(),
    }
    with engine.begin() as conn:
        for statement in (_SET, _LOCK_HEAD, _ARRIVED, _OPENED, _TOLD, _PUBLISHED, _ADVANCE):
            conn.execute(statement, values)


def _rate(work: Callable[[Envelope], None], events: Sequence[Envelope]) -> float:
    began = time.perf_counter()
    for event in events:
        work(event)
    return len(events) / (time.perf_counter() - began)


def _references(kit: ServiceKit, superuser: Any, *, count: int, rounds: int) -> dict[str, Any]:
    """Seconds of so many references in batches over HTTP, against COPY into the same table with its triggers."""
    _store_encounters(superuser, 1_000)
    encounters = [row[0] for row in superuser.execute("SELECT id FROM encounters LIMIT 1000")]
    client = kit.client(TENANT, "integration")
    ours, bare = [], []
    for n in range(rounds):
        ours.append(_timed(lambda n=n: _in_batches(client, encounters, f"ours {n}", count)))  # type: ignore[misc]
        bare.append(_timed(lambda n=n: _copy(superuser, encounters, f"bare {n}", count)))  # type: ignore[misc]
    return {"seconds": ours, "bare": bare, "ratio": median(b / a for a, b in zip(ours, bare, strict=True))}


def _in_batches(client: Client, encounters: Sequence[UUID], name: str, count: int) -> None:
    for first in range(0, count, _BATCH):
        items = [
            {
                "system": "laboratory",
                "kind": "LabOrder",
                "ref": f"{name} {n}",
                "encounter_id": str(encounters[n % len(encounters)]),
            }
            for n in range(first, first + _BATCH)
        ]
        answer = _ask(client, "POST", "/encounters/references", json={"items": items})
        if {item["result"] for item in answer["items"]} != {"CREATED"}:
            raise RuntimeError("a reference was not created")


def _ask(client: Client, method: str, path: str, **kwargs: Any) -> Any:
    """A request that is not held against the OpenAPI document, as one over the network is not."""
    headers = {"Authorization": f"Bearer {client.token}"}
    return client.app.test_client().open(f"/v1{path}", method=method, headers=headers, **kwargs).get_json()


def _copy(superuser: Any, encounters: Sequence[UUID], name: str, count: int) -> None:
    now = datetime.now(UTC)
    columns = "id, encounter_id, system, kind, ref, known, registered_at, registered_by"
    with superuser.cursor() as cursor, cursor.copy(f"COPY encounter_references ({columns}) FROM STDIN") as copy:
        for n in range(count):
            encounter = encounters[n % len(encounters)]
            copy.write_row((new_id(), encounter, "laboratory", "LabOrder", f"{name} {n}", True, now, "bench"))


def _timed(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _integrity(kit: ServiceKit, superuser: Any, *, count: int) -> dict[str, Any]:
    """Seconds in which all findings among so many references to a tenth as many encounters are counted."""
    superuser.execute("SET session_replication_role = replica")  # nothing is audited of what is only measured
    superuser.execute("TRUNCATE encounter_references, encounter_texts, encounters")
    _store_encounters(superuser, count // 10)
    superuser.execute(
        """
        INSERT INTO encounter_references (id, encounter_id, system, kind, ref, known, registered_at, registered_by)
        SELECT gen_random_uuid(), e.id, 'laboratory', 'LabOrder', e.encounter_number || n, true, now(), 'bench'
        FROM encounters e, generate_series(1, 10) AS n
        """
    )
    superuser.execute("VACUUM ANALYZE encounter_references, encounters, patients, appointments")
    seconds = []
    for _ in range(3):
        with kit.transaction(TENANT) as db:
            began = time.perf_counter()
            found = references.count_findings(db, now=datetime.now(UTC))
            seconds.append(time.perf_counter() - began)
    return {"seconds": seconds, "found": found}


def _store_encounters(superuser: Any, count: int) -> None:
    """Encounters of a known patient, one in a hundred of them cancelled."""
    superuser.execute(
        """
        INSERT INTO patients
          (id, first_name_en, last_name_en, date_of_birth, sex, preferred_language, active, created_at)
        VALUES ('01a1f000-0000-7000-8000-0000000000d1', 'Sara', 'Nasser', '2015-04-30', 'F', 'ar', true, now())
        ON CONFLICT DO NOTHING
        """
    )
    superuser.execute(
        """
        INSERT INTO encounters (id, encounter_number, patient_id, encounter_type, encounter_class, started_at, ended_at,
          status, priority, documentation_complete, signed_off, billable, billing_codes, quality_measures, text_version,
          source, created_at, updated_at, created_by)
        SELECT gen_random_uuid(), 'ENC-BENCH-2026-' || n, '01a1f000-0000-7000-8000-0000000000d1', 'X', 'AMB', now(),
          now(), CASE WHEN n %% 100 = 0 THEN 'CANCELLED' ELSE 'FINISHED' END, 'ROUTINE', false, false, true, '[]', '{}',
          0, 'MANUAL', now(), now(), 'bench'
        FROM generate_series(1, %s) AS n
        """,
        (count,),
    )


def _timeline(kit: ServiceKit, *, entries: int, asked: int) -> dict[str, Any]:
    """Milliseconds of the first page of a timeline, of which nine in ten entries are hidden from who asks."""
    desk = kit.client(TENANT, "front-desk")
    patient = desk.post("/patients", _PATIENT).json["id"]
    with kit.transaction(TENANT) as db:
        db.execute(
            text("""
                INSERT INTO timeline_entries (id, patient_id, at, kind, visibility, ref_kind, ref_id)
                SELECT gen_random_uuid(), :patient, CAST(:now AS timestamptz) - n * interval '1 hour',
                  CASE WHEN n % 10 = 0 THEN 'APPOINTMENT_BOOKED' ELSE 'NOTE_SIGNED' END,
                  CASE WHEN n % 10 = 0 THEN 'ADMIN' ELSE 'NOTE' END, 'appointment', gen_random_uuid()
                FROM generate_series(1, :entries) AS n
            """),
            {"patient": patient, "now": datetime.now(UTC) - timedelta(days=1), "entries": entries},
        )
    clinician = kit.client(TENANT, "clinician", provider_id=str(uuid4()))
    taken = []
    for _ in range(asked):
        began = time.perf_counter()
        answer = _ask(clinician, "GET", f"/patients/{patient}/timeline")
        taken.append((time.perf_counter() - began) * 1000)
        if len(answer["items"]) != 50:
            raise RuntimeError("the page is not full")
    return {"median": median(taken), "p95": sorted(taken)[int(len(taken) * 0.95)]}


_PATIENT = {
    "first_name_en": "Sara",
    "last_name_en": "Nasser",
    "date_of_birth": "2015-04-30",
    "sex": "F",
    "preferred_language": "ar",
}
