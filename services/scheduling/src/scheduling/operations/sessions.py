"""Sessions: create, cancel."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from jalsa.db import context_of
from jalsa.errors import conflict, invalid, not_found
from jalsa.ids import new_id
from jalsa.numbers import loose_number
from scheduling import domain, events, queries
from scheduling.models import Clinic, ClinicalSession, Participant, Provider, Room, ServiceType
from scheduling.operations.locks import lock
from scheduling.operations.setup import active_clinic

# No session is longer than MAX_MINUTES, so what overlaps has begun that long before at the earliest: a range of a
# B-tree, many times cheaper than the exclusion constraints' own index.
_CLASHES = text("""
    SELECT
      EXISTS (SELECT FROM sessions WHERE status <> 'CANCELLED' AND provider_id = :provider
              AND ends_at > :starts AND starts_at < :ends AND starts_at > :earliest) AS provider,
      EXISTS (SELECT FROM sessions WHERE status <> 'CANCELLED' AND room_id = CAST(:room AS uuid)
              AND ends_at > :starts AND starts_at < :ends AND starts_at > :earliest) AS room
""")


def create_session(db: Session, data: Mapping[str, Any], *, now: datetime) -> ClinicalSession:
    """Store a session, empty, and publish SessionScheduled.

    Raises 422 problems for what is unknown, inactive, or does not belong together; 409 `provider-busy`, `room-busy`,
    `outside-working-hours`.
    """
    session = place_session(db, data, now=now)
    events.session_scheduled(db, session, now)
    return session


def place_session(db: Session, data: Mapping[str, Any], *, now: datetime) -> ClinicalSession:
    """Check and store a session under the locks of its provider and room; publishes nothing yet."""
    session = _build(db, data, now)
    _check_hours(db, session)
    lock(db, providers=[session.provider_id], rooms=filter(None, [session.room_id]))
    _check_clashes(db, session)
    session.session_number = loose_number("SES", domain.local_year(now, session.clinic.timezone))
    db.add(session)
    db.flush()
    return session


def cancel_session(db: Session, session: ClinicalSession, reason: str | None, *, now: datetime) -> ClinicalSession:
    """Cancel a session, whose row is locked, and the place of every live participant.

    Publishes SessionCancelled and one AppointmentCancelled each. Raises 409 `invalid-transition`.
    """
    domain.SESSION.check(session.status, "CANCELLED")
    by = context_of(db).actor
    session.status, session.cancelled_at, session.cancelled_by, session.cancel_reason = "CANCELLED", now, by, reason
    for participant in queries.live_participants(db, session.id):
        close_place(participant, by, reason, now)
        events.appointment_cancelled(db, participant, session_cancelled=True, now=now)
    db.flush()
    events.session_cancelled(db, session, now)
    return session


def locked_session(db: Session, session_id: UUID) -> ClinicalSession:
    """The session, its row locked until the transaction ends. Raises 404."""
    session = queries.find_session(db, session_id, lock=True)
    if session is None:
        raise not_found("session")
    return session


def close_place(participant: Participant, by: str, reason: str | None, now: datetime) -> None:
    """Cancel a participant's place. Raises 409 `invalid-transition`."""
    domain.PARTICIPANT.check(participant.status, "CANCELLED")
    participant.status, participant.cancelled_at = "CANCELLED", now
    participant.cancelled_by, participant.cancel_reason = by, reason


def _build(db: Session, data: Mapping[str, Any], now: datetime) -> ClinicalSession:
    clinic = active_clinic(db, data["clinic_id"])
    provider = _provider(db, data["provider_id"], clinic)
    room = _room(db, data.get("room_id"), clinic)
    service_type = _service_type(db, data["service_type"], provider)
    if data["starts_at"] <= now:
        raise invalid("starts_at", "Must be in the future.")
    minutes = data.get("duration_minutes", service_type.default_duration_minutes)
    return ClinicalSession(
        id=new_id(),
        session_type=data["session_type"],
        clinic_id=clinic.id,
        clinic=clinic,
        provider_id=provider.id,
        provider=provider,
        room_id=room.id if room else None,
        room=room,
        service_type_id=service_type.id,
        service_type=service_type,
        starts_at=data["starts_at"],
        ends_at=data["starts_at"] + timedelta(minutes=minutes),
        max_capacity=data.get("max_capacity", 1),
        min_participants=data.get("min_participants"),
        group_notes=data.get("group_notes"),
        status=domain.SESSION.initial,
        created_at=now,
        created_by=context_of(db).actor,
    )


def _provider(db: Session, provider_id: UUID, clinic: Clinic) -> Provider:
    provider = db.get(Provider, provider_id)
    if provider is None or not provider.active:
        raise invalid("provider_id", "There is no such active provider.")
    if clinic.id not in provider.clinic_ids:
        raise invalid("provider_id", "The provider does not work in this clinic.")
    return provider


def _service_type(db: Session, code: str, provider: Provider) -> ServiceType:
    service_type = queries.find_service_type(db, code)
    if service_type is None or not service_type.active:
        raise invalid("service_type", "There is no such active service type.")
    if service_type.discipline != provider.discipline:
        raise invalid("provider_id", "The provider is not of the service type's discipline.")
    return service_type


def _room(db: Session, room_id: UUID | None, clinic: Clinic) -> Room | None:
    if room_id is None:
        return None
    room = db.get(Room, room_id)
    if room is None or not room.active or room.clinic_id != clinic.id:
        raise invalid("room_id", "There is no such active room in this clinic.")
    return room


def _check_hours(db: Session, session: ClinicalSession) -> None:
    hours = queries.working_hours(db, session.provider_id)
    zone = session.clinic.timezone
    if not domain.within_working_hours(hours, session.clinic_id, zone, session.starts_at, session.ends_at):
        raise conflict("outside-working-hours", "The session is not within the provider's working hours there.")


def _check_clashes(db: Session, session: ClinicalSession) -> None:
    values = {
        "starts": session.starts_at,
        "ends": session.ends_at,
        "earliest": session.starts_at - timedelta(minutes=domain.MAX_MINUTES),
        "provider": session.provider_id,
        "room": session.room_id,
    }
    clashes = db.execute(_CLASHES, values).one()
    if clashes.provider:
        raise conflict("provider-busy", "The provider has another session at that time.")
    if clashes.room:
        raise conflict("room-busy", "The room is taken at that time.")
