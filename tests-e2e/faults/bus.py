"""The bus as an outsider sees it, with what comes by and what one may throw into it."""

import json
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import pika
from pika.adapters.blocking_connection import BlockingChannel

EXCHANGE = "jalsa.events"


@contextmanager
def channel(amqp_url: str) -> Iterator[BlockingChannel]:
    """A channel on a connection of its own."""
    connection = pika.BlockingConnection(pika.URLParameters(amqp_url))
    try:
        yield connection.channel()
    finally:
        connection.close()


class Listener:
    """A durable queue that gets all of one tenant's events. It outlives its connections, as a subscriber's would."""

    def __init__(self, amqp_url: str, tenant: str) -> None:
        self.amqp_url = amqp_url
        self.queue = f"listener-{secrets.token_hex(4)}"
        self.heard: set[str] = set()
        with channel(amqp_url) as opened:
            opened.queue_declare(self.queue, durable=True)
            opened.queue_bind(self.queue, EXCHANGE, f"{tenant}.#")

    def has_heard(self, events: Iterable[Any]) -> bool:
        """Whether all these events have come by."""
        with channel(self.amqp_url) as opened:
            while (body := opened.basic_get(self.queue, auto_ack=True)[2]) is not None:
                self.heard.add(json.loads(body)["id"])
        return {event["id"] for event in events} <= self.heard

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with channel(self.amqp_url) as opened:
            opened.queue_delete(self.queue)


def throw(amqp_url: str, tenant: str, bodies: list[bytes]) -> None:
    """Publish what nobody can use to all who follow appointments."""
    with channel(amqp_url) as opened:
        opened.confirm_delivery()
        for body in bodies:
            properties = pika.BasicProperties(content_type="application/cloudevents+json", delivery_mode=2)
            opened.basic_publish(EXCHANGE, f"{tenant}.scheduling.appointment.Junk.v1", body, properties)


def junk(tenant: str) -> list[bytes]:
    """One body of each kind that must be dead-lettered."""
    envelope = _envelope(tenant)
    return [
        b"",
        b"not JSON",
        b"\x00\xff" * 100,
        b'["an", "array"]',
        json.dumps({"hello": "world"}).encode(),
        json.dumps({**envelope, "specversion": "0.3"}).encode(),
        json.dumps({**envelope, "sequence": "first"}).encode(),
        json.dumps({**envelope, "tenantid": "No such slug!"}).encode(),
        json.dumps({**envelope, "type": "com.example.Something"}).encode(),
        json.dumps({**envelope, "data": {"patient_id": "a\x00b"}}).encode(),
        json.dumps({**_envelope(tenant), "type": "jalsa.scheduling.AppointmentTeleported.v1"}).encode(),
        json.dumps({**_envelope(tenant), "type": "jalsa.scheduling.AppointmentBooked.v9"}).encode(),
        json.dumps({**envelope, "data": {"notes": secrets.token_hex(5_000_000)}}).encode(),
    ]


def _envelope(tenant: str) -> dict[str, Any]:
    """A well-formed envelope about an appointment that does not exist."""
    return {
        "specversion": "1.0",
        "id": str(uuid4()),
        "source": "/jalsa/scheduling",
        "type": "jalsa.scheduling.AppointmentBooked.v1",
        "subject": f"appointment/{uuid4()}",
        "time": datetime.now(UTC).isoformat(),
        "tenantid": tenant,
        "sequence": "1",
        "sequencetype": "Integer",
        "position": "1",
        "correlationid": uuid4().hex,
        "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "dataschema": "https://jalsa.test/scheduling/v1/events/schemas/AppointmentBooked.v1",
        "datacontenttype": "application/json",
        "data": {},
    }
