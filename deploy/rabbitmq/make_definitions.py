"""Writes RabbitMQ's definitions from the committed topology of the bus. `--check` compares instead.

Users have no password here and can therefore not log in. Whoever deploys fills in the hashes (the compose stack does
it in deploy/keys/keys.py).
"""

import argparse
import json
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jalsa.events import topology
from jalsa.events.contracts import EXCHANGE
from jalsa.events.topology import Topology

FILE = Path(__file__).parent / "definitions.json"
VHOST = "/"
ADMINISTRATOR = "jalsa-admin"
DECLARER = "jalsa-topology"
SUBSCRIBER_LIMITS = {"max-connections": 5, "max-channels": 20}


@dataclass(frozen=True)
class Subscriber:
    """The rights of an outside system, which has its own queues and one tenant's events of some aggregates.

    RabbitMQ 3.10 knows no limit on a user's queues, but a user can make none that its permissions do not name. So its
    queues are listed (`<name>.appointments`), and that is how many it can have.
    """

    name: str
    tenant: str
    aggregates: tuple[str, ...]
    queues: tuple[str, ...] = ("appointments", "encounters", "events", "sessions")

    @property
    def names(self) -> str:
        """A pattern of its queues' names."""
        return rf"^{re.escape(self.name)}\.({'|'.join(map(re.escape, sorted(self.queues)))})$"

    @property
    def events(self) -> str:
        r"""A pattern of the binding keys it may use. It ends with `\.`, because `agdar` must not open `agdar2`."""
        aggregates = "|".join(map(re.escape, self.aggregates))
        return rf"^{re.escape(self.tenant)}\.({aggregates})\."


SUBSCRIBERS = (
    Subscriber("agdar-lab", "agdar", ("scheduling.session", "scheduling.appointment", "patient-files.encounter")),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="fail where the committed file differs")
    made = json.dumps(definitions(topology.load(), SUBSCRIBERS), indent=2) + "\n"
    if not parser.parse_args().check:
        FILE.write_text(made)
    elif FILE.read_text() != made:
        sys.exit(f"{FILE} is not what the topology asks for: run {Path(__file__).name}")


def definitions(bus: Topology, subscribers: Iterable[Subscriber]) -> dict[str, Any]:
    """What RabbitMQ loads: users, permissions, the exchange, the queues and their bindings.

    Raises ValueError for a subscriber whose name would make queues or exchanges of ours its own.
    """
    subscribers = tuple(subscribers)
    services = _services(bus)
    for subscriber in subscribers:
        if "." in subscriber.name or subscriber.name in {"jalsa", "amq", ADMINISTRATOR, DECLARER, *services}:
            raise ValueError(f"a subscriber may not be called {subscriber.name}")
    return {
        "users": [
            {"name": ADMINISTRATOR, "password_hash": "", "tags": "administrator"},
            # It compares bindings. The tag lets it list them through the management API, and gives no further right
            {"name": DECLARER, "password_hash": "", "tags": "management"},
            *({"name": service, "password_hash": "", "tags": ""} for service in services),
            *(
                {"name": subscriber.name, "password_hash": "", "tags": "", "limits": SUBSCRIBER_LIMITS}
                for subscriber in subscribers
            ),
        ],
        "vhosts": [{"name": VHOST}],
        "permissions": [
            _permission(ADMINISTRATOR, ".*", ".*", ".*"),
            _declarer_permission(bus),
            *(_service_permission(service, bus) for service in services),
            *(_subscriber_permission(subscriber) for subscriber in subscribers),
        ],
        "topic_permissions": [
            _topic_permission(DECLARER, write="^$", read=".*"),
            *(_topic_permission(service, write=rf"^[^.]+\.{re.escape(service)}\.", read="^$") for service in services),
            *(_topic_permission(subscriber.name, write="^$", read=subscriber.events) for subscriber in subscribers),
        ],
        "policies": [_bounds(subscriber) for subscriber in subscribers],
        "exchanges": [_exchange(EXCHANGE, "topic"), _exchange(topology.DEAD_EXCHANGE, "direct")],
        "queues": list(_queues(bus)),
        "bindings": list(_bindings(bus)),
    }


def _exchange(name: str, kind: str) -> dict[str, Any]:
    fixed = {"durable": True, "auto_delete": False, "internal": False, "arguments": {}}
    return {"name": name, "vhost": VHOST, "type": kind, **fixed}


def _bindings(bus: Topology) -> Iterator[dict[str, Any]]:
    for service, keys in sorted(bus.bindings.items()):
        dead = topology.dead_queue_name(service)
        yield _binding(topology.DEAD_EXCHANGE, dead, dead)
        for key in keys:
            yield _binding(EXCHANGE, topology.queue_name(service), key)


def _binding(source: str, queue: str, key: str) -> dict[str, Any]:
    destination = {"destination": queue, "destination_type": "queue"}
    return {"source": source, "vhost": VHOST, **destination, "routing_key": key, "arguments": {}}


def _services(bus: Topology) -> list[str]:
    sources = {key.split(".")[1] for keys in bus.bindings.values() for key in keys}
    return sorted(sources | set(bus.bindings))


def _queues(bus: Topology) -> Iterator[dict[str, Any]]:
    for service in sorted(bus.bindings):
        yield _queue(topology.dead_queue_name(service), topology.dead_queue_arguments())
        yield _queue(topology.queue_name(service), topology.queue_arguments(service))


def _queue(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "vhost": VHOST, "durable": True, "auto_delete": False, "arguments": arguments}


def _permission(user: str, configure: str, write: str, read: str) -> dict[str, str]:
    return {"user": user, "vhost": VHOST, "configure": configure, "write": write, "read": read}


def _service_permission(service: str, bus: Topology) -> dict[str, str]:
    """It publishes under keys that the topic permission narrows to its own, reads its queue, and declares nothing."""
    queue = re.escape(topology.queue_name(service))
    return _permission(service, "^$", f"^{re.escape(EXCHANGE)}$", f"^{queue}$" if service in bus.bindings else "^$")


def _declarer_permission(bus: Topology) -> dict[str, str]:
    """It restores what was deleted on the broker. A queue with a dead-letter exchange is declared only by those who may
    read the queue and write to that exchange.
    """
    queues = "|".join(sorted(map(re.escape, bus.bindings)))
    declared = rf"^({re.escape(EXCHANGE)}|{re.escape(topology.DEAD_EXCHANGE)}|({queues})\.(events|dead))$"
    return _permission(DECLARER, declared, declared, declared)


def _subscriber_permission(subscriber: Subscriber) -> dict[str, str]:
    read = rf"{subscriber.names}|^{re.escape(EXCHANGE)}$"
    return _permission(subscriber.name, subscriber.names, subscriber.names, read)


def _topic_permission(user: str, *, write: str, read: str) -> dict[str, str]:
    return {"user": user, "vhost": VHOST, "exchange": EXCHANGE, "write": write, "read": read}


def _bounds(subscriber: Subscriber) -> dict[str, Any]:
    """A subscriber that stays away must not fill the broker's disk. It comes back through the feed."""
    return {
        "vhost": VHOST,
        "name": f"bounds-of-{subscriber.name}",
        "pattern": subscriber.names,
        "apply-to": "queues",
        "priority": 0,
        "definition": {"max-length-bytes": 50_000_000, "expires": 7 * 24 * 3_600_000},
    }


if __name__ == "__main__":
    main()
