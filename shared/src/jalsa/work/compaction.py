"""The nightly turn of compaction: see jalsa.db.compaction."""

from datetime import timedelta

import structlog
from sqlalchemy import text

from jalsa.service.context import for_system
from jalsa.work.jobs import Job, JobTools

log = structlog.get_logger()

#: Superseded events keep their own data for so long.
KEPT = timedelta(days=30)
#: How many subjects one transaction compacts. Each of them is locked for a few milliseconds.
SUBJECTS = 500

# A turn that was broken off is taken up again after an hour.
_TAKE = text("UPDATE compaction_due SET due_at = now() + interval '1 hour' WHERE due_at <= now()")
# 23:00 UTC is two o'clock at night in Riyadh.
_DONE = text("""
    UPDATE compaction_due
    SET due_at = (date_trunc('day', now() AT TIME ZONE 'UTC' + interval '1 hour') + interval '23 hours')
                 AT TIME ZONE 'UTC'
""")
# Each tenant is found by one step into the index, however many events it has.
_TENANTS = text("""
    WITH RECURSIVE known AS (
      (SELECT tenant_id FROM outbox ORDER BY tenant_id LIMIT 1)
      UNION ALL
      SELECT (SELECT o.tenant_id FROM outbox AS o WHERE o.tenant_id > known.tenant_id ORDER BY o.tenant_id LIMIT 1)
      FROM known WHERE known.tenant_id IS NOT NULL)
    SELECT tenant_id FROM known WHERE tenant_id IS NOT NULL
""")
_COMPACT = text("SELECT compacted, last FROM compact_events(now() - :kept, :after, :most)")


def compact(tools: JobTools) -> int:
    """Compact the superseded events of every tenant, if the turn is due and nobody else has it. Returns how many."""
    with tools.relay.engine.begin() as conn:
        if not conn.execute(_TAKE).rowcount:
            return 0
        tenants = conn.execute(_TENANTS).scalars().all()
    compacted = sum(_compact_tenant(tools, tenant) for tenant in tenants)
    if tools.stop.is_set():
        return compacted
    with tools.relay.engine.begin() as conn:
        conn.execute(_DONE)
    log.info("events-compacted", count=compacted)
    return compacted


COMPACTION = Job("compact-events", 600, compact)


def _compact_tenant(tools: JobTools, tenant: str) -> int:
    compacted, after = 0, ""
    while not tools.stop.is_set():
        with tools.app.transaction(for_system(tenant, COMPACTION.name)) as db:
            row = db.execute(_COMPACT, {"kept": KEPT, "after": after, "most": SUBJECTS}).one()
        compacted += row.compacted
        if row.last is None:
            break
        after = row.last
    return compacted
