"""The events that scheduling publishes about sessions and appointments, one function for each."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from jalsa.db.transactions import context_of
from jalsa.events.outbox import publish
from scheduling.directory.events import names_of
from scheduling.events import catalogue
from scheduling.models import ClinicalSession, Package, Participant


@dataclass(frozen=True)
class Held:
    """The place and time of a session, or of a spot in one, before it was moved."""

    session_id: UUID
    clinic_id: UUID
    provider_id: UUID
    room_id: UUID | None
    starts_at: datetime
    ends_at: datetime

    @classmethod
    def of(cls, session: ClinicalSession) -> "Held":
        """Return the current place and time of a session."""
        names = ("clinic_id", "provider_id", "room_id", "starts_at", "ends_at")
        return cls(session.id, *(getattr(session, name) for name in names))


def session_scheduled(db: Session, session: ClinicalSession, now: datetime) -> None:
    """Publish SessionScheduled."""
    data = {"session_id": session.id, "status": session.status, **where_and_when(session)}
    publish(db, catalogue.SESSION_SCHEDULED, session.id, data, now=now)


def session_rescheduled(db: Session, session: ClinicalSession, previous: Held, now: datetime) -> None:
    """Publish SessionRescheduled. Each appointment in the session has its own event."""
    data = {
        "session_id": session.id,
        "status": session.status,
        **_rescheduled(db, session, now),
        "previous": previous,
        **where_and_when(session),
    }
    publish(db, catalogue.SESSION_RESCHEDULED, session.id, data, now=now)


def session_started(db: Session, session: ClinicalSession, now: datetime) -> None:
    """Publish SessionStarted."""
    data = {**_numbered(session), "started_at": session.started_at, "started_by": session.started_by}
    publish(db, catalogue.SESSION_STARTED, session.id, data, now=now)


def session_completed(db: Session, session: ClinicalSession, attended: int, no_shows: int, now: datetime) -> None:
    """Publish SessionCompleted with how many attended and how many did not come."""
    data = {
        **_numbered(session),
        "completed_at": session.completed_at,
        "completed_by": session.completed_by,
        "attended": attended,
        "no_shows": no_shows,
    }
    publish(db, catalogue.SESSION_COMPLETED, session.id, data, now=now)


def session_filled(db: Session, session: ClinicalSession, now: datetime) -> None:
    """Publish SessionFilled when the last free spot of a session was taken."""
    data = {**_numbered(session), "max_capacity": session.max_capacity, "filled_at": now}
    publish(db, catalogue.SESSION_FILLED, session.id, data, now=now)


def session_spots_opened(db: Session, session: ClinicalSession, available: int, now: datetime) -> None:
    """Publish SessionSpotsOpened when a session that was full has free spots again."""
    data = {
        **_numbered(session),
        "max_capacity": session.max_capacity,
        "available_spots": available,
        "opened_at": now,
    }
    publish(db, catalogue.SESSION_SPOTS_OPENED, session.id, data, now=now)


def session_cancelled(db: Session, session: ClinicalSession, now: datetime) -> None:
    """Publish SessionCancelled."""
    data = {
        "session_id": session.id,
        "session_number": session.session_number,
        "cancelled_at": session.cancelled_at,
        "cancelled_by": session.cancelled_by,
    }
    publish(db, catalogue.SESSION_CANCELLED, session.id, data, now=now)


def session_corrected(db: Session, session: ClinicalSession, from_status: str, now: datetime) -> None:
    """Publish SessionCorrected. Each appointment whose status changes with the session has its own event."""
    data = {**_numbered(session), **_correction(session, from_status)}
    publish(db, catalogue.SESSION_CORRECTED, session.id, data, now=now)


def appointment_booked(
    db: Session,
    participant: Participant,
    session: ClinicalSession,
    now: datetime,
    *,
    announced_with_package: bool = False,
) -> None:
    """Publish AppointmentBooked with everything that the four other services need.

    With `announced_with_package`, the patient is told of this appointment and of others by one event of their package.
    The parameter means the same in the other events of an appointment.
    """
    data = {
        **_appointment(participant),
        "status": participant.status,
        "booked_at": participant.booked_at,
        "booked_by": participant.booked_by,
        **where_and_when(session),
        "package": _package(participant),
        "announced_with_package": announced_with_package,
        **({"recorded_late": True} if participant.recorded_late else {}),
    }
    publish(db, catalogue.APPOINTMENT_BOOKED, participant.id, data, now=now)


def appointment_confirmed(db: Session, participant: Participant, by: str, now: datetime) -> None:
    """Publish AppointmentConfirmed."""
    data = {
        **_appointment(participant),
        "session_id": participant.session_id,
        "confirmed_at": participant.confirmed_at,
        "confirmed_by": by,
    }
    publish(db, catalogue.APPOINTMENT_CONFIRMED, participant.id, data, now=now)


def appointment_rescheduled(
    db: Session,
    participant: Participant,
    session: ClinicalSession,
    previous: Held,
    now: datetime,
    *,
    announced_with_package: bool = False,
) -> None:
    """Publish AppointmentRescheduled. The spot is now in `session`."""
    data = {
        **_appointment(participant),
        "status": participant.status,
        **_rescheduled(db, participant, now),
        "previous": previous,
        **where_and_when(session),
        "package": _package(participant),
        "announced_with_package": announced_with_package,
    }
    publish(db, catalogue.APPOINTMENT_RESCHEDULED, participant.id, data, now=now)


def appointment_arrived(db: Session, participant: Participant, late_minutes: int, now: datetime) -> None:
    """Publish AppointmentArrived."""
    data = {
        **_appointment(participant),
        "session_id": participant.session_id,
        "arrived_at": participant.arrived_at,
        "arrived_by": participant.arrived_by,
        "late_minutes": late_minutes,
        "overridden": participant.check_in_override_reason is not None,
    }
    publish(db, catalogue.APPOINTMENT_ARRIVED, participant.id, data, now=now)


def appointment_attended(db: Session, participant: Participant, now: datetime) -> None:
    """Publish AppointmentAttended."""
    data = {
        **_appointment(participant),
        "session_id": participant.session_id,
        "attended_at": participant.attended_at,
        "attended_by": participant.attended_by,
    }
    publish(db, catalogue.APPOINTMENT_ATTENDED, participant.id, data, now=now)


def appointment_no_show(db: Session, participant: Participant, *, automatic: bool, now: datetime) -> None:
    """Publish AppointmentNoShow.

    It is `automatic` if the grace period after the start ended and no person recorded it.
    """
    data = {
        **_appointment(participant),
        "session_id": participant.session_id,
        "no_show_at": participant.no_show_at,
        "marked_by": participant.no_show_by,
        "automatic": automatic,
    }
    publish(db, catalogue.APPOINTMENT_NO_SHOW, participant.id, data, now=now)


def appointment_cancelled(
    db: Session,
    participant: Participant,
    *,
    session_cancelled: bool,
    announced_with_package: bool = False,
    now: datetime,
) -> None:
    """Publish AppointmentCancelled."""
    data = {
        **_appointment(participant),
        "session_id": participant.session_id,
        "cancelled_at": participant.cancelled_at,
        "cancelled_by": participant.cancelled_by,
        "session_cancelled": session_cancelled,
        "announced_with_package": announced_with_package,
    }
    publish(db, catalogue.APPOINTMENT_CANCELLED, participant.id, data, now=now)


def appointment_corrected(db: Session, participant: Participant, from_status: str, now: datetime) -> None:
    """Publish AppointmentCorrected when an outcome that was recorded by mistake was undone."""
    data = {
        **_appointment(participant),
        "session_id": participant.session_id,
        **_correction(participant, from_status),
    }
    publish(db, catalogue.APPOINTMENT_CORRECTED, participant.id, data, now=now)


def _package(participant: Participant) -> dict[str, object] | None:
    if participant.package_session_id is None or (package_session := participant.package_session) is None:
        return None
    return {
        "id": package_session.package_id,
        "number": package_session.package.package_number,
        "session_number": package_session.session_number,
        "total_sessions": package_session.package.total_sessions,
    }


def _numbered(session: ClinicalSession) -> dict[str, object]:
    return {"session_id": session.id, "session_number": session.session_number}


def _correction(corrected: ClinicalSession | Participant, from_status: str) -> dict[str, object]:
    return {
        "from_status": from_status,
        "to_status": corrected.status,
        "corrected_at": corrected.corrected_at,
        "corrected_by": corrected.corrected_by,
    }


def _rescheduled(db: Session, moved: ClinicalSession | Participant, now: datetime) -> dict[str, object]:
    return {
        "reschedule_count": moved.reschedule_count,
        "rescheduled_at": now,
        "rescheduled_by": context_of(db).actor,
    }


def _appointment(participant: Participant) -> dict[str, object]:
    return {
        "appointment_id": participant.id,
        "appointment_number": participant.appointment_number,
        "patient_id": participant.patient_id,
    }


def where_and_when(session: ClinicalSession) -> dict[str, object]:
    return {
        "session": {
            "id": session.id,
            "number": session.session_number,
            "type": session.session_type,
            "starts_at": session.starts_at,
            "ends_at": session.ends_at,
            "duration_minutes": session.duration_minutes,
            "timezone": session.clinic.timezone,
            "service_type": session.service_type.code,
            "discipline": session.service_type.discipline,
            "max_capacity": session.max_capacity,
        },
        "clinic": clinic_of(session),
        "provider": provider_of(session),
        "room": room_of(session),
    }


def clinic_of(placed: ClinicalSession | Package) -> dict[str, object]:
    """Return the clinic as events show it."""
    return {"id": placed.clinic_id, "code": placed.clinic.code, **names_of(placed.clinic)}


def provider_of(session: ClinicalSession) -> dict[str, object]:
    """Return the provider as events show it."""
    return {"id": session.provider_id, "user_id": session.provider.user_id, **names_of(session.provider)}


def room_of(session: ClinicalSession) -> dict[str, object] | None:
    """Return the room as events show it, or None without a room."""
    return {"id": session.room.id, "name": session.room.name} if session.room else None
