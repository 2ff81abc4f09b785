"""What a worker measures every few seconds, for the alerts, which is how old what waits is, and where."""

from collections.abc import Collection

from sqlalchemy import text

from jalsa.events import sources
from jalsa.service import metrics
from jalsa.work.jobs import JobTools

_OUTBOX = text("""
    SELECT (SELECT extract(epoch FROM clock_timestamp() - time) FROM outbox WHERE position IS NULL
            ORDER BY n LIMIT 1) AS unplaced,
           (SELECT extract(epoch FROM clock_timestamp() - time) FROM outbox
            WHERE position > (SELECT position FROM relay_state WHERE work = 'publish')
            ORDER BY position LIMIT 1) AS unpublished
""")
_INBOX = text("""
    SELECT state, extract(epoch FROM clock_timestamp() - min(received_at)) AS age FROM inbox GROUP BY state
""")
_FEEDS = text("""
    SELECT source, extract(epoch FROM clock_timestamp() - read_at) AS age FROM feed_checkpoints
    WHERE source = ANY(:followed)
""")


def measure(tools: JobTools, followed: Collection[str]) -> int:
    """Set the gauges of this service's outbox and inbox, and of the feeds of the sources that it follows.

    Returns 0, because there is nothing left to do.
    """
    service = tools.service
    with tools.relay.engine.connect() as conn:
        outbox = conn.execute(_OUTBOX).one()
        kept = {row.state: row.age for row in conn.execute(_INBOX)}
        feeds = conn.execute(_FEEDS, {"followed": list(followed)}).all()
        stopped = sources.stopped(conn)
    for stage in ("unplaced", "unpublished"):
        metrics.OUTBOX_OLDEST.labels(service, stage).set(float(getattr(outbox, stage) or 0))
    for state in ("waiting", "retrying", "dead"):
        metrics.INBOX_OLDEST.labels(service, state).set(float(kept.get(state) or 0))
    for row in feeds:
        metrics.FEED_AGE.labels(service, row.source).set(float(row.age or 0))
        metrics.SOURCE_STOPPED.labels(service, row.source).set(int(row.source in stopped))
    return 0
