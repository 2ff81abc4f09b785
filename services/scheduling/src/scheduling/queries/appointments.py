"""Participants across sessions: as a list, and those who have arrived as a queue."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, text, tuple_
from sqlalchemy.orm import Session

from scheduling.models import ClinicalSession, PackageSession, Participant, ServiceType
from scheduling.queries import load_participants
from scheduling.queries.search import has_number, starts_within


def list_appointments(
    db: Session, filters: Mapping[str, Any], *, after: tuple[datetime, UUID] | None, limit: int
) -> Sequence[Participant]:
    """Participants in the order of their sessions' start.

    Filters: patient_id, package_id, status, clinic_id, provider_id, service_type (a code), starts_from, starts_before,
    and text, a part of the appointment number.
    """
    query = select(Participant).order_by(Participant.starts_at, Participant.id).limit(limit)
    for name in ("patient_id", "status"):
        if name in filters:
            query = query.where(getattr(Participant, name) == filters[name])
    if "package_id" in filters:
        package_sessions = select(PackageSession.id).where(PackageSession.package_id == filters["package_id"])
        query = query.where(Participant.package_session_id.in_(package_sessions))
    for name in ("clinic_id", "provider_id"):
        if name in filters:
            query = query.where(Participant.session.has(getattr(ClinicalSession, name) == filters[name]))
    if "service_type" in filters:
        of_type = ClinicalSession.service_type.has(ServiceType.code == filters["service_type"])
        query = query.where(Participant.session.has(of_type))
    query = query.where(*starts_within(Participant.starts_at, filters, Participant.session.has))
    if "text" in filters:
        query = query.where(has_number(Participant.appointment_number, filters["text"]))
    if after:
        query = query.where(tuple_(Participant.starts_at, Participant.id) > tuple_(*after))
    return load_participants(db, query)


FORGOTTEN = timedelta(hours=12)
_QUEUE = text("""
    SELECT * FROM (
      SELECT p.id, p.arrived_at, row_number() OVER (ORDER BY p.arrived_at, p.id) AS position
      FROM participants p JOIN sessions s ON s.id = p.session_id
      WHERE p.status = 'ARRIVED' AND s.status IN ('SCHEDULED', 'IN_PROGRESS') AND s.clinic_id = :clinic
        AND s.ends_at > :since
    ) AS queue
    WHERE CAST(:arrived_at AS timestamptz) IS NULL OR (arrived_at, id) > (:arrived_at, CAST(:id AS uuid))
    ORDER BY position LIMIT :limit
""")


def queue(
    db: Session, clinic_id: UUID, *, after: tuple[datetime, UUID] | None, limit: int, now: datetime
) -> Sequence[Row[Any]]:
    """Who has arrived in a clinic for a session that is not over: id, arrived_at and position, the first one first.

    A session that nobody completes has nobody waiting for it `FORGOTTEN` after its end.
    """
    arrived_at, last_id = after or (None, None)
    asked = {"clinic": clinic_id, "arrived_at": arrived_at, "id": last_id, "limit": limit, "since": now - FORGOTTEN}
    return db.execute(_QUEUE, asked).all()
