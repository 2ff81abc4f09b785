"""Offers of a place to patients on the waitlist."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from notifications import domain
from notifications.models import Offer
from notifications.operations import messages
from notifications.operations.projections import learn_of_clinic


def offer(db: Session, data: Mapping[str, Any], *, announced_at: datetime, now: datetime) -> None:
    """Keep an offer, and tell the patient of it, unless it is old news or has expired."""
    learn_of_clinic(db, data["clinic"], data["session"]["timezone"])
    made = Offer(
        id=data["offer_id"],
        entry_id=data["entry_id"],
        patient_id=data["patient_id"],
        clinic_id=data["clinic"]["id"],
        status="OPEN",
        starts_at=data["session"]["starts_at"],
        expires_at=data["expires_at"],
    )
    db.add(made)
    db.flush()
    if domain.is_news(announced_at, now) and made.expires_at > now:
        messages.queue(db, domain.WAITLIST_OFFER, made, now=now)


def end(db: Session, offer_id: UUID) -> None:
    """End an offer, however that came; a message that is still queued is not sent."""
    ended = db.get_one(Offer, offer_id, with_for_update={"key_share": True})
    ended.status = "ENDED"
    messages.cancel_queued(db, ended)
