"""Bindings are compared. What was lost on the broker is named, and an API that does not answer hinders nobody."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any
from uuid import UUID

import pika
import pytest
from flask import Flask

from jalsa.dev.kit import eventually
from jalsa.dev.servers import Servers, Vhost
from jalsa.dev.serving import serving
from jalsa.events import bindings as module
from jalsa.events import topology
from jalsa.events.bindings import Bindings
from jalsa.events.contracts import EXCHANGE
from jalsa.events.reconcile import Reconciler
from jalsa.events.topology import Topology
from jalsa.service import metrics
from jalsa.service.stopping import Stop

from .lamps import TOPOLOGY, Logs, MakeKit, beta, switched, trail
from .running import working

KEYS = ("*.alpha.lamp.#", "*.alpha.wire.#")
BOUND = Topology({"beta": KEYS})


@pytest.fixture(scope="module")
def bus(servers: Servers) -> Iterator[Vhost]:
    with servers.rabbitmq.create_vhost() as vhost:
        yield vhost


@pytest.fixture
def bindings(bus: Vhost) -> Bindings:
    """As a user sees them who may do nothing but list them. All of the topology is declared."""
    with topology.connection(bus.amqp_url) as connection:
        topology.declare(connection, BOUND)
    return Bindings(bus.broker.management_address, bus.create_user(tags="management"))


def unbind(bus: Vhost, key: str) -> None:
    with closing(pika.BlockingConnection(pika.URLParameters(bus.amqp_url))) as connection:
        connection.channel().queue_unbind("beta.events", EXCHANGE, key)


def test_one_lost_binding_of_a_queue_is_told_and_counted(bus: Vhost, bindings: Bindings, logs: Logs) -> None:
    counted = metrics.BINDINGS_LOST.labels("beta.events")._value.get
    before = counted()
    assert bindings.look(BOUND) == {}
    unbind(bus, KEYS[1])
    assert bindings.look(BOUND) == {"beta.events": [KEYS[1]]}
    assert counted() == before + 1
    assert [(e["event"], e["queue"], e["keys"]) for e in logs] == [("bindings-lost", "beta.events", [KEYS[1]])]


def test_with_the_queue_or_the_exchange_all_bindings_are_lost(bus: Vhost, bindings: Bindings) -> None:
    bus.delete_queue("beta.events")
    assert bindings.look(BOUND) == {"beta.events": list(KEYS)}
    bus.delete_exchange(EXCHANGE)
    assert bindings.look(BOUND) == {"beta.events": list(KEYS)}


def test_whoever_may_not_list_bindings_is_told_so_and_finds_nothing_lost(bus: Vhost, logs: Logs) -> None:
    untagged = Bindings(bus.broker.management_address, bus.create_user())
    assert untagged.look(BOUND) == {}
    assert [(e["event"], e["error"]) for e in logs] == [("bindings-not-compared", "401")]


@pytest.mark.parametrize(
    "answer", [lambda: ("no", 500), lambda: "no JSON", lambda: "3"], ids=["500", "no JSON", "a number"]
)
def test_an_api_that_answers_as_none_loses_nothing(answer: Callable[[], Any]) -> None:
    app = Flask("api")
    app.add_url_rule("/<path:_>", view_func=lambda _: answer())
    with serving(app) as address:
        assert Bindings(address, "amqp://a:b@127.0.0.1/v").look(BOUND) == {}


def test_an_api_that_is_away_loses_nothing_and_without_an_address_nobody_is_asked(logs: Logs) -> None:
    assert Bindings("http://127.0.0.1:1", "amqp://a:b@127.0.0.1/v").look(BOUND) == {}
    assert len(logs) == 1
    assert Bindings("", "amqp://a:b@127.0.0.1/v").look(BOUND) == {}
    assert len(logs) == 1


def test_a_subscribers_queue_with_very_many_bindings_is_named(
    bus: Vhost, bindings: Bindings, logs: Logs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RabbitMQ counts a binding with other arguments as another one, so a pattern of keys bounds nothing."""
    monkeypatch.setattr(module, "MANY", 3)
    with closing(pika.BlockingConnection(pika.URLParameters(bus.amqp_url))) as connection:
        channel = connection.channel()
        channel.queue_declare("lab.events", exclusive=True)
        for number in range(3):
            channel.queue_bind("lab.events", EXCHANGE, "agdar.alpha.lamp.#", {"number": number})
        assert bindings.look(BOUND) == {}
        assert not logs
        channel.queue_bind("lab.events", EXCHANGE, "agdar.alpha.lamp.#")
        assert bindings.look(BOUND) == {}
    assert [(e["event"], e["queue"], e["count"]) for e in logs] == [("bindings-many", "lab.events", 4)]


def test_a_binding_that_is_found_gone_has_the_feeds_read_without_waiting_for_their_turn(
    make_kit: MakeKit, vhost: Vhost, tenant: str, lamp: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The event is too young to be counted as missed, and the feeds' own turn would be in an hour."""
    monkeypatch.setattr("jalsa.events.topology.load", lambda: TOPOLOGY)
    monkeypatch.setattr("jalsa.events.consumer.DECLARE_SECONDS", 3600.0)
    read_all, read_at = Reconciler.read_all, [time.monotonic()]

    def noted(self: Reconciler, stop: Stop) -> bool:
        done = read_all(self, stop)
        read_at.append(time.monotonic())
        return done

    monkeypatch.setattr(Reconciler, "read_all", noted)
    kit, publishing, management = make_kit(beta()), make_kit(), vhost.broker.management_address
    with (
        serving(publishing.app) as base,
        working(
            kit, vhost.amqp_url, f"alpha={base}", reconcile_seconds=3600.0, amqp_management_url=management
        ) as worker,
    ):
        assert worker.consumer is not None
        assert worker.consumer.bus_up.wait(10)
        eventually(lambda: time.monotonic() - read_at[-1] > 1.5)  # what is read at the start has been read
        with pika.BlockingConnection(pika.URLParameters(vhost.amqp_url)) as connection:
            connection.channel().queue_unbind("beta.events", EXCHANGE, "*.alpha.lamp.#")
        switched(publishing, tenant, lamp, 1)
        publishing.events(tenant)
        worker.consumer.declare_soon()
        eventually(lambda: trail(kit, tenant, lamp) == "1")
        assert any(bound.destination == "beta.events" for bound in vhost.bindings())
