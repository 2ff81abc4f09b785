"""Reconciliation reads the feeds of this service's sources and takes in what the bus did not bring."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog
import urllib3
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from jalsa.db.transactions import database_is_away
from jalsa.events import sources
from jalsa.events.envelope import Envelope, Unreadable, parse
from jalsa.events.inbox import Inbox
from jalsa.events.sources import SourceChanged
from jalsa.events.tokens import ServiceTokens
from jalsa.service import clock, metrics
from jalsa.service.config import ConfigError
from jalsa.service.stopping import Stop

log = structlog.get_logger()

PAGE = 500
#: How old an event is that the bus should have brought by now. A consumer with a backlog of more is warned of, too.
LATE = timedelta(seconds=10)
#: After how many seconds the feeds are read again where the bus missed something, and the bindings were declared again.
SOON_SECONDS = 2.0
_ENSURE = text("INSERT INTO feed_checkpoints (source) VALUES (:source) ON CONFLICT DO NOTHING")
# A service that follows more of a source than it did begins again, because what it missed lies before its checkpoint.
_LEAD = text("""
    SELECT CASE WHEN follows = :follows THEN position ELSE 0 END AS position, last_id FROM feed_checkpoints
    WHERE source = :source AND NOT EXISTS (SELECT FROM stopped_sources s WHERE s.source = feed_checkpoints.source)
    FOR UPDATE SKIP LOCKED
""")
_ADVANCE = text("""
    UPDATE feed_checkpoints SET position = :position, last_id = :last_id, follows = :follows, read_at = now()
    WHERE source = :source
""")


def peer_address(peers: str, service: str) -> str:
    """Where a service answers, by a template with `{service}` in it, or by `billing=http://…,scheduling=http://…`.

    Raises ConfigError where it is not said.
    """
    if "{service}" in peers:
        return peers.replace("{service}", service)
    listed = dict(pair.strip().partition("=")[::2] for pair in peers.split(","))
    if not listed.get(service):
        raise ConfigError(f"PEER_URL does not say where {service} answers")
    return listed[service]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Up to which position a feed was read, and the id of the event there, which is None where it is not known."""

    position: int
    last_id: UUID | None


class FeedAway(Exception):
    """A source's feed did not answer as a feed does."""


#: The last sequence of a subject and its event's id, as a source tells them.
Head = tuple[int, str | None]
NOTHING: Head = (0, None)
#: Of how many subjects a source is asked at once.
MOST_SUBJECTS = 500


def heads_of(
    http: urllib3.PoolManager, address: str, tokens: ServiceTokens, tenant: str, subjects: Sequence[str]
) -> dict[str, Head]:
    """The last event that a source has stored of each of these subjects. Those without any are left out.

    Raises FeedAway, and urllib3's HTTPError.
    """
    response = http.request(
        "POST",
        f"{address}/v1/events/subjects",
        json={"tenant": tenant, "subjects": list(subjects)},
        headers={"Authorization": f"Bearer {tokens.token()}"},
    )
    if response.status != 200:
        raise FeedAway(str(response.status))
    try:
        return {head["subject"]: (int(head["last"]), head.get("id")) for head in response.json()["items"]}
    except (ValueError, TypeError, LookupError):
        raise FeedAway("no heads") from None


def read_feed(
    http: urllib3.PoolManager, address: str, tokens: ServiceTokens, after: int, limit: int, **only: str
) -> list[Envelope]:
    """A page of a source's feed behind a position. `only` is `type` or `subject`, where not all of it is wanted.

    Raises FeedAway, and urllib3's HTTPError.
    """
    response = http.request(
        "GET",
        f"{address}/v1/events",
        fields={"after": str(after), "limit": str(limit), **only},
        headers={"Authorization": f"Bearer {tokens.token()}"},
    )
    if response.status != 200:
        raise FeedAway(str(response.status))
    try:
        return [parse(item) for item in response.json()["items"]]
    except (ValueError, TypeError, LookupError):
        raise FeedAway("no items") from None
    except Unreadable as error:
        raise FeedAway(error.reason) from None


