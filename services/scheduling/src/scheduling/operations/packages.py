"""Packages: planned without storing, stored with all that fits or only whole, and tried again."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from jalsa.db.numbers import gapless_number, sequence_numbers
from jalsa.db.transactions import context_of
from jalsa.service.errors import InvalidField, NotFound
from jalsa.service.ids import new_id
from scheduling import domain, errors, events
from scheduling.commands.sessions import SessionDetails
from scheduling.domain.planning import DEFAULT_WISHES, Failure, Occurrence, Planned
from scheduling.events import packages as package_events
from scheduling.models import Clinic, Package, PackageSession, Participant, Provider, ServiceType
from scheduling.operations import planning
from scheduling.operations.fulfilment import fulfil
from scheduling.operations.locks import lock_patients, lock_sessions
from scheduling.operations.participants import lock_booking_facts
from scheduling.operations.placing import Placement, active_provider, active_room, active_service_type
from scheduling.operations.planning import Task
from scheduling.operations.progress import CHOSEN, REQUESTED, SUBSTITUTE, assign, locked_package, move
from scheduling.operations.sessions import new_session
from scheduling.operations.setup import active_clinic, check_zone
from scheduling.queries import packages as read
from scheduling.queries.packages import LockedPackage
from scheduling.queries.waitlist import sessions_offered_to, waits
from scheduling.timetable.hours import TOO_FAR_AHEAD, day_of, last_day


@dataclass(frozen=True)
class Plan:
    """Where the sessions of a package go, or why not; nothing of it is stored."""

    task: Task
    placements: Sequence[Planned]
    refusals: Mapping[int, errors.Unplaced]
    alternatives: Mapping[int, Sequence[tuple[str, Occurrence]]]


def plan_package(db: Session, data: Mapping[str, Any], *, now: datetime) -> Plan:
    """What `create_package` would do with the same data as things stand now: nothing is locked for long, or stored.

    Raises the same 422 problems.
    """
    lock_booking_facts(db, data["patient_id"], None)
    package, package_sessions = _draft(db, data, now)
    task = Task(package, package_sessions, now)
    placements = planning.planned(db, task)
    return Plan(task, placements, planning.refusals(task, placements), planning.alternatives(db, task, placements))


def create_package(db: Session, data: Mapping[str, Any], *, now: datetime) -> LockedPackage:
    """Store a package with its sessions, and publish PackageCreated; place them unless `auto_schedule` is false.

    `sessions` are placements of a plan and are taken as they are. What cannot be placed is FAILED with its reason; with
    `all_or_nothing` nothing is stored then. Raises 422 problems for what is unknown, inactive, or does not belong
    together, `unknown-patient`; 409 `package-conflicts` with all `conflicts`.
    """
    lock_sessions(db, lock_booking_facts(db, data["patient_id"], None).elsewhere)
    package, package_sessions = _draft(db, data, now)
    task = Task(package, package_sessions, now)
    placements = _placements(db, task, data) if package.auto_schedule or "sessions" in data else []
    check_whole(task, placements, data)
    _store(db, package, package_sessions)
    package_events.package_created(db, package, now)
    made = LockedPackage(package, package_sessions, {})
    book_placements(db, made, task, placements, now=now)
    return made


def schedule(
    db: Session, held: LockedPackage, data: Mapping[str, Any], *, now: datetime, cause: str = package_events.SCHEDULED
) -> None:
    """Place the sessions of a held package that are named, or else all that have no placement and are owed.

    What is asked for of the period and of the preferred times holds from now on. Raises what `create_package` raises,
    404 for a session number, 409 `package-paused`, and `invalid-transition` for a package that is over or a session
    that has its placement.
    """
    package = held.package
    check_open(package)
    lock_booking_facts(db, package.patient_id, None)
    change_wishes(package, data, now)
    numbers = data.get("session_numbers") or [one["session_number"] for one in data.get("sessions", ())]
    package_sessions = (
        [held.package_session(n) for n in numbers]
        if numbers
        else [s for s in held.package_sessions if is_outstanding(s)]
    )
    for package_session in package_sessions:
        check_outstanding(package_session)
    task = Task(package, package_sessions, now, placed_occurrences(held))
    placements = _placements(db, task, data)
    check_whole(task, placements, data)
    book_placements(db, held, task, placements, now=now, cause=cause)


def book_placements(
    db: Session,
    held: LockedPackage,
    task: Task,
    placements: Sequence[Planned],
    *,
    now: datetime,
    cause: str = package_events.SCHEDULED,
) -> None:
    """Book what has a placement, note why the rest has none, and publish PackageScheduled if anything was booked.

    The placements were checked under their locks.
    """
    package_sessions = {package_session.session_number: package_session for package_session in task.package_sessions}
    kept = [one for one in placements if isinstance(one, Occurrence)]
    refused = planning.refusals(task, placements)
    for one in placements:
        package_sessions[one.number].scheduling_attempts += 1
        if isinstance(one, Failure):
            fail(package_sessions[one.number], refused[one.number])
    if kept:
        held.appointments.update(_book(db, task, [(package_sessions[one.number], one) for one in kept], now))
        if task.package.status == "DRAFT":
            task.package.status = "SCHEDULED"
    db.flush()
    if kept:
        announce(db, held, cause, [one.number for one in kept], now=now)


def announce(db: Session, held: LockedPackage, cause: str, changed: Collection[int], *, now: datetime) -> None:
    """Publish PackageScheduled with all dates that are still to come, and the numbers of what changed."""
    coming = [(package_session.session_number, p) for package_session, p in held.coming(now)]
    package_events.package_scheduled(
        db,
        held.package,
        cause,
        coming=sorted(coming, key=lambda numbered: numbered[1].starts_at),
        changed=changed,
        unscheduled=[
            package_session.session_number
            for package_session in held.package_sessions
            if is_outstanding(package_session)
        ],
        now=now,
    )


def held_package(db: Session, package_id: UUID, into: UUID | None = None) -> LockedPackage:
    """The package, locked with its patient, the rows of its sessions that are to come, and its own. Raises 404.

    `into` is another session whose row is locked with them, as are those in which the patient is offered a placement.
    """
    package = db.get(Package, package_id)
    if package is None:
        raise NotFound("package")
    lock_patients(db, [package.patient_id])
    offered = sessions_offered_to(db, [package.patient_id])
    lock_sessions(db, {*read.sessions_to_come(db, package_id), *offered, *filter(None, [into])})
    return read.package_with_sessions(db, locked_package(db, package_id))


def placed_occurrences(held: LockedPackage, but: Collection[int] = ()) -> list[Occurrence]:
    """Where the sessions are that have their placement, but for those of some numbers."""
    return [
        occurrence(package_session, p)
        for package_session, p in held.placed()
        if package_session.session_number not in but
    ]


def occurrence(package_session: PackageSession, participant: Participant) -> Occurrence:
    """Where and when a session is that has its placement."""
    at = participant.session
    return Occurrence(package_session.session_number, at.starts_at, at.ends_at, at.provider_id, at.room_id)


def check_going(package: Package) -> None:
    """Raises 409 `invalid-transition` for a package that is over."""
    if package.status in ("COMPLETED", "CANCELLED"):
        raise errors.PackageOver(package.status)


def check_open(package: Package) -> None:
    """Raises 409 `invalid-transition` for a package that is over, `package-paused` for one that is paused."""
    check_going(package)
    if package.paused_at:
        raise errors.PackagePaused


def check_whole(task: Task, placements: Sequence[Planned], data: Mapping[str, Any]) -> None:
    """Raises 409 `package-conflicts` for a plan that has failures, where the caller wants all or nothing."""
    refused = planning.refusals(task, placements)
    if refused and data.get("all_or_nothing"):
        raise errors.PackageConflicts(list(refused.values()))


def is_outstanding(package_session: PackageSession) -> bool:
    """Whether a session has no placement and is owed to the patient."""
    return package_session.status in ("PENDING", "FAILED") or (
        package_session.status == "CANCELLED" and package_session.owed
    )


def check_outstanding(package_session: PackageSession) -> None:
    """Raises 409 `invalid-transition` for a session that has its placement, or is not owed."""
    if not is_outstanding(package_session):
        raise errors.NotOutstanding(package_session.session_number)


def fail(package_session: PackageSession, why: errors.Unplaced) -> None:
    """Note why a session could not be placed."""
    if package_session.status != "FAILED":
        move(package_session, "FAILED")
    package_session.scheduling_error_code, package_session.scheduling_error, package_session.scheduling_error_ar = (
        why.code,
        why.detail,
        why.detail_ar,
    )


def _draft(db: Session, data: Mapping[str, Any], now: datetime) -> tuple[Package, list[PackageSession]]:
    """The package that a request describes and its sessions, none of it stored. Raises 422 problems."""
    clinic = active_clinic(db, data["clinic_id"])
    check_zone(clinic)
    service_type = active_service_type(db, data["service_type"], None)
    room = active_room(db, data.get("room_id"), clinic)
    check_start(data["start_date"], clinic, now)
    assigned = _assigned(db, data, clinic, service_type)
    package = Package(
        id=new_id(),
        patient_id=data["patient_id"],
        clinic_id=clinic.id,
        clinic=clinic,
        service_type_id=service_type.id,
        service_type=service_type,
        provider_id=data.get("provider_id"),
        room_id=room.id if room else None,
        session_duration_minutes=data.get("session_duration_minutes") or service_type.default_duration_minutes,
        status=domain.PACKAGE.initial,
        created_at=now,
        created_by=context_of(db).actor,
        **{name: data[name] for name in _AS_ASKED},
        **{name: data.get(name, default) for name, default in DEFAULT_WISHES.items()},
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
    check_period(package, now)
    return package, package_sessions


_AS_ASKED = ("start_date", "total_sessions", "room_required", "use_multiple_providers", "auto_schedule")


def change_wishes(package: Package, data: Mapping[str, Any], now: datetime) -> None:
    """Take over what is asked for of the period and of the preferred times. Raises 422 for the period."""
    for name in ("start_date", *DEFAULT_WISHES):
        if name in data:
            setattr(package, name, data[name])
    check_period(package, now)


def check_start(day: date, clinic: Clinic, now: datetime) -> None:
    """Raises 422 for a local day that is over, or too far ahead."""
    if day < day_of(now, clinic.timezone):
        raise InvalidField("start_date", "Must not be before today.")
    _check_near(day, clinic, now)


def _check_near(start: date, clinic: Clinic, now: datetime) -> None:
    if start > last_day(now, clinic.timezone):
        raise InvalidField("start_date", TOO_FAR_AHEAD)


def check_period(package: Package, now: datetime) -> None:
    """Raises 422 for a start or an end that is too far ahead, and for an end that is before the start."""
    _check_near(package.start_date, package.clinic, now)
    if package.end_date is None:
        return
    if package.end_date < package.start_date:
        raise InvalidField("end_date", "Must not be before the start.")
    if package.end_date > last_day(now, package.clinic.timezone):
        raise InvalidField("end_date", TOO_FAR_AHEAD)


def _assigned(db: Session, data: Mapping[str, Any], clinic: Clinic, service_type: ServiceType) -> dict[int, UUID]:
    """The provider of each session number for which one is named; all of them fit. Raises 422 problems."""
    if data.get("provider_id"):
        qualified_provider(db, data["provider_id"], clinic, service_type, "provider_id")
    for one in data["provider_assignments"]:
        qualified_provider(db, one["provider_id"], clinic, service_type, "provider_assignments")
    return {one["session_number"]: one["provider_id"] for one in data["provider_assignments"]}


def qualified_provider(
    db: Session, provider_id: UUID, clinic: Clinic, service_type: ServiceType, field: str
) -> Provider:
    """The provider. Raises a 422 problem of that field unless active, in the clinic and of the discipline."""
    provider = active_provider(db, provider_id, clinic, field)
    if provider.discipline != service_type.discipline:
        raise InvalidField(field, "The provider's discipline is not that of the service type.")
    return provider


def _placements(db: Session, task: Task, data: Mapping[str, Any]) -> list[Planned]:
    """Which of the named placements are possible, or else a new plan. Providers and rooms are locked."""
    if "sessions" not in data:
        return planning.planned(db, task, locked=True)
    wanted = _wanted(db, task, data["sessions"])
    return planning.checked(db, task, wanted) if wanted else []


def _wanted(db: Session, task: Task, placements: Sequence[Mapping[str, Any]]) -> list[Occurrence]:
    """The placements that a caller names, each as long as all of the package, in its room unless it names another.

    Raises 422 problems for who and what does not belong there, and for a day that is too far ahead.
    """
    package = task.package
    length = timedelta(minutes=package.session_duration_minutes)
    wanted = []
    for one in (one for one in placements if one["starts_at"]):
        start, room_id = one["starts_at"], one["room_id"] or package.room_id
        qualified_provider(db, one["provider_id"], package.clinic, package.service_type, "sessions")
        active_room(db, room_id, package.clinic, "sessions")
        wanted.append(Occurrence(one["session_number"], start, start + length, one["provider_id"], room_id))
    check_near(task, wanted, "sessions")
    return wanted


def check_near(task: Task, wanted: Sequence[Occurrence], field: str) -> None:
    """Raises a 422 problem of that field where one of the placements is too far ahead."""
    if any(day_of(one.starts_at, task.package.clinic.timezone) > task.horizon for one in wanted):
        raise InvalidField(field, TOO_FAR_AHEAD)


def _store(db: Session, package: Package, package_sessions: Sequence[PackageSession]) -> None:
    """The number is taken here, late: its counter stays locked until the transaction ends."""
    day = day_of(package.created_at, package.clinic.timezone)
    package.package_number = f"PKG-{day:%Y%m%d}-{gapless_number(db, f'PKG-{day:%Y%m%d}'):04d}"
    db.add(package)
    db.flush()
    db.add_all(package_sessions)
    for package_session in package_sessions:
        if package_session.provider_id:
            assign(db, package_session, package_session.provider_id, REQUESTED, package.created_at)


def _book(
    db: Session, task: Task, placed: Sequence[tuple[PackageSession, Occurrence]], now: datetime
) -> dict[UUID, Participant]:
    """An individual session and its participant for each, stored together; each publishes what a booking does."""
    package, by = task.package, context_of(db).actor
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
        move(package_session, "SCHEDULED")
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


def placement_at(db: Session, package: Package, one: Occurrence) -> Placement:
    """The placement of an occurrence, with all that belongs to it loaded. Raises 422 for a room that is inactive."""
    provider, room = db.get_one(Provider, one.provider_id), active_room(db, one.room_id, package.clinic)
    return Placement.of(package.clinic, provider, room, package.service_type, one.starts_at, one.ends_at)
