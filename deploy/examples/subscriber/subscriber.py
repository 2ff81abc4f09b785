#!/usr/bin/env python3
"""Follows one tenant's events. Jalsa's feeds bring what was, and its bus brings what comes.

Each event is applied once and in its subject's order, whatever is delivered twice, late or never, and whenever this
process is killed. One line is printed for each event applied, without patients' data.

environment:
  AMQP_URL    amqps://<user>:<password>@<host>/<virtual host>, whose queue is <user>.appointments
  FEED_URLS   <service>=<URL of its feed>, separated by commas:
              scheduling=https://jalsa.example/scheduling/v1/events
  TENANT      agdar
  TOKEN       a token of the role `subscriber`, or TOKEN_FILE, a file that is read again for each request
  BINDINGS    the aggregates to follow, <service>.<aggregate>, separated by commas, each wholly as it was granted
              (default: scheduling.appointment)
  STORE       the SQLite file that keeps what was received (default: subscriber.sqlite3)
"""

import argparse
import http.client
import json
import logging
import os
import random
import signal
import sqlite3
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pika
from pika.adapters.utils.connection_workflow import AMQPConnectorException
from pika.exceptions import AMQPError

EXCHANGE = "jalsa.events"
PAGE = 500
#: Seconds between two looks at the feeds, which also have what an emptied queue or a full broker has lost.
FEED_EVERY = 300.0
LONGEST_PAUSE = 60.0
#: What the broker says when trying again cannot help: a permission, a password, a queue of another kind.
REFUSALS = ("ACCESS_REFUSED", "NOT_ALLOWED", "PRECONDITION_FAILED")
#: What passes, as where a broker or a service that is away, or breaks off in the middle.
PASSING = (AMQPError, AMQPConnectorException, OSError, http.client.HTTPException, json.JSONDecodeError)
SCHEMA = """
    CREATE TABLE IF NOT EXISTS checkpoints (feed TEXT PRIMARY KEY, position INTEGER NOT NULL);
    CREATE TABLE IF NOT EXISTS heads (
        source TEXT, subject TEXT, last INTEGER NOT NULL, PRIMARY KEY (source, subject));
    CREATE TABLE IF NOT EXISTS history (source TEXT, subject TEXT, sequence INTEGER, type TEXT, time TEXT, data TEXT);
"""


class Refused(Exception):
    """Only a person can help: a permission, a token, a setting."""


class Gap(Refused):
    """An event came before the one that precedes it."""


@dataclass(frozen=True)
class Event:
    """What matters here of a CloudEvents envelope."""

    source: str
    subject: str
    sequence: int
    type: str
    time: str
    tenant: str
    data: Any

    @property
    def binding(self) -> str:
        """`scheduling.appointment`, of the source /jalsa/scheduling and the subject appointment/<id>."""
        return f"{self.source.rsplit('/', 1)[-1]}.{self.subject.split('/', 1)[0]}"


def read_event(envelope: Any) -> Event:
    """Raises KeyError, TypeError or ValueError for anything but an event."""
    texts = [str(envelope[name]) for name in ("source", "subject", "type", "time", "tenantid")]
    source, subject, kind, at, tenant = texts
    return Event(source, subject, int(envelope["sequence"]), kind, at, tenant, envelope["data"])


class Store:
    """What was received. The sequences, the checkpoints and what follows from an event change in one transaction."""

    def __init__(self, path: str) -> None:
        self.db = sqlite3.connect(path, isolation_level=None)
        self.db.executescript(SCHEMA)

    def take(self, events: Iterable[Event], checkpoint: tuple[str, int] | None = None) -> list[Event]:
        """Apply what is next of its subject, forget what is there already, and commit. Returns what was applied.

        Raises Gap, and keeps nothing, where an event is missing in between.
        """
        applied = []
        with self.db:
            self.db.execute("BEGIN IMMEDIATE")
            for event in events:
                last = self.last(event)
                if event.sequence > last + 1:
                    raise Gap(
                        f"{last} and {event.sequence} of {event.subject}, and nothing between: may the token read it?"
                    )
                if event.sequence == last + 1:
                    apply(self.db, event)
                    self.db.execute(
                        "REPLACE INTO heads VALUES (?, ?, ?)", (event.source, event.subject, event.sequence)
                    )
                    applied.append(event)
            if checkpoint:
                self.db.execute("REPLACE INTO checkpoints VALUES (?, ?)", checkpoint)
        return applied

    def last(self, event: Event) -> int:
        """The last sequence of the event's subject that was applied."""
        found = self.db.execute(
            "SELECT last FROM heads WHERE source = ? AND subject = ?", (event.source, event.subject)
        ).fetchone()
        return int(found[0]) if found else 0

    def checkpoint(self, feed: str) -> int:
        """The position up to which a feed was read."""
        found = self.db.execute("SELECT position FROM checkpoints WHERE feed = ?", (feed,)).fetchone()
        return int(found[0]) if found else 0


def apply(db: sqlite3.Connection, event: Event) -> None:
    """Here your system begins. Do what follows from the event, in the transaction of `db`."""
    data = json.dumps(event.data, ensure_ascii=False)
    db.execute(
        "INSERT INTO history VALUES (?, ?, ?, ?, ?, ?)",
        (event.source, event.subject, event.sequence, event.type, event.time, data),
    )


def setting(name: str, default: str = "") -> str:
    """An environment variable. Raises Refused where it is missing."""
    if value := os.environ.get(name) or default:
        return value
    raise Refused(f"{name} is not set (see --help)")


