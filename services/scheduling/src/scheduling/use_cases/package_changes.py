"""Changes to several sessions of a package, or to all of them: shift, substitute, pause, resume, cancel.

The rows are locked by `packages.operations.locks.locked_package`. The state of a package session is set here before its
appointment changes, so that `packages.operations.progress` leaves it as it is.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from graphlib import CycleError
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from jalsa.db.transactions import context_of
from jalsa.service.commands import UNSET
from jalsa.service.errors import InvalidField
from scheduling import domain, errors
from scheduling.appointments.operations import participants, sessions
from scheduling.appointments.operations.placing import qualified_provider
from scheduling.models import PackageSession, Participant
from scheduling.packages import events as package_events
from scheduling.packages.commands.changes import PausePackage, ResumePackage, ShiftPackage, SubstituteProvider
from scheduling.packages.commands.planning import SchedulePackage
from scheduling.packages.operations import planning as package_planning
from scheduling.packages.operations.period import change_preferences, check_period, check_start
from scheduling.packages.operations.planning import PlanningTask, SchedulingPlan
from scheduling.packages.operations.progress import SUBSTITUTE, assign, cancel_unscheduled, change_status, unpause
from scheduling.packages.queries import LockedPackage, occurrence
from scheduling.packages.rules.planning import Occurrence
from scheduling.timetable.hours import day_of, instant_of, zone_of
from scheduling.use_cases import appointments as use_cases
from scheduling.use_cases.package_scheduling import announce, mark_failed, placement_at, schedule_package
from scheduling.use_cases.series_edits import Move, in_order

Placed = tuple[PackageSession, Participant]


def shift_package(db: Session, held: LockedPackage, command: ShiftPackage, *, now: datetime) -> None:
    """Move the appointments that have not started, from a session number on.

    They move either by `days`, to the same wall time, or by a new plan from the local day `start_date` on. Spots in
    group sessions stay. Publishes PackageScheduled for all of them. Raises 422 for a number or a day, 409
    `invalid-transition` if there is nothing to move, and 409 `package-paused` and `package-conflicts`.
    """
    package = held.package
    held.check_open()
    participants.lock_booking_facts(db, package.patient_id, None)
    placed = _movable(held, _numbered(held, command.from_session_number, None), now)
    if not placed:
        raise errors.NothingToShift
    task = _task(held, placed, now)
    if command.days is not None:
        zone = zone_of(package.clinic.timezone)
        wanted = [_days_later(occurrence(*one), command.days, zone) for one in placed]
        task.check_horizon(wanted, "days")
        plan = package_planning.check_placements(db, task, wanted)
    else:
        assert command.start_date is not None
        plan = _new_plan(db, held, _from_day(task, placed, command.start_date))
    if command.all_or_nothing:
        plan.check_complete()
    _carry_out(db, held, plan, command.reason, package_events.RESCHEDULED, now)


def substitute_provider(db: Session, held: LockedPackage, command: SubstituteProvider, *, now: datetime) -> None:
    """Assign the sessions with some numbers to another provider, at the same time or else at the nearest free time.

    Sessions without a placement are assigned to the provider. Past sessions, and spots in group sessions, stay.
    Publishes PackageScheduled if an appointment changes. Raises 422 for a number or for a provider who is not
    qualified, 409 `invalid-transition` if there is nothing to take over, and 409 `package-conflicts`.
    """
    package, provider_id = held.package, command.provider_id
    held.check_not_over()
    participants.lock_booking_facts(db, package.patient_id, None)
    package_sessions = _numbered(held, command.from_session_number, command.to_session_number)
    qualified_provider(db, provider_id, package.clinic, package.service_type, "provider_id")
    placed = [(s, p) for s, p in _movable(held, package_sessions, now) if p.session.provider_id != provider_id]
    waiting = [s for s in package_sessions if s.outstanding and s.provider_id != provider_id]
    if not placed and not waiting:
        raise errors.NothingToTakeOver
    for package_session in [*(package_session for package_session, _ in placed), *waiting]:
        assign(db, package_session, provider_id, SUBSTITUTE, now, command.reason)
    package.change_reason = command.reason
    db.flush()
    if placed:
        wanted = [replace(occurrence(*one), provider_id=provider_id) for one in placed]
        plan = package_planning.nearest_placements(db, _task(held, placed, now), wanted)
        if command.all_or_nothing:
            plan.check_complete()
        _carry_out(db, held, plan, command.reason, package_events.SUBSTITUTED, now)


def cancel_package(db: Session, held: LockedPackage, reason: str | None, *, now: datetime) -> None:
    """Cancel a package with every appointment that has not started, and publish PackageCancelled.

    Sessions that have started or are over stay as they are. Raises 409 `invalid-transition` for a package that is over.
    """
    package, coming = held.package, held.coming(now)
    domain.PACKAGE.check(package.status, "CANCELLED")
    for package_session in held.outstanding():
        cancel_unscheduled(package_session)
    _cancel_appointments(db, coming, "CANCELLED", reason, owed=False, now=now)
    package.status, package.cancelled_at = "CANCELLED", now
    package.cancelled_by, package.cancel_reason = context_of(db).actor, reason
    package.change_reason = reason
    unpause(package)
    db.flush()
    completed = sum(package_session.status == "COMPLETED" for package_session in held.package_sessions)
    package_events.package_cancelled(db, package, completed, len(coming), now)


def pause_package(db: Session, held: LockedPackage, command: PausePackage, *, now: datetime) -> None:
    """Give up the appointments from a local day on, until the package is resumed.

    Publishes PackageScheduled if there are any. Raises 409 `invalid-transition` for a package that is over, and 409
    `package-paused` for one that is paused.
    """
    package = held.package
    held.check_open()
    zone = package.clinic.timezone
    since = command.from_date or day_of(now, zone)
    placed = [(package_session, p) for package_session, p in held.coming(now) if day_of(p.starts_at, zone) >= since]
    _cancel_appointments(db, placed, "PENDING", command.reason, now=now)
    package.paused_at, package.paused_by = now, context_of(db).actor
    package.pause_reason = package.change_reason = command.reason
    db.flush()
    if placed:
        numbers = [package_session.session_number for package_session, _ in placed]
        announce(db, held, package_events.PAUSED, numbers, now=now)


def resume_package(db: Session, held: LockedPackage, command: ResumePackage, *, now: datetime) -> None:
    """Resume a paused package.

    Its period starts today at the earliest, and ends as many days later as the package was paused. With
    `auto_schedule`, sessions without a placement are planned again. Raises 422 for the period, 409 `invalid-transition`
    for a package that is not paused, and what `schedule_package` raises.
    """
    package = held.package
    if package.paused_at is None:
        raise errors.PackageNotPaused
    today, paused_on = (day_of(instant, package.clinic.timezone) for instant in (now, package.paused_at))
    goes_on = command.start_date or today
    check_start(goes_on, package.clinic, now)
    end_date = command.end_date
    if end_date is UNSET:
        end_date = package.end_date and package.end_date + (goes_on - paused_on)
    unpause(package)
    package.change_reason = None
    scheduling = SchedulePackage(
        start_date=command.start_date or max(package.start_date, today),
        end_date=end_date,
        all_or_nothing=command.all_or_nothing,
    )
    if command.auto_schedule:
        schedule_package(db, held, scheduling, now=now, cause=package_events.RESUMED)
    else:
        change_preferences(package, scheduling, now)
    db.flush()


def _numbered(held: LockedPackage, first: int, last: int | None) -> Sequence[PackageSession]:
    """Return the sessions from one number to another, or to the last. Raises 422 problems."""
    total = held.package.total_sessions
    for name, number in (("from_session_number", first), ("to_session_number", last or total)):
        if number > total:
            raise InvalidField(name, "There is no session with this number.")
    return held.package_sessions[first - 1 : last or total]


def _movable(held: LockedPackage, package_sessions: Sequence[PackageSession], now: datetime) -> list[Placed]:
    """Return those whose appointment has not started and is in an individual session."""
    return [
        (package_session, p)
        for package_session, p in held.coming(now)
        if package_session in package_sessions
        and p.session.session_type == domain.INDIVIDUAL
        and p.session.status == "SCHEDULED"
    ]


def _task(held: LockedPackage, placed: Sequence[Placed], now: datetime) -> PlanningTask:
    package_sessions = [package_session for package_session, _ in placed]
    others = held.occurrences(but={package_session.session_number for package_session in package_sessions})
    return PlanningTask(held.package, package_sessions, now, others, frozenset(p.session_id for _, p in placed))


def _from_day(task: PlanningTask, placed: Sequence[Placed], start: date) -> PlanningTask:
    """Return the task from another day on.

    The end of the period, if there is one, moves by as many days as the start.
    """
    package = task.package
    check_start(start, package.clinic, task.now)
    began = min(day_of(p.starts_at, package.clinic.timezone) for _, p in placed)
    until = package.end_date and package.end_date + max(start - began, timedelta(0))
    return replace(task, since=start, until=until)


def _new_plan(db: Session, held: LockedPackage, task: PlanningTask) -> SchedulingPlan:
    """Make a plan in which no sessions swap their placements. One old placement of each cycle is not used for that."""
    plan = package_planning.plan_sessions(db, task, locked=True)
    try:
        list(in_order(list(_moves(db, held, plan).values())))
    except CycleError as error:
        circle: Sequence[Move] = error.args[1]
        return _new_plan(db, held, replace(task, moving=task.moving - {circle[0].session.id}))
    return plan


def _days_later(one: Occurrence, days: int, zone: ZoneInfo) -> Occurrence:
    """Move an occurrence by local days. It keeps its wall time across a clock change."""
    local = one.starts_at.astimezone(zone)
    starts_at = instant_of(local.date() + timedelta(days=days), local.time(), zone)
    return replace(one, starts_at=starts_at, ends_at=starts_at + (one.ends_at - one.starts_at))


def _carry_out(
    db: Session, held: LockedPackage, plan: SchedulingPlan, reason: str | None, cause: str, now: datetime
) -> None:
    """Move the sessions that have a placement, give up the others, and publish PackageScheduled.

    The placements were checked under their locks, as if all sessions of the task had left their old ones. Raises 422 if
    the sessions already have these placements.
    """
    refusals, package_sessions = plan.refusals, plan.task.package_sessions
    moves = _moves(db, held, plan)
    if not refusals and not moves:
        raise InvalidField("start_date", "The sessions already have these times, providers and rooms.")
    announced = {package_session.id for package_session in package_sessions}
    for package_session in package_sessions:
        if why := refusals.get(package_session.session_number):
            # The whole session is cancelled, so that its time is not offered to waiting patients. Another session may
            # be moved to it.
            change_status(package_session, "PENDING")
            session = held.appointments[package_session.id].session
            use_cases.cancel_session(db, session, reason, announced_with_package=announced, now=now)
            package_session.scheduling_attempts += 1
            mark_failed(package_session, why)
    for each in in_order(list(moves.values())):
        use_cases.move_session(
            db, each.session, each.placement, (), reason=reason, announced_with_package=announced, now=now
        )
    held.package.change_reason = reason
    _extend(held, now)
    db.flush()
    announce(db, held, cause, [*refusals, *moves], now=now)


def _moves(db: Session, held: LockedPackage, plan: SchedulingPlan) -> dict[int, Move]:
    """Return the sessions that need to be moved to another placement, by number."""
    found = {
        one.number: Move(
            held.appointments[held.package_session(one.number).id].session, placement_at(db, held.package, one)
        )
        for one in plan.occurrences
    }
    return {number: each for number, each in found.items() if not sessions.is_there(each.session, each.placement)}


def _extend(held: LockedPackage, now: datetime) -> None:
    """Extend a period with an end to the last of the sessions. Raises 422 if it becomes too long."""
    package = held.package
    last = max((day_of(p.starts_at, package.clinic.timezone) for _, p in held.coming(now)), default=None)
    if package.end_date and last and last > package.end_date:
        package.end_date = last
        check_period(package.start_date, package.end_date, package.clinic, now)


def _cancel_appointments(
    db: Session, placed: Sequence[Placed], status: str, reason: str | None, *, owed: bool = True, now: datetime
) -> None:
    """Cancel appointments, which one event of the package announces, and set the state of their sessions."""
    for package_session, _ in placed:
        change_status(package_session, status, owed=owed)
    for _, participant in placed:
        use_cases.cancel_appointment(db, participant, reason, announced_with_package=True, now=now)
