"""An outside subscriber: what it receives, and what the broker and the feeds keep from it."""

import re
import runpy
import secrets
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Any

import pika
import pytest
from pika.exceptions import ChannelClosedByBroker
from scene import Scene, eventually, new_tenant
from stack import ApiFor, Stack

from jalsa.dev.servers import Vhost
from jalsa.events import topology
from jalsa.events.contracts import EXCHANGE

DEPLOY = Path(__file__).parents[1] / "deploy"
SUBSCRIBER = DEPLOY / "examples" / "subscriber" / "subscriber.py"
LINE = re.compile(r"applied jalsa\.scheduling\.\w+\.v1 appointment/(?P<id>[0-9a-f-]{36}) \d+ \((?P<origin>\w+)\)")
FORGETFUL = "import subscriber as s; s.Store.last = lambda _, event: event.sequence - 1; s.main()"

#: (subject, sequence, type), by subject.
History = list[tuple[str, int, str]]


class Subscriber:
    """The example as a process, with one store for all its lives."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.output, self.errors = folder / "output", folder / "errors"
        self.store = folder / "store.sqlite3"
        python = {"PYTHONPATH": str(SUBSCRIBER.parent), "PYTHONDONTWRITEBYTECODE": "1"}
        self.environment = {**python, "STORE": str(self.store), **environment}

    @contextmanager
    def running(self, *arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
        """A life of it, which is killed at the end, if it still lives."""
        command = [sys.executable, *(arguments or [str(SUBSCRIBER)])]
        with self.output.open("ab") as output, self.errors.open("ab") as errors:
            process = subprocess.Popen(command, env=self.environment, stdout=output, stderr=errors)
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    @contextmanager
    def following(self, *arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
        """A life of it from when it has read the feed and its queue is bound."""
        lives = self.lives()
        with self.running(*arguments) as process:
            eventually(lambda: self.lives() > lives)
            yield process

    def lives(self) -> int:
        """How often it began to follow the bus."""
        return self.output.read_text().count("following ") if self.output.exists() else 0

    def origins(self, participant: Any) -> set[str]:
        """Where it had an appointment's events from, `feed` or `bus`, as its lines say, which are to say no more."""
        lines = [LINE.fullmatch(line) for line in self.output.read_text().splitlines() if line.startswith("applied")]
        assert all(lines)
        return {line["origin"] for line in lines if line and line["id"] == participant["id"]}

    def history(self) -> History:
        """What it applied, in the order of its doing so for each subject."""
        with closing(sqlite3.connect(self.store)) as db:
            rows = db.execute("SELECT subject, sequence, type FROM history ORDER BY rowid")
            return sorted(rows, key=itemgetter(0))

    def ended(self) -> tuple[int, str]:
        """Run until it ends by itself: its status and its last words."""
        with self.running() as process:
            return process.wait(30), self.errors.read_text()


def appointments(scene: Scene) -> History:
    """What truly happened to the scene's appointments."""
    items = scene.api.get("/scheduling/v1/events?limit=1000")["items"]
    events = [(event["subject"], int(event["sequence"]), event["type"]) for event in items]
    return sorted((event for event in events if event[0].startswith("appointment/")), key=itemgetter(0))


def received(subscriber: Subscriber, scene: Scene, events: int) -> bool:
    """Whether the subscriber has exactly what happened: so many events of appointments."""
    return len(subscriber.history()) == events and subscriber.history() == appointments(scene)


def book(scene: Scene) -> Any:
    return scene.book(scene.group()["id"], scene.patient())


def confirm(scene: Scene, participant: Any) -> None:
    scene.api.post(f"/scheduling/v1/participants/{participant['id']}/confirm")


def name_of(amqp_url: str) -> str:
    return str(pika.URLParameters(amqp_url).credentials.username)


def queue_of(amqp_url: str) -> str:
    return f"{name_of(amqp_url)}.appointments"


@contextmanager
def channel_of(amqp_url: str) -> Iterator[Any]:
    with closing(pika.BlockingConnection(pika.URLParameters(amqp_url))) as connection:
        yield connection.channel()


