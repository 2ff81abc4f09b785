"""The running system with servers of its own below it, and what can be done to them. Each undoes what it did."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from stack import SERVICES, Stack

from jalsa.dev.servers import PrivatePostgres, PrivateRabbitMQ, Vhost


@dataclass(frozen=True)
class System:
    """Ten processes, a PostgreSQL that writes before it answers, and a RabbitMQ."""

    stack: Stack
    postgres: PrivatePostgres
    rabbitmq: PrivateRabbitMQ

    @property
    def vhost(self) -> Vhost:
        """The broker's default virtual host. It is there again when the broker comes back with an empty disk."""
        return Vhost(self.rabbitmq, "/")

    @contextmanager
    def without_rabbitmq(self) -> Iterator[None]:
        """The broker is stopped, and started again."""
        for service in SERVICES:
            for kind in ("events", "dead"):
                self.rabbitmq.wait_for_written("/", f"{service}.{kind}")
        self.rabbitmq.stop()
        try:
            yield
        finally:
            self.rabbitmq.start()

    @contextmanager
    def frozen_rabbitmq(self, seconds: float) -> Iterator[None]:
        """The broker keeps its connections and does not answer, for so long at least."""
        self.rabbitmq.pause()
        thaw_at = time.monotonic() + seconds
        try:
            yield
            time.sleep(max(0.0, thaw_at - time.monotonic()))
        finally:
            self.rabbitmq.resume()

    @contextmanager
    def without(self, service: str, role: str) -> Iterator[None]:
        """A process is killed, and started again."""
        self.stack.kill(service, role)
        try:
            yield
        finally:
            self.stack.start(service, role)

    @contextmanager
    def second_workers(self, *services: str) -> Iterator[None]:
        """Two workers of each of these services."""
        for service in services:
            self.stack.start(service, "worker-2")
        try:
            self.stack.wait_ready()
            yield
        finally:
            for service in services:
                self.stack.kill(service, "worker-2")
