"""Periodic work: the expiry of consents is announced. Any number of workers do it side by side.

The relay role finds what is due for all tenants; each piece is then done by the application role for its tenant.
"""

from functools import partial
from typing import Any

import structlog
from sqlalchemy.exc import DataError, IntegrityError

from jalsa import clock
from jalsa.context import for_system
from jalsa.db import again
from jalsa.jobs import Job, JobTools
from patient_files import operations, queries

log = structlog.get_logger()

BATCH = 100


def expire_consents(tools: JobTools) -> int:
    """Announce what has become of the patients of whom a consent to treatment has expired. Returns of how many."""
    with tools.relay.engine.connect() as conn:
        due = queries.due_standings(conn, clock.now(), BATCH)
    return sum(_alone(tools, row) for row in due)


JOBS = (Job("expire-consents", 5, expire_consents),)


def _alone(tools: JobTools, row: Any) -> bool:
    """A fault that is a row's own is logged, and does not keep the others."""
    try:
        return again(partial(_refresh, tools, row))
    except (DataError, IntegrityError) as error:
        log.error("due-work-failed", work="expire-consents", row_id=str(row.id), exc_info=error)
        return False


def _refresh(tools: JobTools, row: Any) -> bool:
    """False where another transaction has the patient's row: what is still due then is found again."""
    with tools.app.transaction(for_system(row.tenant_id, "expire-consents")) as db:
        claimed = queries.claim_patient(db, row.id)
        if claimed:
            operations.refresh_standing(db, row.id, now=clock.now())
    return claimed
