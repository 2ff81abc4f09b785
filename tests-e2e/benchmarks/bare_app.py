"""The yardstick: a bare Flask and SQLAlchemy Core application that runs a booking's inserts, and nothing else."""

import os
import sys
from datetime import UTC, datetime
from uuid import UUID

from flask import Flask, Response, jsonify, request
from gunicorn.app.base import BaseApplication
from sqlalchemy import MetaData, create_engine, insert, text

from jalsa.service.ids import new_id

_NUMBER = text("SELECT nextval('bare_numbers')")


def make_app() -> Flask:
    """One route, five inserts, one commit."""
    app = Flask(__name__)
    engine = create_engine(os.environ["DATABASE_URL"], pool_size=8)
    tables = MetaData()
    tables.reflect(engine, only=["participants", "audit_log", "outbox_heads", "outbox"])
    participants, audit_log = tables.tables["participants"], tables.tables["audit_log"]
    heads, outbox = tables.tables["outbox_heads"], tables.tables["outbox"]

    @app.post("/participants")
    def book() -> tuple[Response, int]:
        body = request.get_json()
        tenant, now, appointment = body["tenant"], datetime.now(UTC), new_id()
        subject = f"appointment/{appointment}"
        with engine.begin() as conn:
            number = f"APT-BENCH-2026-{conn.execute(_NUMBER).scalar_one():05d}"
            row = {
                "id": appointment,
                "tenant_id": tenant,
                "appointment_number": number,
                "session_id": UUID(body["session"]),
                "patient_id": UUID(body["patient"]),
                "status": "BOOKED",
                "starts_at": datetime.fromisoformat(body["starts"]),
                "ends_at": datetime.fromisoformat(body["ends"]),
                "booked_at": now,
                "booked_by": "bench",
            }
            conn.execute(insert(participants), row)
            conn.execute(
                insert(audit_log),
                {
                    "tenant_id": tenant,
                    "table_name": "participants",
                    "row_id": str(appointment),
                    "action": "INSERT",
                    "actor": "bench",
                    "request_id": "bench",
                    "after": body,
                },
            )
            conn.execute(insert(heads), {"tenant_id": tenant, "subject": subject, "last": 1})
            conn.execute(
                insert(outbox),
                {
                    "id": new_id(),
                    "tenant_id": tenant,
                    "subject": subject,
                    "sequence": 1,
                    "type": "jalsa.scheduling.AppointmentBooked.v1",
                    "time": now,
                    "correlation_id": "bench",
                    "traceparent": "bench",
                    "data": {"appointment_id": str(appointment), **body},
                },
            )
        return jsonify({"id": str(appointment), "appointment_number": number, **body}), 201

    return app


class _Gunicorn(BaseApplication):  # type: ignore[misc]
    def load_config(self) -> None:
        options = {"bind": f"127.0.0.1:{sys.argv[1]}", "workers": 2, "threads": 8, "worker_class": "gthread"}
        for name, value in {**options, "control_socket_disable": True, "keepalive": 75, "loglevel": "warning"}.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        return make_app()


if __name__ == "__main__":
    _Gunicorn().run()
