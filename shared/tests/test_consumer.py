"""The consumer on real RabbitMQ: what can not be read is set aside, and the next good message is handled soon."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import pika
import pytest
from lamps import TOPOLOGY, MakeKit, beta, kept, lamp_attributes, on_lamp_switched, trail
from sqlalchemy.orm import Session

from jalsa.consumer import BusConsumer
from jalsa.contracts import EXCHANGE
from jalsa.ids import new_id
from jalsa.inbox import Received
from jalsa.testing.kit import ServiceKit, eventually
from jalsa.testing.servers import Servers, Vhost

KEY = "agdar.alpha.lamp.LampSwitched.v1"


@contextmanager
def consuming(kit: ServiceKit, url: str) -> Iterator[BusConsumer]:
    """A consumer at work in a thread."""
    consumer = BusConsumer(url, kit.inbox, topology=TOPOLOGY)
    stop = threading.Event()
    thread = threading.Thread(target=consumer.loop, args=(stop,))
    thread.start()
    try:
        yield consumer
    finally:
        stop.set()
        thread.join(15)
        assert not thread.is_alive()


@pytest.fixture(scope="module")
def bus(servers: Servers, follower: ServiceKit) -> Iterator[Vhost]:
    """A virtual host in which one consumer is at work, for all tests that leave it as it is."""
    with servers.rabbitmq.create_vhost() as made, consuming(follower, made.amqp_url) as consumer:
        assert consumer.bus_up.wait(10)
        yield made


@pytest.fixture
def set_aside(bus: Vhost) -> Callable[[], int]:
    """How many messages this test's consumer has set aside."""
    bus.purge_queue("beta.dead")
    return lambda: bus.depth("beta.dead")


def send(vhost: Vhost, *bodies: bytes, key: str = KEY, **properties: Any) -> None:
    connection = pika.BlockingConnection(pika.URLParameters(vhost.amqp_url))
    channel = connection.channel()
    channel.confirm_delivery()
    for body in bodies:
        channel.basic_publish(EXCHANGE, key, body, pika.BasicProperties(**properties), mandatory=True)
    connection.close()


def encoded(attributes: Any) -> bytes:
    return json.dumps(attributes).encode()


def test_events_are_applied_in_order_and_acknowledged(
    bus: Vhost, set_aside: Callable[[], int], follower: ServiceKit, tenant: str, lamp: UUID
) -> None:
    events = [encoded(lamp_attributes(tenant, lamp, sequence)) for sequence in (1, 3, 2, 2, 4)]
    send(bus, *events)
    eventually(lambda: trail(follower, tenant, lamp) == "1,2,3,4")
    assert set_aside() == 0
    assert kept(follower, tenant) == []


def spoiled(tenant: str, lamp: UUID, **changes: Any) -> bytes:
    return encoded(lamp_attributes(tenant, lamp, 1) | changes)


def without(tenant: str, lamp: UUID, name: str) -> bytes:
    attributes = lamp_attributes(tenant, lamp, 1)
    del attributes[name]
    return encoded(attributes)


def in_data(tenant: str, lamp: UUID, json_value: str) -> bytes:
    return encoded(lamp_attributes(tenant, lamp, 1, note="HERE")).replace(b'"HERE"', json_value.encode())


