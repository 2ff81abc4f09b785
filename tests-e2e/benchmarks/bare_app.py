"""The yardstick: a bare Flask and SQLAlchemy Core application that runs a booking's inserts, and nothing else."""

import json
import os
import sys

from flask import Flask, Response, jsonify, request
from gunicorn.app.base import BaseApplication
from sqlalchemy import create_engine, text

from jalsa.ids import new_id

_NUMBER = text("SELECT nextval('bare_numbers')")
_PARTICIPANT = text("""
    INSERT INTO participants (id, tenant_id, appointment_number, session_id, patient_id, status, starts_at, ends_at,
                              booked_at, booked_by)
    VALUES (:id, :tenant, :number, :session, :patient, 'BOOKED', :starts, :ends, now(), 'bench')
""")
_AUDIT = text("""
    INSERT INTO audit_log (tenant_id, table_name, row_id, action, actor, request_id, after)
    VALUES (:tenant, 'participants', :id, 'INSERT', 'bench', 'bench', CAST(:after AS jsonb))
""")
_HEAD = text("INSERT INTO outbox_heads (tenant_id, subject, last) VALUES (:tenant, :subject, 1)")
_EVENT = text("""
    INSERT INTO outbox (id, tenant_id, subject, sequence, type, time, correlation_id, traceparent, data)
    VALUES (:event, :tenant, :subject, 1, 'jalsa.scheduling.AppointmentBooked.v1', now(), 'bench', 'bench',
            CAST(:data AS jsonb))
""")


def make_app() -> Flask:
    """One route, five inserts, one commit."""
    app = Flask(__name__)
    engine = create_engine(os.environ["DATABASE_URL"], pool_size=8)

    @app.post("/participants")
    def book() -> tuple[Response, int]:
        body = request.get_json()
        appointment = new_id()
        values = {
            **body,
            "id": appointment,
            "event": new_id(),
            "subject": f"appointment/{appointment}",
            "after": json.dumps(body),
            "data": json.dumps({"appointment_id": str(appointment), **body}),
        }
        with engine.begin() as conn:
            running = conn.execute(_NUMBER, values).scalar_one()
            values["number"] = f"APT-BENCH-2026-{running:05d}"
            conn.execute(_PARTICIPANT, values)
            conn.execute(_AUDIT, values)
            conn.execute(_HEAD, values)
            conn.execute(_EVENT, values)
        return jsonify({"id": str(appointment), "appointment_number": values["number"], **body}), 201

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
