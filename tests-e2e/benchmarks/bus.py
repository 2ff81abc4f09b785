"""Relay and consumer against bare loops of the same work."""

import json
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from statistics import median
from typing import Any
from uuid import uuid4

import pika
from sqlalchemy import create_engine, text

from jalsa.dev.issuer import Issuer
from jalsa.dev.kit import ServiceKit, service_kit
from jalsa.dev.servers import Servers, Vhost
from jalsa.events.consumer import BusConsumer
from jalsa.events.contracts import EXCHANGE
from jalsa.events.envelope import CONTENT_TYPE, Envelope
from jalsa.events.publishers import PikaPublisher
from jalsa.events.relay import Message, Relay
from jalsa.events.topology import Topology
from jalsa.service.ids import new_id
from scheduling.app import SERVICE

TENANT = "bench"
ONE_QUEUE = Topology({"scheduling": ("*.patient-files.patient.#",)})
TYPE = "jalsa.patient-files.PatientRegistered.v1"


def measure_relay(servers: Servers, issuer: Issuer, *, events: int, rounds: int) -> dict[str, Any]:
    """Events placed, published and confirmed per second on one quorum queue, against bare pipelined pika."""
    ours, bare = [], []
    with service_kit(SERVICE, servers, issuer) as kit:
        for _ in range(rounds):
            with servers.rabbitmq.create_vhost() as vhost:
                ours.append(_relay(kit, vhost, events))
            with servers.rabbitmq.create_vhost() as vhost:
                bare.append(_bare_publish(vhost, events))
    return _compared(ours, bare)


def measure_consumer(servers: Servers, issuer: Issuer, *, events: int, rounds: int) -> dict[str, Any]:
    """Events taken off a quorum queue and applied per second, against a bare loop of the same SQL."""
    ours, bare = [], []
    for _ in range(rounds):
        with ExitStack() as stack:
            kit = stack.enter_context(service_kit(SERVICE, servers, issuer))
            vhost = stack.enter_context(servers.rabbitmq.create_vhost())
            envelopes = [_envelope(i) for i in range(events)]
            ours.append(_consume(kit, vhost, envelopes))
            bare.append(_bare_loop(kit, [_envelope(i) for i in range(events)]))
    return _compared(ours, bare)


def _compared(ours: list[float], bare: list[float]) -> dict[str, Any]:
    return {"ratio": median(a / b for a, b in zip(ours, bare, strict=True)), "ours": ours, "bare": bare}


def _envelope(position: int) -> Envelope:
    patient_id = str(uuid4())
    return Envelope(
        id=new_id(),
        source="/jalsa/patient-files",
        type=TYPE,
        subject=f"patient/{patient_id}",
        time=datetime.now(UTC),
        tenant=TENANT,
        sequence=1,
        position=position + 1,
        correlation_id="bench",
        causation_id=None,
        traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        data={
            "patient_id": patient_id,
            "file_number": f"FILE-{patient_id}",
            "active": True,
            "first_name_en": "Sara",
            "last_name_en": "Nasser",
            "first_name_ar": "سارة",
            "last_name_ar": "ناصر",
            "preferred_language": "ar",
            "phone": "+966500000001",
            "email": None,
        },
    )


def _message(envelope: Envelope) -> Message:
    key = f"{TENANT}.patient-files.patient.PatientRegistered.v1"
    return Message(str(envelope.id), key, envelope.encode())


def _relay(kit: ServiceKit, vhost: Vhost, events: int) -> float:
    with kit.transaction(TENANT) as db:
        rows = [
            {"id": e.id, "tenant": TENANT, "subject": e.subject, "type": TYPE, "data": json.dumps(e.data)}
            for e in (_envelope(i) for i in range(events))
        ]
        db.execute(
            text(
                "INSERT INTO outbox (id, tenant_id, subject, sequence, type, time, correlation_id, traceparent, data) "
                "VALUES (:id, :tenant, :subject, 1, :type, now(), 'bench', 'bench', CAST(:data AS jsonb))"
            ),
            rows,
        )
    publisher = PikaPublisher(vhost.amqp_url, "bench", topology=ONE_QUEUE)
    publisher.publish([_message(_envelope(0))])  # connected and declared before the clock starts
    relay, stop = Relay("bench", kit.relay.engine, publisher), threading.Event()
    threads = [
        threading.Thread(target=loop, args=(stop,)) for loop in (relay.assign_positions_loop, relay.publish_loop)
    ]
    confirmed = _counter(kit, "SELECT position FROM relay_state WHERE work = 'publish'")
    already = confirmed()
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    while confirmed() < already + events:
        time.sleep(0.01)
    seconds = time.perf_counter() - began
    stop.set()
    for thread in threads:
        thread.join()
    return events / seconds


