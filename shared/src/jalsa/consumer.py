"""The consumer: takes messages off the service's queue into its inbox, and sets aside what can not be read."""

import threading
import time
from contextlib import suppress
from typing import Any

import structlog
from kombu import Connection, Consumer, Message, Queue
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from jalsa import metrics
from jalsa import topology as bus
from jalsa.db import database_is_away
from jalsa.envelope import Envelope, Unreadable, decode
from jalsa.inbox import Inbox

log = structlog.get_logger()

PREFETCH = 50
DECLARE_SECONDS = 15.0


class BusConsumer:
    """One consumer of a service's queue. `bus_up` is set while it is connected and consuming."""

    def __init__(self, url: str, inbox: Inbox, *, topology: bus.Topology | None = None) -> None:
        self.url = url
        self.inbox = inbox
        self.topology = topology or bus.load()
        self.bus_up = threading.Event()
        self._connections = 0
        self._stop = threading.Event()

    def loop(self, stop: threading.Event) -> None:
        """Consume until told to stop. The loop is our own: kombu's mixin does not stop while the broker is down."""
        pause = 0.5
        self._stop = stop
        while not stop.is_set():
            try:
                self._consume(stop)
            except SQLAlchemyError as error:
                if not database_is_away(error):
                    raise
                log.warning("database-away", exc_info=error)
            except bus.BUS_ERRORS as error:
                log.warning("bus-away", error=type(error).__name__)
            finally:
                pause = 0.5 if self.bus_up.is_set() else min(pause * 2, 5.0)
                self._set_up(False)
            stop.wait(pause)

    def connection(self) -> int:
        """The number of the present connection, counted from 1; 0 while there is none."""
        return self._connections if self.bus_up.is_set() else 0

    def _consume(self, stop: threading.Event) -> None:
        # the database first: a message that is taken while it is away would only be given back
        with self.inbox.relay.engine.connect() as conn:
            conn.execute(text("SELECT 1"))
        with bus.connection(self.url) as connection:
            bus.declare(connection, self.topology)
            queue = Queue(bus.queue_name(self.inbox.service), no_declare=True)
            consumer = Consumer(
                connection.channel(),
                [queue],
                on_message=self._take,
                on_decode_error=lambda message, _: self._set_aside(message, "not-decodable"),
                prefetch_count=PREFETCH,
                auto_declare=False,
            )
            consumer.consume()  # ended with the connection: a polite cancel would wait for a broker that is frozen
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
                bus.declare(connection, self.topology)
                declared = now

    def _take(self, message: Message) -> None:
        if self._stop.is_set():
            return  # the library still hands over what it has prefetched; it goes back with the connection
        try:
            envelope = decode(_body(message))
            if not self.inbox.follows(envelope):
                raise Unreadable("not-followed")
        except Unreadable as error:
            self._set_aside(message, error.reason)
            return
        try:
            self.inbox.receive(envelope)
        except Exception as error:  # the inbox could not even keep it: it must not stop what comes behind it
            if database_is_away(error):
                raise
            log.error("event-not-kept", event_id=str(envelope.id), exc_info=error)
            self._set_aside(message, "not-kept", envelope)
            return
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
        self._connections += up
        (self.bus_up.set if up else self.bus_up.clear)()
        metrics.BUS_UP.labels(self.inbox.service).set(int(up))


def _body(message: Message) -> bytes:
    body: Any = message.body
    return body.encode(errors="replace") if isinstance(body, str) else bytes(body)
