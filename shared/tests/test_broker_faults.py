"""A broker that is down, frozen, killed or emptied: nothing lost, nothing twice, healed without help."""

import socket
import time
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from jalsa.dev.kit import ServiceKit, eventually
from jalsa.dev.servers import PrivateRabbitMQ, private_rabbitmq
from jalsa.dev.serving import serving
from jalsa.events.publishers import PikaPublisher
from jalsa.events.relay import Message
from jalsa.service import metrics
from jalsa.service.ids import new_id

from .lamps import TOPOLOGY, MakeKit, beta, kept, switched, trail
from .running import confirmed, working


@pytest.fixture(scope="module")
def broker() -> Iterator[PrivateRabbitMQ]:
    with private_rabbitmq() as server:
        yield server


@pytest.fixture(autouse=True)
def our_topology(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jalsa.events.topology.load", lambda: TOPOLOGY)


@pytest.fixture
def publishing(make_kit: MakeKit) -> ServiceKit:
    return make_kit()


@pytest.fixture
def following(make_kit: MakeKit) -> ServiceKit:
    return make_kit(beta())


def message() -> Message:
    return Message(str(uuid4()), "agdar.alpha.lamp.LampSwitched.v1", b"{}")


def ack_has_come(sock: socket.socket) -> bool:
    """Whether a Basic.Ack waits to be read."""
    try:
        return b"\x00\x3c\x00\x50" in sock.recv(4096, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False


def failures() -> float:
    return float(metrics.PUBLISH_FAILURES.labels("alpha")._value.get())


def test_a_frozen_broker_confirms_nothing_and_gets_everything_when_it_thaws(
    broker: PrivateRabbitMQ, publishing: ServiceKit, following: ServiceKit, tenant: str, lamp: UUID
) -> None:
    with working(publishing, broker.amqp_url), working(following, broker.amqp_url) as follower:
        switched(publishing, tenant, lamp, 1, 2)
        eventually(lambda: trail(following, tenant, lamp) == "1,2")
        eventually(lambda: confirmed(publishing) == 2)
        before = failures()
        broker.pause()
        try:
            switched(publishing, tenant, lamp, 3, 4, 5)
            eventually(lambda: failures() > before, within=20)
            assert confirmed(publishing) == 2
            assert follower.checks()["database"] == "ok"
        finally:
            broker.resume()
        eventually(lambda: trail(following, tenant, lamp) == "1,2,3,4,5", within=30)
        eventually(lambda: confirmed(publishing) == 5)
    assert kept(following, tenant) == []


def test_a_confirm_that_comes_too_late_is_never_taken_for_another_messages(broker: PrivateRabbitMQ) -> None:
    publisher = PikaPublisher(broker.amqp_url, "alpha", timeout=1, topology=TOPOLOGY)
    early, late = message(), message()
    assert publisher.publish([early]) == 1
    broker.pause()
    try:
        assert publisher.publish([late]) == 0
        assert publisher._connection is None, "thrown away, with whatever is still to come over it"
    finally:
        broker.resume()
    assert publisher.publish([late]) == 1
    publisher.close()


class Careless(PikaPublisher):
    """Keeps its connection after a time-out, and takes each confirm for that of the message it waits for."""

    def close(self) -> None:
        self._unconfirmed.clear()

    def _on_confirm(self, frame: Any) -> None:
        self._confirmed |= set(self._unconfirmed.values())
        self._unconfirmed.clear()


def test_a_publisher_that_keeps_its_connection_takes_a_late_confirm_for_another_messages(
    broker: PrivateRabbitMQ,
) -> None:
    """The control of the test above."""
    publisher = Careless(broker.amqp_url, "alpha", timeout=1, topology=TOPOLOGY)
    assert publisher.publish([message()]) == 1
    broker.pause()
    try:
        assert publisher.publish([message()]) == 0
    finally:
        broker.resume()
    kept: Any = publisher._connection
    eventually(lambda: ack_has_come(kept._transport._sock))
    broker.pause()
    try:
        assert publisher.publish([message()]) == 1, "nobody is there to confirm it"
    finally:
        broker.resume()
    PikaPublisher.close(publisher)


def test_everything_ends_within_seconds_while_the_broker_is_frozen(
    broker: PrivateRabbitMQ, publishing: ServiceKit, following: ServiceKit
) -> None:
    with working(publishing, broker.amqp_url), working(following, broker.amqp_url) as worker:
        assert worker.consumer is not None
        assert worker.consumer.bus_up.wait(20)
        broker.pause()
        began = time.monotonic()
    try:
        assert time.monotonic() - began < 12
    finally:
        broker.resume()


def test_a_killed_broker_loses_nothing_and_is_found_again_also_by_who_started_without_it(
    broker: PrivateRabbitMQ, publishing: ServiceKit, following: ServiceKit, tenant: str, lamp: UUID
) -> None:
    with working(publishing, broker.amqp_url), working(following, broker.amqp_url) as old:
        switched(publishing, tenant, lamp, 1)
        eventually(lambda: trail(following, tenant, lamp) == "1")
        broker.wait_for_written("/", "beta.events")
        broker.kill()
        switched(publishing, tenant, lamp, 2, 3)
        with working(publishing, broker.amqp_url), working(following, broker.amqp_url) as new:
            eventually(lambda: len(publishing.events(tenant)) == 3)
            assert [worker.checks()["bus"] for worker in (old, new)] == ["away", "away"]
            assert confirmed(publishing) <= 1
            broker.start()
            switched(publishing, tenant, lamp, 4)
            eventually(lambda: trail(following, tenant, lamp) == "1,2,3,4", within=30)
            eventually(lambda: confirmed(publishing) == 4)
            eventually(lambda: [worker.checks()["bus"] for worker in (old, new)] == ["ok", "ok"])


def test_a_broker_with_an_emptied_disk_gets_its_queues_back_and_the_feed_brings_what_it_held(
    broker: PrivateRabbitMQ, publishing: ServiceKit, following: ServiceKit, tenant: str, lamp: UUID
) -> None:
    with serving(publishing.app) as address, working(publishing, broker.amqp_url):
        switched(publishing, tenant, lamp, 1, 2, 3)
        eventually(lambda: confirmed(publishing) == 3)
        broker.wipe()
        with working(following, broker.amqp_url, peers=f"alpha={address}") as worker:
            eventually(lambda: trail(following, tenant, lamp) == "1,2,3", within=30)
            assert worker.consumer is not None
            assert worker.consumer.bus_up.wait(20)
        with working(following, broker.amqp_url):
            switched(publishing, tenant, lamp, 4)
            eventually(lambda: trail(following, tenant, lamp) == "1,2,3,4", within=30)


def test_with_the_broker_away_consequences_arrive_through_the_feed(
    publishing: ServiceKit, following: ServiceKit, tenant: str
) -> None:
    lamps = [new_id() for _ in range(5)]
    nobody = "amqp://guest:guest@127.0.0.1:1/%2F"
    with (
        serving(publishing.app) as address,
        working(publishing, nobody),
        working(following, nobody, peers=f"alpha={address}"),
    ):
        for lamp in lamps:
            switched(publishing, tenant, lamp, 1, 2)
        eventually(lambda: all(trail(following, tenant, lamp) == "1,2" for lamp in lamps))
    assert confirmed(publishing) == 0
