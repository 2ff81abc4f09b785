"""Scheduling the sessions of a package: booking them as planned, and announcing them together."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from jalsa.db.numbers import sequence_numbers
from jalsa.db.transactions import context_of
from jalsa.service.ids import new_id
from scheduling import domain, errors
from scheduling.appointments import events
from scheduling.appointments.commands.sessions import SessionDetails
from scheduling.appointments.operations.participants import lock_booking_facts
from scheduling.appointments.operations.placing import Placement, active_room
from scheduling.appointments.operations.sessions import new_session
from scheduling.models import Package, PackageSession, Participant, Provider
from scheduling.packages import events as package_events
from scheduling.packages.commands.planning import SchedulePackage
from scheduling.packages.operations.period import change_preferences
from scheduling.packages.operations.planning import PlanningTask, SchedulingPlan, choose_placements
from scheduling.packages.operations.progress import CHOSEN, SUBSTITUTE, assign, change_status
from scheduling.packages.queries import LockedPackage
from scheduling.packages.rules.planning import Occurrence
from scheduling.waitlist.operations.fulfilment import fulfil
from scheduling.waitlist.queries import waits


def schedule_package(
    db: Session,
    held: LockedPackage,
    command: SchedulePackage,
    *,
    now: datetime,
    cause: str = package_events.SCHEDULED,
) -> None:
    """Schedule the given sessions of a locked package, or else all that are outstanding.

    Raises what `package_creation.create_package` raises, 404 for a session number, 409 `package-paused`, and 409
    `invalid-transition` for a package that is over or a session that already has a placement.
    """
    held.check_open()
    lock_booking_facts(db, held.package.patient_id, None)
    change_preferences(held.package, command, now)
    task = PlanningTask(held.package, _named(held, command), now, held.occurrences())
    plan = choose_placements(db, task, command.placements)
    if command.all_or_nothing:
        plan.check_complete()
    book_placements(db, held, plan, now=now, cause=cause)


def book_placements(
    db: Session, held: LockedPackage, plan: SchedulingPlan, *, now: datetime, cause: str = package_events.SCHEDULED
) -> None:
    """Book the sessions that have a placement, and store the reason for the others.

    Publishes PackageScheduled if anything was booked. The placements were checked under their locks.
    """
    package_sessions = {one.session_number: one for one in plan.task.package_sessions}
    refusals, occurrences = plan.refusals, plan.occurrences
    for number in (one.number for one in plan.planned):
        package_sessions[number].scheduling_attempts += 1
        if number in refusals:
            mark_failed(package_sessions[number], refusals[number])
    if occurrences:
        placed = [(package_sessions[one.number], one) for one in occurrences]
        held.appointments.update(_book(db, held.package, placed, now))
        start_schedule(held.package)
    db.flush()
    if occurrences:
        announce(db, held, cause, [one.number for one in occurrences], now=now)


def start_schedule(package: Package) -> None:
    """Change the state of a DRAFT package when the first of its sessions has an appointment."""
    if package.status == "DRAFT":
        package.status = "SCHEDULED"


def mark_failed(package_session: PackageSession, why: errors.Unplaced) -> None:
    """Store why a session could not be placed."""
    if package_session.status != "FAILED":
        change_status(package_session, "FAILED")
    package_session.scheduling_error_code = why.code
    package_session.scheduling_error, package_session.scheduling_error_ar = why.detail, why.detail_ar


def announce(db: Session, held: LockedPackage, cause: str, changed: Collection[int], *, now: datetime) -> None:
    """Publish PackageScheduled with all appointments that have not started, and the numbers of the changed sessions."""
    coming = [(package_session.session_number, participant) for package_session, participant in held.coming(now)]
    package_events.package_scheduled(
        db,
        held.package,
        cause,
        coming=sorted(coming, key=lambda numbered: numbered[1].starts_at),
        changed=changed,
        unscheduled=[package_session.session_number for package_session in held.outstanding()],
        now=now,
    )


def placement_at(db: Session, package: Package, one: Occurrence) -> Placement:
    """Return the placement of an occurrence with all its records. Raises 422 for an inactive room."""
    provider, room = db.get_one(Provider, one.provider_id), active_room(db, one.room_id, package.clinic)
    return Placement.of(package.clinic, provider, room, package.service_type, one.starts_at, one.ends_at)


def _named(held: LockedPackage, command: SchedulePackage) -> Sequence[PackageSession]:
    numbers = command.session_numbers or [placement.session_number for placement in command.placements]
    if not numbers:
        return held.outstanding()
    package_sessions = [held.package_session(number) for number in numbers]
    for package_session in package_sessions:
        package_session.check_outstanding()
    return package_sessions


def _book(
    db: Session, package: Package, placed: Sequence[tuple[PackageSession, Occurrence]], now: datetime
) -> dict[UUID, Participant]:
    """Store an individual session and its participant for each placement, and publish the events of the bookings."""
    by = context_of(db).actor
    year = domain.local_year(now, package.clinic.timezone)
    sessions = sequence_numbers(db, "SES", year, len(placed))
    appointments = sequence_numbers(db, "APT", year, len(placed))
    booked: dict[UUID, Participant] = {}
    for (package_session, one), session_number, number in zip(placed, sessions, appointments, strict=True):
        session = new_session(
            db,
            placement_at(db, package, one),
            SessionDetails(),
            number=session_number,
            now=now,
            closes_when_empty=True,
        )
        change_status(package_session, "SCHEDULED")
        if package_session.provider_id != one.provider_id:
            assign(db, package_session, one.provider_id, SUBSTITUTE if package_session.assigned_to else CHOSEN, now)
        booked[package_session.id] = Participant(
            id=new_id(),
            appointment_number=number,
            session_id=session.id,
            session=session,
            package_session_id=package_session.id,
            package_session=package_session,
            patient_id=package.patient_id,
            status=domain.PARTICIPANT.initial,
            starts_at=session.starts_at,
            ends_at=session.ends_at,
            booked_at=now,
            booked_by=by,
            reschedule_count=0,
        )
        db.add(session)
    db.flush()
    db.add_all(booked.values())
    db.flush()
    for participant in booked.values():
        events.session_scheduled(db, participant.session, now)
        events.appointment_booked(db, participant, participant.session, now, announced_with_package=True)
    if waits(db, package.patient_id):
        fulfil(db, package.patient_id, [participant.session for participant in booked.values()], now=now)
    return booked
