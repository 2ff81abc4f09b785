"""A source that was restored or rebuilt is told from one that repeats itself. It stops until a person has decided."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask, jsonify, request
from sqlalchemy import text

from jalsa import cli
from jalsa.dev.kit import Client, ServiceKit, eventually
from jalsa.dev.serving import serving
from jalsa.events import reconcile, sources
from jalsa.events.envelope import parse
from jalsa.events.reconcile import Reconciler
from jalsa.events.tokens import ServiceTokens
from jalsa.events.topology import Topology
from jalsa.service import metrics
from jalsa.service.config import ConfigError
from jalsa.service.ids import new_id
from jalsa.service.policy import SYSTEM

from .lamps import STREAM, MakeKit, beta, kept, lamp_attributes, lamp_event, switched, trail
from .running import working
from .test_pulse import watched
from .test_worker import NO_BROKER, health_of

Json = dict[str, Any]


class Feed:
    """Alpha's event log, as a test writes it."""

    def __init__(self) -> None:
        self.app = Flask("feed")
        self.app.add_url_rule("/v1/events", view_func=self.answer)
        self.app.add_url_rule("/v1/events/subjects", view_func=self.heads, methods=["POST"])
        self.log: list[Json] = []

    def heads(self) -> Any:
        asked = request.get_json()
        mine = [e for e in self.log if e["tenantid"] == asked["tenant"] and e["subject"] in asked["subjects"]]
        last = {e["subject"]: {"subject": e["subject"], "last": int(e["sequence"]), "id": e["id"]} for e in mine}
        return jsonify({"items": list(last.values())})

    def answer(self) -> Any:
        behind = [event for event in self.log if int(event["position"]) > int(request.args["after"])]
        return jsonify({"items": behind[: int(request.args["limit"])]})

    def add(self, *events: Json) -> None:
        for event in events:
            self.log.append({**event, "position": str(len(self.log) + 1)})


@pytest.fixture
def feed() -> Feed:
    return Feed()


@pytest.fixture
def kit(make_kit: MakeKit) -> ServiceKit:
    return make_kit(beta())


@pytest.fixture
def reader(feed: Feed, kit: ServiceKit) -> Iterator[Reconciler]:
    tokens = ServiceTokens("beta", audience=kit.config.jwt_audience, service_key=kit.config.service_key)
    with serving(feed.app) as address:
        yield Reconciler(kit.inbox, tokens, f"alpha={address}")


def other(event: Json) -> Json:
    """What a restored source published in the place of an event."""
    return {**event, "id": str(uuid4())}


def stopped(kit: ServiceKit) -> list[str]:
    with kit.relay.engine.connect() as conn:
        return sources.stopped(conn)


def test_another_event_with_the_sequence_of_one_that_was_applied_stops_its_source(
    kit: ServiceKit, tenant: str, lamp: UUID, logs: list[Json]
) -> None:
    first, second, third = (lamp_attributes(tenant, lamp, n) for n in (1, 2, 3))
    for event in (first, second, second):
        kit.inbox.receive(parse(event))
    assert stopped(kit) == [], "a repeat is no other event"

    kit.inbox.receive(parse(other(second)))
    kit.inbox.receive(parse(third))
    kit.inbox.receive(lamp_event(tenant, new_id(), 1))

    assert stopped(kit) == ["alpha"]
    assert trail(kit, tenant, lamp) == "1,2"
    assert kept(kit, tenant) == []
    assert metrics.SOURCE_STOPPED.labels("beta", "alpha")._value.get() == 1
    [entry] = [e for e in logs if e["event"] == "source-stopped"]
    assert (entry["source"], entry["runbook"]) == ("alpha", "docs/runbooks/restored-source.md")


def test_what_waits_of_a_stopped_source_is_not_applied_and_makes_no_work(
    kit: ServiceKit, tenant: str, lamp: UUID
) -> None:
    for sequence in (1, 3):
        kit.inbox.receive(lamp_event(tenant, lamp, sequence))
    kit.inbox.receive(parse(other(lamp_attributes(tenant, lamp, 1))))
    with kit.transaction(tenant) as db:
        db.execute(text("UPDATE inbox_heads SET last = 2"))
    assert kit.inbox.retry_due() == 0
    assert trail(kit, tenant, lamp) == "1"


def test_a_feed_that_ends_below_the_checkpoint_stops_its_source(
    feed: Feed, reader: Reconciler, kit: ServiceKit, tenant: str, lamp: UUID
) -> None:
    feed.add(*(lamp_attributes(tenant, lamp, n) for n in (1, 2, 3)))
    assert reader.read_all()
    assert reader.read_all()
    assert stopped(kit) == []
    del feed.log[2:]
    reader.read_all()
    assert stopped(kit) == ["alpha"]


