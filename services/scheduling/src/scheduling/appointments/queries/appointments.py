"""Queries for participants across sessions: as a list, and as a queue of those who have arrived."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from jalsa.db.aliases import stands_for
from jalsa.db.keyset import keyset
from scheduling.appointments.commands.appointments import FindAppointments
from scheduling.appointments.queries.participant_records import load_participants
from scheduling.appointments.queries.search import has_number, starts_within
from scheduling.models import ClinicalSession, PackageSession, Participant, ServiceType


def list_appointments(
    db: Session, asked: FindAppointments, *, after: tuple[datetime, UUID] | None, limit: int
) -> Sequence[Participant]:
    """List participants in the order of their sessions' start."""
    query = keyset(select(Participant), Participant.starts_at, Participant.id, after=after, limit=limit)
    if asked.patient_id is not None:
        query = query.where(stands_for(Participant.patient_id, asked.patient_id))
    if asked.status is not None:
        query = query.where(Participant.status == asked.status)
    if asked.package_id is not None:
        package_sessions = select(PackageSession.id).where(PackageSession.package_id == asked.package_id)
        query = query.where(Participant.package_session_id.in_(package_sessions))
    for name in ("clinic_id", "provider_id"):
        if (value := getattr(asked, name)) is not None:
            query = query.where(Participant.session.has(getattr(ClinicalSession, name) == value))
    if asked.service_type is not None:
        of_type = ClinicalSession.service_type.has(ServiceType.code == asked.service_type)
        query = query.where(Participant.session.has(of_type))
    within = starts_within(Participant.starts_at, asked.starts_from, asked.starts_before, Participant.session.has)
    query = query.where(*within)
    if asked.text is not None:
        query = query.where(has_number(Participant.appointment_number, asked.text))
    return load_participants(db, query)


# From the aliases, which are few, to the appointments of each person who has any.
_OVERLAPS = text("""
    WITH person AS (
      SELECT survivor_of(id) AS survivor_id, aliases_of(id) AS ids FROM aliases
    ), one AS (
      SELECT DISTINCT p.survivor_id, each.id FROM person p CROSS JOIN LATERAL unnest(p.ids) AS each (id)
    ), spot AS (
      SELECT p.id, p.starts_at, p.ends_at, one.survivor_id FROM one JOIN participants p ON p.patient_id = one.id
      WHERE p.live AND p.ends_at > :now
    )
    SELECT later.id, later.starts_at, later.survivor_id, array_agg(earlier.id ORDER BY earlier.starts_at, earlier.id)
      AS earlier
    FROM spot later JOIN spot earlier ON earlier.survivor_id = later.survivor_id
      AND (earlier.starts_at, earlier.id) < (later.starts_at, later.id)
      AND times_overlap(earlier.starts_at, earlier.ends_at, later.starts_at, later.ends_at)
    WHERE CAST(:starts_at AS timestamptz) IS NULL OR (later.starts_at, later.id) > (:starts_at, CAST(:id AS uuid))
    GROUP BY later.id, later.starts_at, later.survivor_id ORDER BY later.starts_at, later.id LIMIT :limit
""")


@dataclass(frozen=True, slots=True)
class Overlap:
    """An appointment that overlaps `earlier` ones, booked with other ids of the same person, the survivor of merges."""

    id: UUID
    starts_at: datetime
    survivor_id: UUID
    earlier: Sequence[UUID]


def overlaps(db: Session, *, after: tuple[datetime, UUID] | None, limit: int, now: datetime) -> list[Overlap]:
    """Live appointments, not over, of merged patients that overlap, by their start: what the desk has to part.

    A booking cannot make any, only a merge of two who were booked at the same time.
    """
    starts_at, last_id = after or (None, None)
    asked = {"now": now, "starts_at": starts_at, "id": last_id, "limit": limit}
    return [Overlap(row.id, row.starts_at, row.survivor_id, row.earlier) for row in db.execute(_OVERLAPS, asked)]


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


@dataclass(frozen=True, slots=True)
class Arrival:
    """A participant who has arrived, and the position in the queue, counted from 1."""

    id: UUID
    arrived_at: datetime
    position: int


def queue(
    db: Session, clinic_id: UUID, *, after: tuple[datetime, UUID] | None, limit: int, now: datetime
) -> list[Arrival]:
    """Return the participants who have arrived in a clinic for a session that is not over, in order of arrival.

    A session that was never completed no longer counts when `FORGOTTEN` has passed since its end.
    """
    arrived_at, last_id = after or (None, None)
    asked = {"clinic": clinic_id, "arrived_at": arrived_at, "id": last_id, "limit": limit, "since": now - FORGOTTEN}
    return [Arrival(row.id, row.arrived_at, row.position) for row in db.execute(_QUEUE, asked)]