def _bare_publish(vhost: Vhost, events: int) -> float:
    """pika's SelectConnection with pipelined confirms, and nothing else, as the fastest possible way."""
    publisher = PikaPublisher(vhost.amqp_url, "bench", topology=ONE_QUEUE)
    publisher.publish([_message(_envelope(0))])  # declares the queue
    publisher.close()
    bodies = [_message(_envelope(i)) for i in range(events)]
    outstanding: set[int] = set()
    times: dict[str, float] = {}

    def ready(channel: Any) -> None:
        times["began"] = time.perf_counter()
        for tag, message in enumerate(bodies, 1):
            outstanding.add(tag)
            properties = pika.BasicProperties(content_type=CONTENT_TYPE, delivery_mode=2, message_id=message.id)
            channel.basic_publish(EXCHANGE, message.key, message.body, properties, mandatory=True)

    def confirmed(frame: Any) -> None:
        tag = frame.method.delivery_tag
        outstanding.difference_update([t for t in outstanding if t <= tag] if frame.method.multiple else [tag])
        if not outstanding:
            times["ended"] = time.perf_counter()
            connection.close()

    def opened(channel: Any) -> None:
        channel.confirm_delivery(confirmed, callback=lambda _: ready(channel))

    connection = pika.SelectConnection(
        pika.URLParameters(vhost.amqp_url),
        on_open_callback=lambda c: c.channel(on_open_callback=opened),
        on_close_callback=lambda c, _: c.ioloop.stop(),
    )
    connection.ioloop.start()
    return events / (times["ended"] - times["began"])


def _consume(kit: ServiceKit, vhost: Vhost, envelopes: list[Envelope]) -> float:
    publisher = PikaPublisher(vhost.amqp_url, "bench", topology=ONE_QUEUE)
    for start in range(0, len(envelopes), 500):
        batch = [_message(e) for e in envelopes[start : start + 500]]
        if publisher.publish(batch) != len(batch):
            raise RuntimeError("the broker did not confirm")
    publisher.close()
    stop = threading.Event()
    consumer = BusConsumer(vhost.amqp_url, kit.inbox, topology=ONE_QUEUE)
    thread = threading.Thread(target=consumer.loop, args=(stop,))
    applied = _counter(kit, "SELECT count(*) FROM inbox_heads WHERE last = 1")
    began = time.perf_counter()
    thread.start()
    while applied() < len(envelopes):
        time.sleep(0.02)
    seconds = time.perf_counter() - began
    stop.set()
    thread.join()
    return len(envelopes) / seconds


def _counter(kit: ServiceKit, query: str) -> Callable[[], int]:
    def count() -> int:
        with kit.relay.engine.connect() as connection:
            return int(connection.execute(text(query)).scalar_one())

    return count


_SET = text(
    "SELECT set_config('jalsa.tenant', :tenant, true), set_config('jalsa.actor', 'bench', true), "
    "set_config('jalsa.request', 'bench', true)"
)
_LOCK = text(
    "INSERT INTO inbox_heads AS h (tenant_id, source, subject, last) VALUES (:tenant, :source, :subject, 0) "
    "ON CONFLICT (tenant_id, source, subject) DO UPDATE SET last = h.last RETURNING last"
)
_UPSERT = text(
    "INSERT INTO patients (id, file_number, active) VALUES (:id, :file, true) "
    "ON CONFLICT (tenant_id, id) DO UPDATE SET file_number = EXCLUDED.file_number, active = EXCLUDED.active"
)
_ADVANCE = text("UPDATE inbox_heads SET last = 1 WHERE tenant_id = :tenant AND source = :source AND subject = :subject")


def _bare_loop(kit: ServiceKit, envelopes: list[Envelope]) -> float:
    """The same statements, one transaction each, with SQLAlchemy Core, with no broker and no checks."""
    engine = create_engine(kit.config.database_url)
    began = time.perf_counter()
    for envelope in envelopes:
        values = {
            "tenant": TENANT,
            "source": envelope.source,
            "subject": envelope.subject,
            "id": envelope.data["patient_id"],
            "file": envelope.data["file_number"],
        }
        with engine.begin() as conn:
            conn.execute(_SET, values)
            conn.execute(_LOCK, values)
            conn.execute(_UPSERT, values)
            conn.execute(_ADVANCE, values)
    seconds = time.perf_counter() - began
    engine.dispose()
    return len(envelopes) / seconds