POISON: dict[str, Callable[[str, UUID], bytes]] = {
    "no bytes": lambda t, lamp: b"",
    "random bytes": lambda t, lamp: bytes(range(256)),
    "not JSON": lambda t, lamp: b'{"specversion": "1.0",',
    "a list": lambda t, lamp: b"[1]",
    "a number": lambda t, lamp: b"1",
    "deeply nested": lambda t, lamp: b"[" * 100_000,
    "10 MB": lambda t, lamp: spoiled(t, lamp, data={"lamp_id": str(lamp), "level": 1, "note": "x" * 10_000_000}),
    "NUL": lambda t, lamp: in_data(t, lamp, '"a\\u0000b"'),
    "NUL in a key": lambda t, lamp: in_data(t, lamp, '{"a\\u0000b": 1}'),
    "half a surrogate pair": lambda t, lamp: in_data(t, lamp, '"\\ud83d"'),
    "half a surrogate pair in a subject": lambda t, lamp: spoiled(t, lamp, subject="lamp/\ud83d"),
    "NaN": lambda t, lamp: in_data(t, lamp, "NaN"),
    "infinity": lambda t, lamp: in_data(t, lamp, "-Infinity"),
    "number beyond every type": lambda t, lamp: in_data(t, lamp, "1e999999"),
    "UTF-16": lambda t, lamp: json.dumps(lamp_attributes(t, lamp, 1)).encode("utf-16"),
    "another specversion": lambda t, lamp: spoiled(t, lamp, specversion="0.3"),
    "no id": lambda t, lamp: without(t, lamp, "id"),
    "id that is no UUID": lambda t, lamp: spoiled(t, lamp, id="1"),
    "id that is a number": lambda t, lamp: spoiled(t, lamp, id=1),
    "no sequence": lambda t, lamp: without(t, lamp, "sequence"),
    "sequence 0": lambda t, lamp: spoiled(t, lamp, sequence="0"),
    "sequence that is a number": lambda t, lamp: spoiled(t, lamp, sequence=1),
    "sequence beyond bigint": lambda t, lamp: spoiled(t, lamp, sequence="9" * 30),
    "position beyond bigint": lambda t, lamp: spoiled(t, lamp, position="9" * 30),
    "sequence in other digits": lambda t, lamp: spoiled(t, lamp, sequence="١"),
    "sequence with a sign": lambda t, lamp: spoiled(t, lamp, sequence="+1"),
    "no tenant": lambda t, lamp: without(t, lamp, "tenantid"),
    "the tenant of our own services": lambda t, lamp: spoiled(t, lamp, tenantid="*"),
    "tenant in capitals": lambda t, lamp: spoiled(t, lamp, tenantid="AGDAR"),
    "source of another service": lambda t, lamp: spoiled(t, lamp, source="/jalsa/gamma"),
    "type of somebody else": lambda t, lamp: spoiled(t, lamp, type="com.example.LampSwitched.v1"),
    "type without version": lambda t, lamp: spoiled(t, lamp, type="jalsa.alpha.LampSwitched"),
    "subject without id": lambda t, lamp: spoiled(t, lamp, subject="lamp"),
    "subject with an empty id": lambda t, lamp: spoiled(t, lamp, subject="lamp/"),
    "subject of 100,000 characters": lambda t, lamp: spoiled(t, lamp, subject="lamp/" + "x" * 100_000),
    "an aggregate that nobody follows": lambda t, lamp: spoiled(t, lamp, subject=f"wire/{lamp}"),
    "time without offset": lambda t, lamp: spoiled(t, lamp, time="2026-11-20T08:00:00"),
    "time that is a number": lambda t, lamp: spoiled(t, lamp, time=1),
    "no data": lambda t, lamp: without(t, lamp, "data"),
    "data that is a list": lambda t, lamp: spoiled(t, lamp, data=[1]),
    "causation that is an object": lambda t, lamp: spoiled(t, lamp, causationid={"a": 1}),
}


@pytest.mark.parametrize("name", POISON)
def test_what_can_not_be_read_is_set_aside_and_the_next_message_handled_within_five_seconds(
    name: str, bus: Vhost, set_aside: Callable[[], int], follower: ServiceKit, tenant: str, lamp: UUID
) -> None:
    good = new_id()
    began = time.monotonic()
    send(bus, POISON[name](tenant, lamp), encoded(lamp_attributes(tenant, good, 1)))
    eventually(lambda: trail(follower, tenant, good) == "1", within=5)
    eventually(lambda: set_aside() == 1, within=5)
    assert time.monotonic() - began < 5
    assert trail(follower, tenant, lamp) == ""
    assert kept(follower, tenant) == []


@pytest.mark.parametrize(
    "properties",
    [
        {"headers": {"compression": "bogus"}},
        {"headers": {"compression": "application/x-gzip"}},
        {"content_encoding": "utf-7"},
    ],
    ids=str,
)
def test_a_message_whose_properties_lie_is_set_aside(
    properties: dict[str, Any],
    bus: Vhost,
    set_aside: Callable[[], int],
    follower: ServiceKit,
    tenant: str,
    lamp: UUID,
) -> None:
    send(bus, b"+2AA-", **properties)
    send(bus, encoded(lamp_attributes(tenant, lamp, 1)))
    eventually(lambda: trail(follower, tenant, lamp) == "1", within=5)
    eventually(lambda: set_aside() == 1, within=5)


@pytest.mark.parametrize("event", ["LampMelted.v1", "LampSwitched.v2"])
def test_an_unknown_event_of_a_followed_aggregate_has_its_turn_and_is_set_aside_to_be_seen(
    event: str, bus: Vhost, set_aside: Callable[[], int], follower: ServiceKit, tenant: str, lamp: UUID
) -> None:
    unknown = lamp_attributes(tenant, lamp, 2, event=event)
    send(bus, *(encoded(e) for e in (lamp_attributes(tenant, lamp, 1), unknown, lamp_attributes(tenant, lamp, 3))))
    eventually(lambda: trail(follower, tenant, lamp) == "1,3", within=5)
    eventually(lambda: set_aside() == 1, within=5)


def test_an_event_that_is_passed_over_has_its_turn_and_is_forgotten(
    bus: Vhost, set_aside: Callable[[], int], follower: ServiceKit, tenant: str, lamp: UUID
) -> None:
    events = [lamp_attributes(tenant, lamp, 1, event="LampMoved.v1"), lamp_attributes(tenant, lamp, 2)]
    send(bus, *map(encoded, events))
    eventually(lambda: trail(follower, tenant, lamp) == "2", within=5)
    assert set_aside() == 0