def test_another_event_at_the_checkpoint_stops_its_source_and_nothing_behind_it_is_applied(
    feed: Feed, reader: Reconciler, kit: ServiceKit, tenant: str, lamp: UUID
) -> None:
    feed.add(*(lamp_attributes(tenant, lamp, n) for n in (1, 2)))
    reader.read_all()
    del feed.log[1:]
    fresh = new_id()
    feed.add(lamp_attributes(tenant, fresh, 1), lamp_attributes(tenant, fresh, 2))
    reader.read_all()
    assert stopped(kit) == ["alpha"]
    assert trail(kit, tenant, fresh) == ""


def test_another_event_with_a_known_sequence_in_a_feed_stops_its_source(
    feed: Feed, reader: Reconciler, kit: ServiceKit, tenant: str, lamp: UUID
) -> None:
    kit.inbox.receive(lamp_event(tenant, lamp, 1))
    feed.add(other(lamp_attributes(tenant, lamp, 1)))
    reader.read_all()
    assert stopped(kit) == ["alpha"]


def test_without_ids_what_a_restored_source_says_is_forgotten_in_silence(
    kit: ServiceKit, tenant: str, lamp: UUID
) -> None:
    """The control, with heads as they were before they kept ids."""
    for sequence in (1, 2):
        kit.inbox.receive(lamp_event(tenant, lamp, sequence))
    with kit.relay.engine.begin() as conn:
        conn.execute(text("UPDATE inbox_heads SET last_id = NULL"))
    kit.inbox.receive(parse(other(lamp_attributes(tenant, lamp, 2))))
    assert stopped(kit) == []
    assert trail(kit, tenant, lamp) == "1,2"


def test_a_person_lets_a_source_go_on_and_its_feed_is_read_from_the_start(
    feed: Feed, reader: Reconciler, kit: ServiceKit, tenant: str, lamp: UUID, capsys: pytest.CaptureFixture[str]
) -> None:
    events = [lamp_attributes(tenant, lamp, n) for n in (1, 2, 3)]
    feed.add(*events[:2])
    reader.read_all()
    feed.log = []
    missed = new_id()
    feed.add(events[0], other(events[1]), lamp_attributes(tenant, missed, 1), events[2])
    reader.read_all()
    assert stopped(kit) == ["alpha"]
    assert trail(kit, tenant, missed) == ""

    cli._COMMANDS["resume"](kit.service, kit.config, cli._parser("beta").parse_args(["resume", "alpha"]))
    assert capsys.readouterr().out.endswith("beta: alpha is followed again, from the start of its feed\n")
    assert reader.read_all()

    assert stopped(kit) == []
    assert trail(kit, tenant, lamp) == "1,2,3"
    assert trail(kit, tenant, missed) == "1"
    with pytest.raises(ConfigError, match="the source alpha is not stopped"):
        cli._COMMANDS["resume"](kit.service, kit.config, cli._parser("beta").parse_args(["resume", "alpha"]))


def test_a_consumer_with_a_stopped_source_is_not_ready_and_names_the_runbook(
    kit: ServiceKit, tenant: str, lamp: UUID
) -> None:
    kit.inbox.receive(lamp_event(tenant, lamp, 1))
    with working(kit, NO_BROKER) as worker, health_of(worker) as get:
        assert "source-alpha" not in worker.checks()
        kit.inbox.receive(parse(other(lamp_attributes(tenant, lamp, 1))))
        assert worker.checks()["source-alpha"] == "stopped: see docs/runbooks/restored-source.md"
        assert get("/readyz")[0] == 503
        assert get("/livez")[0] == 200


# A service that owns facts


def test_a_source_that_lost_only_what_the_bus_had_brought_is_stopped_before_its_new_event_is_forgotten(
    kit: ServiceKit, feed: Feed, reader: Reconciler, tenant: str, lamp: UUID
) -> None:
    """A copy of its database took over that was seconds behind, so the checkpoint is the same and lies in both."""
    first, second, third = (lamp_attributes(tenant, lamp, n) for n in (1, 2, 3))
    feed.add(first)
    assert reader.read_all()
    for event in (second, third):
        kit.inbox.receive(parse(event))
    feed.add(other(second))
    kit.inbox.receive(parse(feed.log[-1]))
    assert trail(kit, tenant, lamp) == "1,2,3"
    reader.read_all()
    assert stopped(kit) == ["alpha"]


