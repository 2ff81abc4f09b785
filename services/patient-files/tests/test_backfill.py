"""The encounters of past arrivals are made from scheduling's feed, once."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
from sqlalchemy import create_engine, make_url, text

from jalsa.dev.kit import Client, ServiceKit
from jalsa.dev.servers import Servers
from jalsa.dev.serving import serving
from jalsa.events.envelope import Envelope

from .conftest import Register
from .visits import ARRIVED_AT, Json, Visit


class Feed:
    """Scheduling's feed, as its callers see it."""

    def __init__(self) -> None:
        self.events: list[Envelope] = []

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        asked = {name: values[0] for name, values in parse_qs(environ["QUERY_STRING"]).items()}
        found = [
            {**event.attributes(), "position": str(position)}
            for position, event in enumerate(self.events, 1)
            if position > int(asked["after"]) and event.type == asked["type"]
        ]
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps({"items": found[: int(asked["limit"])]}).encode()]


@pytest.fixture
def feed() -> Feed:
    return Feed()


@pytest.fixture
def address(feed: Feed) -> Iterator[str]:
    with serving(feed) as address:
        yield address


class PastVisit(Visit):
    """A visit that the service heard of before it kept encounters: the feed has its events, too."""

    feed: Feed

    def tell(self, name: str, golden: str = "default", **data: Any) -> None:
        """The next event is received, and stays in the feed."""
        event = self.event(name, golden, **data)
        self.feed.events.append(event)
        self.kit.inbox.receive(event)


@pytest.fixture
def past(kit: ServiceKit, tenant: str, desk: Client, register: Register, feed: Feed) -> PastVisit:
    visit = PastVisit(kit, tenant, register(desk)["id"])
    visit.feed = feed
    return visit


def forget(kit: ServiceKit, servers: Servers, tenant: str) -> None:
    """Make it as it was before the service kept encounters and read who booked."""
    superuser = create_engine(make_url(servers.postgres.url).set(database=make_url(kit.config.database_url).database))
    with superuser.begin() as conn:
        conn.execute(text("SET LOCAL session_replication_role = replica"))  # nothing is audited of it
        for table in ("timeline_entries", "encounters"):
            conn.execute(text(f"DELETE FROM {table} WHERE tenant_id = :t"), {"t": tenant})
        conn.execute(
            text("UPDATE appointments SET session_id = NULL, booked_by = NULL WHERE tenant_id = :t"), {"t": tenant}
        )
    superuser.dispose()


def backfill(kit: ServiceKit, address: str) -> dict[str, int]:
    """Run the command. Returns how much it did."""
    environment = {
        **os.environ,
        "DATABASE_URL": kit.config.database_url,
        "SERVICE_KEY": kit.config.service_key,
        "PEER_URL": f"scheduling={address}",
    }
    done = subprocess.run(
        [sys.executable, "-m", "patient_files", "backfill"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = [line.rpartition(" ") for line in done.stdout.splitlines()]
    return {name.strip(): int(count) for name, _, count in lines}


def test_past_arrivals_get_their_encounters_once(
    kit: ServiceKit, servers: Servers, tenant: str, past: PastVisit, address: str, desk: Client, register: Register
) -> None:
    past.booked().arrived().attended()
    here, gone = (PastVisit(kit, tenant, register(desk)["id"]) for _ in range(2))
    here.feed = gone.feed = past.feed
    here.booked().arrived()
    gone.booked().arrived().became("AppointmentNoShow")
    forget(kit, servers, tenant)

    first, second = backfill(kit, address), backfill(kit, address)

    assert first == {"appointments completed": 3, "encounters opened": 2, "encounters closed": 1}
    assert second == dict.fromkeys(first, 0)
    encounter = past.encounter
    expected: Json = {
        "status": "FINISHED",
        "source": "BACKFILL",
        "started_at": "2026-11-23T06:50:00Z",
        "ended_at": "2026-11-23T07:50:00Z",
        "created_by": "system:backfill",
    }
    assert {name: encounter[name] for name in expected} == expected
    assert (here.encounter["status"], gone.encounters) == ("ARRIVED", [])
    timeline = kit.client(tenant).get(f"/patients/{past.patient_id}/timeline").json["items"]
    assert {item["kind"] for item in timeline} == {
        "APPOINTMENT_BOOKED",
        "APPOINTMENT_ARRIVED",
        "APPOINTMENT_ATTENDED",
        "ENCOUNTER_OPENED",
        "ENCOUNTER_CLOSED",
    }
    with kit.transaction(tenant) as db:
        query = text("SELECT count(*) FROM appointments WHERE session_id IS NOT NULL AND booked_by = 'front-desk-1'")
        assert db.execute(query).scalar_one() == 3


def test_what_there_is_is_left_as_it_is(kit: ServiceKit, past: PastVisit, address: str) -> None:
    past.booked().arrived(ARRIVED_AT)
    before = past.encounter
    assert backfill(kit, address)["encounters opened"] == 0
    assert past.encounter == before
