"""What becomes of a package after it was made: one session, the rest, the provider, the whole of it.

Its rows are locked by `operations.packages.held_package`. A session's state is set here before its appointment
changes: `operations.progress` leaves it as it is then.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from graphlib import CycleError
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from jalsa.db.transactions import context_of
from jalsa.service.errors import InvalidField
from scheduling import domain, errors
from scheduling.commands.appointments import BookAppointment, RescheduleParticipant
from scheduling.domain.planning import Occurrence, Planned, warnings
from scheduling.domain.reasons import warning
from scheduling.events import packages as package_events
from scheduling.models import Package, PackageSession, Participant
from scheduling.operations import packages, participants, planning, sessions, use_cases
from scheduling.operations.packages import check_going, check_open, is_outstanding
from scheduling.operations.planning import Task
from scheduling.operations.progress import SUBSTITUTE, assign, finish, move, note_provider, unpause
from scheduling.operations.series_edits import Move, in_order
from scheduling.queries.packages import LockedPackage
from scheduling.timetable.hours import day_of, instant_of, zone_of

Placed = tuple[PackageSession, Participant]


def reschedule_session(
    db: Session, held: LockedPackage, number: int, command: RescheduleParticipant, *, now: datetime
) -> None:
    """Move the appointment of one session. The change is announced as that of any appointment.

    Raises 404 for the number, 422 and 409 as `participants.reschedule`, `package-paused`, and `invalid-transition` for
    a session without an appointment.
    """
    check_open(held.package)
    package_session = held.package_session(number)
    if package_session.status != "SCHEDULED":
        raise errors.NoAppointmentToMove
    participants.lock_booking_facts(db, held.package.patient_id, None)
    use_cases.reschedule_appointment(db, held.appointments[package_session.id], command, now=now)
    held.package.change_reason = command.reason
    db.flush()


def schedule_session(db: Session, held: LockedPackage, number: int, data: Mapping[str, Any], *, now: datetime) -> None:
    """Book one owed session without an appointment at a given time. It is announced like any appointment.

    Raises 404 for the number, 422 and 409 as `participants.book_appointment`, `package-paused`, and
    `invalid-transition` for a session that does not need to be scheduled.
    """
    package, package_session = held.package, held.package_session(number)
    check_open(package)
    packages.check_outstanding(package_session)
    booking = use_cases.book_appointment(db, _by_hand(package, package_session, data), package_session, now=now)
    move(package_session, "SCHEDULED")
    package_session.scheduling_attempts += 1
    if package.status == "DRAFT":
        package.status = "SCHEDULED"
    held.appointments[package_session.id] = booking.participant
    note_provider(db, booking.participant, data["reason"], now=now)
    package.change_reason = data["reason"]
    db.flush()


def warned(held: LockedPackage, *, now: datetime) -> list[dict[str, Any]]:
    """What is unusual about the times of the sessions that are still to come; each names its session."""
    gap = held.package.gap_days
    coming = {package_session.session_number for package_session, _ in held.coming(now)}
    return [
        {
            "session_number": number,
            "code": code,
            "detail": warning(code, gap),
            "detail_ar": warning(code, gap, "ar"),
        }
        for number, code in warnings(packages.placed_occurrences(held), held.package.clinic.timezone, gap)
        if number in coming
    ]


def cancel_session(
    db: Session, held: LockedPackage, number: int, reason: str | None, *, owed: bool = False, now: datetime
) -> None:
    """Give up one session, with its appointment if it has one; `owed` keeps it to be made up.

    Completes a package of which nothing is left. Raises 404 for the number; 409 `invalid-transition` for a session
    that has begun or is over, and for the last of a package of which none has taken place.
    """
    package, package_session = held.package, held.package_session(number)
    check_going(package)
    rest = [
        s
        for s in held.package_sessions
        if s is not package_session and (s.status in ("SCHEDULED", "COMPLETED") or is_outstanding(s))
    ]
    if not rest and not owed:
        raise errors.LastOfPackage
    appointment = dict(held.coming(now)).get(package_session)
    if appointment:
        move(package_session, "CANCELLED", owed=owed)
        use_cases.cancel_appointment(db, appointment, reason, now=now)
    elif is_outstanding(package_session) and not owed:
        _drop(package_session)
    else:
        raise errors.CannotBeGivenUp
    package.change_reason = reason
    db.flush()
    finish(db, package, now=now)


def shift(db: Session, held: LockedPackage, data: Mapping[str, Any], *, now: datetime) -> None:
    """Move the appointments from a session number on that are still to come.

    Either by `days`, to the same wall time, or by a new plan from the local day `start_date` on. A placement in a group
    session stays. Publishes PackageScheduled for all. Raises 422 for a number or a day; 409 `invalid-transition` where
    there is nothing to move, `package-paused`, `package-conflicts`.
    """
    package = held.package
    check_open(package)
    participants.lock_booking_facts(db, package.patient_id, None)
    placed = _movable(held, _named(held, data), now)
    if not placed:
        raise errors.NothingToShift
    task = _task(held, placed, now)
    if "days" in data:
        zone = zone_of(package.clinic.timezone)
        wanted = [_days_later(packages.occurrence(*one), data["days"], zone) for one in placed]
        packages.check_near(task, wanted, "days")
        placements = planning.checked(db, task, wanted)
    else:
        task = _from_day(task, placed, data["start_date"])
        placements = _planned_anew(db, held, task)
    packages.check_whole(task, placements, data)
    _settle(db, held, task, placements, data["reason"], package_events.RESCHEDULED, now)


def substitute(db: Session, held: LockedPackage, data: Mapping[str, Any], *, now: datetime) -> None:
    """Give the sessions of some numbers to another provider, at their time, else at the nearest that is free.

    Those that have no placement are assigned to the provider; the past, and spots in group sessions, stay. Publishes
    PackageScheduled if an appointment changes. Raises 422 for a number, or a provider who does not fit; 409
    `invalid-transition` where there is nothing to take over, `package-conflicts`.
    """
    package, provider_id, reason = held.package, data["provider_id"], data["reason"]
    check_going(package)
    participants.lock_booking_facts(db, package.patient_id, None)
    package_sessions = _named(held, data)
    packages.qualified_provider(db, provider_id, package.clinic, package.service_type, "provider_id")
    placed = [(s, p) for s, p in _movable(held, package_sessions, now) if p.session.provider_id != provider_id]
    waiting = [s for s in package_sessions if is_outstanding(s) and s.provider_id != provider_id]
    if not placed and not waiting:
        raise errors.NothingToTakeOver
    for package_session in [*(package_session for package_session, _ in placed), *waiting]:
        assign(db, package_session, provider_id, SUBSTITUTE, now, reason)
    package.change_reason = reason
    db.flush()
    if placed:
        task = _task(held, placed, now)
        wanted = [replace(packages.occurrence(*one), provider_id=provider_id) for one in placed]
        placements = planning.nearest(db, task, wanted)
        packages.check_whole(task, placements, data)
        _settle(db, held, task, placements, reason, package_events.SUBSTITUTED, now)


def cancel(db: Session, held: LockedPackage, reason: str | None, *, now: datetime) -> None:
    """Cancel a package with every appointment that is still to come, and publish PackageCancelled.

    What has begun or is over stays as it is. Raises 409 `invalid-transition` for a package that is over.
    """
    package, coming = held.package, held.coming(now)
    domain.PACKAGE.check(package.status, "CANCELLED")
    for package_session in held.package_sessions:
        if is_outstanding(package_session):
            _drop(package_session)
    _give_up(db, coming, "CANCELLED", reason, owed=False, now=now)
    package.status, package.cancelled_at = "CANCELLED", now
    package.cancelled_by, package.cancel_reason = context_of(db).actor, reason
    package.change_reason = reason
    unpause(package)
    db.flush()
    completed = sum(package_session.status == "COMPLETED" for package_session in held.package_sessions)
    package_events.package_cancelled(db, package, completed, len(coming), now)


def pause(db: Session, held: LockedPackage, data: Mapping[str, Any], *, now: datetime) -> None:
    """Give up the appointments from a local day on, today if none is named, until the package is resumed.

    Publishes PackageScheduled if there are any. Raises 409 `invalid-transition` for a package that is over,
    `package-paused` for one that is paused.
    """
    package = held.package
    check_open(package)
    zone = package.clinic.timezone
    since = data.get("from_date") or day_of(now, zone)
    placed = [(package_session, p) for package_session, p in held.coming(now) if day_of(p.starts_at, zone) >= since]
    _give_up(db, placed, "PENDING", data["reason"], now=now)
    package.paused_at, package.paused_by = now, context_of(db).actor
    package.pause_reason = package.change_reason = data["reason"]
    db.flush()
    if placed:
        numbers = [package_session.session_number for package_session, _ in placed]
        packages.announce(db, held, package_events.PAUSED, numbers, now=now)


def resume(db: Session, held: LockedPackage, data: Mapping[str, Any], *, now: datetime) -> None:
    """Go on with a paused package: its period begins at `start_date`, but not before today, and ends as much later.

    With `auto_schedule` sessions without a placement are planned again. Raises 422 for the period, 409
    `invalid-transition` for a package that is not paused, and what `packages.schedule` raises.
    """
    package = held.package
    if package.paused_at is None:
        raise errors.PackageNotPaused
    today, paused_on = (day_of(instant, package.clinic.timezone) for instant in (now, package.paused_at))
    goes_on = data.get("start_date", today)
    packages.check_start(goes_on, package.clinic, now)
    wishes = {"start_date": max(package.start_date, goes_on), "end_date": package.end_date}
    if package.end_date:
        wishes["end_date"] = package.end_date + (goes_on - paused_on)
    wishes |= {name: data[name] for name in wishes if name in data}
    unpause(package)
    package.change_reason = None
    if data["auto_schedule"]:
        given = {**wishes, "all_or_nothing": data["all_or_nothing"]}
        packages.schedule(db, held, given, now=now, cause=package_events.RESUMED)
    else:
        packages.change_wishes(package, wishes, now)
    db.flush()


def _by_hand(package: Package, package_session: PackageSession, data: Mapping[str, Any]) -> BookAppointment:
    """What an appointment is booked from; what is not said is as in the package. Raises 422 problems."""
    provider_id = data.get("provider_id", package_session.provider_id)
    if provider_id is None:
        raise InvalidField("provider_id", "Required, because no provider is assigned to the session.")
    if package.room_required and not package.room_id and "room_id" not in data:
        raise InvalidField(
            "room_id", "Required, because the package needs a room. Use null for a session without a room."
        )
    return BookAppointment(
        patient_id=package.patient_id,
        clinic_id=package.clinic_id,
        service_type=package.service_type.code,
        duration_minutes=package.session_duration_minutes,
        room_id=data.get("room_id", package.room_id),
        starts_at=data["starts_at"],
        override=data.get("override"),
        provider_id=provider_id,
    )


def _named(held: LockedPackage, data: Mapping[str, Any]) -> Sequence[PackageSession]:
    """The sessions from one number to another, or to the end. Raises 422 problems."""
    total = held.package.total_sessions
    bounds = {"to_session_number": total, **data}
    for name in ("from_session_number", "to_session_number"):
        if bounds[name] > total:
            raise InvalidField(name, "There is no session of this number.")
    return held.package_sessions[bounds["from_session_number"] - 1 : bounds["to_session_number"]]


def _movable(held: LockedPackage, package_sessions: Sequence[PackageSession], now: datetime) -> list[Placed]:
    """Those whose appointment is still to come, in a session that is theirs alone."""
    return [
        (package_session, p)
        for package_session, p in held.coming(now)
        if package_session in package_sessions
        and p.session.session_type == domain.INDIVIDUAL
        and p.session.status == "SCHEDULED"
    ]


def _task(held: LockedPackage, placed: Sequence[Placed], now: datetime) -> Task:
    package_sessions = [package_session for package_session, _ in placed]
    others = packages.placed_occurrences(
        held, but={package_session.session_number for package_session in package_sessions}
    )
    return Task(held.package, package_sessions, now, others, frozenset(p.session_id for _, p in placed))


def _from_day(task: Task, placed: Sequence[Placed], start: date) -> Task:
    """The same sessions from another day on; a period with an end ends as many days later as they begin."""
    package = task.package
    packages.check_start(start, package.clinic, task.now)
    began = min(day_of(p.starts_at, package.clinic.timezone) for _, p in placed)
    until = package.end_date and package.end_date + max(start - began, timedelta(0))
    return replace(task, since=start, until=until)


def _planned_anew(db: Session, held: LockedPackage, task: Task) -> list[Planned]:
    """A plan in which no sessions swap placements, because one old placement of each circle is not used."""
    placements = planning.planned(db, task, locked=True)
    try:
        list(in_order(list(_moves(db, held, placements).values())))
    except CycleError as error:
        circle: Sequence[Move] = error.args[1]
        return _planned_anew(db, held, replace(task, moving=task.moving - {circle[0].session.id}))
    return placements


def _days_later(one: Occurrence, days: int, zone: ZoneInfo) -> Occurrence:
    """Local days and wall times, not hours: what moves across a clock change keeps its time of day."""
    local = one.starts_at.astimezone(zone)
    starts_at = instant_of(local.date() + timedelta(days=days), local.time(), zone)
    return replace(one, starts_at=starts_at, ends_at=starts_at + (one.ends_at - one.starts_at))


def _settle(
    db: Session,
    held: LockedPackage,
    task: Task,
    placements: Sequence[Planned],
    reason: str | None,
    cause: str,
    now: datetime,
) -> None:
    """Move what has a placement, give up what has none, and publish PackageScheduled.

    The placements were checked under their locks, as if all of the task's sessions had left theirs. Raises 422 where
    the sessions have them already.
    """
    refused = planning.refusals(task, placements)
    moves = _moves(db, held, placements)
    if not refused and not moves:
        raise InvalidField("start_date", "The sessions already have these times, providers and rooms.")
    announced = {package_session.id for package_session in task.package_sessions}
    for package_session in task.package_sessions:
        if why := refused.get(package_session.session_number):
            # the whole session: its time is not offered to those who wait, another may be on its way there
            move(package_session, "PENDING")
            session = held.appointments[package_session.id].session
            use_cases.cancel_session(db, session, reason, announced_with_package=announced, now=now)
            package_session.scheduling_attempts += 1
            packages.fail(package_session, why)
    for each in in_order(list(moves.values())):
        use_cases.move_session(
            db, each.session, each.placement, (), reason=reason, announced_with_package=announced, now=now
        )
    task.package.change_reason = reason
    _extend(held, now)
    db.flush()
    packages.announce(db, held, cause, [*refused, *moves], now=now)


def _moves(db: Session, held: LockedPackage, placements: Sequence[Planned]) -> dict[int, Move]:
    """Those that are not where they are to be, by number."""
    found = {
        one.number: Move(
            held.appointments[held.package_session(one.number).id].session, packages.placement_at(db, held.package, one)
        )
        for one in placements
        if isinstance(one, Occurrence)
    }
    return {number: each for number, each in found.items() if not sessions.is_there(each.session, each.placement)}


def _extend(held: LockedPackage, now: datetime) -> None:
    """A period with an end goes on until the last of the sessions. Raises 422 where it becomes too long."""
    package = held.package
    last = max((day_of(p.starts_at, package.clinic.timezone) for _, p in held.coming(now)), default=None)
    if package.end_date and last and last > package.end_date:
        package.end_date = last
        packages.check_period(package, now)


def _give_up(
    db: Session, placed: Sequence[Placed], status: str, reason: str | None, *, owed: bool = True, now: datetime
) -> None:
    """Cancel appointments that one event of the package announces. Their sessions get the state."""
    for package_session, _ in placed:
        move(package_session, status, owed=owed)
    for _, participant in placed:
        use_cases.cancel_appointment(db, participant, reason, announced_with_package=True, now=now)


def _drop(package_session: PackageSession) -> None:
    """A session without an appointment is no longer owed."""
    if package_session.status != "CANCELLED":
        move(package_session, "CANCELLED")
    package_session.owed = False
