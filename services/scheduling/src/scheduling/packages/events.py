"""The events that scheduling publishes about packages, one function for each."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from jalsa.db.transactions import context_of
from jalsa.events.outbox import publish
from scheduling.appointments.events import clinic_of, provider_of, room_of
from scheduling.events import catalogue
from scheduling.models import Package, Participant

#: Why appointments of a package were made, moved or given up.
SCHEDULED, RESCHEDULED, SUBSTITUTED = "SCHEDULED", "RESCHEDULED", "SUBSTITUTED"
PAUSED, RESUMED = "PAUSED", "RESUMED"


def package_created(db: Session, package: Package, now: datetime) -> None:
    """Publish PackageCreated."""
    data = {
        **_package_of(package),
        "status": package.status,
        "session_duration_minutes": package.session_duration_minutes,
        "start_date": package.start_date,
        "end_date": package.end_date,
        "created_at": package.created_at,
        "created_by": package.created_by,
    }
    publish(db, catalogue.PACKAGE_CREATED, package.id, data, now=now)


def package_scheduled(
    db: Session,
    package: Package,
    cause: str,
    *,
    coming: Sequence[tuple[int, Participant]],
    changed: Collection[int],
    unscheduled: Collection[int],
    now: datetime,
) -> None:
    """Publish PackageScheduled. `coming` are the appointments that have not started, by their start."""
    data = {
        **_package_of(package),
        "cause": cause,
        "sessions": [_appointment(number, participant) for number, participant in coming],
        "changed": sorted(changed),
        "unscheduled": sorted(unscheduled),
        "scheduled_at": now,
        "scheduled_by": context_of(db).actor,
    }
    publish(db, catalogue.PACKAGE_SCHEDULED, package.id, data, now=now)


def package_completed(db: Session, package: Package, completed_sessions: int, now: datetime) -> None:
    """Publish PackageCompleted."""
    data = {**_package(package), "completed_sessions": completed_sessions, "completed_at": package.completed_at}
    publish(db, catalogue.PACKAGE_COMPLETED, package.id, data, now=now)


def package_reopened(db: Session, package: Package, completed_sessions: int, now: datetime) -> None:
    """Publish PackageReopened."""
    data = {
        **_package(package),
        "completed_sessions": completed_sessions,
        "reopened_at": now,
        "reopened_by": context_of(db).actor,
    }
    publish(db, catalogue.PACKAGE_REOPENED, package.id, data, now=now)


def package_cancelled(
    db: Session, package: Package, completed_sessions: int, cancelled_appointments: int, now: datetime
) -> None:
    """Publish PackageCancelled with the number of appointments that were cancelled together with the package."""
    data = {
        **_package(package),
        "completed_sessions": completed_sessions,
        "cancelled_appointments": cancelled_appointments,
        "cancelled_at": package.cancelled_at,
        "cancelled_by": package.cancelled_by,
    }
    publish(db, catalogue.PACKAGE_CANCELLED, package.id, data, now=now)


def _package(package: Package) -> dict[str, object]:
    return {
        "package_id": package.id,
        "package_number": package.package_number,
        "patient_id": package.patient_id,
        "total_sessions": package.total_sessions,
    }


def _package_of(package: Package) -> dict[str, object]:
    return {
        **_package(package),
        "service_type": package.service_type.code,
        "discipline": package.service_type.discipline,
        "clinic": clinic_of(package),
        "timezone": package.clinic.timezone,
    }


def _appointment(number: int, participant: Participant) -> dict[str, object]:
    session = participant.session
    return {
        "session_number": number,
        "appointment_id": participant.id,
        "appointment_number": participant.appointment_number,
        "starts_at": session.starts_at,
        "ends_at": session.ends_at,
        "provider": provider_of(session),
        "room": room_of(session),
    }
