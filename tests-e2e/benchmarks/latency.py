"""From the 201 of a booking to its last consequence stored, with ten processes on RabbitMQ."""

import threading
import time
from pathlib import Path
from statistics import quantiles
from typing import Any

import psycopg
from scene import Scene, eventually
from stack import running_stack

from jalsa.dev.issuer import Issuer
from jalsa.dev.servers import PrivatePostgres, Servers

#: Where a booking leaves its rows: the id that links each to the booking, and the moment of its commit.
CONSEQUENCES = {
    "patient_files": "SELECT f.patient_id, pg_xact_commit_timestamp(s.xmin) FROM sub_files s "
    "JOIN main_files f ON f.id = s.main_file_id",
    "billing": "SELECT patient_id, pg_xact_commit_timestamp(xmin) FROM invoices",
    "notifications": "SELECT a.patient_id, max(pg_xact_commit_timestamp(r.xmin)) FROM reminders r "
    "JOIN appointments a ON a.id = r.appointment_id GROUP BY 1",
    "clinical_notes": "SELECT patient_id, pg_xact_commit_timestamp(xmin) FROM participants",
}


def measure(
    servers: Servers, postgres: PrivatePostgres, issuer: Issuer, folder: Path, *, seconds: int, per_second: int
) -> dict[str, Any]:
    """Median and 99th percentile, in milliseconds. The server must keep commit timestamps."""
    name = "latency"
    with (
        servers.rabbitmq.create_vhost() as vhost,
        running_stack(postgres.url, vhost.amqp_url, issuer, folder, name, WEB_THREADS="8") as stack,
    ):
        scene = Scene(stack.api("latency"), "latency")
        count, warm = seconds * per_second, 2 * per_second
        patients = [scene.patient() for _ in range(warm + count)]
        sessions = [scene.group(capacity=20)["id"] for _ in range((warm + count) // 20 + 1)]
        # the first bookings meet cold statements, and consumers that still work off the registrations above
        first = _book_steadily(stack, sessions, patients[:warm], per_second)
        eventually(lambda: _delays(postgres.url, name, first), within=60)
        answered = _book_steadily(stack, sessions[warm // 20 :], patients[warm:], per_second)
        delays = eventually(lambda: _delays(postgres.url, name, answered), within=60)
    cuts = quantiles(delays, n=100)
    return {"median": cuts[49], "p99": cuts[98], "bookings": len(delays), "max": max(delays)}


def _book_steadily(stack: Any, sessions: list[str], patients: list[str], per_second: int) -> dict[str, float]:
    """Book at a steady rate, whatever the answers take. Returns the moment of each 201 by patient."""
    answered: dict[str, float] = {}

    def book(index: int, patient_id: str) -> None:
        path = f"/scheduling/v1/sessions/{sessions[index // 20]}/participants"
        answer = local.call("POST", path, {"patient_id": patient_id})
        if answer.status == 201:
            answered[patient_id] = time.time()

    local = stack.api("latency")
    local.http.connection_pool_kw["maxsize"] = 16
    began, threads = time.monotonic(), []
    for index, patient_id in enumerate(patients):
        pause = began + index / per_second - time.monotonic()
        if pause > 0:
            time.sleep(pause)
        threads.append(threading.Thread(target=book, args=(index, patient_id)))
        threads[-1].start()
    for thread in threads:
        thread.join()
    if len(answered) != len(patients):
        raise RuntimeError(f"{len(patients) - len(answered)} bookings were refused")
    return answered


def _delays(url: str, name: str, answered: dict[str, float]) -> list[float]:
    """Milliseconds from each 201 to the last of its commits, or empty while any is missing."""
    last: dict[str, float] = {}
    for stem, query in CONSEQUENCES.items():
        with psycopg.connect(url.rsplit("/", 1)[0] + f"/{stem}_{name}") as connection:
            found = {str(patient): at.timestamp() for patient, at in connection.execute(query)}
        if not answered.keys() <= found.keys():
            return []
        for patient in answered:
            last[patient] = max(last.get(patient, 0), found[patient])
    return [(last[patient] - at) * 1000 for patient, at in answered.items()]
