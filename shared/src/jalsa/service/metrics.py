"""Prometheus metrics. No label ever holds a patient's data or an unbounded value."""

import os

from prometheus_client import REGISTRY as _REGISTRY
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, multiprocess

REQUESTS = Histogram(
    "jalsa_http_request_seconds",
    "Duration of HTTP requests",
    ["service", "method", "route", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
)
EVENTS_PUBLISHED = Counter("jalsa_events_published_total", "Events confirmed by the broker", ["service"])
PUBLISH_FAILURES = Counter("jalsa_publish_failures_total", "Batches that the broker did not confirm", ["service"])
OUTBOX_WAITING = Gauge(
    "jalsa_outbox_waiting", "Events not yet confirmed by the broker", ["service"], multiprocess_mode="livemax"
)
EVENTS_APPLIED = Counter("jalsa_events_applied_total", "Events applied, by outcome", ["service", "outcome"])
INBOX = Gauge(
    "jalsa_inbox_events", "Events kept in the inbox, by state", ["service", "state"], multiprocess_mode="livemax"
)
SET_ASIDE = Counter("jalsa_messages_set_aside_total", "Messages dead-lettered, by reason", ["service", "reason"])
SOURCE_STOPPED = Gauge(
    "jalsa_source_stopped", "1 while a source waits for a person", ["service", "source"], multiprocess_mode="livemax"
)
OUTBOX_OLDEST = Gauge(
    "jalsa_outbox_oldest_seconds",
    "Age of the oldest event that has no position, or that the broker has not confirmed",
    ["service", "stage"],
    multiprocess_mode="livemax",
)
INBOX_OLDEST = Gauge(
    "jalsa_inbox_oldest_seconds",
    "Age of the oldest event kept, by state",
    ["service", "state"],
    multiprocess_mode="livemax",
)
FEED_AGE = Gauge(
    "jalsa_feed_age_seconds",
    "How long ago a source's feed was read",
    ["service", "source"],
    multiprocess_mode="livemax",
)
EVENTS_MISSED = Counter(
    "jalsa_events_missed_total", "Events that the feed brought although the bus was up", ["service", "source"]
)
BINDINGS_LOST = Counter("jalsa_bindings_lost_total", "Bindings that were declared and found gone", ["queue"])
QUEUE_MESSAGES = Gauge(
    "jalsa_queue_messages", "Messages ready in the service's queues", ["service", "queue"], multiprocess_mode="livemax"
)
BUILD = Gauge("jalsa_build_info", "Always 1", ["service", "version"], multiprocess_mode="livemax")
BUS_UP = Gauge("jalsa_bus_up", "1 while the worker is consuming", ["service"], multiprocess_mode="livemax")
POOL_IN_USE = Gauge(
    "jalsa_database_connections_in_use",
    "Database connections that are in use, by the pool's name",
    ["pool"],
    multiprocess_mode="livesum",
)
DATABASE_UP = Gauge(
    "jalsa_database_up", "1 while the database answers the web process", ["pool"], multiprocess_mode="livemin"
)
REFUSED = Counter("jalsa_http_refused_total", "Requests that were not let in, by reason", ["service", "reason"])
DUE_LATE = Gauge(
    "jalsa_due_late_seconds",
    "How long the longest due row of a work has waited",
    ["service", "work"],
    multiprocess_mode="livemax",
)
DUE_RESTING = Gauge(
    "jalsa_due_resting",
    "Due rows that are left alone after a failure",
    ["service", "work"],
    multiprocess_mode="livemax",
)
DUE_FAILURES = Counter("jalsa_due_failures_total", "Failures of a due row's work", ["service", "work"])
ACCESS_ROWS = Counter("jalsa_access_log_rows_total", "Rows added to the access log", ["service", "outcome"])
ACCESS_LOG_AHEAD = Gauge(
    "jalsa_access_log_ahead_seconds",
    "For how long from now the access log has partitions",
    ["service"],
    multiprocess_mode="livemax",
)
LOOP_FAILURES = Counter("jalsa_worker_loop_failures_total", "Failures of a worker's loop", ["service", "loop"])


def exposition() -> bytes:
    """Prometheus' text format, over all processes of a gunicorn where there are several."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest(_REGISTRY)
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)
