"""The consumer on real RabbitMQ dead-letters what cannot be read, and handles the next good message soon."""

import json
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from struct import pack
from typing import Any
from uuid import UUID

import pika
import pytest
from sqlalchemy.orm import Session

from jalsa.dev.kit import ServiceKit, eventually
from jalsa.dev.servers import Servers, Vhost
from jalsa.events.consumer import BusConsumer
from jalsa.events.contracts import EXCHANGE, Stream, routing_key
from jalsa.events.delivery import Delivery
from jalsa.events.envelope import CONTENT_TYPE, Unreadable, decode
from jalsa.events.inbox import Received
from jalsa.service import metrics
from jalsa.service.ids import new_id

from .lamps import TOPOLOGY, MakeKit, beta, kept, lamp_attributes, on_lamp_switched, trail

#: Stands for an instant after the year 9999.
BEYOND = datetime(2001, 9, 9, tzinfo=UTC)
KEY = "agdar.alpha.lamp.LampSwitched.v1"


@contextmanager
def consuming(kit: ServiceKit, url: str) -> Iterator[BusConsumer]:
    """A consumer at work in a thread. An earlier version of it followed wires."""
    topology = replace(TOPOLOGY, former={"beta": (Stream("alpha", "wire", reads={}).binding,)})
    consumer = BusConsumer(url, kit.inbox, topology=topology)
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
    """How many messages this test's consumer has dead-lettered."""
    bus.purge_queue("beta.dead")
    return lambda: bus.depth("beta.dead")


def send(vhost: Vhost, *bodies: bytes, key: str | bytes | None = None, **properties: Any) -> None:
    """Publish as a relay does, except for what is given."""
    connection = pika.BlockingConnection(pika.URLParameters(vhost.amqp_url))
    channel = connection.channel()
    channel.confirm_delivery()
    said = Properties(**{"content_type": CONTENT_TYPE, **properties})
    for body in bodies:
        channel.basic_publish(EXCHANGE, key or own_key(body), body, said, mandatory=True)
    connection.close()


class Properties(pika.BasicProperties):  # type: ignore[misc]
    """Properties that can name a time which Python does not know."""

    def encode(self) -> list[bytes]:
        within, beyond = (pack(">cQ", b"T", seconds) for seconds in (int(BEYOND.timestamp()), 2**62))
        return [piece.replace(within, beyond) for piece in super().encode()]


def own_key(body: bytes) -> str:
    """The routing key that an event must have, or that of some event, where it is none."""
    try:
        envelope = decode(body)
    except Unreadable:
        return KEY
    return routing_key(envelope.tenant, envelope.subject, envelope.type) if envelope.aggregate == "lamp" else KEY


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
    ("said", "reason"),
    [
        ({"headers": {"compression": "bogus"}}, "packed"),
        ({"headers": {"compression": "application/x-gzip"}}, "packed"),
        ({"headers": {"compression": ""}}, "packed"),
        ({"content_encoding": "utf-7"}, "packed"),
        ({"content_encoding": "punycode"}, "packed"),
        ({"content_encoding": "gzip"}, "packed"),
        ({"content_type": None}, "wrong-content-type"),
        ({"content_type": "application/json"}, "wrong-content-type"),
        ({"content_type": "application/x-python-serialize"}, "wrong-content-type"),
        ({"key": "other.alpha.lamp.LampSwitched.v1"}, "wrong-routing-key"),
        ({"key": "TENANT.alpha.lamp.LampMoved.v1"}, "wrong-routing-key"),
    ],
    ids=str,
)
def test_a_message_whose_wrapping_is_not_its_contents_is_set_aside(
    said: dict[str, Any],
    reason: str,
    bus: Vhost,
    set_aside: Callable[[], int],
    follower: ServiceKit,
    tenant: str,
    lamp: UUID,
) -> None:
    good = new_id()
    refused = metrics.SET_ASIDE.labels("beta", reason)._value.get
    before = refused()
    if "key" in said:
        said = {"key": said["key"].replace("TENANT", tenant)}
    send(bus, encoded(lamp_attributes(tenant, lamp, 1)), **said)
    send(bus, encoded(lamp_attributes(tenant, good, 1)))
    eventually(lambda: trail(follower, tenant, good) == "1", within=5)
    eventually(lambda: set_aside() == 1, within=5)
    assert refused() == before + 1
    assert trail(follower, tenant, lamp) == ""


@pytest.mark.parametrize("said", [{"content_encoding": "utf-8"}, {"content_type": f"{CONTENT_TYPE}; charset=UTF-8"}])
def test_what_says_of_itself_what_it_is_is_taken(
    said: dict[str, Any], bus: Vhost, set_aside: Callable[[], int], follower: ServiceKit, tenant: str, lamp: UUID
) -> None:
    send(bus, encoded(lamp_attributes(tenant, lamp, 1)), **said)
    eventually(lambda: trail(follower, tenant, lamp) == "1", within=5)


