"""The bus's topology: a durable topic exchange for events, a direct one for dead letters, two queues per consumer.

It is data (`shared/contracts/topology.json`), made from what the services declare that they read, so that a relay can
declare every queue and binding before the first event is published.
"""

import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import structlog
from amqp.exceptions import PreconditionFailed
from kombu import Connection
from kombu.exceptions import KombuError
from kombu.transport.pyamqp import Transport

from jalsa.events.contracts import EXCHANGE, FOLDER, Stream

log = structlog.get_logger()

#: Where refused messages go, each queue's under the name of its dead-letter queue. A queue may only name an exchange
#: that its declarer may write to, and nobody should need that right on the default one, which reaches every queue.
DEAD_EXCHANGE = "jalsa.dead"

#: How often a message may kill its consumer. Every message prefetched at a crash counts one, so it is generous. What is
#: dead-lettered without cause comes back through the feed.
DELIVERY_LIMIT = 20

#: What work on a connection may raise, when the broker is away, refuses us, or no longer has what we knew of it.
BUS_ERRORS: tuple[type[Exception], ...] = (*Transport.connection_errors, *Transport.channel_errors, KombuError)


@dataclass(frozen=True)
class Topology:
    """The binding keys of each consuming service's queue.

    `former` are the keys that an earlier version bound, and that are unbound wherever the topology is declared.
    `declares` is False for a process that may declare nothing, because another one (`jalsa.events.declarer`) does it
    for all.
    """

    bindings: Mapping[str, tuple[str, ...]]
    declares: bool = True
    former: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def routes(self, key: str) -> bool:
        """Whether any of our own queues is bound to a routing key."""
        return any(_matches(keys, key) for keys in self.bindings.values())

    def routed_before(self, service: str, key: str) -> bool:
        """Whether an earlier version bound the service's queue to a routing key, and this one does not."""
        return _matches(self.former.get(service, ()), key)

    def followers(self, service: str) -> list[str]:
        """The services that follow events of one, in order."""
        return sorted(name for name, keys in self.bindings.items() if any(k.split(".")[1] == service for k in keys))

    def as_json(self) -> str:
        """The committed form."""
        written = {"exchange": EXCHANGE, "queues": self.bindings, "former": self.former}
        return json.dumps(written, indent=2, sort_keys=True) + "\n"


@cache
def load(path: Path = FOLDER / "topology.json") -> Topology:
    """The committed topology."""
    written = json.loads(path.read_text())
    bindings, former = (
        {service: tuple(keys) for service, keys in written[name].items()} for name in ("queues", "former")
    )
    return Topology(bindings, former=former)


def of(streams: Mapping[str, Collection[Stream]], former: Mapping[str, Collection[Stream]] | None = None) -> Topology:
    """The topology that the services' declarations ask for, which is what they follow, and what they followed before.

    Raises ValueError where a service follows what it declares as former.
    """
    bindings, unbound = _keys(streams), _keys(former or {})
    if both := [service for service, keys in unbound.items() if set(keys) & set(bindings.get(service, ()))]:
        raise ValueError(f"a stream that is followed is declared as former: {both}")
    return Topology(bindings, former=unbound)


def queue_name(service: str) -> str:
    """`billing.events`."""
    return f"{service}.events"


def dead_queue_name(service: str) -> str:
    """`billing.dead`."""
    return f"{service}.dead"


def queue_arguments(service: str) -> dict[str, object]:
    """A quorum queue whose refused messages go, at least once, to the service's dead-letter queue."""
    return {
        "x-queue-type": "quorum",
        "x-delivery-limit": DELIVERY_LIMIT,
        "x-dead-letter-exchange": DEAD_EXCHANGE,
        "x-dead-letter-routing-key": dead_queue_name(service),
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }


def dead_queue_arguments() -> dict[str, object]:
    """Bounded, so that a flood of unreadable messages cannot fill the broker's disk."""
    return {"x-queue-type": "quorum", "x-max-length": 100_000}


def declare(connection: Connection, topology: Topology) -> None:
    """Declare all of it. What exists stays as it is, and what was deleted is there again."""
    if not topology.declares:
        return
    with connection.channel() as channel:
        channel.exchange_declare(EXCHANGE, "topic", durable=True, auto_delete=False)
        channel.exchange_declare(DEAD_EXCHANGE, "direct", durable=True, auto_delete=False)
    for service, keys in topology.bindings.items():
        _declare_queue(connection, dead_queue_name(service), dead_queue_arguments())
        _declare_queue(connection, queue_name(service), queue_arguments(service))
        with connection.channel() as channel:
            channel.queue_bind(dead_queue_name(service), DEAD_EXCHANGE, dead_queue_name(service))
            for key in keys:
                channel.queue_bind(queue_name(service), EXCHANGE, key)
            for key in topology.former.get(service, ()):
                # the broker does not mind where there is no such binding
                channel.queue_unbind(queue_name(service), EXCHANGE, key)


def _declare_queue(connection: Connection, name: str, arguments: dict[str, object]) -> None:
    """Replace a queue that an earlier version made with other arguments, which cannot be changed.

    Events that were in it come back through the feeds. Dead letters stay where they are, because their queue has the
    arguments that it always had.
    """
    try:
        with connection.channel() as channel:
            channel.queue_declare(name, durable=True, auto_delete=False, arguments=arguments)
    except PreconditionFailed:
        log.warning("queue-made-anew", queue=name)
        with connection.channel() as channel:
            channel.queue_delete(name)
            channel.queue_declare(name, durable=True, auto_delete=False, arguments=arguments)


def connection(url: str) -> Connection:
    """An open connection for declaring and consuming. Silence is noticed within 20 seconds. Raises BUS_ERRORS."""
    options = {} if url.startswith("memory:") else {"read_timeout": 5, "write_timeout": 5}
    made = Connection(url, heartbeat=10, connect_timeout=5, transport_options={**options, "polling_interval": 0.02})
    made.ensure_connection(max_retries=0, reraise_as_library_errors=False)  # kombu would sleep, and try once more
    return made


def _keys(streams: Mapping[str, Collection[Stream]]) -> dict[str, tuple[str, ...]]:
    return {service: tuple(sorted({s.binding for s in each})) for service, each in streams.items() if each}


def _matches(bindings: Iterable[str], key: str) -> bool:
    words = "".join(_words(key))
    return any(_pattern(binding).fullmatch(words) for binding in bindings)


@cache
def _pattern(binding: str) -> re.Pattern[str]:
    """A binding as RabbitMQ reads it. Each word of a key ends with a dot, so that `a.#` matches `a`, too."""
    wild = {"*.": r"[^.]*\.", "#.": r"(?:[^.]*\.)*"}
    return re.compile("".join(wild.get(word, re.escape(word)) for word in _words(binding)))


def _words(key: str) -> list[str]:
    return [f"{word}." for word in key.split(".")] if key else []
