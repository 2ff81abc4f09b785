"""What each user of the bus may do, as deploy/rabbitmq grants it, asked of a real broker."""

import json
import runpy
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pika
import pytest
import urllib3
from pika.exceptions import AMQPConnectionError, ChannelClosedByBroker

from jalsa.dev.kit import eventually
from jalsa.dev.servers import Servers, Vhost
from jalsa.events import bindings, declarer, topology
from jalsa.events.contracts import EXCHANGE
from jalsa.events.envelope import CONTENT_TYPE
from jalsa.events.publishers import PikaPublisher
from jalsa.events.relay import Message
from jalsa.service.ids import new_id

RABBITMQ = Path(__file__).parents[1] / "deploy" / "rabbitmq"
DEPLOYED = runpy.run_path(str(RABBITMQ / "make_definitions.py"))
LAB = DEPLOYED["Subscriber"]("lab", "agdar", ("scheduling.appointment",))
BOOKED = "agdar.scheduling.appointment.AppointmentBooked.v1"
CLEARED = "agdar.billing.clearance.FinancialClearanceChanged.v1"


FIXED = replace(topology.load(), declares=False)
#: A part of the topology, for tests that have a virtual host to themselves, because quorum queues are slow to make.
PART = topology.Topology({"billing": topology.load().bindings["billing"]})


@pytest.fixture(scope="module")
def bus(servers: Servers) -> Iterator[Vhost]:
    """The broker as it is deployed. Tests leave it as it is."""
    with servers.rabbitmq.create_vhost() as vhost:
        with topology.connection(vhost.amqp_url) as connection:
            topology.declare(connection, topology.load())
        yield vhost


def url_of(bus: Vhost, name: str, **others: str) -> str:
    """The AMQP URL of a user with the rights of the deployed one of that name, except for those given."""
    made = DEPLOYED["definitions"](topology.load(), [LAB])
    [rights] = [right for right in made["permissions"] if right["user"] == name]
    [topics] = [right for right in made["topic_permissions"] if right["user"] == name]
    [user] = [user for user in made["users"] if user["name"] == name]
    permissions = {kind: rights[kind] for kind in ("configure", "write", "read")} | others
    return bus.create_user(**permissions, topics={EXCHANGE: (topics["write"], topics["read"])}, tags=user["tags"])


def name_in(url: str) -> str:
    return str(pika.URLParameters(url).credentials.username)


@pytest.fixture(scope="module")
def billing(bus: Vhost) -> str:
    return url_of(bus, "billing")


def refused(url: str, attempt: Callable[[Any], object], code: int = 403) -> bool:
    """Whether the broker refuses it, and for want of a right."""
    with closing(pika.BlockingConnection(pika.URLParameters(url))) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        try:
            attempt(channel)
        except ChannelClosedByBroker as error:
            return bool(error.reply_code == code)
    return False


def test_nobody_outside_subscribes_to_what_is_withheld() -> None:
    withheld = sorted(topology.load().withheld)
    assert withheld == ["patient-files.identity"]
    with pytest.raises(ValueError, match=r"lab may not receive patient-files\.identity"):
        DEPLOYED["definitions"](topology.load(), [replace(LAB, aggregates=("scheduling.session", *withheld))])


def test_a_service_publishes_its_own_events_and_says_who_it_is(bus: Vhost) -> None:
    url = url_of(bus, "scheduling")
    message = Message(str(new_id()), BOOKED, b"{}")
    with closing(PikaPublisher(url, name_in(url), topology=FIXED)) as publisher:
        assert publisher.publish([message]) == 1
    assert properties_in(bus, "billing.events").user_id == name_in(url)


def test_a_user_that_all_services_share_is_nobodys_name(bus: Vhost) -> None:
    with closing(PikaPublisher(bus.amqp_url, "scheduling", topology=FIXED)) as publisher:
        assert publisher.publish([Message(str(new_id()), BOOKED, b"{}")]) == 1
    assert properties_in(bus, "billing.events").user_id is None


def properties_in(bus: Vhost, queue: str) -> pika.BasicProperties:
    with closing(pika.BlockingConnection(pika.URLParameters(bus.amqp_url))) as connection:
        found: pika.BasicProperties = connection.channel().basic_get(queue, auto_ack=True)[1]
        return found


