"""Periodic work: ends of consents and identities that another version stored are announced, and wordings end consents.

Any number of workers do it side by side. The relay role finds what is due for all tenants, and each piece is then done
by the application role for its tenant.
"""

from datetime import datetime
from functools import partial
from uuid import UUID

from sqlalchemy.orm import Session

from jalsa.work.compaction import COMPACTION
from jalsa.work.jobs import Job, JobTools, in_transaction, run_due
from patient_files.access import operations as access
from patient_files.access import queries as access_queries
from patient_files.config import PatientFilesConfig
from patient_files.consents import operations as consents
from patient_files.consents import queries
from patient_files.consents.operations import ends
from patient_files.consents.queries import setup
from patient_files.models import ConsentStanding
from patient_files.patients import queries as patients
from patient_files.patients.operations import identifiers

#: How many standings are refreshed side by side: all that a wording ends are due at one instant.
AT_ONCE = 4


def expire_consents(tools: JobTools) -> int:
    """Announce what has become of the standings of which a consent has ended. Returns of how many."""
    refresh = in_transaction(_refresh, "expire-consents")
    return run_due(tools, "expire-consents", queries.due_standings, refresh, at_once=AT_ONCE)


def spread_wordings(tools: JobTools) -> int:
    """Let consents to earlier wordings end with the grace after new ones. Returns how many wordings it worked on."""
    assert isinstance(tools.config, PatientFilesConfig)
    spread = partial(ends.spread_wording, zone=tools.config.default_timezone)
    return run_due(tools, "spread-wordings", setup.due_wordings, in_transaction(spread, "spread-wordings"))


def ask_for_reviews(tools: JobTools) -> int:
    """Announce which break-glass grants have not been reviewed in time. Returns how many."""
    work = in_transaction(access.ask_for_review, "ask-for-reviews")
    return run_due(tools, "ask-for-reviews", access_queries.due_reviews, work)


def announce_identities(tools: JobTools) -> int:
    """Tell billing of identities that another version of this service stored. Returns of how many."""
    announced = in_transaction(identifiers.announce_identity, "announce-identities")
    return run_due(tools, "announce-identities", patients.due_identities, announced)


JOBS = (
    Job("expire-consents", 5, expire_consents, holds=AT_ONCE),
    Job("spread-wordings", 5, spread_wordings),
    Job("announce-identities", 5, announce_identities),
    COMPACTION,
    Job("ask-for-reviews", 30, ask_for_reviews),
)


def _refresh(db: Session, standing_id: UUID, *, now: datetime) -> bool:
    """False where another transaction has the patient's row: what is still due then is found again."""
    due = db.get_one(ConsentStanding, standing_id)
    claimed = patients.claim_patient(db, due.patient_id)
    if claimed:
        consents.refresh_standing(db, due.patient_id, due.consent_type, now=now)
    return claimed
