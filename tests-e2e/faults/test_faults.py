"""Every part of the running system dies, freezes or forgets. Nothing is lost, nothing comes twice, nobody helps."""

import random
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from faults.bus import EXCHANGE, Listener, junk, throw
from faults.clients import LOST, Centre, statuses
from faults.invariant import Aftermath, assert_settles, observe, violations
from faults.system import System
from scene import eventually
from stack import ROLES, SERVICES, running_stack

from jalsa.dev.issuer import Issuer
from jalsa.dev.servers import private_postgres, private_rabbitmq

pytestmark = pytest.mark.timeout(300)

#: The services whose queues a booking goes to.
FOLLOWERS = tuple(service for service in SERVICES if service != "scheduling")


@pytest.fixture(scope="module")
def running(issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("faults")
    with (
        private_rabbitmq() as rabbitmq,
        private_postgres(durable=True) as postgres,
        running_stack(postgres.url, rabbitmq.url_for("/"), issuer, folder, secrets.token_hex(4)) as stack,
    ):
        yield System(stack, postgres, rabbitmq)


@pytest.fixture
def system(running: System) -> System:
    """The system, in good health whatever the test before has done to it."""
    running.stack.wait_ready()
    return running


@pytest.fixture
def listener(system: System, tenant: str) -> Iterator[Listener]:
    """Hears of a centre from its first event on."""
    with Listener(system.vhost.amqp_url, tenant) as listener:
        yield listener


@pytest.fixture
def centre(system: System, tenant: str, listener: Listener) -> Centre:
    return Centre(system.stack, tenant)


def settled(centre: Centre, *, within: float = 30) -> Aftermath:
    """Everything that holds without faults holds with them."""
    return assert_settles(centre.stack, centre.scene, centre.patients, centre.bookings, within=within)


def assert_bus_is_used(system: System, centre: Centre) -> None:
    """One more booking's event comes by on the bus, and its consequences arrive before any feed is read."""
    with Listener(system.vhost.amqp_url, centre.tenant) as listener:
        booking = centre.book()
        seen = settled(centre, within=5)
        [booked] = [e for e in seen.feeds["scheduling"] if e["subject"] == f"appointment/{booking['id']}"]
        eventually(lambda: listener.has_heard([booked]))


def test_killing_every_process_amid_bookings_loses_and_doubles_nothing(
    system: System, centre: Centre, listener: Listener
) -> None:
    victims = [(service, role) for service in SERVICES for role in ROLES]
    random.shuffle(victims)
    print("killed in this order:", victims)
    with centre.booking(8, every=0.3) as bookings:
        for service, role in victims:
            with system.without(service, role):
                time.sleep(random.uniform(0, 0.5))
            time.sleep(random.uniform(0.3, 1.2))
    assert statuses(bookings) <= {201, 409, LOST}
    system.stack.wait_ready()
    seen = settled(centre)
    eventually(lambda: listener.has_heard(seen.events))


def test_without_a_broker_bookings_are_answered_and_their_consequences_come_through_the_feeds(
    system: System, centre: Centre, listener: Listener
) -> None:
    with system.without_rabbitmq():
        with centre.booking(1, every=0.1) as bookings:
            pass
        assert statuses(bookings) == {201, 409}
        seen = settled(centre, within=10)
    system.stack.wait_ready(within=30)
    eventually(lambda: listener.has_heard(seen.events))
    assert_bus_is_used(system, centre)


def test_a_frozen_broker_holds_no_booking_up_and_delivers_when_it_thaws(
    system: System, centre: Centre, listener: Listener
) -> None:
    with system.frozen_rabbitmq(12), centre.booking(1, every=0.1) as bookings:
        pass
    assert statuses(bookings) == {201, 409}
    seen = settled(centre)
    eventually(lambda: listener.has_heard(seen.events))
    system.stack.wait_ready(within=30)
    assert_bus_is_used(system, centre)


@contextmanager
def something_in_a_queue(system: System, centre: Centre) -> Iterator[None]:
    """Billing's worker is gone, and all that is missing of a booking is its invoice."""
    with system.without("billing", "worker"):
        booking = centre.book()
        eventually(lambda: system.vhost.depth("billing.events"))
        missing = [f"{booking['appointment_number']}: 0 × invoice"]
        eventually(lambda: violations(observe(centre.stack, centre.scene, centre.patients, centre.bookings)) == missing)
        yield


def test_deleted_queues_come_back_and_what_was_in_them_through_the_feeds(system: System, centre: Centre) -> None:
    with something_in_a_queue(system, centre), centre.booking(1):
        for service in SERVICES:
            system.vhost.delete_queue(f"{service}.events")
            system.vhost.delete_queue(f"{service}.dead")
    system.stack.wait_ready(within=30)
    settled(centre)
    assert_bus_is_used(system, centre)


def test_a_deleted_exchange_comes_back_with_all_its_bindings(system: System, centre: Centre) -> None:
    before = own_bindings(system)
    with centre.booking(1):
        system.vhost.delete_exchange(EXCHANGE)
    settled(centre)
    eventually(lambda: own_bindings(system) == before)
    assert_bus_is_used(system, centre)


def own_bindings(system: System) -> set[tuple[str, str]]:
    bindings = {(binding.destination, binding.routing_key) for binding in system.vhost.bindings()}
    return {(queue, key) for queue, key in bindings if queue.endswith(".events")}


def test_a_broker_that_comes_back_with_an_empty_disk_is_set_up_again(system: System, centre: Centre) -> None:
    with something_in_a_queue(system, centre), centre.booking(1):
        system.rabbitmq.wipe()
    system.stack.wait_ready(within=30)
    settled(centre)
    assert_bus_is_used(system, centre)


def test_a_database_restarted_amid_bookings_costs_a_repeat_at_most(
    system: System, centre: Centre, listener: Listener
) -> None:
    with centre.booking(4, every=0.2) as bookings:
        for _ in range(2):
            time.sleep(1)
            system.postgres.restart("immediate")
    assert statuses(bookings) == {201, 409, 503}
    system.stack.wait_ready(within=30)
    seen = settled(centre)
    eventually(lambda: listener.has_heard(seen.events))


def test_junk_on_the_bus_is_set_aside_and_holds_nothing_up(system: System, centre: Centre) -> None:
    before = {service: set_aside(system, service) for service in FOLLOWERS}
    bodies = junk(centre.tenant)
    throw(system.vhost.amqp_url, centre.tenant, bodies)
    centre.book()
    settled(centre, within=5)
    expected = {service: count + len(bodies) for service, count in before.items()}
    eventually(lambda: {service: set_aside(system, service) for service in FOLLOWERS} == expected)


def set_aside(system: System, service: str) -> int:
    return system.vhost.depth(f"{service}.dead")


def test_two_workers_of_a_service_do_everything_once(system: System, centre: Centre, listener: Listener) -> None:
    with system.second_workers("scheduling", "billing", "notifications"):
        with centre.booking(4, every=0.05) as bookings, system.without("scheduling", "worker"):
            time.sleep(0.5)
        assert statuses(bookings) == {201, 409}
        settled(centre)
        eventually(lambda: {message["status"] for message in centre.messages()} == {"SENT"})
        seen = settled(centre)
    assert {message["attempts"] for message in centre.messages()} == {1}
    eventually(lambda: listener.has_heard(seen.events))
