"""Reconciliation: the feed brings what the bus did not, page by page, from a checkpoint per source."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import kombu.transport.memory
import pika
import pytest
from flask import Flask, jsonify, request
from sqlalchemy import text
from sqlalchemy.orm import Session

from jalsa.dev.kit import ServiceKit, eventually
from jalsa.dev.servers import Vhost
from jalsa.dev.serving import serving
from jalsa.events import reconcile
from jalsa.events.consumer import BusConsumer
from jalsa.events.contracts import EXCHANGE, Stream
from jalsa.events.envelope import parse
from jalsa.events.inbox import Inbox, Received
from jalsa.events.publishers import MemoryPublisher
from jalsa.events.reconcile import Reconciler, peer_address
from jalsa.events.relay import assign_positions, publish_placed
from jalsa.events.tokens import ServiceTokens
from jalsa.service import metrics
from jalsa.service.config import ConfigError

from .lamps import (
    TOPOLOGY,
    LampSwitched,
    Logs,
    MakeKit,
    Switchable,
    beta,
    impatient,
    kept,
    lamp_attributes,
    switched,
    trail,
)
from .running import confirmed, looping, working


class Feeds:
    """Peers that answer as they are told to, and remember what they were asked."""

    def __init__(self) -> None:
        self.app = Flask("feeds")
        self.app.add_url_rule("/<source>/v1/events", view_func=self.answer)
        self.events: dict[str, list[dict[str, Any]]] = {}
        self.asked: list[tuple[str, int]] = []
        self.instead: Callable[[], Any] | None = None

    def answer(self, source: str) -> Any:
        after = int(request.args["after"])
        self.asked.append((source, after))
        if self.instead is not None:
            return self.instead()
        found = [e for e in self.events.get(source, []) if int(e["position"]) > after]
        return jsonify({"items": found[: int(request.args["limit"])]})

    def hold(self, source: str, *events: dict[str, Any]) -> None:
        """Let a feed have these events, in this order."""
        stored = self.events.setdefault(source, [])
        for event in events:
            stored.append({**event, "position": str(len(stored) + 1)})


@pytest.fixture
def feeds() -> Feeds:
    return Feeds()


@pytest.fixture
def address(feeds: Feeds) -> Iterator[str]:
    with serving(feeds.app) as base:
        yield base + "/{service}"


@pytest.fixture
def kit(make_kit: MakeKit) -> ServiceKit:
    return make_kit(beta())


def reconciler(kit: ServiceKit, peers: str, inbox: Inbox | None = None) -> Reconciler:
    tokens = ServiceTokens("beta", audience=kit.config.jwt_audience, service_key=kit.config.service_key)
    return Reconciler(inbox or kit.inbox, tokens, peers)


def checkpoints(kit: ServiceKit) -> dict[str, int]:
    with kit.relay.engine.connect() as conn:
        rows = conn.execute(text("SELECT source, position FROM feed_checkpoints")).all()
    return {row.source: row.position for row in rows}


def test_what_the_bus_never_brought_is_read_from_a_real_feed(
    make_kit: MakeKit, kit: ServiceKit, tenant: str, lamp: UUID
) -> None:
    publishing = make_kit()
    switched(publishing, tenant, lamp, 1, 2)
    switched(publishing, f"{tenant}b", lamp, 7)
    publishing.events(tenant)
    with serving(publishing.app) as base:
        assert reconciler(kit, f"alpha={base}").read_all()
    assert trail(kit, tenant, lamp) == "1,2"
    assert checkpoints(kit) == {"alpha": 3}


def test_what_the_bus_brought_already_is_not_applied_again(
    feeds: Feeds, address: str, kit: ServiceKit, tenant: str, lamp: UUID
) -> None:
    events = [lamp_attributes(tenant, lamp, sequence) for sequence in (1, 2, 3, 4)]
    feeds.hold("alpha", *events)
    for sequence in (1, 4, 3):
        kit.inbox.receive(parse(events[sequence - 1]))
    assert trail(kit, tenant, lamp) == "1"
    reconciler(kit, address).read_all()
    assert trail(kit, tenant, lamp) == "1,2,3,4"
    assert kept(kit, tenant) == []


def test_pages_are_read_to_the_end_and_the_next_time_from_the_checkpoint(
    feeds: Feeds, address: str, kit: ServiceKit, tenant: str, lamp: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconcile, "PAGE", 3)
    feeds.hold("alpha", *(lamp_attributes(tenant, lamp, sequence) for sequence in range(1, 8)))
    reader = reconciler(kit, address)
    assert reader.read_all()
    assert trail(kit, tenant, lamp) == "1,2,3,4,5,6,7"
    assert feeds.asked == [("alpha", 0), ("alpha", 3), ("alpha", 6)]
    feeds.hold("alpha", lamp_attributes(tenant, lamp, 8))
    assert reader.read_all()
    assert feeds.asked[3:] == [("alpha", 6)], "with the event at the checkpoint, which tells that the log is the same"
    assert checkpoints(kit) == {"alpha": 8}


def test_whoever_follows_more_of_a_source_than_before_reads_it_again_from_the_start(
    feeds: Feeds, address: str, kit: ServiceKit, tenant: str, lamp: UUID
) -> None:
    feeds.hold("alpha", lamp_attributes(tenant, lamp, 1), lamp_attributes(tenant, lamp, 2))
    earlier = Inbox("beta", kit.database, kit.relay, [Stream("alpha", "wire", reads={})], {})
    reconciler(kit, address, earlier).read_all()
    assert checkpoints(kit) == {"alpha": 2}
    assert trail(kit, tenant, lamp) != "1,2"
    reconciler(kit, address).read_all()
    assert trail(kit, tenant, lamp) == "1,2"
    assert checkpoints(kit) == {"alpha": 2}


def test_aggregates_that_nobody_follows_move_the_checkpoint_too(
    feeds: Feeds, address: str, kit: ServiceKit, tenant: str, lamp: UUID
) -> None:
    feeds.hold("alpha", {**lamp_attributes(tenant, lamp, 1), "subject": f"wire/{lamp}"})
    assert reconciler(kit, address).read_all()
    assert checkpoints(kit) == {"alpha": 1}
    assert kept(kit, tenant) == []


def refuse() -> Any:
    return jsonify({"code": "x"}), 503


@pytest.mark.parametrize(
    "instead",
    [
        refuse,
        lambda: ("not JSON", 200),
        lambda: jsonify([1]),
        lambda: jsonify({}),
        lambda: jsonify({"items": None}),
        lambda: jsonify({"items": [{"specversion": "1.0"}]}),
        lambda: jsonify({"items": ["x"]}),
    ],
    ids=["503", "text", "a list", "no items", "null", "half an envelope", "no envelope"],
)
def test_a_feed_that_does_not_answer_as_one_moves_nothing_and_is_read_later(
    instead: Callable[[], Any], feeds: Feeds, address: str, kit: ServiceKit, tenant: str, lamp: UUID
) -> None:
    feeds.hold("alpha", lamp_attributes(tenant, lamp, 1))
    reader = reconciler(kit, address)
    feeds.instead = instead
    assert not reader.read_all()
    assert checkpoints(kit) == {"alpha": 0}
    feeds.instead = None
    assert reader.read_all()
    assert trail(kit, tenant, lamp) == "1"


def test_a_peer_that_is_down_does_not_keep_the_other_from_being_read(
    feeds: Feeds, address: str, make_kit: MakeKit, tenant: str, lamp: UUID
) -> None:
    kit, inbox = two_sources(make_kit)
    feeds.hold("alpha", lamp_attributes(tenant, lamp, 1))
    feeds.hold("gamma", gamma_event(tenant, lamp, 2), gamma_event(tenant, lamp, 1))
    alpha_down = f"alpha=http://127.0.0.1:1,gamma={address.format(service='gamma')}"
    assert not reconciler(kit, alpha_down, inbox).read_all()
    assert trail(kit, tenant, lamp) == "101,102"
    assert checkpoints(kit) == {"alpha": 0, "gamma": 2}
    assert reconciler(kit, address, inbox).read_all()
    assert trail(kit, tenant, lamp) == "101,102,1"
    assert checkpoints(kit) == {"alpha": 1, "gamma": 2}


def test_a_subject_that_a_forgotten_session_has_locked_does_not_keep_another_source_from_being_read(
    feeds: Feeds, address: str, make_kit: MakeKit, tenant: str, lamp: UUID
) -> None:
    kit, inbox = two_sources(make_kit)
    feeds.hold("alpha", lamp_attributes(tenant, lamp, 1), lamp_attributes(tenant, lamp, 2))
    feeds.hold("gamma", gamma_event(tenant, lamp, 1))
    inbox.receive(parse(lamp_attributes(tenant, lamp, 1)))
    with impatient(kit), kit.transaction(tenant) as forgotten:
        forgotten.execute(text("SELECT FROM inbox_heads WHERE source = '/jalsa/alpha' FOR UPDATE"))
        assert not reconciler(kit, address, inbox).read_all()
        assert trail(kit, tenant, lamp) == "1,101"
    assert reconciler(kit, address, inbox).read_all()
    assert trail(kit, tenant, lamp) == "1,101,2"


def two_sources(make_kit: MakeKit) -> tuple[ServiceKit, Inbox]:
    """Beta, following the lamps of gamma, too."""
    kit = make_kit(beta())
    handler = kit.service.handlers["alpha.LampSwitched.v1"]
    streams = [*kit.service.streams, Stream("gamma", "lamp", reads={"LampSwitched.v1": LampSwitched})]
    handlers = {"alpha.LampSwitched.v1": handler, "gamma.LampSwitched.v1": handler}
    return kit, Inbox("beta", kit.database, kit.relay, streams, handlers)


def gamma_event(tenant: str, lamp: UUID, sequence: int) -> dict[str, Any]:
    attributes = lamp_attributes(tenant, lamp, sequence, level=100 + sequence)
    return {**attributes, "source": "/jalsa/gamma", "type": "jalsa.gamma.LampSwitched.v1"}


def test_an_event_whose_handler_fails_does_not_hold_up_the_feed(
    feeds: Feeds, address: str, make_kit: MakeKit, tenant: str, lamp: UUID
) -> None:
    class Broken(Exception):
        pass

    kit = make_kit(beta(Switchable(Broken())))
    feeds.hold("alpha", lamp_attributes(tenant, lamp, 1))
    assert reconciler(kit, address).read_all()
    assert checkpoints(kit) == {"alpha": 1}
    assert kept(kit, tenant) == [(1, "retrying", 1)]


def test_a_reader_killed_within_a_page_reads_it_again_and_applies_it_once(
    feeds: Feeds, address: str, make_kit: MakeKit, tenant: str, lamp: UUID
) -> None:
    class Killed(BaseException):
        pass

    calls = []

    def killed_at_the_second(db: Session, event: Received[Any]) -> None:
        calls.append(event.id)
        beta().handlers["alpha.LampSwitched.v1"](db, event)
        if len(calls) == 2:
            raise Killed

    kit = make_kit(beta(killed_at_the_second))
    feeds.hold("alpha", *(lamp_attributes(tenant, lamp, sequence) for sequence in (1, 2, 3)))
    with pytest.raises(Killed):
        reconciler(kit, address).read_all()
    assert checkpoints(kit) == {"alpha": 0}
    assert reconciler(kit, address).read_all()
    assert trail(kit, tenant, lamp) == "1,2,3"
    assert len(calls) == 4


def test_two_workers_do_not_read_the_same_feed_at_once(
    feeds: Feeds, address: str, kit: ServiceKit, tenant: str, lamp: UUID
) -> None:
    asked, go_on = threading.Event(), threading.Event()

    def slow() -> Any:
        asked.set()
        assert go_on.wait(10)
        feeds.instead = None
        return jsonify({"items": feeds.events["alpha"]})

    feeds.hold("alpha", *(lamp_attributes(tenant, lamp, sequence) for sequence in (1, 2, 3)))
    feeds.instead = slow
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(reconciler(kit, address).read_all)
        assert asked.wait(10)
        assert reconciler(kit, address).read_all()
        assert len(feeds.asked) == 1, "the other one left it alone"
        go_on.set()
        assert first.result(10)
    assert trail(kit, tenant, lamp) == "1,2,3"
    assert checkpoints(kit) == {"alpha": 3}


def test_the_loop_reads_at_the_start_while_the_bus_is_down_and_when_it_comes_back(
    feeds: Feeds, address: str, kit: ServiceKit
) -> None:
    up = threading.Event()
    up.set()
    reader = reconciler(kit, address)
    began = time.monotonic()
    with looping(lambda stop: reader.loop(stop, up.is_set, 3600, 0.5)):
        eventually(lambda: len(feeds.asked) == 1)
        up.clear()
        eventually(lambda: len(feeds.asked) >= 3)
        up.set()
        seen = len(feeds.asked)
        eventually(lambda: len(feeds.asked) > seen)
    assert time.monotonic() - began < 15


def test_the_loop_notices_a_bus_that_went_and_came_back_during_a_read(
    feeds: Feeds, address: str, kit: ServiceKit
) -> None:
    connections = [1]

    def reconnects_meanwhile() -> Any:
        connections[0] += 1
        feeds.instead = None
        return jsonify({"items": []})

    feeds.instead = reconnects_meanwhile
    reader = reconciler(kit, address)
    with looping(lambda stop: reader.loop(stop, lambda: connections[0], 3600, 3600)):
        eventually(lambda: len(feeds.asked) == 2)


def test_the_loop_reads_soon_again_where_a_feed_did_not_answer(feeds: Feeds, address: str, kit: ServiceKit) -> None:
    feeds.instead = refuse
    reader = reconciler(kit, address)
    with looping(lambda stop: reader.loop(stop, lambda: 1, 3600, 0.5)):
        eventually(lambda: len(feeds.asked) >= 3)


def test_what_the_feed_brings_while_the_bus_is_up_is_counted_and_the_bindings_declared_at_once(
    feeds: Feeds, address: str, kit: ServiceKit, tenant: str, lamp: UUID, logs: Logs
) -> None:
    declared: list[int] = []
    missed = metrics.EVENTS_MISSED.labels("beta", "alpha")._value.get
    before = missed()
    reader = reconciler(kit, address)
    reader.on_missed = lambda: declared.append(1)
    with looping(lambda stop: reader.loop(stop, lambda: 1, 1.0, 0.5)):
        eventually(lambda: len(feeds.asked) == 2)
        assert declared == []
        feeds.hold("alpha", lamp_attributes(tenant, lamp, 1))
        eventually(lambda: declared)
        eventually(lambda: trail(kit, tenant, lamp) == "1")
    assert missed() == before + 1
    [warned] = [e for e in logs if e["event"] == "bus-missed-events"]
    assert (warned["source"], warned["count"]) == ("alpha", 1)


@pytest.mark.parametrize("case", ["the bus was away", "the event is on its way"])
def test_what_the_bus_could_not_have_brought_yet_is_not_counted(
    case: str, feeds: Feeds, address: str, kit: ServiceKit, tenant: str, lamp: UUID
) -> None:
    event = lamp_attributes(tenant, lamp, 1)
    if case == "the event is on its way":
        event["time"] = datetime.now(UTC).isoformat()
    missed = metrics.EVENTS_MISSED.labels("beta", "alpha")._value.get
    before = missed()
    reader = reconciler(kit, address)
    present = 0 if case == "the bus was away" else 1
    with looping(lambda stop: reader.loop(stop, lambda: present, 0.5, 0.5)):
        eventually(lambda: len(feeds.asked) == 2)
        feeds.hold("alpha", event)
        eventually(lambda: trail(kit, tenant, lamp) == "1")
    assert missed() == before


def test_a_queue_that_lost_its_binding_is_bound_again_at_once(
    make_kit: MakeKit, kit: ServiceKit, vhost: Vhost, tenant: str, lamp: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jalsa.events.topology.load", lambda: TOPOLOGY)
    monkeypatch.setattr("jalsa.events.consumer.DECLARE_SECONDS", 3600.0)
    monkeypatch.setattr(reconcile, "LATE", timedelta(seconds=-5))
    publishing = make_kit()
    with (
        serving(publishing.app) as base,
        working(kit, vhost.amqp_url, f"alpha={base}", reconcile_seconds=1.0) as worker,
    ):
        assert worker.consumer is not None
        assert worker.consumer.bus_up.wait(10)
        time.sleep(2)
        with pika.BlockingConnection(pika.URLParameters(vhost.amqp_url)) as connection:
            connection.channel().queue_unbind("beta.events", EXCHANGE, "*.alpha.lamp.#")
        switched(publishing, tenant, lamp, 1)
        publishing.events(tenant)
        eventually(lambda: trail(kit, tenant, lamp) == "1")
        eventually(lambda: any(bound.destination == "beta.events" for bound in vhost.bindings()))


def test_the_in_memory_bus_loses_what_it_held_with_its_process_and_the_feed_brings_it(
    make_kit: MakeKit, kit: ServiceKit, tenant: str, lamp: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kombu.transport.memory.Channel, "queues", {})
    publishing = make_kit()
    switched(publishing, tenant, lamp, 1, 2)
    assign_positions(publishing.relay.engine)
    publisher = MemoryPublisher("memory://", topology=TOPOLOGY)
    assert publish_placed(publishing.relay.engine, publisher) == 2
    assert confirmed(publishing) == 2
    publisher.close()
    kombu.transport.memory.Channel.queues.clear()  # what `kill -9` does to it
    consumer = BusConsumer("memory://", kit.inbox, topology=TOPOLOGY)
    publisher = MemoryPublisher("memory://", topology=TOPOLOGY)
    with serving(publishing.app) as base, looping(consumer.loop):
        assert consumer.bus_up.wait(5)
        switched(publishing, tenant, lamp, 3)
        assign_positions(publishing.relay.engine)
        publish_placed(publishing.relay.engine, publisher)
        eventually(lambda: kept(kit, tenant) == [(3, "waiting", 0)])
        reconciler(kit, f"alpha={base}").read_all()
        assert trail(kit, tenant, lamp) == "1,2,3"
    publisher.close()


def test_where_peers_answer_is_a_template_or_a_list() -> None:
    assert peer_address("http://{service}-web:8000", "billing") == "http://billing-web:8000"
    assert peer_address("alpha=http://a:1, billing=http://b:2", "billing") == "http://b:2"
    for wrong in ("alpha=http://a:1", "http://a:1", "", "billing=", "billing"):
        with pytest.raises(ConfigError, match="PEER_URL does not say where billing answers"):
            peer_address(wrong, "billing")


def test_a_service_token_is_kept_for_minutes_and_renewed_before_it_expires(
    kit: ServiceKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = ServiceTokens("beta", audience="jalsa", service_key=kit.config.service_key)
    now = time.time()
    monkeypatch.setattr("jalsa.http.auth.time.time", lambda: now)
    first = tokens.token()
    now += 200
    assert tokens.token() == first
    now += 50
    assert tokens.token() != first
