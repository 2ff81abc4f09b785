"""The topology. Our reading of bindings is the broker's own, and the committed file is what the services declare."""

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pika
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jalsa.dev.kit import eventually
from jalsa.dev.servers import Servers, Vhost
from jalsa.events import topology
from jalsa.events.contracts import EXCHANGE, Stream, routing_key

from .lamps import STREAM, TOPOLOGY

words = st.sampled_from(["a", "b", "ab", ""])
keys = st.lists(words, min_size=1, max_size=5).map(".".join)
bindings = st.lists(st.one_of(words, st.sampled_from(["*", "#"])), min_size=1, max_size=4).map(".".join)


@pytest.fixture(scope="module")
def channel(servers: Servers) -> Iterator[Any]:
    with (
        servers.rabbitmq.create_vhost() as vhost,
        closing(pika.BlockingConnection(pika.URLParameters(vhost.amqp_url))) as connection,
    ):
        opened = connection.channel()
        opened.confirm_delivery()
        opened.exchange_declare(EXCHANGE, "topic")
        opened.queue_declare("bound", exclusive=True)
        yield opened


def broker_routes(channel: Any, binding: str, key: str) -> bool:
    channel.queue_bind("bound", EXCHANGE, binding)
    channel.basic_publish(EXCHANGE, key, b"")
    channel.queue_unbind("bound", EXCHANGE, binding)
    return channel.basic_get("bound", auto_ack=True)[0] is not None


@settings(max_examples=150, deadline=None)
@given(binding=bindings, key=keys)
@example(binding="a.#", key="a")
@example(binding="#.a", key="a")
@example(binding="#", key="")
@example(binding="*", key="")
@example(binding="a.*.b", key="a..b")
@example(binding="#.*", key="a")
def test_bindings_match_as_the_broker_matches_them(binding: str, key: str, channel: Any) -> None:
    assert topology.Topology({"x": (binding,)}).routes(key) == broker_routes(channel, binding, key)


def test_a_streams_binding_takes_every_event_of_its_aggregate_and_no_other() -> None:
    def routed(tenant: str, subject: str, kind: str) -> bool:
        return TOPOLOGY.routes(routing_key(tenant, subject, kind))

    assert routed("agdar", "lamp/1", "jalsa.alpha.LampSwitched.v1")
    assert routed("noor", "lamp/1", "jalsa.alpha.LampMelted.v27")
    assert not routed("agdar", "wire/1", "jalsa.alpha.WireCut.v1")
    assert not routed("agdar", "lamp/1", "jalsa.gamma.LampSwitched.v1")


def test_the_topology_is_what_the_services_declare() -> None:
    other = Stream("gamma", "lamp", reads={})
    ended = Stream("gamma", "wire", reads={})
    made = topology.of({"beta": [other, STREAM, STREAM], "alpha": []}, {"beta": [ended], "alpha": []})
    assert made.bindings == {"beta": ("*.alpha.lamp.#", "*.gamma.lamp.#")}
    assert json.loads(made.as_json()) == {
        "exchange": EXCHANGE,
        "queues": {"beta": ["*.alpha.lamp.#", "*.gamma.lamp.#"]},
        "former": {"beta": ["*.gamma.wire.#"]},
    }


def test_a_stream_is_either_followed_or_was_followed() -> None:
    with pytest.raises(ValueError, match="beta"):
        topology.of({"beta": [STREAM]}, {"beta": [STREAM]})


def test_the_committed_topology_can_be_read() -> None:
    assert topology.load().routes("agdar.scheduling.appointment.AppointmentBooked.v1")


def test_declaring_twice_changes_nothing_and_what_was_deleted_is_there_again(vhost: Vhost) -> None:
    def declare() -> None:
        with topology.connection(vhost.amqp_url) as connection:
            topology.declare(connection, TOPOLOGY)

    declare()
    declare()
    vhost.delete_queue("beta.dead")
    vhost.delete_exchange(EXCHANGE)
    declare()
    assert set(vhost.queues()) == {"beta.events", "beta.dead"}
    assert {(b.source, b.destination, b.routing_key) for b in vhost.bindings()} == {
        (EXCHANGE, "beta.events", "*.alpha.lamp.#"),
        (topology.DEAD_EXCHANGE, "beta.dead", "beta.dead"),
    }


def test_what_an_earlier_version_bound_is_unbound_and_nothing_else(vhost: Vhost) -> None:
    followed, ended = "*.alpha.lamp.#", "*.gamma.wire.#"
    earlier = topology.Topology({"beta": (followed, ended)})
    present = topology.Topology({"beta": (followed,)}, former={"beta": (ended,)})
    for declared in (earlier, present, present):
        with topology.connection(vhost.amqp_url) as connection:
            topology.declare(connection, declared)
    assert [b.routing_key for b in vhost.bindings() if b.destination == "beta.events"] == [followed]


def test_the_memory_bus_unbinds_too() -> None:
    with topology.connection("memory://") as connection:
        topology.declare(connection, topology.Topology({"beta": ("*.alpha.lamp.#",)}, former={"beta": ("*.a.b.#",)}))


def test_a_message_that_kills_its_consumer_too_often_is_set_aside(vhost: Vhost) -> None:
    with topology.connection(vhost.amqp_url) as connection:
        topology.declare(connection, TOPOLOGY)
    deliveries = 0
    with closing(pika.BlockingConnection(pika.URLParameters(vhost.amqp_url))) as client:
        channel = client.channel()
        channel.confirm_delivery()
        channel.basic_publish(EXCHANGE, "agdar.alpha.lamp.LampSwitched.v1", b"x")

        def set_aside() -> bool:
            nonlocal deliveries
            while (got := channel.basic_get("beta.events"))[0] is not None:
                deliveries += 1
                channel.basic_nack(got[0].delivery_tag, requeue=True)
            return vhost.depth("beta.dead") == 1

        eventually(set_aside)
    assert deliveries in (topology.DELIVERY_LIMIT, topology.DELIVERY_LIMIT + 1)
