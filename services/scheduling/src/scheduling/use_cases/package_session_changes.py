"""Changes to one session of a package: move it, book it at a given time, give it up, and warn about unusual times.

The package's rows are locked by `packages.operations.locks.locked_package`.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from jalsa.service.commands import UNSET, value_or
from jalsa.service.errors import InvalidField
from scheduling import errors
from scheduling.appointments.commands.appointments import BookAppointment, RescheduleParticipant
from scheduling.appointments.operations import participants
from scheduling.models import Package, PackageSession
from scheduling.packages.commands.changes import CancelPackageSession, SchedulePackageSession
from scheduling.packages.operations.progress import cancel_unscheduled, change_status, finish, note_provider
from scheduling.packages.queries import LockedPackage
from scheduling.packages.rules.planning import warnings
from scheduling.packages.rules.reasons import warning
from scheduling.use_cases import appointments as use_cases
from scheduling.use_cases.package_scheduling import start_schedule


def reschedule_package_session(
    db: Session, held: LockedPackage, number: int, command: RescheduleParticipant, *, now: datetime
) -> None:
    """Move the appointment of one session. The change is announced like that of any appointment.

    Raises 404 for the number, 422 and 409 as `appointments.reschedule_appointment` does, 409 `package-paused`, and 409
    `invalid-transition` for a session without an appointment.
    """
    held.check_open()
    package_session = held.package_session(number)
    if package_session.status != "SCHEDULED":
        raise errors.NoAppointmentToMove
    participants.lock_booking_facts(db, held.package.patient_id, None)
    use_cases.reschedule_appointment(db, held.appointments[package_session.id], command, now=now)
    held.package.change_reason = command.reason
    db.flush()


def schedule_package_session(
    db: Session, held: LockedPackage, number: int, command: SchedulePackageSession, *, now: datetime
) -> None:
    """Book one outstanding session at a given time. It is announced like any appointment.

    Raises 404 for the number, 422 and 409 as `appointments.book_appointment` does, 409 `package-paused`, and 409
    `invalid-transition` for a session that does not need to be scheduled.
    """
    package, package_session = held.package, held.package_session(number)
    held.check_open()
    package_session.check_outstanding()
    booking = _booking(package, package_session, command)
    participant = use_cases.book_appointment(db, booking, package_session, now=now).participant
    change_status(package_session, "SCHEDULED")
    package_session.scheduling_attempts += 1
    start_schedule(package)
    held.appointments[package_session.id] = participant
    note_provider(db, participant, command.reason, now=now)
    package.change_reason = command.reason
    db.flush()


@dataclass(frozen=True, slots=True)
class Warned:
    """A warning about the time of the session with a number: a code, and a sentence in English and in Arabic."""

    session_number: int
    code: str
    detail: str
    detail_ar: str


def unusual_times(held: LockedPackage, *, now: datetime) -> list[Warned]:
    """Return what is unusual about the times of the sessions that have not started."""
    gap = held.package.gap_days
    coming = {package_session.session_number for package_session, _ in held.coming(now)}
    return [
        Warned(number, code, warning(code, gap), warning(code, gap, "ar"))
        for number, code in warnings(held.occurrences(), held.package.clinic.timezone, gap)
        if number in coming
    ]


def cancel_package_session(
    db: Session, held: LockedPackage, number: int, command: CancelPackageSession, *, now: datetime
) -> None:
    """Give up one session, with its appointment if it has one.

    Completes a package that has no other session left. Raises 404 for the number, 409 `invalid-transition` for a
    session that has started or is over, and for the last session of a package of which no session has taken place.
    """
    package, package_session = held.package, held.package_session(number)
    held.check_not_over()
    others = [one for one in held.package_sessions if one is not package_session]
    if not command.owed and not any(one.outstanding or one.status in ("SCHEDULED", "COMPLETED") for one in others):
        raise errors.LastOfPackage
    appointment = dict(held.coming(now)).get(package_session)
    if appointment:
        change_status(package_session, "CANCELLED", owed=command.owed)
        use_cases.cancel_appointment(db, appointment, command.reason, now=now)
    elif package_session.outstanding and not command.owed:
        cancel_unscheduled(package_session)
    else:
        raise errors.CannotBeGivenUp
    package.change_reason = command.reason
    db.flush()
    finish(db, package, now=now)


def _booking(package: Package, package_session: PackageSession, command: SchedulePackageSession) -> BookAppointment:
    """Return the command that books an appointment. Values that are not given come from the package.

    Raises 422 problems.
    """
    provider_id = value_or(command.provider_id, package_session.provider_id)
    if provider_id is None:
        raise InvalidField("provider_id", "Required, because no provider is assigned to the session.")
    if package.room_required and not package.room_id and command.room_id is UNSET:
        raise InvalidField(
            "room_id", "Required, because the package needs a room. Use null for a session without a room."
        )
    return BookAppointment(
        patient_id=package.patient_id,
        clinic_id=package.clinic_id,
        provider_id=provider_id,
        room_id=value_or(command.room_id, package.room_id),
        service_type=package.service_type.code,
        starts_at=command.starts_at,
        duration_minutes=package.session_duration_minutes,
        override=command.override,
    )