def test_a_service_reads_its_queue_and_what_it_refuses_is_a_dead_letter(bus: Vhost, billing: str) -> None:
    refuse_one(bus, billing)


def refuse_one(bus: Vhost, reader: str) -> None:
    """A message of billing's is refused, and found among its dead letters.

    RabbitMQ 3.10 starts a process for that behind each declaration, which dies of a queue that is deleted meanwhile.
    After a few such deaths at once nobody can declare such queues any more. So tests delete no queue before this.
    """
    with closing(pika.BlockingConnection(pika.URLParameters(bus.amqp_url))) as connection:
        connection.channel().basic_publish(EXCHANGE, BOOKED, b"x", pika.BasicProperties(content_type=CONTENT_TYPE))
    with closing(pika.BlockingConnection(pika.URLParameters(reader))) as connection:
        channel = connection.channel()
        got = eventually(lambda: channel.basic_get("billing.events")[0])
        channel.basic_reject(got.delivery_tag, requeue=False)
    eventually(lambda: bus.depth("billing.dead") == 1)
    bus.purge_queue("billing.dead")


FORBIDDEN: dict[str, Callable[[Any], object]] = {
    "another's event": lambda c: c.basic_publish(EXCHANGE, BOOKED, b""),
    "the default exchange": lambda c: c.basic_publish("", "scheduling.events", b""),
    "the dead-letter exchange": lambda c: c.basic_publish(topology.DEAD_EXCHANGE, "scheduling.dead", b""),
    "another's queue": lambda c: c.basic_get("scheduling.events"),
    "another's queue, consuming": lambda c: c.basic_consume("notifications.events", lambda *_: None),
    "dead letters": lambda c: c.basic_get("billing.dead"),
    "purging another's queue": lambda c: c.queue_purge("scheduling.events"),
    "a queue of its own": lambda c: c.queue_declare("billing.more"),
    "a nameless queue": lambda c: c.queue_declare("", exclusive=True),
    "its queue again": lambda c: c.queue_declare("billing.events", arguments={"x-queue-type": "quorum"}, durable=True),
    "deleting its queue": lambda c: c.queue_delete("billing.events"),
    "another binding": lambda c: c.queue_bind("billing.events", EXCHANGE, "#"),
    "unbinding another": lambda c: c.queue_unbind("scheduling.events", EXCHANGE, "*.billing.clearance.#"),
    "an exchange": lambda c: c.exchange_declare("billing.more"),
    "deleting the exchange": lambda c: c.exchange_delete(EXCHANGE),
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_a_service_may_do_nothing_else(bus: Vhost, billing: str, what: str) -> None:
    assert not refused(billing, lambda channel: channel.basic_publish(EXCHANGE, CLEARED, b""))
    assert refused(billing, FORBIDDEN[what])
    assert bus.depth("scheduling.dead") == 0


EVERYTHING = {"configure": ".*", "write": ".*", "read": ".*"}


@pytest.mark.parametrize(
    ("name", "what"),
    [("billing", "another's event"), ("billing", "another binding"), ("lab", "another's event"), ("lab", "clearances")],
)
def test_the_keys_are_guarded_by_themselves_too(bus: Vhost, name: str, what: str) -> None:
    """Other permissions forbid the same. An operator who widens one of them opens nothing by it."""
    clearances: dict[str, Callable[[Any], object]] = {
        "clearances": lambda c: c.queue_bind("billing.events", EXCHANGE, "agdar.billing.clearance.#")
    }
    assert refused(url_of(bus, name, **EVERYTHING), (FORBIDDEN | clearances)[what])


def test_the_declaring_user_reaches_nothing_but_what_it_declares(bus: Vhost) -> None:
    url = url_of(bus, "jalsa-topology")
    with closing(pika.BlockingConnection(pika.URLParameters(bus.amqp_url))) as connection:
        connection.channel().queue_declare("lab.events", exclusive=True)
        for attempt in (
            lambda c: c.queue_declare("lab.more"),
            lambda c: c.exchange_declare("lab.more"),
            lambda c: c.queue_purge("lab.events"),
            lambda c: c.queue_bind("lab.events", EXCHANGE, "#"),
            lambda c: c.basic_publish("", "lab.events", b""),
        ):
            assert refused(url, attempt)


def test_nobody_publishes_under_anothers_name(bus: Vhost, billing: str) -> None:
    forged = pika.BasicProperties(user_id="scheduling")
    assert refused(billing, lambda channel: channel.basic_publish(EXCHANGE, CLEARED, b"", forged), 406)


def test_a_subscriber_has_the_queues_that_are_listed_for_it_and_no_more(bus: Vhost) -> None:
    made = DEPLOYED["definitions"](topology.load(), [LAB])
    [rights] = [right for right in made["permissions"] if right["user"] == "lab"]
    url = bus.create_user(**{kind: rights[kind] for kind in ("configure", "write", "read")})
    for queue in LAB.queues:
        assert not refused(url, partial(declare_queue, name=f"lab.{queue}"))
    for name in ("lab.more", "lab.appointments.2", "xlab.appointments", "lab"):
        assert refused(url, partial(declare_queue, name=name))
        assert refused(url, partial(declare_exchange, name=name))


def test_a_subscriber_has_five_connections_at_once(bus: Vhost) -> None:
    made = DEPLOYED["definitions"](topology.load(), [LAB])
    [limits] = [user["limits"] for user in made["users"] if user["name"] == "lab"]
    url = url_of(bus, "lab")
    for limit, value in limits.items():
        bus.broker.call("PUT", "user-limits", name_in(url), limit, body={"value": value})
    with ExitStack() as stack:
        for _ in range(5):
            stack.enter_context(closing(pika.BlockingConnection(pika.URLParameters(url))))
        with pytest.raises(AMQPConnectionError):
            pika.BlockingConnection(pika.URLParameters(url))


def test_a_subscribers_queues_are_bounded_and_no_others(bus: Vhost) -> None:
    [policy] = DEPLOYED["definitions"](topology.load(), [LAB])["policies"]
    said = {name: policy[name] for name in ("pattern", "apply-to", "priority", "definition")}
    bus.broker.call("PUT", "policies", bus.name, policy["name"], body=said)
    with closing(pika.BlockingConnection(pika.URLParameters(bus.amqp_url))) as connection:
        connection.channel().queue_declare("lab.appointments", durable=True)

    def bounds(queue: str) -> Any:
        return bus.broker.call("GET", "queues", bus.name, queue).get("effective_policy_definition")

    eventually(lambda: bounds("lab.appointments") == {"max-length-bytes": 50_000_000, "expires": 604_800_000})
    assert not bounds("billing.events")


@pytest.mark.parametrize("name", ["billing", "patient-files", "jalsa", "amq", "jalsa-admin", "jalsa-topology", "a.b"])
def test_a_subscriber_may_not_be_called_what_would_make_our_queues_its_own(name: str) -> None:
    with pytest.raises(ValueError, match="may not be called"):
        DEPLOYED["definitions"](topology.load(), [replace(LAB, name=name)])


def declare_queue(channel: Any, name: str) -> None:
    channel.queue_declare(name, durable=True)


def declare_exchange(channel: Any, name: str) -> None:
    channel.exchange_declare(name)


def test_the_declaring_user_restores_everything_and_publishes_no_event(vhost: Vhost) -> None:
    url = url_of(vhost, "jalsa-topology")
    with topology.connection(url) as connection:
        topology.declare(connection, PART)
        before = vhost.bindings()
        refuse_one(vhost, vhost.amqp_url)
        vhost.delete_queue("billing.events")
        vhost.delete_exchange(topology.DEAD_EXCHANGE)
        topology.declare(connection, PART)
    assert sorted(map(str, vhost.bindings())) == sorted(map(str, before))
    assert refused(url, lambda channel: channel.basic_publish(EXCHANGE, BOOKED, b""))
    refuse_one(vhost, vhost.amqp_url)


def test_the_declaring_user_unbinds_what_an_earlier_version_followed(vhost: Vhost) -> None:
    former = ("*.patient-files.file.#",)
    with topology.connection(vhost.amqp_url) as connection:
        topology.declare(connection, topology.Topology({"billing": (*PART.bindings["billing"], *former)}))
    with topology.connection(url_of(vhost, "jalsa-topology")) as connection:
        topology.declare(connection, replace(PART, former={"billing": former}))
    bound = {b.routing_key for b in vhost.bindings() if b.destination == "billing.events"}
    assert bound == set(PART.bindings["billing"])


def test_the_declarer_restores_what_is_deleted_and_waits_for_a_broker_that_is_away(
    vhost: Vhost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(declarer, "EVERY_SECONDS", 0.2)
    stop = threading.Event()
    arguments = (url_of(vhost, "jalsa-topology"), PART, stop, tmp_path / "declared")
    thread = threading.Thread(target=declarer.loop, args=arguments)
    thread.start()
    try:
        eventually(lambda: (tmp_path / "declared").exists())
        refuse_one(vhost, vhost.amqp_url)
        vhost.delete_queue("billing.events")
        eventually(lambda: len(vhost.bindings()) == len(PART.bindings["billing"]) + 1)
        refuse_one(vhost, vhost.amqp_url)
    finally:
        stop.set()
        thread.join(10)
    assert not thread.is_alive()


def test_the_declaring_user_may_list_bindings_and_the_declarer_tells_which_were_lost(
    vhost: Vhost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(declarer, "EVERY_SECONDS", 0.2)
    told: list[tuple[str, Any]] = []
    monkeypatch.setattr(bindings.log, "warning", lambda event, **values: told.append((event, values)))
    stop, url, address = threading.Event(), url_of(vhost, "jalsa-topology"), vhost.broker.management_address
    arguments = (url, PART, stop, tmp_path / "declared", address)
    thread = threading.Thread(target=declarer.loop, args=arguments)
    thread.start()
    try:
        eventually(lambda: (tmp_path / "declared").exists())
        assert told == []
        with closing(pika.BlockingConnection(pika.URLParameters(vhost.amqp_url))) as connection:
            channel = connection.channel()

            def lose() -> bool:  # again, where it was restored between the look and the declaration
                channel.queue_unbind("billing.events", EXCHANGE, "*.scheduling.appointment.#")
                return bool(told)

            eventually(lose)
        eventually(lambda: len(vhost.bindings()) == len(PART.bindings["billing"]) + 1)
    finally:
        stop.set()
        thread.join(10)
    assert told[0] == ("bindings-lost", {"queue": "billing.events", "keys": ["*.scheduling.appointment.#"]})


def test_the_declaring_user_is_no_administrator(vhost: Vhost) -> None:
    user = pika.URLParameters(url_of(vhost, "jalsa-topology")).credentials
    headers = urllib3.make_headers(basic_auth=f"{user.username}:{user.password}")
    address = f"{vhost.broker.management_address}/api"
    for path in ("users", "permissions", f"permissions/{vhost.name}/{user.username}"):
        assert urllib3.request("GET", f"{address}/{path}", headers=headers).status == 401
    policy = {"pattern": ".*", "definition": {"max-length": 1}}
    made = urllib3.request("PUT", f"{address}/policies/{vhost.name}/any", headers=headers, json=policy)
    assert made.status == 401


def test_a_queue_of_an_earlier_version_is_made_anew_with_todays_arguments(vhost: Vhost) -> None:
    def arguments() -> Any:
        return vhost.broker.call("GET", "queues", vhost.name, "billing.events")["arguments"]

    earlier = topology.queue_arguments("billing") | {"x-dead-letter-exchange": ""}
    with pytest.MonkeyPatch.context() as patch, topology.connection(vhost.amqp_url) as connection:
        patch.setattr(topology, "queue_arguments", lambda _: earlier)
        topology.declare(connection, PART)
    refuse_one(vhost, vhost.amqp_url)
    assert arguments() == earlier
    with topology.connection(vhost.amqp_url) as connection:
        topology.declare(connection, PART)
    refuse_one(vhost, vhost.amqp_url)
    assert arguments() == topology.queue_arguments("billing")
    assert ("billing.events", "*.scheduling.appointment.#") in [
        (b.destination, b.routing_key) for b in vhost.bindings()
    ]


def test_the_definitions_are_what_would_be_declared(bus: Vhost) -> None:
    committed = json.loads((RABBITMQ / "definitions.json").read_text())
    found = {(b.source, b.destination, b.routing_key) for b in bus.bindings()}
    assert {(b["source"], b["destination"], b["routing_key"]) for b in committed["bindings"]} == found
    queues = {queue["name"]: queue["arguments"] for queue in bus.broker.call("GET", "queues", bus.name)}
    assert {queue["name"]: queue["arguments"] for queue in committed["queues"]} == {
        name: arguments for name, arguments in queues.items() if not name.startswith("lab.")
    }
