"""Queries that are needed to undo an outcome."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import and_, exists, or_, select
from sqlalchemy.orm import Session

from scheduling.appointments.queries.participant_records import WITH_ITS_SESSION
from scheduling.models import Participant


def settled_at(db: Session, session_id: UUID, completed_at: datetime) -> Sequence[Participant]:
    """Return and lock the participants whose outcome a session's completion recorded, in the order of booking."""
    return db.scalars(
        select(Participant)
        .where(
            Participant.session_id == session_id,
            or_(
                and_(Participant.status == "ATTENDED", Participant.attended_at == completed_at),
                and_(Participant.status == "NO_SHOW", Participant.no_show_at == completed_at),
            ),
        )
        .options(WITH_ITS_SESSION)
        .order_by(Participant.id)
        .with_for_update(of=Participant)
        .execution_options(populate_existing=True)
    ).all()


def patients_settled(db: Session, session_id: UUID) -> set[UUID]:
    """Return the patients of all participants of a session, except those who were cancelled."""
    among = select(Participant.patient_id).where(
        Participant.session_id == session_id, Participant.status != "CANCELLED"
    )
    return set(db.scalars(among))


def is_made_up(db: Session, package_session_id: UUID) -> bool:
    """Whether a session of a package has a live appointment."""
    live = exists().where(Participant.package_session_id == package_session_id, Participant.live)
    return bool(db.scalar(select(live)))
