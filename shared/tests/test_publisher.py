"""The way to RabbitMQ: what counts as confirmed, and what is declared again by itself."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pika
import pytest

from jalsa.dev.kit import eventually
from jalsa.dev.servers import Vhost
from jalsa.events.contracts import EXCHANGE
from jalsa.events.envelope import decode, parse
from jalsa.events.publishers import PikaPublisher
from jalsa.events.relay import Message
from jalsa.service.ids import new_id

from .lamps import TOPOLOGY, lamp_attributes

KEY = "agdar.alpha.lamp.LampSwitched.v1"


def message(key: str = KEY) -> Message:
    return Message(str(uuid4()), key, b"{}")


@pytest.fixture
def publisher(vhost: Vhost) -> Iterator[PikaPublisher]:
    made = PikaPublisher(vhost.amqp_url, "alpha", timeout=3, topology=TOPOLOGY)
    yield made
    made.close()


def taken(vhost: Vhost, queue: str = "beta.events") -> list[tuple[str, Any]]:
    """Takes all messages off a queue: their ids and properties."""
    connection = pika.BlockingConnection(pika.URLParameters(vhost.amqp_url))
    channel = connection.channel()
    found = []
    while (got := channel.basic_get(queue, auto_ack=True))[0] is not None:
        found.append((got[1].message_id, got[1]))
    connection.close()
    return found


def ids(vhost: Vhost, queue: str = "beta.events") -> list[str]:
    return [message_id for message_id, _ in taken(vhost, queue)]


def test_a_batch_arrives_whole_and_in_order(publisher: PikaPublisher, vhost: Vhost) -> None:
    batch = [message() for _ in range(300)]
    assert publisher.publish(batch) == 300
    assert ids(vhost) == [m.id for m in batch]


def test_queues_and_bindings_exist_before_the_first_event(publisher: PikaPublisher, vhost: Vhost) -> None:
    assert publisher.publish([message()]) == 1
    assert {name: q.type for name, q in vhost.queues().items()} == {"beta.events": "quorum", "beta.dead": "quorum"}
    assert vhost.depth("beta.events") == 1


def test_messages_are_persistent_and_say_what_they_are(publisher: PikaPublisher, vhost: Vhost) -> None:
    publisher.publish([message()])
    [(_, properties)] = taken(vhost)
    assert properties.delivery_mode == 2
    assert properties.content_type == "application/cloudevents+json"


def test_an_event_that_only_outside_subscribers_want_is_confirmed_without_a_queue(publisher: PikaPublisher) -> None:
    assert publisher.publish([message("agdar.alpha.wire.WireCut.v1")]) == 1


def unbind(vhost: Vhost) -> None:
    connection = pika.BlockingConnection(pika.URLParameters(vhost.amqp_url))
    connection.channel().queue_unbind("beta.events", EXCHANGE, "*.alpha.lamp.#")
    connection.close()


@pytest.mark.parametrize(
    "lose",
    [unbind, lambda vhost: vhost.delete_queue("beta.events"), lambda vhost: vhost.delete_exchange(EXCHANGE)],
    ids=["binding", "queue", "exchange"],
)
def test_what_was_deleted_on_the_broker_is_declared_again_and_the_message_sent_again(
    publisher: PikaPublisher, vhost: Vhost, lose: Callable[[Vhost], None]
) -> None:
    assert publisher.publish([message()]) == 1
    taken(vhost)
    lose(vhost)
    batch = [message() for _ in range(3)]
    assert publisher.publish(batch) == 0, "an event that no queue took must not count as confirmed"
    assert publisher.publish(batch) == 3
    assert ids(vhost) == [m.id for m in batch]


def test_a_returned_message_is_not_confirmed_though_the_broker_acknowledges_it(
    publisher: PikaPublisher, vhost: Vhost
) -> None:
    """The control. Without looking at returns, the acknowledgement would pass for a success."""
    publisher.publish([message()])
    unbind(vhost)
    publisher._on_return = lambda *_: None  # type: ignore[method-assign]
    publisher.close()
    publisher._connect()
    unbind(vhost)
    assert publisher.publish([message()]) == 1, "this broker confirms what it could not route"


def test_only_the_events_before_the_first_unconfirmed_count(publisher: PikaPublisher, vhost: Vhost) -> None:
    publisher.publish([message()])
    taken(vhost)
    unbind(vhost)
    batch = [message("agdar.alpha.wire.WireCut.v1"), message(), message("agdar.alpha.wire.WireCut.v1")]
    assert publisher.publish(batch) == 1


class Narrow:
    """A way to the broker for so many bytes a second in each direction. It counts the messages that went through."""

    def __init__(self, vhost: Vhost) -> None:
        self._to = urlsplit(vhost.amqp_url)
        self.speed = 1e9
        self.stopped = threading.Event()
        self.sent = bytearray()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def url(self) -> str:
        host, port = self._listener.getsockname()
        return self._to._replace(netloc=f"{self._to.username}:{self._to.password}@{host}:{port}").geturl()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection((self._to.hostname or "", self._to.port or 5672))
            for pair in ((client, server, self.sent), (server, client, bytearray())):
                self._threads.append(threading.Thread(target=self._carry, args=pair))
                self._threads[-1].start()

    def _carry(self, source: socket.socket, target: socket.socket, seen: bytearray) -> None:
        with suppress(OSError), source, target:
            while data := source.recv(2048):
                while self.stopped.is_set():
                    time.sleep(0.01)
                time.sleep(len(data) / self.speed)
                target.sendall(data)
                seen += data
            target.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self.stopped.clear()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(10)


@pytest.fixture
def narrow(vhost: Vhost) -> Iterator[Narrow]:
    made = Narrow(vhost)
    yield made
    made.close()


def test_a_slow_broker_gets_each_message_once(narrow: Narrow, vhost: Vhost) -> None:
    publisher = PikaPublisher(narrow.url, "alpha", timeout=0.5, topology=TOPOLOGY)
    assert publisher.publish([message()]) == 1
    taken(vhost)
    narrow.speed = 40_000
    batch = [Message(str(uuid4()), KEY, b"x" * 200) for _ in range(400)]
    began = time.monotonic()
    done = 0
    while done < len(batch):
        more = publisher.publish(batch[done:])
        assert more > 0
        done += more
    assert time.monotonic() - began > 2, "a broker as slow as this is what the test is about"
    assert ids(vhost) == [m.id for m in batch]
    publisher.close()


def test_a_broker_that_stalls_again_and_again_gets_at_most_twice_a_window_again(
    narrow: Narrow, vhost: Vhost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jalsa.events.publishers.WINDOW", 64)
    publisher = PikaPublisher(narrow.url, "alpha", timeout=0.5, topology=TOPOLOGY)
    assert publisher.publish([message()]) == 1
    taken(vhost)
    batch = [message() for _ in range(300)]
    done = 0
    connect = publisher._connect

    def connect_and_stall() -> None:
        narrow.stopped.clear()
        connect()
        narrow.stopped.set()

    monkeypatch.setattr(publisher, "_connect", connect_and_stall)
    narrow.stopped.set()
    for _ in range(4):
        done += publisher.publish(batch[done:])
    narrow.stopped.clear()
    monkeypatch.undo()
    monkeypatch.setattr("jalsa.events.publishers.WINDOW", 64)
    assert publisher._window == 4
    assert done < 64
    while done < len(batch):
        done += publisher.publish(batch[done:])
    assert publisher._window > 4, "it grows again"
    arrived = ids(vhost)
    assert set(arrived) == {m.id for m in batch}
    assert len(arrived) <= len(batch) + 2 * 64
    publisher.close()


def test_a_nack_of_a_full_queue_is_no_confirm(vhost: Vhost) -> None:
    connection = pika.BlockingConnection(pika.URLParameters(vhost.amqp_url))
    channel = connection.channel()
    channel.exchange_declare(EXCHANGE, "topic", durable=True)
    channel.queue_declare("full", arguments={"x-max-length": 1, "x-overflow": "reject-publish"})
    channel.queue_bind("full", EXCHANGE, "*.alpha.lamp.#")
    publisher = PikaPublisher(vhost.amqp_url, "alpha", timeout=3, topology=TOPOLOGY)
    batch = [message() for _ in range(3)]
    assert publisher.publish(batch) == 1
    channel.queue_delete("full")
    assert publisher.publish(batch[1:]) == 2
    publisher.close()
    connection.close()


def test_a_broker_that_is_not_there_confirms_nothing() -> None:
    publisher = PikaPublisher("amqp://guest:guest@127.0.0.1:1/%2F", "alpha", timeout=2, topology=TOPOLOGY)
    assert publisher.publish([message()]) == 0
    publisher.keep_alive()
    publisher.close()


@pytest.mark.parametrize("broken", ["vhost", "password"])
def test_a_broker_that_refuses_us_confirms_nothing(vhost: Vhost, broken: str) -> None:
    url = vhost.amqp_url + "x" if broken == "vhost" else vhost.broker.url_for(vhost.name, password="wrong")
    publisher = PikaPublisher(url, "alpha", timeout=2, topology=TOPOLOGY)
    assert publisher.publish([message()]) == 0
    publisher.close()


def test_a_connection_that_the_broker_closed_while_idle_is_replaced(publisher: PikaPublisher, vhost: Vhost) -> None:
    assert publisher.publish([message()]) == 1
    close_connections(vhost)

    def noticed() -> bool:
        publisher.keep_alive()
        return publisher._connection is None

    eventually(noticed)
    assert publisher.publish([message()]) == 1


def close_connections(vhost: Vhost) -> None:
    """Has the broker end every connection to the virtual host, as an operator would."""

    def listed() -> list[str]:
        return [c["name"] for c in vhost.broker.call("GET", "vhosts", vhost.name, "connections")]

    for name in eventually(listed):
        vhost.broker.call("DELETE", "connections", name)


def test_the_body_is_the_envelope(publisher: PikaPublisher, vhost: Vhost) -> None:
    attributes = lamp_attributes("agdar", new_id(), 1)
    body = parse(attributes).encode()
    publisher.publish([Message(attributes["id"], KEY, body)])
    connection = pika.BlockingConnection(pika.URLParameters(vhost.amqp_url))
    _, _, arrived = connection.channel().basic_get("beta.events", auto_ack=True)
    connection.close()
    assert decode(arrived).attributes() == decode(body).attributes()
