"""Periodic work: the expiry of consents is announced. Any number of workers do it side by side.

The relay role finds what is due for all tenants; each piece is then done by the application role for its tenant.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from jalsa.work.jobs import Job, JobTools, in_transaction, run_due
from patient_files.consents import operations as consents
from patient_files.consents import queries
from patient_files.patients import operations as patients


def expire_consents(tools: JobTools) -> int:
    """Announce what has become of the patients of whom a consent to treatment has expired. Returns of how many."""
    return run_due(tools, "expire-consents", queries.due_standings, in_transaction(_refresh, "expire-consents"))


JOBS = (Job("expire-consents", 5, expire_consents),)


def _refresh(db: Session, patient_id: UUID, *, now: datetime) -> bool:
    """False where another transaction has the patient's row: what is still due then is found again."""
    claimed = patients.claim_patient(db, patient_id)
    if claimed:
        consents.refresh_standing(db, patient_id, now=now)
    return claimed
