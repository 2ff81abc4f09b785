"""The worker as it runs in production, by the real clock."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from jalsa import clock
from jalsa.testing.kit import ServiceKit, eventually
from jalsa.testing.servers import Vhost
from jalsa.worker import Worker

from .factories import Booking, Json, World


@pytest.fixture
def worlds(scratch_kit: ServiceKit, tenant: str, vhost: Vhost) -> Iterator[list[World]]:
    """Two tenants of a service with two workers."""
    config = replace(scratch_kit.config, amqp_url=vhost.amqp_url, peer_url="http://127.0.0.1:1/{service}")
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