@pytest.fixture
def user(stack: Stack, bus: Vhost, scene: Scene) -> str:
    """The AMQP URL of a user with exactly the rights that the deployment's definitions give an outside subscriber."""
    deployed = runpy.run_path(str(DEPLOY / "rabbitmq" / "make_definitions.py"))
    amqp_url = bus.create_user()
    granted = deployed["Subscriber"](name_of(amqp_url), scene.tenant, ("scheduling.appointment",))
    made = deployed["definitions"](topology.load(), [granted])
    [rights] = [right for right in made["permissions"] if right["user"] == granted.name]
    [topics] = [right for right in made["topic_permissions"] if right["user"] == granted.name]
    permissions = {kind: rights[kind] for kind in ("configure", "write", "read")}
    bus.grant(granted.name, **permissions, topics={EXCHANGE: (topics["write"], topics["read"])})
    return amqp_url


@pytest.fixture
def subscriber(user: str, scene: Scene, api_for: ApiFor, tmp_path: Path) -> Subscriber:
    """The example, set up as its README says."""
    token = tmp_path / "token"
    token.write_text(api_for(scene.tenant, "subscriber").token)
    eventually(lambda: scene.api.get("/scheduling/v1/events")["items"])  # the scene's own
    return Subscriber(
        tmp_path,
        AMQP_URL=user,
        FEED_URLS=",".join(f"{name}={scene.api.address(name)}/v1/events" for name in ("scheduling", "patient-files")),
        TENANT=scene.tenant,
        TOKEN_FILE=str(token),
    )


def test_it_takes_from_the_feed_what_was_and_from_the_bus_what_comes(
    subscriber: Subscriber, scene: Scene, bus: Vhost, user: str
) -> None:
    before = book(scene)
    confirm(scene, before)
    eventually(lambda: len(appointments(scene)) == 2)
    with subscriber.following() as process:
        after = book(scene)
        confirm(scene, after)
        eventually(lambda: received(subscriber, scene, 4))
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
    assert bus.depth(queue_of(user)) == 0, "not acknowledged"
    assert subscriber.origins(before) == {"feed"}
    assert subscriber.origins(after) == {"bus"}


def test_killed_again_and_again_it_applies_nothing_twice_and_loses_nothing(
    subscriber: Subscriber, scene: Scene
) -> None:
    for _ in range(3):
        confirm(scene, book(scene))  # while it is not there
        with subscriber.following() as process:
            participant = book(scene)
            eventually(partial(subscriber.origins, participant))
            process.kill()  # about when it acknowledges
            confirm(scene, participant)
    history = _after_everything_queued(subscriber, scene)
    assert history == appointments(scene)
    assert len(history) == 13


def test_without_the_memory_of_sequences_it_would_apply_twice(subscriber: Subscriber, scene: Scene) -> None:
    with subscriber.following():
        pass
    missed = book(scene)
    history = _after_everything_queued(subscriber, scene, "-c", FORGETFUL)
    assert [sequence for subject, sequence, _ in history if subject.endswith(missed["id"])] == [1, 1]


def _after_everything_queued(subscriber: Subscriber, scene: Scene, *arguments: str) -> History:
    """The history once a booking made now has come by the bus, and so all that its queue held before."""
    with subscriber.following(*arguments):
        last = book(scene)
        eventually(lambda: subscriber.origins(last) == {"bus"})
        return subscriber.history()


def test_a_gap_on_the_bus_is_filled_from_the_feed(subscriber: Subscriber, scene: Scene, bus: Vhost, user: str) -> None:
    key = f"{scene.tenant}.scheduling.appointment.#"
    with subscriber.following(), channel_of(bus.amqp_url) as channel:
        channel.queue_unbind(queue_of(user), EXCHANGE, key)
        lost = book(scene)
        eventually(lambda: scene.has_followed(lost))  # so it was published
        assert subscriber.history() == []
        channel.queue_bind(queue_of(user), EXCHANGE, key)
        confirm(scene, lost)
        eventually(lambda: received(subscriber, scene, 2))
        eventually(lambda: subscriber.origins(lost) == {"feed"})


def test_a_deleted_queue_is_declared_again_and_what_it_held_comes_from_the_feed(
    subscriber: Subscriber, scene: Scene, bus: Vhost, user: str
) -> None:
    with subscriber.following():
        bus.delete_queue(queue_of(user))
        confirm(scene, book(scene))
        eventually(lambda: subscriber.lives() == 2)
        after = book(scene)
        eventually(lambda: subscriber.origins(after) == {"bus"})
        assert received(subscriber, scene, 3)