def test_a_source_whose_later_event_was_applied_meanwhile_is_not_stopped(
    kit: ServiceKit, feed: Feed, reader: Reconciler, tenant: str, lamp: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page of its feed may have been read before the event was there, or may end before it."""
    monkeypatch.setattr(reconcile, "PAGE", 1)
    events = [lamp_attributes(tenant, lamp, n) for n in (1, 2, 3)]
    feed.add(*events)
    for event in events:
        kit.inbox.receive(parse(event))
    assert reader.read_page("alpha")
    assert stopped(kit) == []
    assert reader.read_all()


def system(kit: ServiceKit) -> Client:
    return Client(kit.app, kit.issuer.token("*", [SYSTEM]))


def test_our_own_services_can_ask_how_far_a_source_was_followed(kit: ServiceKit, tenant: str) -> None:
    lamps = sorted(new_id() for _ in range(3))
    for owner, lamp in ((tenant, lamps[0]), (tenant, lamps[1]), (f"{tenant}b", lamps[2])):
        kit.inbox.receive(lamp_event(owner, lamp, 1))
    kit.inbox.receive(lamp_event(tenant, new_id(), 5))
    first = system(kit).get("/events/heads", source="alpha", limit=2).get_json()
    rest = system(kit).get("/events/heads", source="alpha", limit=2, cursor=first["next_cursor"]).get_json()
    assert first["items"][0] == {
        "tenant": tenant,
        "subject": f"lamp/{lamps[0]}",
        "sequence": 1,
        "id": str(lamp_event(tenant, lamps[0], 1).id),
    }
    found = [(item["tenant"], item["subject"]) for item in first["items"] + rest["items"]]
    assert found == [(tenant, f"lamp/{lamps[0]}"), (tenant, f"lamp/{lamps[1]}"), (f"{tenant}b", f"lamp/{lamps[2]}")]
    assert rest["next_cursor"] is None
    assert system(kit).get("/events/heads", source="gamma").get_json()["items"] == []


def test_nobody_else_can(kit: ServiceKit, tenant: str) -> None:
    answer = kit.client(tenant, "manager").get("/events/heads", source="alpha")
    assert (answer.status_code, answer.get_json()["code"]) == (403, "forbidden")
    assert system(kit).get("/events/heads").status_code == 422
    assert system(kit).get("/events/heads", source="/jalsa/alpha").status_code == 422


def placed(kit: ServiceKit) -> int:
    with kit.relay.engine.connect() as conn:
        return int(conn.execute(text("SELECT position FROM relay_state WHERE work = 'place'")).scalar_one())


@pytest.fixture
def two_services(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jalsa.events.topology.load", lambda: Topology({"beta": (STREAM.binding,)}))


@pytest.mark.usefixtures("two_services")
def test_a_service_does_not_start_empty_where_another_has_had_events_of_it(
    make_kit: MakeKit, kit: ServiceKit, tenant: str, lamp: UUID
) -> None:
    rebuilt = make_kit()
    kit.inbox.receive(lamp_event(tenant, lamp, 1))
    with serving(kit.app) as address:
        with (
            pytest.raises(ConfigError, match=r"beta has had events of it: see docs/runbooks/restored-source\.md"),
            working(rebuilt, NO_BROKER, peers=f"beta={address}"),
        ):
            pass
        with watched(rebuilt.config.database_url) as (database, pulse):
            assert (pulse.state(), database.away) == ("empty", True), "the web process takes nothing in"
            with working(rebuilt, NO_BROKER, peers=f"beta={address}", start_empty=True) as worker:
                assert worker.checks()["alpha-place"] == "ok"
                eventually(lambda: (pulse.state(), database.away) == ("ok", False))


@pytest.mark.usefixtures("two_services")
def test_a_first_start_is_no_rebuilt_service(make_kit: MakeKit, kit: ServiceKit, tenant: str, lamp: UUID) -> None:
    fresh = make_kit()
    with serving(kit.app) as address, working(fresh, NO_BROKER, peers=f"beta={address}"):
        switched(fresh, tenant, lamp, 1)
        eventually(lambda: placed(fresh) == 1)
    kit.inbox.receive(lamp_event(tenant, lamp, 1))
    with serving(kit.app) as address, working(fresh, NO_BROKER, peers=f"beta={address}") as worker:
        assert worker.checks()["alpha-place"] == "ok", "it has published, so it is not empty"


@pytest.mark.usefixtures("two_services")
def test_a_follower_that_does_not_answer_does_not_keep_a_service_from_starting(make_kit: MakeKit) -> None:
    with working(make_kit(), NO_BROKER) as worker:
        assert worker.checks()["alpha-place"] == "ok"
