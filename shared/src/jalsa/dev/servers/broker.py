"""A RabbitMQ broker as tests see it: virtual hosts of their own, users, queues, through the management HTTP API."""

import json
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlsplit

import pika
import urllib3

from jalsa.dev.cluster import ServerError
from jalsa.dev.servers.server import Server


@dataclass(frozen=True)
class Queue:
    """A queue as management reports it. Its counts are up to ten seconds old (see `Vhost.depth`)."""

    name: str
    type: str
    messages: int
    ready: int
    unacknowledged: int
    consumers: int


@dataclass(frozen=True)
class Binding:
    source: str
    destination: str
    destination_type: str
    routing_key: str


class Broker(Server):
    """A broker that we may use and did not start. Both URLs carry the credentials of an administrator."""

    name = "RabbitMQ"
    patience = 60

    def __init__(self, amqp_url: str, management_url: str) -> None:
        self._amqp = urlsplit(amqp_url)
        self.amqp_url = amqp_url
        self.management_url = management_url
        management = urlsplit(management_url)
        #: The management API's address, without credentials.
        self.management_address = f"{management.scheme}://{management.hostname}:{management.port}"
        self._api = f"{self.management_address}/api"
        self._headers = urllib3.make_headers(basic_auth=f"{management.username}:{management.password}")
        self._http = urllib3.PoolManager(headers=self._headers, retries=False, timeout=10)

    @property
    def username(self) -> str:
        return self._amqp.username or "guest"

    def create_vhost(self, name: str | None = None) -> "Vhost":
        """Creates a virtual host (of a random name), where our user may do everything. One per test isolates tests."""
        name = name or f"test-{secrets.token_hex(6)}"
        self.call("PUT", "vhosts", name)
        everything = {"configure": ".*", "write": ".*", "read": ".*"}
        self.call("PUT", "permissions", name, self.username, body=everything)
        return Vhost(self, name)

    def import_definitions(self, definitions: Mapping[str, object]) -> None:
        """Loads a definitions file's content: users, virtual hosts, permissions, exchanges, queues, bindings."""
        self.call("POST", "definitions", body=definitions)

    def url_for(self, vhost: str, username: str | None = None, password: str | None = None) -> str:
        """Returns the AMQP URL of a virtual host, for our own user or for the one given."""
        user = quote(username or self.username, safe="")
        secret = quote(password or self._amqp.password or "guest", safe="")
        return f"amqp://{user}:{secret}@{self._amqp.hostname}:{self._amqp.port}/{quote(vhost, safe='')}"

    def call(self, method: str, *path: str, body: Mapping[str, object] | None = None) -> Any:
        """Calls the management API. Each part of the path is quoted. Raises ServerError for any answer but a 2xx."""
        url = "/".join([self._api, *(quote(part, safe="") for part in path)])
        answer = self._http.request(method, url, json=body)
        if answer.status >= 300:
            raise ServerError(f"{method} {url} answered {answer.status}: {answer.data.decode(errors='replace')}")
        return json.loads(answer.data) if answer.data else None

    def _answers(self) -> bool:
        return self._management_answers() and self._amqp_answers()

    def _management_answers(self) -> bool:
        try:
            self.call("GET", "overview")
        except (ServerError, urllib3.exceptions.HTTPError):
            return False
        return True

    def _amqp_answers(self) -> bool:
        try:
            with socket.create_connection((self._amqp.hostname or "", self._amqp.port or 5672), timeout=2) as probe:
                probe.sendall(b"AMQP\x00\x00\x09\x01")
                return bool(probe.recv(1))
        except OSError:
            return False


class Vhost:
    """A virtual host of a test."""

    def __init__(self, broker: Broker, name: str) -> None:
        self.broker = broker
        self.name = name
        self.amqp_url = broker.url_for(name)
        self._users: list[str] = []

    def delete(self) -> None:
        """Deletes the virtual host with everything in it and the users made for it. Open connections are closed."""
        self.broker.call("DELETE", "vhosts", self.name)
        for user in self._users:
            self.broker.call("DELETE", "users", user)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.delete()

    def create_user(
        self,
        *,
        configure: str = "",
        write: str = "",
        read: str = "",
        topics: Mapping[str, tuple[str, str]] | None = None,
        tags: str = "",
    ) -> str:
        """Creates a user with these permissions here and returns its AMQP URL.

        `topics` maps an exchange to the patterns that a routing key must match to be written and to be read (bound).
        """
        name, password = f"user-{secrets.token_hex(6)}", secrets.token_urlsafe(12)
        self.broker.call("PUT", "users", name, body={"password": password, "tags": tags})
        self._users.append(name)
        self.grant(name, configure=configure, write=write, read=read, topics=topics)
        return self.broker.url_for(self.name, name, password)

    def grant(
        self,
        user: str,
        *,
        configure: str = "",
        write: str = "",
        read: str = "",
        topics: Mapping[str, tuple[str, str]] | None = None,
    ) -> None:
        """Gives an existing user these permissions here, instead of those it had."""
        permissions = {"configure": configure, "write": write, "read": read}
        self.broker.call("PUT", "permissions", self.name, user, body=permissions)
        for exchange, (may_write, may_read) in (topics or {}).items():
            topic = {"exchange": exchange, "write": may_write, "read": may_read}
            self.broker.call("PUT", "topic-permissions", self.name, user, body=topic)

    def queues(self) -> dict[str, Queue]:
        """Returns the queues by name, with counts as management last collected them."""
        return {
            queue["name"]: Queue(
                queue["name"],
                queue.get("type", "classic"),
                queue.get("messages", 0),
                queue.get("messages_ready", 0),
                queue.get("messages_unacknowledged", 0),
                queue.get("consumers", 0),
            )
            for queue in self.broker.call("GET", "queues", self.name)
        }

    def depth(self, queue: str) -> int:
        """Returns how many messages of a queue are ready at this moment. It asks over AMQP, where no count is stale."""
        connection = pika.BlockingConnection(pika.URLParameters(self.amqp_url))
        try:
            return int(connection.channel().queue_declare(queue, passive=True).method.message_count)
        finally:
            connection.close()

    def delete_queue(self, queue: str) -> None:
        self.broker.call("DELETE", "queues", self.name, queue)

    def purge_queue(self, queue: str) -> None:
        self.broker.call("DELETE", "queues", self.name, queue, "contents")

    def delete_exchange(self, exchange: str) -> None:
        self.broker.call("DELETE", "exchanges", self.name, exchange)

    def bindings(self) -> list[Binding]:
        """Returns the bindings, without those that every queue has to the default exchange."""
        return [
            Binding(found["source"], found["destination"], found["destination_type"], found["routing_key"])
            for found in self.broker.call("GET", "bindings", self.name)
            if found["source"]
        ]
