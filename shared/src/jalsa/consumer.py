"""The consumer: takes messages off the service's queue into its inbox, and sets aside what can not be read."""

import threading
import time
from contextlib import suppress
from typing import Any

import structlog
from kombu import Connection, Consumer, Message, Queue
from kombu.exceptions import KombuError
from sqlalchemy.exc import DBAPIError

from jalsa import metrics, topology
from jalsa.db import database_is_away
from jalsa.envelope import Envelope, Unreadable, decode
from jalsa.inbox import Inbox

log = structlog.get_logger()

PREFETCH = 50
DECLARE_SECONDS = 15.0


class BusConsumer:
    """One consumer of a service's queue. `bus_up` is set while it is connected and consuming."""

    def __init__(self, url: str, inbox: Inbox) -> None:
        self.url = url
        self.inbox = inbox
        self.topology = topology.load()
        self.bus_up = threading.Event()
        self._bus_errors = (KombuError, OSError, *_recoverable(url))

    def loop(self, stop: threading.Event) -> None:
        """Consume until told to stop. The loop is our own: kombu's mixin does not stop while the broker is down."""
        pause = 0.5
        while not stop.is_set():
            try:
                self._consume(stop)
            except DBAPIError as error:
                if not database_is_away(error):
                    raise
                log.warning("database-away", exc_info=error)
            except self._bus_errors as error:
                log.warning("bus-away", error=type(error).__name__)
            pause = 0.5 if self.bus_up.is_set() else min(pause * 2, 5.0)
            self._set_up(False)
            stop.wait(pause)

    def _consume(self, stop: threading.Event) -> None:
        # the database first: a message that is taken while it is away would only be given back
        with self.inbox.relay.engine.connect():
            pass
        with topology.connection(self.url) as connection:
            topology.declare(connection, self.topology)
            queue = Queue(topology.queue_name(self.inbox.service), no_declare=True)
            consumer = Consumer(
                connection.channel(), [queue], on_message=self._take, prefetch_count=PREFETCH, auto_declare=False
            )
            with consumer:
                self._set_up(True)
                self._drain(connection, stop)

    def _drain(self, connection: Connection, stop: threading.Event) -> None:
        beat = declared = time.monotonic()
        while not stop.is_set():
            with suppress(TimeoutError):
                connection.drain_events(timeout=0.5)
            now = time.monotonic()
            if now - beat > 1 and connection.supports_heartbeats:
                connection.heartbeat_check()
                beat = now
            if now - declared > DECLARE_SECONDS:
                topology.declare(connection, self.topology)
                declared = now

    def _take(self, message: Message) -> None:
        try:
            envelope = decode(_body(message))
            if not self.inbox.follows(envelope):
                raise Unreadable("not-followed")
        except Unreadable as error:
            self._set_aside(message, error.reason)
            return
        self.inbox.receive(envelope)
        if self.inbox.knows(envelope):
            message.ack()
        else:
            # it counts in its subject's sequence, so it had its turn; a person should still see it
            self._set_aside(message, "unknown-event", envelope)

    def _set_aside(self, message: Message, reason: str, envelope: Envelope | None = None) -> None:
        metrics.SET_ASIDE.labels(self.inbox.service, reason).inc()
        log.warning("message-set-aside", reason=reason, event_id=str(envelope.id) if envelope else None)
        message.reject(requeue=False)

    def _set_up(self, up: bool) -> None:
        (self.bus_up.set if up else self.bus_up.clear)()
        metrics.BUS_UP.labels(self.inbox.service).set(int(up))


def _body(message: Message) -> bytes:
    body: Any = message.body
    return body.encode() if isinstance(body, str) else bytes(body)


def _recoverable(url: str) -> tuple[type[BaseException], ...]:
    connection = Connection(url)
    return (*connection.recoverable_connection_errors, *connection.recoverable_channel_errors)
