"""PostgreSQL and RabbitMQ in containers, where a Docker daemon answers and has the images or can get them soon."""

import secrets
import subprocess
import sys

from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer

from jalsa.dev.servers.broker import Broker
from jalsa.dev.servers.postgres import Postgres
from jalsa.dev.servers.processes import Guard

# Our guard does the work of testcontainers' own helper container, without another image to pull.
testcontainers_config.ryuk_disabled = True

_USER = "jalsa"
_HAVE = """
import docker, sys
images = docker.from_env(timeout=5).images
try:
    images.get(sys.argv[1])
except docker.errors.ImageNotFound:
    docker.from_env().images.pull(sys.argv[1])
"""
_REMOVE = """
import signal, sys
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
sys.stdin.read()
import docker
docker.from_env().containers.get(sys.argv[1]).remove(force=True, v=True)
"""


class OwnedContainer:
    """A running container that is removed with us."""

    def __init__(self, image: str, env: dict[str, str], ports: list[int], command: str | None = None) -> None:
        self._container = DockerContainer(image, env=env, ports=ports, command=command)
        self._container.start()
        self._guard = Guard([sys.executable, "-c", _REMOVE, self._container.get_container_id()])

    def address(self, port: int) -> str:
        return f"{self._container.get_container_host_ip()}:{self._container.get_exposed_port(port)}"

    def remove(self) -> None:
        self._container.stop()
        self._guard.dismiss()


class ContainerPostgres(Postgres):
    def __init__(self, image: str) -> None:
        password = secrets.token_urlsafe(12)
        self._container = OwnedContainer(
            image,
            env={"POSTGRES_USER": _USER, "POSTGRES_PASSWORD": password, "POSTGRES_DB": "postgres"},
            ports=[5432],
            command="postgres -c max_connections=300 -c fsync=off -c synchronous_commit=off -c full_page_writes=off",
        )
        super().__init__(f"postgresql://{_USER}:{password}@{self._container.address(5432)}/postgres")

    def close(self) -> None:
        self._container.remove()


class ContainerBroker(Broker):
    def __init__(self, image: str) -> None:
        password = secrets.token_hex(12)
        self._container = OwnedContainer(
            image,
            env={"RABBITMQ_DEFAULT_USER": _USER, "RABBITMQ_DEFAULT_PASS": password},
            ports=[5672, 15672],
        )
        super().__init__(
            f"amqp://{_USER}:{password}@{self._container.address(5672)}/%2F",
            f"http://{_USER}:{password}@{self._container.address(15672)}",
        )

    def close(self) -> None:
        self._container.remove()


def docker_has(image: str, within: float) -> bool:
    """Tells whether a Docker daemon answers and has the image, or gets it within so many seconds."""
    # In a process of its own, because neither a silent daemon nor a pull that hangs can be interrupted otherwise.
    try:
        done = subprocess.run([sys.executable, "-c", _HAVE, image], timeout=within, capture_output=True)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0
