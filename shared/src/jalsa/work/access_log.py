"""The access log's partitions: those of the next months are made, those beyond the retention time are dropped."""

import structlog
from sqlalchemy import text

from jalsa.db.access_log import MONTHS_AHEAD
from jalsa.service import metrics
from jalsa.work.jobs import JobTools

log = structlog.get_logger()

_PREPARE = text("SELECT extract(epoch FROM access_log_prepare(:months) - now())")
_FORGET = text("SELECT access_log_forget(:months)")


def keep_months(tools: JobTools) -> int:
    """Make and drop partitions. Any number of workers may do it at once.

    Returns 0: there is nothing left to do. Dropping waits two seconds for whoever uses the table, and is tried again.
    """
    with tools.relay.engine.begin() as conn:
        ahead = conn.execute(_PREPARE, {"months": MONTHS_AHEAD}).scalar_one()
    metrics.ACCESS_LOG_AHEAD.labels(tools.service).set(float(ahead))
    with tools.relay.engine.begin() as conn:
        dropped = conn.execute(_FORGET, {"months": 12 * tools.config.access_log_years}).scalar_one()
    if dropped:
        log.info("access-log-months-dropped", count=dropped)
    return 0