def test_a_body_that_would_unpack_to_much_more_is_never_unpacked(
    bus: Vhost, set_aside: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    unpacked: list[object] = []
    monkeypatch.setattr("kombu.message.decompress", lambda *args: unpacked.append(args))
    packed = zlib.compress(b" " * 10_000_000)
    send(bus, packed, headers={"compression": "application/x-gzip"})
    eventually(lambda: set_aside() == 1, within=5)
    assert unpacked == []


def test_who_sends_in_the_name_of_another_service_is_set_aside(
    bus: Vhost, set_aside: Callable[[], int], follower: ServiceKit, tenant: str, lamp: UUID
) -> None:
    good = new_id()
    send(bus, encoded(lamp_attributes(tenant, lamp, 1)), user_id=bus.broker.username)
    send(bus, encoded(lamp_attributes(tenant, good, 1)))
    eventually(lambda: trail(follower, tenant, good) == "1", within=5)
    eventually(lambda: set_aside() == 1, within=5)
    assert trail(follower, tenant, lamp) == ""


@pytest.mark.parametrize(("user_id", "taken"), [(None, True), ("alpha", True), ("beta", False), ("alpha2", False)])
def test_a_sender_is_its_events_source(tenant: str, lamp: UUID, user_id: str | None, taken: bool) -> None:
    body = encoded(lamp_attributes(tenant, lamp, 1))
    delivery = Delivery(1, own_key(body), body, CONTENT_TYPE, None, None, user_id)
    with nullcontext() if taken else pytest.raises(Unreadable, match="wrong-sender"):
        assert delivery.open().tenant == tenant


UNDECODABLE: dict[str, dict[str, Any]] = {
    "message id": {"message_id": b"\xff\xfe"},
    "user's own header": {"headers": {b"\xff": "x"}},
    "key of a nested header": {"headers": {"a": {b"\xff": "x"}}},
    "user": {"reply_to": b"\xc3"},
    "time beyond the years": {"headers": {"at": BEYOND}},
    "routing key": {"key": b"\xff.alpha.lamp.LampSwitched.v1"},
}


@pytest.mark.parametrize("name", UNDECODABLE)
def test_what_the_client_library_cannot_decode_is_set_aside_and_its_neighbours_handled_within_five_seconds(
    name: str, follower: ServiceKit, vhost: Vhost, tenant: str
) -> None:
    lamps = [new_id() for _ in range(60)]
    bodies = [encoded(lamp_attributes(tenant, lamp, 1)) for lamp in lamps]
    with consuming(follower, vhost.amqp_url) as consumer:
        assert consumer.bus_up.wait(10)
        began = time.monotonic()
        send(vhost, *bodies[:30])
        send(vhost, b"{}", **UNDECODABLE[name])
        send(vhost, *bodies[30:])
        eventually(lambda: all(trail(follower, tenant, lamp) == "1" for lamp in lamps), within=5)
        assert time.monotonic() - began < 5
        eventually(lambda: vhost.depth("beta.dead") == 1, within=5)
        assert vhost.depth("beta.events") == 0


def test_many_messages_that_cannot_be_decoded_cost_their_neighbours_a_single_delivery(
    follower: ServiceKit, vhost: Vhost, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jalsa.events.topology.DELIVERY_LIMIT", 3)
    lamps = [new_id() for _ in range(10)]
    with consuming(follower, vhost.amqp_url) as consumer:
        assert consumer.bus_up.wait(10)
        for lamp in lamps:
            send(vhost, b"{}", message_id=b"\xff")
            send(vhost, encoded(lamp_attributes(tenant, lamp, 1)))
        eventually(lambda: all(trail(follower, tenant, lamp) == "1" for lamp in lamps), within=15)
        eventually(lambda: vhost.depth("beta.dead") == len(lamps), within=15)


def test_after_a_while_messages_are_taken_many_at_a_time_again(
    follower: ServiceKit, vhost: Vhost, tenant: str, lamp: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jalsa.events.consumer.CAREFUL_SECONDS", 1.0)
    prefetched: list[int] = []
    subscribe = BusConsumer._subscribe

    def spy(self: BusConsumer, connection: Any, prefetch: int) -> None:
        prefetched.append(prefetch)
        subscribe(self, connection, prefetch)

    monkeypatch.setattr(BusConsumer, "_subscribe", spy)
    with consuming(follower, vhost.amqp_url) as consumer:
        assert consumer.bus_up.wait(10)
        send(vhost, b"{}", message_id=b"\xff")
        eventually(lambda: prefetched[-1] == 50 and len(prefetched) > 1)
        send(vhost, encoded(lamp_attributes(tenant, lamp, 1)))
        eventually(lambda: trail(follower, tenant, lamp) == "1")
    assert prefetched == [50, 1, 1, 50]


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


def test_what_an_earlier_version_followed_and_was_under_way_is_forgotten(
    bus: Vhost, set_aside: Callable[[], int], follower: ServiceKit, tenant: str, lamp: UUID
) -> None:
    former = lamp_attributes(tenant, lamp, 1) | {"subject": f"wire/{lamp}", "type": "jalsa.alpha.WireCut.v1"}
    never = former | {"subject": f"fuse/{lamp}", "type": "jalsa.alpha.FuseBlown.v1"}
    with closing(pika.BlockingConnection(pika.URLParameters(bus.amqp_url))) as connection:
        channel = connection.channel()
        for event, key in ((former, "wire.WireCut"), (never, "fuse.FuseBlown")):
            routed = f"{tenant}.alpha.{key}.v1"
            channel.queue_bind("beta.events", EXCHANGE, routed)
            send(bus, encoded(event), key=routed)
            channel.queue_unbind("beta.events", EXCHANGE, routed)
    send(bus, encoded(lamp_attributes(tenant, lamp, 1)))
    eventually(lambda: trail(follower, tenant, lamp) == "1", within=5)
    eventually(lambda: set_aside() == 1, within=5)
    assert kept(follower, tenant) == []


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
    monkeypatch.setattr("jalsa.events.consumer.DECLARE_SECONDS", 0.5)
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

    def slow(db: Session, event: Received[Any]) -> None:
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
    """The library hands over what it has while the connection is being closed. That could kill a slow worker."""
    begun: list[Received[Any]] = []

    def slowly(db: Session, event: Received[Any]) -> None:
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