class Reconciler:
    """Reads the feeds, one page a transaction. Of several workers only one reads a source at a time."""

    def __init__(
        self, inbox: Inbox, tokens: ServiceTokens, peer_url: str, on_missed: Callable[[], None] = lambda: None
    ) -> None:
        self.on_missed = on_missed
        self._bus_was_up = self._again = False
        self._soon = threading.Event()
        self.inbox = inbox
        self.tokens = tokens
        self.sources = sorted({service for service, _ in inbox.streams})
        self.follows = {
            source: " ".join(sorted(aggregate for service, aggregate in inbox.streams if service == source))
            for source in self.sources
        }
        self.addresses = {source: peer_address(peer_url, source) for source in self.sources}
        self._http = urllib3.PoolManager(timeout=urllib3.Timeout(connect=2, read=10), retries=False)

    def loop(self, stop: Stop, connection: Callable[[], int], seconds: float, seconds_down: float) -> None:
        """Read at start-up, whenever the bus comes back, every `seconds`, and every `seconds_down` without a bus.

        `connection` gives the number of the consumer's connection to the bus, 0 without one. A bus that went and came
        back while a feed was read is noticed by it.
        """
        waited, last, complete = seconds, 0, False
        while not stop.is_set():
            present = connection()
            is_due = waited >= (seconds if present and complete else seconds_down)
            if is_due or self._soon.is_set() or present not in (0, last):
                self._soon.clear()
                self._bus_was_up, self._again = complete and present == last != 0, False
                complete = self.read_all(stop)
                waited = seconds - SOON_SECONDS if self._again else 0.0
            last = present
            stop.wait(0.5)
            waited += 0.5

    def read_soon(self) -> None:
        """Let the loop read the feeds without waiting for its turn."""
        self._soon.set()

    def read_all(self, stop: Stop | None = None) -> bool:
        """Read every source's feed to its end. What hinders one, such as a lock on a head, hinders no other.

        Returns whether all of them were read.
        """
        complete = True
        for source in self.sources:
            try:
                while self.read_page(source, stop):
                    pass
            except (FeedAway, urllib3.exceptions.HTTPError) as error:
                log.info("feed-away", source=source, error=type(error).__name__)
                complete = False
            except DBAPIError as error:
                if database_is_away(error):
                    raise
                log.error("feed-not-read", source=source, exc_info=error)
                complete = False
        return complete

    def read_page(self, source: str, stop: Stop | None = None) -> bool:
        """Take in one page after the checkpoint. Returns whether more is to be read. Raises FeedAway.

        A source that contradicts what it said before is stopped.
        """
        with self.inbox.relay.engine.begin() as conn:
            conn.execute(_ENSURE, {"source": source})
        try:
            return self._read_page(source, stop)
        except SourceChanged as changed:
            sources.stop(self.inbox.relay.engine, self.inbox.service, changed)
            return False

    def _read_page(self, source: str, stop: Stop | None) -> bool:
        with self.inbox.relay.engine.begin() as conn:
            row = conn.execute(_LEAD, {"source": source, "follows": self.follows[source]}).one_or_none()
            if row is None:
                return False
            checkpoint = Checkpoint(row.position, row.last_id)
            # the event at the checkpoint is read once more, because it tells whether this is still the same log
            found = self._fetch(source, max(checkpoint.position - 1, 0))
            envelopes = _behind(checkpoint, source, found)
            missing = self.inbox.not_yet_applied(f"/jalsa/{source}", envelopes)
            self._check_ends(source, envelopes)
            self._count_missed(source, missing)
            for envelope in missing:
                if stop is not None and stop.is_set():
                    return False
                self.inbox.receive(envelope)
            if source in sources.stopped(conn):
                return False
            last = envelopes[-1] if envelopes else None
            progress = {
                "position": last.position if last else checkpoint.position,
                "last_id": last.id if last else checkpoint.last_id,
                "follows": self.follows[source],
            }
            conn.execute(_ADVANCE, {"source": source, **progress})
            return len(found) > PAGE

    def _check_ends(self, source: str, envelopes: list[Envelope]) -> None:
        """Raises SourceChanged where the source does not know an event any more that was applied here.

        A copy of its database that was some seconds behind when it took over is like this: the bus had brought what
        lies behind the checkpoint. The events' own page may end before the last one, so the source itself is asked.
        """
        for tenant, lasts in self.inbox.ahead_of(f"/jalsa/{source}", envelopes).items():
            asked = list(lasts)[:MOST_SUBJECTS]
            told = heads_of(self._http, self.addresses[source], self.tokens, tenant, asked)
            if any(told.get(subject, NOTHING)[0] < lasts[subject] for subject in asked):
                raise SourceChanged(source, "fewer events of a subject than were applied")

    def _count_missed(self, source: str, missing: list[Envelope]) -> None:
        """Old events that the bus did not bring, although it was up, were not routed to us. A binding was lost."""
        old = clock.now() - LATE
        missed = sum(envelope.time < old for envelope in missing)
        if not missed or not self._bus_was_up:
            return
        metrics.EVENTS_MISSED.labels(self.inbox.service, source).inc(missed)
        log.warning("bus-missed-events", source=source, count=missed)
        self._again = True
        self.on_missed()

    def _fetch(self, source: str, after: int) -> list[Envelope]:
        return read_feed(self._http, self.addresses[source], self.tokens, after, PAGE + 1)


def _behind(checkpoint: Checkpoint, source: str, found: list[Envelope]) -> list[Envelope]:
    """What lies behind the checkpoint. Raises SourceChanged where the log is not the one that was read before."""
    if not checkpoint.position:
        return found
    if not found:
        raise SourceChanged(source, "the feed ends below the checkpoint")
    if found[0].position != checkpoint.position:
        return found  # the event at the checkpoint is not shown to us any more
    if checkpoint.last_id not in (None, found[0].id):
        raise SourceChanged(source, "another event at the checkpoint")
    return found[1:]
