"""Ways to the bus: pika with pipelined confirms for RabbitMQ, kombu for the in-memory bus of the local run."""

import time
from collections.abc import Callable, Sequence
from itertools import takewhile
from typing import Any

import pika
import structlog
from kombu import Exchange, Producer
from pika.exceptions import AMQPError
from pika.spec import Basic

from jalsa.events import topology as bus
from jalsa.events.contracts import EXCHANGE
from jalsa.events.envelope import CONTENT_TYPE
from jalsa.events.relay import Message, Publisher

log = structlog.get_logger()

#: How many messages may be on their way to the broker, unconfirmed.
WINDOW = 500
#: For how many time limits confirms may go on trickling in: the relay's transaction lasts as long.
PATIENCE = 12


def publisher_for(url: str, service: str, topology: bus.Topology | None = None) -> Publisher:
    """The publisher for an AMQP URL, or for `memory://`."""
    if url.startswith("memory:"):
        return MemoryPublisher(url, topology=topology)
    return PikaPublisher(url, service, topology=topology)


class NotConfirmed(Exception):
    """The broker did not take a batch in time, returned or refused a message, or is not there."""


class PikaPublisher:
    """Pipelined publisher confirms, matched to delivery tags, with a time limit for the next one.

    After any time-out, return or nack the connection is thrown away, so that a late confirm can never be taken for
    another message's. What was on its way is sent again, so its amount is limited. The limit is halved after each
    failure, and rises slowly while all goes well. Sending ends with the time limit, and what is left is for the next
    time.
    """

    def __init__(self, url: str, service: str, *, timeout: float = 5.0, topology: bus.Topology | None = None) -> None:
        self.url = url
        self.name = f"{service}-relay"
        # where all services share a user (tests, a developer's broker) its name says nothing
        self._user_id = service if pika.URLParameters(url).credentials.username == service else None
        self.timeout = timeout
        self.topology = topology or bus.load()
        self._connection: pika.SelectConnection | None = None
        self._channel: Any = None
        self._failure: str | None = None
        self._published = 0
        self._unconfirmed: dict[int, str] = {}
        self._window = WINDOW
        self._heard = 0.0
        self._returned: set[str] = set()
        self._confirmed: set[str] = set()
        self._routed: dict[str, bool] = {}

    def publish(self, messages: Sequence[Message]) -> int:
        """Publish in order, for at most the time limit. Returns how many, from the first, the broker has confirmed."""
        self._confirmed.clear()
        sent = 0
        try:
            if self._connection is None:
                self._connect()
            until = time.monotonic() + self.timeout
            for message in messages:
                self._send(message)
                sent += 1
                if len(self._unconfirmed) >= self._window:
                    self._pump(lambda: len(self._unconfirmed) < self._window)
                    self._window = min(WINDOW, self._window + 1)
                    if time.monotonic() > until:
                        break
            self._pump(lambda: not self._unconfirmed)
        except (NotConfirmed, AMQPError, *bus.BUS_ERRORS) as error:
            reason = str(error) if isinstance(error, NotConfirmed) else type(error).__name__
            if self._unconfirmed:
                self._window = max(1, self._window // 2)
            log.warning("bus-publish-failed", reason=reason, window=self._window)
            self.close()
        open_at = (i for i, message in enumerate(messages) if message.id not in self._confirmed)
        done = next(open_at, len(messages))
        if done < sent:
            self.close()
        return done

    def keep_alive(self) -> None:
        """Process heartbeats and whatever else arrived. A broken connection is dropped."""
        if self._connection is None:
            return
        try:
            self._poll(0)
            self._raise_failure()
        except (NotConfirmed, AMQPError, OSError):
            self.close()

    def close(self) -> None:
        """Drop the connection and all that was expected of it."""
        connection, self._connection, self._channel = self._connection, None, None
        self._unconfirmed.clear()
        self._returned.clear()
        if connection is None:
            return
        try:
            if connection.is_open:
                connection.close()
                self._drain(connection)
            if connection._transport is not None:  # Nobody answers, so do not leave the socket to the garbage collector
                connection._transport.abort()
                self._drain(connection)
        except (AMQPError, OSError):
            log.info("bus-connection-dropped")
        connection.ioloop.close()

    def _connect(self) -> None:
        if self.topology.declares:
            with bus.connection(self.url) as declaring:
                bus.declare(declaring, self.topology)
        parameters = pika.URLParameters(self.url)
        parameters.heartbeat = 10
        # less than ours, so that it is pika that gives up a connection half made, and tidies up after itself
        parameters.socket_timeout = parameters.stack_timeout = self.timeout * 0.8
        parameters.connection_attempts = 1
        parameters.client_properties = {"connection_name": self.name}
        self._channel = None  # the last connection may have opened one while it was being dropped
        self._failure = None
        self._published = 0
        self._connection = pika.SelectConnection(
            parameters,
            on_open_callback=lambda connection: connection.channel(on_open_callback=self._on_channel),
            on_open_error_callback=lambda _, error: self._fail(type(error).__name__),
            on_close_callback=lambda _, error: self._fail(type(error).__name__),
        )
        self._connection.ioloop.activate_poller()
        self._pump(lambda: self._channel is not None)

    def _on_channel(self, channel: Any) -> None:
        channel.add_on_return_callback(self._on_return)
        channel.add_on_close_callback(lambda _, error: self._fail(type(error).__name__))

        def ready(_: Any) -> None:
            self._channel = channel

        channel.confirm_delivery(self._on_confirm, callback=ready)

    def _send(self, message: Message) -> None:
        self._raise_failure()
        self._published += 1
        self._unconfirmed[self._published] = message.id
        self._channel.basic_publish(
            EXCHANGE,
            message.key,
            message.body,
            self._properties(message),
            mandatory=self._mandatory(message.key),
        )

    def _properties(self, message: Message) -> pika.BasicProperties:
        """The broker takes no other `user_id` than the connection's own user, so a consumer can rely on it."""
        return pika.BasicProperties(
            content_type=CONTENT_TYPE,
            delivery_mode=2,
            message_id=message.id,
            user_id=self._user_id,
        )

    def _mandatory(self, key: str) -> bool:
        """One of our own queues must take it. An event for outside subscribers only may have none."""
        if key not in self._routed:
            self._routed[key] = self.topology.routes(key)
        return self._routed[key]

    def _on_confirm(self, frame: Any) -> None:
        self._heard = time.monotonic()
        tag = frame.method.delivery_tag
        tags = list(takewhile(tag.__ge__, self._unconfirmed)) if frame.method.multiple else [tag]
        ids = {self._unconfirmed.pop(t) for t in tags if t in self._unconfirmed}
        if isinstance(frame.method, Basic.Ack):
            self._confirmed |= ids - self._returned

    def _on_return(self, _channel: Any, _method: Any, properties: Any, _body: bytes) -> None:
        self._returned.add(properties.message_id)  # its ack follows, and means nothing

    def _fail(self, reason: str) -> None:
        self._failure = reason

    def _raise_failure(self) -> None:
        if self._failure:
            raise NotConfirmed(self._failure)

    def _pump(self, done: Callable[[], bool]) -> None:
        self._heard = began = time.monotonic()
        while not done():
            self._raise_failure()
            left = min(self._heard + self.timeout, began + PATIENCE * self.timeout) - time.monotonic()
            if left <= 0:
                raise NotConfirmed("time-out")
            self._poll(left)

    def _poll(self, seconds: float) -> None:
        assert self._connection is not None
        loop = self._connection.ioloop
        timer = loop.call_later(seconds, lambda: None)
        loop.poll()
        loop.process_timeouts()
        loop.remove_timeout(timer)

    def _drain(self, connection: pika.SelectConnection) -> None:
        deadline = time.monotonic() + 1
        while not connection.is_closed and time.monotonic() < deadline:
            timer = connection.ioloop.call_later(0.1, lambda: None)
            connection.ioloop.poll()
            connection.ioloop.process_timeouts()
            connection.ioloop.remove_timeout(timer)


class MemoryPublisher:
    """The in-process bus. What it holds is gone with the process, and comes back through the feeds."""

    def __init__(self, url: str, *, topology: bus.Topology | None = None) -> None:
        self._connection = bus.connection(url)
        bus.declare(self._connection, topology or bus.load())
        self._producer = Producer(self._connection.channel(), Exchange(EXCHANGE, "topic"))

    def publish(self, messages: Sequence[Message]) -> int:
        """Publish in order. All of it is taken."""
        for message in messages:
            self._producer.publish(
                message.body, routing_key=message.key, content_type=CONTENT_TYPE, content_encoding="binary"
            )
        return len(messages)

    def keep_alive(self) -> None:
        """There is nothing to do, because there is no wire."""

    def close(self) -> None:
        """Leave the bus."""
        self._connection.release()
