"""The worker as it runs in production, by the real clock."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import psycopg
import pytest
from flask import Flask, request
from sqlalchemy import Engine, event, text

from jalsa.dev.kit import ServiceKit, eventually
from jalsa.dev.servers import Vhost
from jalsa.dev.serving import serving
from jalsa.events.envelope import Envelope
from jalsa.events.lookout import Lookout
from jalsa.events.reconcile import Reconciler
from jalsa.service import clock
from jalsa.work.worker import Worker

from .factories import Booking, Json, World

_TOLD = text("SELECT subject, last FROM inbox_heads WHERE tenant_id = :tenant AND subject = ANY(:subjects)")


class Peers:
    """Where the other services answer. They have nothing to tell but what was told already, or a test's events."""

    def __init__(self, kit: ServiceKit) -> None:
        self.kit = kit
        self.events: list[Envelope] = []
        self.app = Flask("peers")
        self.app.add_url_rule("/v1/events", view_func=self.feed)
        self.app.add_url_rule("/v1/events/subjects", view_func=self.heads, methods=["POST"])

    def feed(self) -> Json:
        after = int(request.args["after"])
        return {"items": [event.attributes() for event in self.events if (event.position or 0) > after]}

    def heads(self) -> Json:
        with self.kit.relay.engine.connect() as conn:
            told = {row.subject: row.last for row in conn.execute(_TOLD, request.get_json())}
        told |= {event.subject: event.sequence for event in self.events}
        return {"items": [{"subject": subject, "last": last} for subject, last in told.items()]}


@pytest.fixture
def peers(scratch_kit: ServiceKit) -> Peers:
    return Peers(scratch_kit)


@pytest.fixture
def worlds(
    scratch_kit: ServiceKit, tenant: str, vhost: Vhost, peers: Peers, monkeypatch: pytest.MonkeyPatch
) -> Iterator[list[World]]:
    """Two tenants of a service with two workers, to whom neither the bus nor a reading of the feed brings anything."""
    monkeypatch.setattr(Reconciler, "loop", lambda self, stop, *_: stop.wait())
    with serving(peers.app) as address:
        where = f"scheduling={address},patient-files={address}"
        config = replace(scratch_kit.config, amqp_url=vhost.amqp_url, peer_url=where)
        workers = [Worker(scratch_kit.service, config) for _ in range(2)]
        for worker in workers:
            worker.start()
        yield [World(scratch_kit, f"{tenant}-{name}") for name in ("a", "b")]
        for worker in workers:
            worker.shut_down()


def wait_until_reminded(world: World, booking: Booking) -> None:
    eventually(lambda: world.reminder_states(booking)["24H"] == "SENT", within=30)


def seconds_late(reminder: Json) -> float:
    due, sent = (datetime.fromisoformat(reminder[name]) for name in ("due_at", "sent_at"))
    return (sent - due).total_seconds()


def test_two_workers_send_each_reminder_of_every_tenant_once_and_when_it_is_due(worlds: list[World]) -> None:
    starts_at = clock.now() + timedelta(hours=24, seconds=3)
    made = [(world, world.book(world.patient(), starts_at)) for world in worlds for _ in range(3)]
    for world, booking in made:
        wait_until_reminded(world, booking)
        assert 0 <= seconds_late(world.reminders(booking)["24H"]) < 10
        assert [(m["kind"], m["status"], m["attempts"]) for m in world.messages(booking)] == [
            ("BOOKING_CONFIRMATION", "SENT", 1),
            ("REMINDER_24H", "SENT", 1),
        ]


def cancelled_unheard(world: World, peers: Peers) -> Booking:
    """A reminder is due of an appointment that scheduling has cancelled, with an answer. The bus brings nothing."""
    booking = world.book(world.patient(), clock.now() + timedelta(hours=24, seconds=3))
    eventually(lambda: world.confirmation(booking)["status"] == "SENT")
    peers.events.append(replace(world.cancelled(booking), position=1))
    return booking


def test_a_reminder_does_not_leave_after_a_cancellation_that_the_bus_did_not_bring(
    worlds: list[World], peers: Peers
) -> None:
    booking = cancelled_unheard(worlds[0], peers)
    eventually(lambda: worlds[0].reminder_states(booking)["24H"] != "SCHEDULED", within=30)
    assert worlds[0].reminder_states(booking) == {"24H": "CANCELLED", "2H": "CANCELLED"}
    told = {message["kind"]: message["status"] for message in worlds[0].messages(booking)}
    assert told.get("REMINDER_24H") in (None, "CANCELLED")


def test_control_without_the_look_the_reminder_leaves(
    worlds: list[World], peers: Peers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Lookout, "has_all", lambda *_: True)
    booking = cancelled_unheard(worlds[0], peers)
    wait_until_reminded(worlds[0], booking)


def test_messages_go_out_over_connections_that_are_there(worlds: list[World]) -> None:
    """A connection costs the database a process, so a message has none of its own."""
    opened: Counter[str] = Counter()

    def count(connection: psycopg.Connection[object], _: object) -> None:
        opened[connection.info.get_parameters()["application_name"]] += 1

    def send_to(patients: int) -> None:
        bookings = worlds[0].book_many(patients)
        eventually(lambda: all(worlds[0].confirmation(one)["status"] == "SENT" for one in bookings), within=60)

    send_to(20)
    event.listen(Engine, "connect", count)
    try:
        send_to(40)
    finally:
        event.remove(Engine, "connect", count)
    # the pools may not have been filled yet
    assert opened["notifications-worker"] + opened["notifications-relay"] < 20
