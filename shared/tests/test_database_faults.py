"""PostgreSQL restarted in the middle of a request and of a handler, and workers killed: nothing lost, nothing twice."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.orm import Session

from jalsa.dev.issuer import Issuer
from jalsa.dev.kit import ServiceKit, eventually
from jalsa.dev.provision import Urls
from jalsa.dev.servers import PrivatePostgres, Vhost
from jalsa.dev.serving import serving
from jalsa.events.inbox import Received

from .lamps import (
    ALPHA,
    RUN,
    TOPOLOGY,
    Lamp,
    MakeKit,
    beta,
    empty,
    kept,
    kit_on,
    lamp_database,
    on_lamp_switched,
    switched,
    trail,
)
from .running import confirmed, working


@pytest.fixture(scope="module")
def databases(cluster: PrivatePostgres) -> Iterator[dict[str, Urls]]:
    with lamp_database("alpha", cluster) as alpha, lamp_database("beta", cluster) as following:
        yield {"alpha": alpha, "beta": following}


@pytest.fixture
def kit(databases: dict[str, Urls], issuer: Issuer) -> Iterator[ServiceKit]:
    empty(databases["alpha"])
    with kit_on(databases["alpha"], ALPHA, issuer) as made:
        yield made


class Slow:
    """Work that stops half-way until it is let go on."""

    def __init__(self) -> None:
        self.half_way, self.go_on = threading.Event(), threading.Event()
        self.calls = 0

    def pause(self) -> None:
        self.calls += 1
        if self.calls == 1:
            self.half_way.set()
            assert self.go_on.wait(20)

    def view(self, db: Session) -> Any:
        db.add(Lamp(name="half", level=1))
        db.flush()
        self.pause()
        return {"calls": self.calls}

    def handler(self, db: Session, event: Received[Any]) -> None:
        on_lamp_switched(db, event)
        db.flush()
        self.pause()


def test_a_restart_in_the_middle_of_a_request_is_a_503_and_the_next_request_succeeds(
    kit: ServiceKit, cluster: PrivatePostgres, tenant: str
) -> None:
    slow = Slow()
    RUN["slow"] = slow.view
    client = kit.client(tenant)
    assert client.post("/lamps", {"name": "before"}).status_code == 201
    with ThreadPoolExecutor(1) as pool:
        request = pool.submit(client.post, "/run/slow")
        assert slow.half_way.wait(10)
        cluster.restart()
        slow.go_on.set()
        answer = request.result(20)
    assert (answer.status_code, answer.get_json()["code"]) == (503, "temporarily-unavailable")
    assert int(answer.headers["Retry-After"]) >= 1
    assert client.post("/lamps", {"name": "after"}).status_code == 201
    assert [item["name"] for item in client.get("/lamps").get_json()["items"]] == ["before", "after"]


def test_while_the_database_is_down_requests_are_503_and_afterwards_they_succeed(
    kit: ServiceKit, cluster: PrivatePostgres, tenant: str
) -> None:
    client = kit.client(tenant)
    assert client.post("/lamps", {"name": "before"}).status_code == 201
    cluster.stop()
    try:
        for _ in range(2):
            began = time.monotonic()
            answer = client.post("/lamps", {"name": "during"})
            assert (answer.status_code, answer.get_json()["code"]) == (503, "temporarily-unavailable")
            assert time.monotonic() - began < 5
        ready = kit.app.test_client().get("/readyz")
        assert (ready.status_code, ready.get_json()["checks"]) == (503, {"database": "OperationalError"})
        assert kit.app.test_client().get("/livez").status_code == 200
    finally:
        cluster.start()
    assert client.post("/lamps", {"name": "after"}).status_code == 201
    assert kit.app.test_client().get("/readyz").status_code == 200


def test_a_restart_in_the_middle_of_a_handler_loses_nothing_and_sets_nothing_aside(
    databases: dict[str, Urls],
    issuer: Issuer,
    cluster: PrivatePostgres,
    vhost: Vhost,
    kit: ServiceKit,
    tenant: str,
    lamp: UUID,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("jalsa.events.topology.load", lambda: TOPOLOGY)
    slow = Slow()
    with (
        kit_on(databases["beta"], beta(slow.handler), issuer) as following,
        working(kit, vhost.amqp_url),
        working(following, vhost.amqp_url),
    ):
        switched(kit, tenant, lamp, 1, 2, 3)
        assert slow.half_way.wait(20)
        cluster.restart()
        slow.go_on.set()
        eventually(lambda: trail(following, tenant, lamp) == "1,2,3", within=30)
        switched(kit, tenant, lamp, 4)
        eventually(lambda: trail(following, tenant, lamp) == "1,2,3,4", within=30)
        eventually(lambda: confirmed(kit) == 4, within=20)
        eventually(lambda: vhost.depth("beta.events") == 0)
        assert vhost.depth("beta.dead") == 0
        assert kept(following, tenant) == []


WORKER = """
import json, sys, time
from lamps import TOPOLOGY, beta, on_lamp_switched
from jalsa.events import topology
from jalsa.service.config import Config
from jalsa.work.worker import Worker

topology.load = lambda: TOPOLOGY
def stuck(db, event):
    on_lamp_switched(db, event)
    db.flush()
    print("in the handler", flush=True)
    time.sleep(600)

Worker(beta(stuck), Config(**json.loads(sys.argv[1]))).start()
"""


def test_a_worker_killed_in_its_handler_has_done_nothing_and_the_next_one_does_it_once(
    make_kit: MakeKit, vhost: Vhost, tenant: str, lamp: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jalsa.events.topology.load", lambda: TOPOLOGY)
    publishing, following = make_kit(), make_kit(beta())
    config = following.config
    settings = {
        "database_url": config.database_url,
        "database_relay_url": config.database_relay_url,
        "service_key": config.service_key,
        "amqp_url": vhost.amqp_url,
        "peer_url": "http://127.0.0.1:1/{service}",
    }
    command = [sys.executable, "-c", WORKER, json.dumps(settings)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    with serving(publishing.app), working(publishing, vhost.amqp_url):
        for _ in range(2):
            with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as worker:
                if not publishing.events(tenant):
                    switched(publishing, tenant, lamp, 1, 2, 3)
                assert worker.stdout is not None
                assert any("in the handler" in line for line in worker.stdout)
                worker.send_signal(signal.SIGKILL)
            assert trail(following, tenant, lamp) == ""
        with working(following, vhost.amqp_url):
            eventually(lambda: trail(following, tenant, lamp) == "1,2,3")
            eventually(lambda: vhost.depth("beta.events") == 0)
    assert vhost.depth("beta.dead") == 0
