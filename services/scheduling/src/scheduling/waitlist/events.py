"""The events that scheduling publishes about the waitlist, one function for each."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from jalsa.events.outbox import publish
from scheduling.appointments.events import where_and_when
from scheduling.events import catalogue
from scheduling.models import ClinicalSession, WaitlistEntry, WaitlistOffer


def waitlist_offered(
    db: Session, entry: WaitlistEntry, offer: WaitlistOffer, session: ClinicalSession, now: datetime
) -> None:
    """Publish WaitlistOffered. A spot is held for the patient until the offer expires."""
    data = {
        **_offer(entry, offer),
        "offered_at": offer.offered_at,
        "expires_at": offer.expires_at,
        **where_and_when(session),
    }
    publish(db, catalogue.WAITLIST_OFFERED, entry.id, data, now=now)


def waitlist_offer_expired(db: Session, entry: WaitlistEntry, offer: WaitlistOffer, cause: str, now: datetime) -> None:
    """Publish WaitlistOfferExpired. `cause` is one of `domain.OFFER_ENDS`."""
    data = {**_offer(entry, offer), "session_id": offer.session_id, "expired_at": offer.closed_at, "cause": cause}
    publish(db, catalogue.WAITLIST_OFFER_EXPIRED, entry.id, data, now=now)


def waitlist_accepted(
    db: Session, entry: WaitlistEntry, offer: WaitlistOffer, appointment_id: UUID, now: datetime
) -> None:
    """Publish WaitlistAccepted. The spot now belongs to the patient."""
    data = {
        **_offer(entry, offer),
        "session_id": offer.session_id,
        "appointment_id": appointment_id,
        "accepted_at": offer.closed_at,
    }
    publish(db, catalogue.WAITLIST_ACCEPTED, entry.id, data, now=now)


def _offer(entry: WaitlistEntry, offer: WaitlistOffer) -> dict[str, object]:
    return {"entry_id": entry.id, "offer_id": offer.id, "patient_id": entry.patient_id}
