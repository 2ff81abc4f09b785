"""Reconciliation: reads the feeds of this service's sources and takes in what the bus did not bring."""

import threading
from collections.abc import Callable

import structlog
import urllib3
from sqlalchemy import text

from jalsa.auth import ServiceTokens
from jalsa.config import ConfigError
from jalsa.envelope import Unreadable, parse
from jalsa.inbox import Inbox

log = structlog.get_logger()

PAGE = 500
_ENSURE = text("INSERT INTO feed_checkpoints (source) VALUES (:source) ON CONFLICT DO NOTHING")
# A service that follows more of a source than it did begins again: what it missed lies before its checkpoint.
_LEAD = text("""
    SELECT CASE WHEN follows = :follows THEN position ELSE 0 END FROM feed_checkpoints
    WHERE source = :source FOR UPDATE SKIP LOCKED
""")
_ADVANCE = text("""
    UPDATE feed_checkpoints SET position = :position, follows = :follows, read_at = now() WHERE source = :source
""")


def peer_address(peers: str, service: str) -> str:
    """Where a service answers: by a template with `{service}` in it, or by `billing=http://…,scheduling=http://…`.

    Raises ConfigError where it is not said.
    """
    if "{service}" in peers:
        return peers.replace("{service}", service)
    listed = dict(pair.strip().partition("=")[::2] for pair in peers.split(","))
    if not listed.get(service):
        raise ConfigError(f"PEER_URL does not say where {service} answers")
    return listed[service]


class FeedAway(Exception):
    """A source's feed did not answer as a feed does."""


class Reconciler:
    """Reads the feeds, one page a transaction; of several workers only one reads a source at a time."""

    def __init__(self, inbox: Inbox, tokens: ServiceTokens, peer_url: str) -> None:
        self.inbox = inbox
        self.tokens = tokens
        self.sources = sorted({service for service, _ in inbox.streams})
        self.follows = {
            source: " ".join(sorted(aggregate for service, aggregate in inbox.streams if service == source))
            for source in self.sources
        }
        self.addresses = {source: peer_address(peer_url, source) for source in self.sources}
        self._http = urllib3.PoolManager(timeout=urllib3.Timeout(connect=2, read=10), retries=False)

    def loop(self, stop: threading.Event, connection: Callable[[], int], seconds: float, seconds_down: float) -> None:
        """Read at start-up, whenever the bus comes back, every `seconds`, and every `seconds_down` without a bus.

        `connection` gives the number of the consumer's connection to the bus, 0 without one: a bus that went and came
        back while a feed was read shows by it.
        """
        waited, last, complete = seconds, 0, False
        while not stop.is_set():
            present = connection()
            if waited >= (seconds if present and complete else seconds_down) or present not in (0, last):
                complete = self.read_all(stop)
                waited = 0.0
            last = present
            stop.wait(0.5)
            waited += 0.5

    def read_all(self, stop: threading.Event | None = None) -> bool:
        """Read every source's feed to its end, or until told to stop. Returns whether all of them answered."""
        complete = True
        for source in self.sources:
            try:
                while not (stop and stop.is_set()) and self.read_page(source):
                    pass
            except (FeedAway, urllib3.exceptions.HTTPError) as error:
                log.info("feed-away", source=source, error=type(error).__name__)
                complete = False
        return complete

    def read_page(self, source: str) -> bool:
        """Take in one page after the checkpoint. Returns whether more is to be read. Raises FeedAway."""
        with self.inbox.relay.engine.begin() as conn:
            conn.execute(_ENSURE, {"source": source})
        with self.inbox.relay.engine.begin() as conn:
            after = conn.execute(_LEAD, {"source": source, "follows": self.follows[source]}).scalar()
            if after is None:
                return False
            items = self._fetch(source, after)
            if not items:
                return False
            try:
                envelopes = [parse(item) for item in items]
            except Unreadable as error:
                raise FeedAway(error.reason) from None
            for envelope in self.inbox.not_yet_applied(f"/jalsa/{source}", envelopes):
                self.inbox.receive(envelope)
            progress = {"position": envelopes[-1].position, "follows": self.follows[source]}
            conn.execute(_ADVANCE, {"source": source, **progress})
            return len(items) == PAGE

    def _fetch(self, source: str, after: int) -> list[object]:
        response = self._http.request(
            "GET",
            f"{self.addresses[source]}/v1/events",
            fields={"after": str(after), "limit": str(PAGE)},
            headers={"Authorization": f"Bearer {self.tokens.token()}"},
        )
        if response.status != 200:
            raise FeedAway(str(response.status))
        try:
            items = response.json()["items"]
        except (ValueError, TypeError, LookupError):
            raise FeedAway("no items") from None
        if not isinstance(items, list):
            raise FeedAway("no items")
        return items
