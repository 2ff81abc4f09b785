"""The worker. Loops that fail are started again, its health is told, and it ends when it is told to."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import urllib3
from sqlalchemy import text

from jalsa import VERSION
from jalsa.dev.kit import ServiceKit, eventually
from jalsa.dev.servers import Vhost
from jalsa.dev.servers.processes import free_ports
from jalsa.service import metrics
from jalsa.service.config import ConfigError
from jalsa.service.declaration import Service
from jalsa.work import jobs, watch
from jalsa.work.jobs import Job, JobTools
from jalsa.work.worker import Worker, serve_health

from .lamps import ALPHA, TOPOLOGY, Logs, MakeKit, beta, lamp_event, switched, trail
from .running import working

NO_BROKER = "amqp://guest:guest@127.0.0.1:1/%2F"


@pytest.fixture(autouse=True)
def our_topology(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jalsa.events.topology.load", lambda: TOPOLOGY)


def with_job(run: Callable[[JobTools], int], seconds: float = 0.01) -> Service:
    return replace(ALPHA, jobs=(Job("blink", seconds, run),))


def test_a_loop_that_fails_is_counted_logged_without_its_message_and_started_again(
    make_kit: MakeKit, logs: Logs
) -> None:
    calls: list[int] = []

    def fails_twice(_: JobTools) -> int:
        calls.append(1)
        if len(calls) <= 2:
            raise RuntimeError("Sara 0501234567")
        return 0

    failures = metrics.LOOP_FAILURES.labels("alpha", "blink")._value
    before = failures.get()
    with working(make_kit(with_job(fails_twice)), NO_BROKER) as worker:
        eventually(lambda: len(calls) > 5)
        assert worker.checks()["alpha-blink"] == "ok"
    assert failures.get() - before == 2
    failed = [e for e in logs if e["event"] == "loop-failed"]
    assert [(e["loop"], e["error"]) for e in failed] == [("blink", "RuntimeError")] * 2
    assert "Sara" not in str(logs)


def test_a_job_runs_again_at_once_while_it_finds_work() -> None:
    calls: list[float] = []
    stop = threading.Event()

    def run(_: JobTools) -> int:
        calls.append(time.monotonic())
        if len(calls) == 4:
            stop.set()
        return 1 if len(calls) < 4 else 0

    tools: Any = None
    jobs.loop(Job("blink", 3600, run), tools, stop)
    assert len(calls) == 4
    assert calls[-1] - calls[0] < 5


def test_a_job_gets_both_roles_and_the_settings(make_kit: MakeKit) -> None:
    seen: list[JobTools] = []

    def look(tools: JobTools) -> int:
        seen.append(tools)
        return 0

    kit = make_kit(with_job(look))
    with working(kit, NO_BROKER):
        eventually(lambda: seen)
    assert seen[0].app.engine.url.username == "alpha_app"
    assert seen[0].relay.engine.url.username == "alpha_relay"
    assert seen[0].config.amqp_url == NO_BROKER


def test_it_ends_within_seconds_also_amid_work_without_a_broker(make_kit: MakeKit) -> None:
    with working(make_kit(), NO_BROKER) as worker:
        eventually(lambda: set(worker.checks().values()) == {"ok"})
        assert set(worker.checks()) >= {"alpha-place", "alpha-publish", "alpha-purge-idempotency-keys", "database"}
        began = time.monotonic()
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("missing", ["database_url", "database_relay_url", "service_key"])
def test_it_does_not_start_without_what_it_needs(missing: str, follower: ServiceKit) -> None:
    nothing: Any = {missing: ""}
    config = replace(follower.config, amqp_url=NO_BROKER, **nothing)
    with pytest.raises(ConfigError, match=missing.upper()):
        Worker(follower.service, config)


def test_it_does_not_start_without_its_peers_addresses(follower: ServiceKit) -> None:
    worker = Worker(follower.service, replace(follower.config, amqp_url=NO_BROKER, peer_url="billing=http://x"))
    with pytest.raises(ConfigError, match="PEER_URL does not say where alpha answers"):
        worker.start()
    assert worker.checks() == {"database": "ok"}, "and no loop was started"
    worker.shut_down()


# Health


@contextmanager
def health_of(worker: Worker) -> Iterator[Callable[[str], tuple[int, bytes]]]:
    server = serve_health(worker, 0)
    http = urllib3.PoolManager(retries=False)

    def get(path: str) -> tuple[int, bytes]:
        answer = http.request("GET", f"http://127.0.0.1:{server.server_port}{path}")
        return answer.status, answer.data

    try:
        yield get
    finally:
        server.shutdown()
        server.server_close()
        http.clear()


def test_health_names_each_loop_and_each_dependency(make_kit: MakeKit, vhost: Vhost) -> None:
    with working(make_kit(beta()), vhost.amqp_url) as worker, health_of(worker) as get:
        eventually(lambda: get("/readyz")[0] == 200)
        checks = json.loads(get("/readyz")[1])["checks"]
        assert checks["bus"] == checks["database"] == checks["beta-consume"] == "ok"
        status, body = get("/livez")
        assert (status, json.loads(body)["version"]) == (200, VERSION)
        status, page = get("/metrics")
        assert status == 200
        assert b"jalsa_bus_up" in page
        assert get("/nothing")[0] == 404
        worker.stop.set()
        eventually(lambda: get("/livez")[0] == 503)


def test_a_lost_database_or_bus_makes_it_unready_and_not_dead(make_kit: MakeKit) -> None:
    kit = make_kit(beta())
    nowhere = kit.config.database_relay_url.split("@")[0] + "@127.0.0.1:1/nowhere"
    broken = ServiceKit(kit.service, replace(kit.config, database_relay_url=nowhere), kit.issuer)
    with working(broken, NO_BROKER) as worker, health_of(worker) as get:
        status, body = get("/readyz")
        checks = json.loads(body)["checks"]
        assert (status, checks["database"], checks["bus"]) == (503, "OperationalError", "away")
        assert get("/livez")[0] == 200


# As a process

APP = (
    "import lamps\nfrom jalsa.events import topology\ntopology.load = lambda: lamps.TOPOLOGY\nSERVICE = lamps.beta()\n"
)


@contextmanager
def process(folder: Path, kit: ServiceKit, **environ: str) -> Iterator[subprocess.Popen[str]]:
    package = folder / "lampshop"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "app.py").write_text(APP)
    variables = {
        "PYTHONPATH": f"{folder}:{Path(__file__).parent}",
        "PATH": os.environ["PATH"],
        "DATABASE_URL": kit.config.database_url,
        "DATABASE_RELAY_URL": kit.config.database_relay_url,
        "SERVICE_KEY": kit.config.service_key,
        "PEER_URL": "http://127.0.0.1:1/{service}",
        **environ,
    }
    command = [sys.executable, "-c", "from jalsa.cli import main; main('lampshop')", "worker"]
    with subprocess.Popen(
        command, env=variables, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as started:
        try:
            yield started
        finally:
            started.kill()


def test_the_process_works_and_ends_in_good_order_on_sigterm(
    make_kit: MakeKit, vhost: Vhost, tmp_path: Path, tenant: str, lamp: UUID
) -> None:
    publishing, following = make_kit(), make_kit(beta())
    with (
        working(publishing, vhost.amqp_url),
        process(tmp_path, following, AMQP_URL=vhost.amqp_url, HEALTH_PORT=str(free_ports(1)[0])) as worker,
    ):
        switched(publishing, tenant, lamp, 1, 2)
        eventually(lambda: trail(following, tenant, lamp) == "1,2", within=20)
        worker.send_signal(signal.SIGTERM)
        output, errors = worker.communicate(timeout=15)
    assert (worker.returncode, errors) == (0, "")
    assert all(json.loads(line)["service"] == "beta" for line in output.splitlines())


def test_a_health_port_that_is_taken_is_one_line_and_an_end(make_kit: MakeKit, vhost: Vhost, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))  # noqa: S104
        taken.listen()
        port = taken.getsockname()[1]
        with process(tmp_path, make_kit(beta()), AMQP_URL=vhost.amqp_url, HEALTH_PORT=str(port)) as worker:
            _, errors = worker.communicate(timeout=20)
    assert worker.returncode == 1
    assert errors == f"beta: HEALTH_PORT {port} cannot be opened: Address already in use\n"


# What is measured


def test_a_loop_that_has_not_come_round_for_two_minutes_is_not_alive(
    make_kit: MakeKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    hang, go_on = threading.Event(), threading.Event()

    def run(_: JobTools) -> int:
        if hang.is_set():
            assert go_on.wait(20)
        return 0

    with working(make_kit(with_job(run)), NO_BROKER) as worker, health_of(worker) as get:
        eventually(lambda: get("/livez")[0] == 200)
        hang.set()
        monkeypatch.setattr("jalsa.work.worker.HANGING_SECONDS", 0.7)
        eventually(lambda: get("/livez")[0] == 503)
        assert worker.checks()["alpha-blink"] == "hanging"
        hang.clear()
        go_on.set()
        eventually(lambda: get("/livez")[0] == 200)


def test_a_loop_that_waits_for_its_time_is_alive(make_kit: MakeKit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jalsa.work.worker.HANGING_SECONDS", 0.5)
    runs: list[float] = []

    def run(_: JobTools) -> int:
        runs.append(time.monotonic())
        return 0

    with working(make_kit(with_job(run, seconds=3600)), NO_BROKER) as worker:
        eventually(lambda: runs and time.monotonic() - runs[0] > 1.5)
        assert worker.checks()["alpha-blink"] == "ok"


def test_the_age_of_what_waits_is_measured(make_kit: MakeKit, tenant: str, lamp: UUID) -> None:
    publishing, following = make_kit(), make_kit(beta())
    switched(publishing, tenant, lamp, 1)
    following.inbox.receive(lamp_event(tenant, lamp, 3))
    with following.relay.engine.begin() as conn:
        conn.execute(text("INSERT INTO feed_checkpoints (source, read_at) VALUES ('alpha', now() - interval '50 s')"))
    for kit, name in ((publishing, "alpha"), (following, "beta")):
        watch.measure(JobTools(kit.database, kit.relay, kit.config, name), {"alpha"} if name == "beta" else ())
    assert 0 < metrics.OUTBOX_OLDEST.labels("alpha", "unplaced")._value.get() < 60
    assert metrics.OUTBOX_OLDEST.labels("alpha", "unpublished")._value.get() == 0
    assert 0 < metrics.INBOX_OLDEST.labels("beta", "waiting")._value.get() < 60
    assert metrics.INBOX_OLDEST.labels("beta", "dead")._value.get() == 0
    assert 50 <= metrics.FEED_AGE.labels("beta", "alpha")._value.get() < 110
    publishing.events(tenant)
    watch.measure(JobTools(publishing.database, publishing.relay, publishing.config, "alpha"), ())
    assert metrics.OUTBOX_OLDEST.labels("alpha", "unplaced")._value.get() == 0
    assert 0 < metrics.OUTBOX_OLDEST.labels("alpha", "unpublished")._value.get() < 60


def test_the_feed_of_a_source_that_is_not_followed_any_more_is_not_measured(make_kit: MakeKit) -> None:
    kit = make_kit(beta())
    with kit.relay.engine.begin() as conn:
        conn.execute(text("INSERT INTO feed_checkpoints (source, read_at) VALUES ('gamma', now() - interval '50 s')"))
    watch.measure(JobTools(kit.database, kit.relay, kit.config, "beta"), {"alpha"})
    assert metrics.FEED_AGE.labels("beta", "gamma")._value.get() == 0


def test_connections_in_use_are_counted_and_given_back(make_kit: MakeKit) -> None:
    kit = make_kit()
    in_use = metrics.POOL_IN_USE.labels("jalsa")._value.get
    before = in_use()
    with kit.database.engine.connect():
        assert in_use() == before + 1
    assert in_use() == before


def test_the_metrics_page_documents_every_metric() -> None:
    page = (Path(__file__).parents[2] / "docs/metrics.md").read_text()
    ours = {name for name in vars(metrics) if name.isupper()}
    names = {getattr(metrics, name)._name for name in ours if hasattr(getattr(metrics, name), "_name")}
    assert [name for name in sorted(names) if f"`{name}" not in page] == []


def test_a_process_whose_loop_hangs_ends_all_the_same_and_names_it() -> None:
    script = """
import threading
from jalsa import cli; from jalsa.service import logging
logging.configure("INFO", "beta")
threading.Thread(target=threading.Event().wait, name="beta-consume").start()
threading.Thread(target=threading.Event().wait, name="health", daemon=True).start()
cli._leave("beta")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 1
    entry = json.loads(done.stdout)
    assert (entry["event"], entry["service"], entry["loops"]) == ("loops-left-behind", "beta", ["beta-consume"])
