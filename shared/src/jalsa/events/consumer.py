"""The consumer takes messages off the service's queue into its inbox, and dead-letters what cannot be read."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import structlog
from amqp.exceptions import ChannelError
from kombu import Connection
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from jalsa.db.transactions import database_is_away
from jalsa.events import topology as bus
from jalsa.events.bindings import Bindings
from jalsa.events.contracts import routing_key
from jalsa.events.delivery import Delivery, drop, is_undecodable, read, reject_unseen
from jalsa.events.envelope import Envelope, Unreadable
from jalsa.events.inbox import Inbox
from jalsa.service import metrics
from jalsa.service.backoff import backoff
from jalsa.service.stopping import Stop

log = structlog.get_logger()

PREFETCH = 50
DECLARE_SECONDS = 15.0
#: How long messages are taken one at a time after one that could not be decoded.
CAREFUL_SECONDS = 30.0


class Undecodable(Exception):
    """The client library failed at what the broker sent. Only a message's own properties can have caused that."""


class BusConsumer:
    """One consumer of a service's queue. `bus_up` is set while it is connected and consuming.

    A message that the client library cannot decode takes the connection with it, and all that was prefetched counts a
    delivery. So the next connection follows at once and takes one message at a time. The second failure is then that of
    the message at hand, which is dead-lettered.
    """

    def __init__(
        self, url: str, inbox: Inbox, *, topology: bus.Topology | None = None, management_url: str = ""
    ) -> None:
        self.url = url
        self.inbox = inbox
        self.topology = topology or bus.load()
        self.bus_up = threading.Event()
        self._connections = 0
        self._stop: Stop = threading.Event()
        self._channel: Any = None
        self._last_tag = 0
        self._careful_until = 0.0
        self._declare_soon = threading.Event()
        self._bindings = Bindings(management_url, url)
        #: Called when our queue is bound again after it had lost a binding.
        self.on_bound_again: Callable[[], None] = lambda: None

    def loop(self, stop: Stop) -> None:
        """Consume until told to stop.

        The loop is our own, because kombu's mixin does not stop while the broker is down.
        """
        failures = 0
        self._stop = stop
        while not stop.is_set():
            try:
                self._consume(stop)
            except SQLAlchemyError as error:
                if not database_is_away(error):
                    raise
                log.warning("database-away", exc_info=error)
            except Undecodable as error:
                self._careful_until = time.monotonic() + CAREFUL_SECONDS
                log.warning("message-not-decodable", error=type(error.__cause__).__name__)
                continue
            except bus.BUS_ERRORS as error:
                log.warning("bus-away", error=type(error).__name__)
            finally:
                failures = 1 if self.bus_up.is_set() else failures + 1
                self._set_up(False)
            stop.wait(backoff(failures, first=0.5, longest=5.0))

    def connection(self) -> int:
        """The number of the present connection, counted from 1, or 0 while there is none."""
        return self._connections if self.bus_up.is_set() else 0

    def declare_soon(self) -> None:
        """Declare queues and bindings again without waiting, because something did not arrive that should have."""
        self._declare_soon.set()

    def _consume(self, stop: Stop) -> None:
        # The database comes first, because a message that is taken while it is away would only be given back
        with self.inbox.relay.engine.connect() as conn:
            conn.execute(text("SELECT 1"))
        with bus.connection(self.url) as connection:
            bus.declare(connection, self.topology)
            careful = time.monotonic() < self._careful_until
            try:
                self._subscribe(connection, prefetch=1 if careful else PREFETCH)
                self._set_up(True)
                self._drain(connection, stop, careful)
            except Exception as error:  # whatever the library makes of a message, it is that message's fault
                if isinstance(error, SQLAlchemyError) or not is_undecodable(error):
                    raise
                if careful:
                    self._send_away(connection)
                drop(connection)
                raise Undecodable from error

    def _subscribe(self, connection: Connection, prefetch: int) -> None:
        """Begin to consume.

        It ends with the connection, because a polite cancel would wait for a broker that is frozen.
        """
        self._channel = connection.channel()
        self._channel.auto_decode = False  # the sender names the codec, and some are slow
        self._channel.basic_qos(0, prefetch, False)
        self._last_tag = 0
        queue = bus.queue_name(self.inbox.service)
        self._channel.basic_consume(queue=queue, no_ack=False, callback=self._take, consumer_tag="jalsa")

    def _drain(self, connection: Connection, stop: Stop, careful: bool) -> None:
        beat = declared = time.monotonic()
        while not stop.is_set():
            with suppress(TimeoutError):
                connection.drain_events(timeout=0.5)
            now = time.monotonic()
            if now - beat > 1 and connection.supports_heartbeats:
                connection.heartbeat_check()
                beat = now
            if now - declared > DECLARE_SECONDS or self._declare_soon.is_set():
                self._declare_soon.clear()
                self._declare_again(connection)
                self._measure(connection)
                declared = now
            if careful and now > self._careful_until:
                return

    def _declare_again(self, connection: Connection) -> None:
        lost = self._bindings.look(self.topology)
        bus.declare(connection, self.topology)
        if bus.queue_name(self.inbox.service) in lost:
            self.on_bound_again()

    def _measure(self, connection: Connection) -> None:
        service = self.inbox.service
        with suppress(ChannelError), connection.channel() as channel:  # one that is not there is another's to declare
            for queue, name in (("events", bus.queue_name(service)), ("dead", bus.dead_queue_name(service))):
                _, ready, _ = channel.queue_declare(name, passive=True)
                metrics.QUEUE_MESSAGES.labels(service, queue).set(ready)

    def _take(self, message: object) -> None:
        if self._stop.is_set():
            return  # The library still hands over what it has prefetched. It goes back with the connection.
        delivery = read(message)
        self._handle(delivery)
        self._last_tag = delivery.tag

    def _handle(self, delivery: Delivery) -> None:
        try:
            envelope = delivery.open()
            if not self.inbox.follows(envelope):
                key = routing_key(envelope.tenant, envelope.subject, envelope.type)
                if not self.topology.routed_before(self.inbox.service, key):
                    raise Unreadable("not-followed")
                self._channel.basic_ack(delivery.tag)  # it was under way when this version took over
                return
        except Unreadable as error:
            self._set_aside(delivery.tag, error.reason)
            return
        try:
            self.inbox.receive(envelope)
        except Exception as error:  # the inbox could not even keep it, and it must not stop what comes behind it
            if database_is_away(error):
                raise
            log.error("event-not-kept", event_id=str(envelope.id), tenant=envelope.tenant, exc_info=error)
            self._set_aside(delivery.tag, "not-kept", envelope)
            return
        if self.inbox.knows(envelope):
            self._channel.basic_ack(delivery.tag)
        else:
            # It counts in its subject's sequence, so it had its turn. A person should still see it.
            self._set_aside(delivery.tag, "unknown-event", envelope)

    def _set_aside(self, tag: int, reason: str, envelope: Envelope | None = None) -> None:
        metrics.SET_ASIDE.labels(self.inbox.service, reason).inc()
        known = {"event_id": str(envelope.id), "tenant": envelope.tenant} if envelope else {}
        log.warning("message-set-aside", reason=reason, **known)
        self._channel.basic_reject(tag, requeue=False)

    def _send_away(self, connection: Connection) -> None:
        metrics.SET_ASIDE.labels(self.inbox.service, "not-decodable").inc()
        log.warning("message-set-aside", reason="not-decodable")
        with suppress(AttributeError, *bus.BUS_ERRORS):  # the connection may be lost, and is not used again
            reject_unseen(connection, self._channel, self._last_tag + 1)

    def _set_up(self, up: bool) -> None:
        self._connections += up
        (self.bus_up.set if up else self.bus_up.clear)()
        metrics.BUS_UP.labels(self.inbox.service).set(int(up))
