"""Planning packages without storing them, and storing them with all sessions that fit, or only with all of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from jalsa.db.numbers import gapless_number
from jalsa.db.transactions import context_of
from jalsa.service.ids import new_id
from scheduling import domain
from scheduling.appointments.operations.locks import lock_sessions
from scheduling.appointments.operations.participants import lock_booking_facts
from scheduling.appointments.operations.placing import active_room, active_service_type, qualified_provider
from scheduling.directory.operations.setup import active_clinic, check_zone
from scheduling.models import Clinic, Package, PackageSession, ServiceType
from scheduling.packages import events as package_events
from scheduling.packages.commands.planning import CreatePackage, PlanPackage
from scheduling.packages.operations import planning as package_planning
from scheduling.packages.operations.period import check_new_period
from scheduling.packages.operations.planning import (
    AlternativePlacement,
    PlanningTask,
    SchedulingPlan,
    choose_placements,
)
from scheduling.packages.operations.progress import REQUESTED, assign
from scheduling.packages.queries import LockedPackage
from scheduling.timetable.hours import day_of
from scheduling.use_cases.package_scheduling import book_placements


@dataclass(frozen=True)
class PlannedPackage:
    """A plan for a package that is not stored, with alternatives for the sessions that could not be placed."""

    plan: SchedulingPlan
    alternatives: Mapping[int, Sequence[AlternativePlacement]]


def plan_package(db: Session, command: PlanPackage, *, now: datetime) -> PlannedPackage:
    """Plan what `create_package` would currently do with the same data. Nothing is stored, and no provider is locked.

    Raises the same 422 problems.
    """
    facts = lock_booking_facts(db, command.patient_id, None)
    plan = package_planning.plan_sessions(db, PlanningTask(*_draft(db, command, facts.patient_id, now), now))
    return PlannedPackage(plan, package_planning.alternatives(db, plan))


def create_package(db: Session, command: CreatePackage, *, now: datetime) -> LockedPackage:
    """Store a package with its sessions, and publish PackageCreated. Schedules them unless `auto_schedule` is false.

    The `placements` of a plan are used as they are. A session that cannot be scheduled is FAILED with its reason. With
    `all_or_nothing`, nothing is stored in that case. Raises 422 problems for what is unknown, inactive, or does not
    belong together, and for `unknown-patient`. Raises 409 `package-conflicts` with all `conflicts`.
    """
    facts = lock_booking_facts(db, command.patient_id, None)
    lock_sessions(db, facts.elsewhere)
    package, package_sessions = _draft(db, command, facts.patient_id, now)
    task = PlanningTask(package, package_sessions, now)
    scheduled = command.auto_schedule or command.placements
    plan = choose_placements(db, task, command.placements) if scheduled else SchedulingPlan.of(task)
    if command.all_or_nothing:
        plan.check_complete()
    _store(db, package, package_sessions)
    package_events.package_created(db, package, now)
    created = LockedPackage(package, package_sessions, {})
    book_placements(db, created, plan, now=now)
    return created


def _draft(db: Session, command: PlanPackage, patient_id: UUID, now: datetime) -> tuple[Package, list[PackageSession]]:
    """Return the package that a request describes and its sessions, without storing them. Raises 422 problems."""
    clinic = active_clinic(db, command.clinic_id)
    check_zone(clinic)
    service_type = active_service_type(db, command.service_type, None)
    room = active_room(db, command.room_id, clinic)
    check_new_period(command.start_date, command.end_date, clinic, now)
    assigned = _assigned(db, command, clinic, service_type)
    package = Package(
        id=new_id(),
        patient_id=patient_id,
        clinic_id=clinic.id,
        clinic=clinic,
        service_type_id=service_type.id,
        service_type=service_type,
        provider_id=command.provider_id,
        room_id=room.id if room else None,
        room_required=command.room_required,
        total_sessions=command.total_sessions,
        session_duration_minutes=command.session_duration_minutes or service_type.default_duration_minutes,
        start_date=command.start_date,
        end_date=command.end_date,
        preferred_days=list(command.preferred_days),
        preferred_time=command.preferred_time,
        gap_days=command.gap_days,
        tolerance_days=command.tolerance_days,
        use_multiple_providers=command.use_multiple_providers,
        auto_schedule=command.auto_schedule,
        status=domain.PACKAGE.initial,
        created_at=now,
        created_by=context_of(db).actor,
    )
    package_sessions = [
        PackageSession(
            id=new_id(),
            package_id=package.id,
            package=package,
            session_number=number,
            provider_id=assigned.get(number, package.provider_id),
            provider_chosen=False,
            status=domain.PACKAGE_SESSION.initial,
            owed=True,
            scheduling_attempts=0,
        )
        for number in range(1, package.total_sessions + 1)
    ]
    return package, package_sessions


def _assigned(db: Session, command: PlanPackage, clinic: Clinic, service_type: ServiceType) -> dict[int, UUID]:
    """Return the qualified provider of each session number for which one is given. Raises 422 problems."""
    if command.provider_id:
        qualified_provider(db, command.provider_id, clinic, service_type, "provider_id")
    for one in command.provider_assignments:
        qualified_provider(db, one.provider_id, clinic, service_type, "provider_assignments")
    return {one.session_number: one.provider_id for one in command.provider_assignments}


def _store(db: Session, package: Package, package_sessions: Sequence[PackageSession]) -> None:
    """Store a package and its sessions.

    The number is assigned as late as possible, because its counter stays locked until the transaction ends.
    """
    day = day_of(package.created_at, package.clinic.timezone)
    package.package_number = f"PKG-{day:%Y%m%d}-{gapless_number(db, f'PKG-{day:%Y%m%d}'):04d}"
    db.add(package)
    db.flush()
    db.add_all(package_sessions)
    for package_session in package_sessions:
        if package_session.provider_id:
            assign(db, package_session, package_session.provider_id, REQUESTED, package.created_at)
