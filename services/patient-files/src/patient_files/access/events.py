"""What is published of break-glass grants."""

from datetime import datetime

from sqlalchemy.orm import Session

from jalsa.events.contracts import EventType
from jalsa.events.outbox import publish
from patient_files.events import catalogue
from patient_files.models import BreakGlass


def opened(db: Session, grant: BreakGlass, now: datetime) -> None:
    """Publish EmergencyAccessOpened."""
    _publish(db, catalogue.EMERGENCY_ACCESS_OPENED, grant, now)


def review_due(db: Session, grant: BreakGlass, now: datetime) -> None:
    """Publish EmergencyAccessReviewDue."""
    _publish(db, catalogue.EMERGENCY_ACCESS_REVIEW_DUE, grant, now)


def reviewed(db: Session, grant: BreakGlass, now: datetime) -> None:
    """Publish EmergencyAccessReviewed."""
    _publish(db, catalogue.EMERGENCY_ACCESS_REVIEWED, grant, now)


def _publish(db: Session, event: EventType, grant: BreakGlass, now: datetime) -> None:
    data = {
        "grant_id": grant.id,
        "patient_id": grant.patient_id,
        "opened_by": grant.opened_by,
        "reason_code": grant.reason_code,
        "scope": grant.scope,
        "until": grant.until,
        "outcome": grant.outcome,
    }
    publish(db, event, grant.id, data, now=now)