class Subscriber:
    """Reads the feeds to their ends, follows the bus, and begins again whenever either breaks off."""

    def __init__(self) -> None:
        self.tenant = setting("TENANT")
        self.bindings = {name.strip() for name in setting("BINDINGS", "scheduling.appointment").split(",")}
        self.feeds = dict(pair.strip().partition("=")[::2] for pair in setting("FEED_URLS").split(","))
        if missing := {name.split(".")[0] for name in self.bindings} - self.feeds.keys():
            raise Refused(f"FEED_URLS has no feed of {', '.join(sorted(missing))}")
        self.store = Store(setting("STORE", "subscriber.sqlite3"))
        self.parameters = pika.URLParameters(setting("AMQP_URL"))
        self.parameters.heartbeat = 30
        self.queue = f"{self.parameters.credentials.username}.appointments"
        self.stopping = False
        self.failures = 0

    def stop(self, *_: Any) -> None:
        """A signal's handler: end after the event at hand."""
        self.stopping = True

    def run(self) -> None:
        """Until `stop`. Raises Refused."""
        while not self.stopping:
            try:
                self.catch_up()  # also before connecting, because it needs no broker
                self.follow_bus()
            except Gap:
                if not self.stopping:  # a stop also ends the reading that would have closed the gap
                    raise
            except PASSING as error:
                if any(word in str(error) for word in REFUSALS):
                    raise Refused(f"the broker refuses: {error.args[-1]}") from error
                self.pause(error)

    def pause(self, error: BaseException) -> None:
        """Wait, longer from time to time, and not in step with the others that wait for the same broker."""
        self.failures += 1
        seconds = min(LONGEST_PAUSE, 0.5 * 2**self.failures) * random.uniform(0.5, 1)  # noqa: S311 no secret
        print(f"trying again in {seconds:.1f} s: {error!r}", file=sys.stderr, flush=True)
        until = time.monotonic() + seconds
        while not self.stopping and time.monotonic() < until:
            time.sleep(0.2)

    def follow_bus(self) -> None:
        """Until `stop`, or until the broker drops the queue."""
        with pika.BlockingConnection(self.parameters) as connection:
            channel = connection.channel()
            channel.queue_declare(self.queue, durable=True, arguments={"x-queue-type": "quorum"})
            for binding in sorted(self.bindings):
                channel.queue_bind(self.queue, EXCHANGE, f"{self.tenant}.{binding}.#")
            self.catch_up()  # what happened before the queue was there will never be in it
            self.failures = 0
            print(f"following {self.queue}", flush=True)
            channel.basic_qos(prefetch_count=100)
            read_again = time.monotonic() + FEED_EVERY
            for method, _, body in channel.consume(self.queue, inactivity_timeout=1):
                if self.stopping:
                    return
                if method:
                    self.receive(body)
                    channel.basic_ack(method.delivery_tag)
                if time.monotonic() > read_again:
                    self.catch_up()
                    read_again = time.monotonic() + FEED_EVERY

    def receive(self, body: bytes) -> None:
        """Take a message. What cannot be read is passed over. If it was an event, the feed has it."""
        try:
            event = read_event(json.loads(body))
        except (KeyError, TypeError, ValueError):
            print("passed over a message that is not an event", file=sys.stderr, flush=True)
            return
        if event.binding not in self.bindings:
            return  # the queue still has a binding of earlier settings
        try:
            self.report(self.store.take([event]), "bus")
        except Gap:
            self.catch_up()
            self.report(self.store.take([event]), "bus")

    def catch_up(self) -> None:
        """Read every feed from its checkpoint to its end, one transaction a page."""
        for service in sorted({name.split(".")[0] for name in self.bindings}):
            # The name contains what is followed, so that with other bindings a feed is read again from its start.
            feed = " ".join(sorted(name for name in self.bindings if name.split(".")[0] == service))
            for position, events in self.pages(self.feeds[service], self.store.checkpoint(feed)):
                wanted = [event for event in events if event.binding in self.bindings]
                self.report(self.store.take(wanted, (feed, position)), "feed")

    def pages(self, url: str, after: int) -> Iterator[tuple[int, list[Event]]]:
        """A feed's pages after a position, each with the position of its last event."""
        while not self.stopping:
            page = self.get(f"{url}?{urlencode({'after': after, 'limit': PAGE})}")
            if not page["items"]:
                return
            after = int(page["next_cursor"])
            events = [read_event(item) for item in page["items"]]
            if any(event.tenant != self.tenant for event in events):
                raise Refused(f"the token is not {self.tenant}'s")
            yield after, events

    def get(self, url: str) -> Any:
        """A feed's answer. Raises Refused when the service refuses, and what `run` takes for passing."""
        token = os.environ.get("TOKEN") or Path(setting("TOKEN_FILE")).read_text().strip()
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})  # noqa: S310 our setting
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 our setting
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                if error.code < 500 and error.code != 429:
                    raise Refused(f"{url} answers {error.code} {error.reason}") from error
                raise

    def report(self, applied: Iterable[Event], origin: str) -> None:
        """One line an event: ids only."""
        for event in applied:
            print(f"applied {event.type} {event.subject} {event.sequence} ({origin})", flush=True)


def main() -> None:
    """Run until SIGTERM or SIGINT, and with status 1 and one line when refused."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    logging.getLogger("pika").setLevel(logging.CRITICAL)  # it logs, with a traceback, what it also raises
    try:
        subscriber = Subscriber()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, subscriber.stop)
        subscriber.run()
    except Refused as error:
        sys.exit(f"subscriber: {error}")


if __name__ == "__main__":
    main()
