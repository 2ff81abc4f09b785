"""Real PostgreSQL and RabbitMQ for tests, so that no test is skipped for want of them.

Each is looked for in this order. The URLs in the environment come first, then containers where Docker answers, then
private servers from installed binaries, and last the embedded PostgreSQL, and RabbitMQ's package where it may be
installed. If none of them can be had, ServerError is raised. `JALSA_TEST_SERVERS=containers` or `=binaries` forces one
way (`auto` otherwise).
"""

import atexit
import os
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass

from jalsa.dev.cluster import ServerError
from jalsa.dev.servers.broker import Binding, Broker, Queue, Vhost
from jalsa.dev.servers.postgres import Postgres, PrivatePostgres, launch_private_postgres, private_postgres
from jalsa.dev.servers.processes import wait_until
from jalsa.dev.servers.rabbitmq import PrivateRabbitMQ, launch_private_rabbitmq, private_rabbitmq

__all__ = [
    "Binding",
    "Broker",
    "Postgres",
    "PrivatePostgres",
    "PrivateRabbitMQ",
    "Queue",
    "ServerError",
    "Servers",
    "Vhost",
    "ensure_servers",
    "launch_postgres",
    "launch_rabbitmq",
    "private_postgres",
    "private_rabbitmq",
    "shutdown",
    "wait_until",
]

POSTGRES_URL = "JALSA_TEST_POSTGRES_URL"
AMQP_URL = "JALSA_TEST_AMQP_URL"
MANAGEMENT_URL = "JALSA_TEST_RABBITMQ_MANAGEMENT_URL"


@dataclass(frozen=True)
class Servers:
    postgres: Postgres
    rabbitmq: Broker


_started = ExitStack()


def ensure_servers() -> Servers:
    """Returns the servers of this test run, starting them at the first call.

    Their URLs are put into the environment, so that child processes (the workers of pytest-xdist, the services under
    test) find the same ones. Call it in the controlling process before those are started. Raises ServerError.
    """
    try:
        rabbitmq = launch_rabbitmq(os.environ)  # first, because it takes longest
        _started.callback(rabbitmq.close)
        postgres = launch_postgres(os.environ)
        _started.callback(postgres.close)
        postgres.wait()
        rabbitmq.wait()
    except BaseException:
        _started.close()
        raise
    found = {POSTGRES_URL: postgres.url, AMQP_URL: rabbitmq.amqp_url, MANAGEMENT_URL: rabbitmq.management_url}
    for name, url in found.items():
        if name not in os.environ:
            os.environ[name] = url
            _started.callback(os.environ.pop, name, None)
    return Servers(postgres, rabbitmq)


def shutdown() -> None:
    """Ends the servers that this process started and forgets their URLs. Given ones are left alone."""
    _started.close()


atexit.register(shutdown)


def launch_postgres(environ: Mapping[str, str]) -> Postgres:
    """Returns the first PostgreSQL that is available. It may still be starting, so call `wait`. Raises ServerError."""
    if url := environ.get(POSTGRES_URL):
        return Postgres(url)
    image = environ.get("JALSA_POSTGRES_IMAGE", "postgres:16.15")
    if _use_container(environ, image):
        from jalsa.dev.servers.containers import ContainerPostgres

        return ContainerPostgres(image)
    return launch_private_postgres()


def launch_rabbitmq(environ: Mapping[str, str]) -> Broker:
    """Returns the first RabbitMQ that is available. It may still be starting, so call `wait`. Raises ServerError."""
    amqp_url, management_url = environ.get(AMQP_URL), environ.get(MANAGEMENT_URL)
    if amqp_url and management_url:
        return Broker(amqp_url, management_url)
    if amqp_url or management_url:
        raise ServerError(f"Set both {AMQP_URL} and {MANAGEMENT_URL}, or neither.")
    image = environ.get("JALSA_RABBITMQ_IMAGE", "rabbitmq:4.3.6-management")
    if _use_container(environ, image):
        from jalsa.dev.servers.containers import ContainerBroker

        return ContainerBroker(image)
    return launch_private_rabbitmq()


def _use_container(environ: Mapping[str, str], image: str) -> bool:
    way = environ.get("JALSA_TEST_SERVERS", "auto")
    if way not in ("auto", "binaries", "containers"):
        raise ServerError(f"JALSA_TEST_SERVERS is {way!r}: say auto, binaries or containers.")
    if way == "binaries":
        return False
    # Imported late, because a run with given servers need not pay for it.
    from jalsa.dev.servers.containers import docker_has

    if docker_has(image, within=60 if way == "auto" else 600):
        return True
    if way == "containers":
        raise ServerError(f"JALSA_TEST_SERVERS is containers, but no Docker daemon answers that has or gets {image}.")
    return False
