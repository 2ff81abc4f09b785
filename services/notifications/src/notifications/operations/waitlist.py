"""Offers of a spot to patients on the waitlist."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from notifications import domain
from notifications.events import announced
from notifications.models import Offer
from notifications.operations import messages
from notifications.operations.projections import learn_of_clinic


def offer(db: Session, offered: announced.WaitlistOffered, *, announced_at: datetime, now: datetime) -> None:
    """Keep an offer, and tell the patient of it, unless it is old news or has expired."""
    learn_of_clinic(db, offered.clinic, offered.session.timezone)
    made = Offer(
        id=offered.offer_id,
        entry_id=offered.entry_id,
        patient_id=offered.patient_id,
        clinic_id=offered.clinic.id,
        status="OPEN",
        starts_at=offered.session.starts_at,
        expires_at=offered.expires_at,
    )
    db.add(made)
    db.flush()
    if domain.is_news(announced_at, now) and made.expires_at > now:
        messages.queue(db, domain.WAITLIST_OFFER, made, now=now)


def end(db: Session, offer_id: UUID) -> None:
    """End an offer, however that came. A message that is still queued is not sent."""
    ended = db.get_one(Offer, offer_id, with_for_update={"key_share": True})
    ended.status = "ENDED"
    messages.cancel_queued(db, ended)