def test_of_an_aggregate_that_it_did_not_follow_before_it_reads_what_was(subscriber: Subscriber, scene: Scene) -> None:
    with subscriber.following():
        assert subscriber.history() == []
    subscriber.environment["BINDINGS"] = "scheduling.appointment,scheduling.clinic"
    assert subscriber.ended()[0] == 1  # granted by the feed only
    assert subscriber.history() == [(f"clinic/{scene.clinic['id']}", 1, "jalsa.scheduling.ClinicSaved.v1")]


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ({"BINDINGS": "patient-files.patient"}, r"the broker refuses: ACCESS_REFUSED .*\.patient-files\.patient\.#"),
        ({"TENANT": "another"}, r"the token is not another's"),
        ({"TOKEN": "none"}, r"answers 401"),
        ({"BINDINGS": "billing.invoice"}, r"FEED_URLS has no feed of billing"),
        ({"TENANT": ""}, r"TENANT is not set"),
    ],
)
def test_refused_it_ends_with_one_clear_line(
    subscriber: Subscriber, scene: Scene, setting: dict[str, str], reason: str
) -> None:
    subscriber.environment |= setting
    status, words = subscriber.ended()
    assert status == 1
    assert re.fullmatch(f"subscriber: .*{reason}.*\n", words)


def test_a_wrong_password_is_told_as_such(subscriber: Subscriber, bus: Vhost, user: str) -> None:
    subscriber.environment["AMQP_URL"] = bus.broker.url_for(bus.name, name_of(user), "wrong")
    status, words = subscriber.ended()
    assert status == 1
    assert re.fullmatch(r"subscriber: the broker refuses: .*ACCESS_REFUSED.*\n", words)


Act = Callable[[Any], object]

#: Binding keys beyond `<tenant>.scheduling.appointment.…`, with `{}` for the tenant.
NOT_GRANTED = [
    "another.scheduling.appointment.#",
    "{}2.scheduling.appointment.#",
    "{}.patient-files.patient.#",
    "{}.scheduling.appointment",
    "{}.scheduling.appointments.#",
    "{}.*.appointment.#",
    "{}.scheduling.*.AppointmentBooked.v1",
    "{}.#",
    "*.scheduling.appointment.#",
    "#.scheduling.appointment.#",
    "#.{}.scheduling.appointment.#",
    "another\n{}.scheduling.appointment.#",
    "#",
    "",
]


def refused(amqp_url: str, act: Act) -> bool:
    """Whether the broker refuses what `act` does on a channel of this user's. Any other failure is raised."""
    with channel_of(amqp_url) as channel:
        channel.confirm_delivery()
        try:
            act(channel)
        except ChannelClosedByBroker as error:
            if error.reply_code != 403:
                raise
            return True
        return False


def declare(queue: str) -> Act:
    return lambda channel: channel.queue_declare(queue, durable=True, arguments={"x-queue-type": "quorum"})


def bind(queue: str, key: str) -> Act:
    return lambda channel: channel.queue_bind(queue, EXCHANGE, key)


def test_a_subscriber_binds_what_it_was_granted_and_nothing_else(user: str, scene: Scene) -> None:
    queue = queue_of(user)
    assert not refused(user, declare(queue))
    assert not refused(user, bind(queue, f"{scene.tenant}.scheduling.appointment.#"))
    assert not refused(user, bind(queue, f"{scene.tenant}.scheduling.appointment.AppointmentBooked.v1"))
    keys = [key.format(scene.tenant) for key in NOT_GRANTED]
    assert [key for key in keys if not refused(user, bind(queue, key))] == []


def test_a_user_without_topic_permissions_could_bind_anything(stack: Stack, bus: Vhost, tenant: str) -> None:
    amqp_url = bus.create_user(configure=".*", write=".*", read=".*")
    assert not refused(amqp_url, declare(queue_of(amqp_url)))
    keys = [key.format(tenant) for key in NOT_GRANTED]
    assert [key for key in keys if refused(amqp_url, bind(queue_of(amqp_url), key))] == []


def test_a_class_of_characters_in_a_topic_permission_lets_wildcards_through(
    stack: Stack, bus: Vhost, tenant: str
) -> None:
    # Why the patterns spell every word out, because the broker compares them with the binding key as it is written.
    topics = {EXCHANGE: ("^$", rf"^{tenant}\.[^.]+\.appointment\.")}
    amqp_url = bus.create_user(configure=".*", write=".*", read=".*", topics=topics)
    assert not refused(amqp_url, declare(queue_of(amqp_url)))
    assert not refused(amqp_url, bind(queue_of(amqp_url), f"{tenant}.#.appointment.#"))
    assert refused(amqp_url, bind(queue_of(amqp_url), f"{tenant}.#"))


