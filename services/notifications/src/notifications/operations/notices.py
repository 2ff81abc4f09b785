"""In-app notices: tell a provider, mark as read."""

from datetime import datetime

from sqlalchemy.orm import Session

from jalsa.ids import new_id
from notifications import queries, texts
from notifications.models import Appointment, Notice


def notify_provider(db: Session, kind: str, appointment: Appointment, *, now: datetime) -> None:
    """Put a notice about an appointment into its provider's inbox."""
    facts = queries.facts(db, appointment)
    db.add(
        Notice(
            id=new_id(),
            user_id=queries.user_of(db, appointment.provider_id),
            kind=kind,
            appointment_id=appointment.id,
            text_en=texts.notice(kind, "en", facts),
            text_ar=texts.notice(kind, "ar", facts),
            created_at=now,
        )
    )
    db.flush()


def mark_read(db: Session, notice: Notice, *, now: datetime) -> None:
    """Mark a notice as read; the first reading counts."""
    notice.read_at = notice.read_at or now
    db.flush()
