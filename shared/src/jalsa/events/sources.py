"""The sources that a service follows, and what tells that one of them is no longer the one that was followed.

A source whose database was restored or rebuilt counts on from where it was, so its new events look like repeats. They
are told by their ids, which means the same sequence of a subject with another id, another event at the checkpoint of
the feed, or a feed that ends below it. Such a source is stopped until a person has decided. Nothing of it is applied,
and nothing is lost, because its feed is read again afterwards.
"""

import structlog
from sqlalchemy import Connection, Engine, text

from jalsa.service import metrics

log = structlog.get_logger()

RUNBOOK = "docs/runbooks/restored-source.md"
_STOP = text("INSERT INTO stopped_sources (source, because) VALUES (:source, :because) ON CONFLICT DO NOTHING")
_STOPPED = text("SELECT source FROM stopped_sources ORDER BY source")
_START = text("DELETE FROM stopped_sources WHERE source = :source")
_FROM_THE_START = text("UPDATE feed_checkpoints SET position = 0, last_id = NULL WHERE source = :source")
_FORGET_IDS = text("UPDATE inbox_heads SET last_id = NULL WHERE source = '/jalsa/' || :source AND last_id IS NOT NULL")


class SourceChanged(Exception):
    """A source contradicts what it said before. The reason is a fixed phrase that may be logged."""

    def __init__(self, source: str, because: str) -> None:
        super().__init__(because)
        self.source = source
        self.because = because


def stop(engine: Engine, service: str, changed: SourceChanged) -> None:
    """Stop following a source. `engine` is the relay role's. What is stopped already stays so."""
    with engine.begin() as conn:
        fresh = conn.execute(_STOP, {"source": changed.source, "because": changed.because}).rowcount
    if fresh:
        metrics.SOURCE_STOPPED.labels(service, changed.source).set(1)
        log.error("source-stopped", source=changed.source, because=changed.because, runbook=RUNBOOK)


def stopped(conn: Connection) -> list[str]:
    """The sources that are stopped, by name."""
    return list(conn.scalars(_STOPPED))


def resume(engine: Engine, source: str) -> bool:
    """Follow a stopped source again, as it is now. Its feed is read from the start. Returns whether it was stopped.

    What it published again under sequences that were applied before is not applied, so a person must have compared
    that.
    """
    with engine.begin() as conn:
        conn.execute(_FROM_THE_START, {"source": source})
        conn.execute(_FORGET_IDS, {"source": source})
        return bool(conn.execute(_START, {"source": source}).rowcount)
