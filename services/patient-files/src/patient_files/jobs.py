"""Periodic work: the expiry of consents is announced, and so are overdue reviews.

Any number of workers do it side by side. The relay role finds what is due for all tenants; each piece is then done by
the application role for its tenant.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from jalsa.work.jobs import Job, JobTools, in_transaction, run_due
from patient_files.access import operations as access
from patient_files.access import queries as access_queries
from patient_files.consents import operations as consents
from patient_files.consents import queries
from patient_files.patients import queries as patients


def expire_consents(tools: JobTools) -> int:
    """Announce what has become of the patients of whom a consent to treatment has expired. Returns of how many."""
    return run_due(tools, "expire-consents", queries.due_standings, in_transaction(_refresh, "expire-consents"))


def ask_for_reviews(tools: JobTools) -> int:
    """Announce which break-glass grants have not been reviewed in time. Returns how many."""
    work = in_transaction(access.ask_for_review, "ask-for-reviews")
    return run_due(tools, "ask-for-reviews", access_queries.due_reviews, work)


JOBS = (Job("expire-consents", 5, expire_consents), Job("ask-for-reviews", 30, ask_for_reviews))


def _refresh(db: Session, patient_id: UUID, *, now: datetime) -> bool:
    """False where another transaction has the patient's row: what is still due then is found again."""
    claimed = patients.claim_patient(db, patient_id)
    if claimed:
        consents.refresh_standing(db, patient_id, now=now)
    return claimed