def test_an_event_too_deep_to_be_written_again_does_not_stop_what_comes_behind_it(
    bus: Vhost, set_aside: Callable[[], int], follower: ServiceKit, tenant: str, lamp: UUID
) -> None:
    good = new_id()
    for depth in range(700, 1000, 20):
        early = encoded(lamp_attributes(tenant, new_id(), 2, note="HERE"))
        send(bus, early.replace(b'"HERE"', b"[" * depth + b"]" * depth))
    send(bus, encoded(lamp_attributes(tenant, good, 1)))
    eventually(lambda: trail(follower, tenant, good) == "1", within=5)
    eventually(lambda: set_aside() + len(kept(follower, tenant)) == 15)


def test_unknown_fields_are_passed_over(
    bus: Vhost, set_aside: Callable[[], int], follower: ServiceKit, tenant: str, lamp: UUID
) -> None:
    attributes = lamp_attributes(tenant, lamp, 1, colour="red") | {"anextension": "x"}
    send(bus, encoded(attributes))
    eventually(lambda: trail(follower, tenant, lamp) == "1", within=5)


@pytest.mark.parametrize("lost", ["queue", "exchange"])
def test_what_is_deleted_while_consuming_is_there_again_and_consumed(
    lost: str, follower: ServiceKit, vhost: Vhost, tenant: str, lamp: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jalsa.consumer.DECLARE_SECONDS", 0.5)
    with consuming(follower, vhost.amqp_url) as consumer:
        assert consumer.bus_up.wait(10)
        if lost == "queue":
            vhost.delete_queue("beta.events")
        else:
            vhost.delete_exchange(EXCHANGE)
        eventually(lambda: any(b.destination == "beta.events" for b in vhost.bindings()))
        send(vhost, encoded(lamp_attributes(tenant, lamp, 1)))
        eventually(lambda: trail(follower, tenant, lamp) == "1")


def test_a_message_whose_consumer_is_cut_off_is_handled_in_the_end(
    make_kit: MakeKit, vhost: Vhost, tenant: str, lamp: UUID
) -> None:
    at_work, go_on = threading.Event(), threading.Event()

    def slow(db: Session, event: Received) -> None:
        at_work.set()
        assert go_on.wait(10)
        on_lamp_switched(db, event)

    kit = make_kit(beta(slow))
    with consuming(kit, vhost.amqp_url) as consumer:
        assert consumer.bus_up.wait(10)
        send(vhost, encoded(lamp_attributes(tenant, lamp, 1)), encoded(lamp_attributes(tenant, lamp, 2)))
        assert at_work.wait(10)
        for found in eventually(lambda: vhost.broker.call("GET", "vhosts", vhost.name, "connections")):
            vhost.broker.call("DELETE", "connections", found["name"])
        go_on.set()
        eventually(lambda: trail(kit, tenant, lamp) == "1,2")
        eventually(lambda: vhost.depth("beta.events") == 0)
    assert vhost.depth("beta.dead") == 0


def test_a_consumer_without_a_broker_says_so_and_stops_at_once(follower: ServiceKit) -> None:
    with consuming(follower, "amqp://guest:guest@127.0.0.1:1/%2F") as consumer:
        assert not consumer.bus_up.wait(1)
        began = time.monotonic()
    assert time.monotonic() - began < 3


def test_a_virtual_host_that_is_gone_is_a_bus_that_is_away(follower: ServiceKit, vhost: Vhost) -> None:
    gone = vhost.broker.create_vhost()
    with consuming(follower, gone.amqp_url) as consumer:
        assert consumer.bus_up.wait(10)
        gone.delete()
        eventually(lambda: not consumer.bus_up.is_set())
        gone.broker.create_vhost(gone.name)
        eventually(consumer.bus_up.is_set)
    gone.delete()


def test_it_ends_without_working_off_what_it_has_prefetched(make_kit: MakeKit, vhost: Vhost, tenant: str) -> None:
    """The library hands over what it has while the connection is being closed: a slow worker would be killed at it."""
    begun: list[Received] = []

    def slowly(db: Session, event: Received) -> None:
        begun.append(event)
        time.sleep(0.3)

    following = make_kit(beta(slowly))
    with consuming(following, vhost.amqp_url) as consumer:
        assert consumer.bus_up.wait(10)
        send(vhost, *(encoded(lamp_attributes(tenant, new_id(), 1)) for _ in range(30)))
        eventually(lambda: begun)
        told = time.monotonic()
    assert time.monotonic() - told < 6
    assert len(begun) < 20
    eventually(lambda: vhost.depth("beta.events") >= 30 - len(begun))