def test_only_granted_events_arrive(user: str, bus: Vhost, scene: Scene, api_for: ApiFor) -> None:
    queue = queue_of(user)
    assert not refused(user, declare(queue))
    for key in (f"{scene.tenant}.scheduling.appointment.#", *(key.format(scene.tenant) for key in NOT_GRANTED)):
        refused(user, bind(queue, key))
    tenant = new_tenant()
    elsewhere = Scene(api_for(tenant), tenant)
    stranger = book(elsewhere)
    eventually(lambda: elsewhere.has_followed(stranger))
    participant = book(scene)
    eventually(lambda: bus.depth(queue))
    with channel_of(user) as channel:
        method, properties, body = channel.basic_get(queue)
        assert method.routing_key == f"{scene.tenant}.scheduling.appointment.AppointmentBooked.v1"
        assert properties.content_type == "application/cloudevents+json"
        assert participant["id"].encode() in body
        assert method.message_count == 0


def test_a_subscriber_can_touch_nothing_of_others(user: str, scene: Scene) -> None:
    own, key = queue_of(user), f"{scene.tenant}.scheduling.appointment.#"
    assert not refused(user, declare(own))
    attempts: dict[str, Act] = {
        "consume another's queue": lambda channel: channel.basic_consume("billing.events", lambda *_: None),
        "purge another's queue": lambda channel: channel.queue_purge("billing.events"),
        "delete another's queue": lambda channel: channel.queue_delete("billing.events"),
        "bind another's queue": bind("billing.events", key),
        "declare a queue under another name": declare(f"x{own}"),
        "delete the exchange": lambda channel: channel.exchange_delete(EXCHANGE),
        "put into another's queue": lambda channel: channel.basic_publish("", "billing.events", b"{}"),
        "let a queue of its own dead-letter to the bus": lambda channel: channel.queue_declare(
            f"{own}.more", arguments={"x-dead-letter-exchange": EXCHANGE}
        ),
        "let an exchange of its own pass on to the bus": lambda channel: channel.exchange_declare(
            f"{own}.more", arguments={"alternate-exchange": EXCHANGE}
        ),
    }
    assert [name for name, act in attempts.items() if not refused(user, act)] == []


def test_a_subscriber_publishes_nothing_on_the_bus(user: str, bus: Vhost, scene: Scene) -> None:
    key = f"{scene.tenant}.scheduling.appointment.AppointmentBooked.v1"

    def publish(channel: Any) -> None:
        channel.basic_publish(EXCHANGE, key, b"{}")

    assert refused(user, publish)
    writer = bus.create_user(write=rf"^{re.escape(EXCHANGE)}$")
    harmless = f"nobody-{secrets.token_hex(4)}.x.y.Z.v1"
    assert not refused(writer, lambda channel: channel.basic_publish(EXCHANGE, harmless, b"{}"))


def test_the_feed_withholds_patients_from_outside_systems(scene: Scene, api_for: ApiFor) -> None:
    patient_id = scene.patient()
    scene.book(scene.group()["id"], patient_id)  # opens a sub-file, whose event is not withheld
    feed = "/patient-files/v1/events?limit=1000"

    def kinds(*roles: str, **claims: Any) -> set[str]:
        items = api_for(scene.tenant, *roles, **claims).get(feed)["items"]
        return {event["subject"].split("/")[0] for event in items}

    eventually(lambda: kinds("manager") == {"patient", "file"})
    assert kinds("integration") == kinds("subscriber") == {"file"}
    assert kinds("subscriber", events=["patient-files.patient"]) == {"patient"}
    assert kinds("subscriber", events=["scheduling.session"]) == set()
    assert api_for(scene.tenant, "integration").get(f"{feed}&subject=patient/{patient_id}")["items"] == []


def test_the_feed_has_nothing_of_another_tenant(scene: Scene, api_for: ApiFor) -> None:
    participant = book(scene)
    feed = f"/scheduling/v1/events?limit=1000&subject=appointment/{participant['id']}"
    assert eventually(lambda: api_for(scene.tenant, "integration").get(feed)["items"])
    stranger = api_for(new_tenant(), "integration")
    assert stranger.get(feed)["items"] == []
    assert stranger.get("/scheduling/v1/events?limit=1000")["items"] == []
