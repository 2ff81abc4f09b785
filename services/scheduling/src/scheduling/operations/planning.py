"""Plans of a package: made from a few reads, and dry unless the providers and rooms are locked first."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from scheduling.domain.planning import (
    OPEN_PERIOD_DAYS,
    STEP_MINUTES,
    Failure,
    Occurrence,
    Planned,
    PlanningPreferences,
    ProviderOption,
    Rooms,
    check,
    plan,
)
from scheduling.domain.reasons import ANYBODY, ASSIGNED, CHOSEN, reason
from scheduling.errors import Unplaced
from scheduling.models import Package, PackageSession
from scheduling.queries.planning import PlanningTime, planning_time, qualified, rooms_of
from scheduling.timetable.free_time import Search
from scheduling.timetable.hours import PARTS_OF_DAY, day_of, last_day, zone_of
from scheduling.timetable.locks import lock

#: How an alternative differs from what was asked for.
OTHER_DAY, OTHER_PROVIDER, LATER = "OTHER_DAY", "OTHER_PROVIDER", "LATER"


@dataclass(frozen=True)
class Task:
    """Sessions of a package that are to be placed beside those that are `standing`, as things are at `now`.

    Appointments of the sessions that are `moving` away stand in nobody's way. The period is the package's, unless local
    days are given for it.
    """

    package: Package
    package_sessions: Sequence[PackageSession]
    now: datetime
    standing: Collection[Occurrence] = ()
    moving: frozenset[UUID] = frozenset()
    since: date | None = None
    until: date | None = None

    @property
    def first(self) -> date:
        """The first local day on which one may be."""
        return max(self.since or self.package.start_date, day_of(self.now, self.package.clinic.timezone))

    @property
    def last(self) -> date:
        """The last local day: the period's end, or that of a plan without an end; never beyond the horizon."""
        start = self.since or self.package.start_date
        end = self.until or self.package.end_date or start + timedelta(days=OPEN_PERIOD_DAYS - 1)
        return min(end, self.horizon)

    @property
    def horizon(self) -> date:
        """The last local day on which any session may be."""
        return last_day(self.now, self.package.clinic.timezone)

    @property
    def preferences(self) -> PlanningPreferences:
        """What the sessions have in common."""
        package, service = self.package, self.package.service_type
        return PlanningPreferences(
            zone=package.clinic.timezone,
            length=timedelta(minutes=package.session_duration_minutes),
            first=self.first,
            last=self.last,
            not_before=self.now,
            weekdays=frozenset(package.preferred_days),
            preferred=_preferred(package.preferred_time),
            gap_days=package.gap_days,
            tolerance_days=package.tolerance_days,
            apart=timedelta(minutes=service.buffer_before_minutes + service.buffer_after_minutes),
        )


def refusals(task: Task, placements: Sequence[Planned]) -> dict[int, Unplaced]:
    """Why sessions have no placement, by their numbers."""
    package_sessions = {package_session.session_number: package_session for package_session in task.package_sessions}
    one_holds_others = task.standing or any(isinstance(one, Occurrence) for one in placements)
    chosen = one_holds_others and not task.package.use_multiple_providers

    def refusal(one: Failure) -> Unplaced:
        who = (
            ASSIGNED if package_sessions[one.number].assigned_to else CHOSEN if chosen and one.provider_id else ANYBODY
        )
        texts = (reason(one, task.preferences, who, language) for language in ("en", "ar"))
        return Unplaced(one.number, one.code, *texts)

    return {one.number: refusal(one) for one in placements if isinstance(one, Failure)}


def planned(db: Session, task: Task, *, locked: bool = False) -> list[Planned]:
    """Where the sessions go, by number; with `locked`, nobody else books these providers and rooms meanwhile."""
    if task.first > task.last:
        return plan(task.preferences, {package_session.session_number: () for package_session in task.package_sessions})
    return _plan(task, _free(db, task, _providers(db, task), task.last, locked=locked), task.preferences)


def checked(db: Session, task: Task, wanted: Sequence[Occurrence]) -> list[Planned]:
    """Which of the wanted placements are possible, in their order. Providers and rooms are locked.

    The period, the days and the order are the caller's own.
    """
    return check(task.preferences, *_time_for(db, task, wanted), wanted, task.standing)


def nearest(db: Session, task: Task, wanted: Sequence[Occurrence]) -> list[Planned]:
    """The wanted placements, in their order. For each impossible one, the nearest free time of the provider.

    That is on its own day, or on the first after it in the period that has any; providers and rooms are locked.
    """
    options, rooms = _time_for(db, task, wanted, task.last)
    found = {one.number: one for one in check(task.preferences, options, rooms, wanted, task.standing)}
    tz = zone_of(task.preferences.zone)
    for one in sorted(wanted, key=lambda o: o.number):
        if isinstance(found[one.number], Occurrence):
            continue
        local = one.starts_at.astimezone(tz)
        first, length = max(local.date(), task.first), one.ends_at - one.starts_at
        preferences = replace(task.preferences, first=first, length=length, preferred=local.time(), tolerance_days=0)
        taken = [*task.standing, *(other for other in found.values() if isinstance(other, Occurrence))]
        needed = rooms if rooms and rooms.required else None
        [found[one.number]] = plan(preferences, {one.number: options[one.number]}, needed, taken)
    return [found[one.number] for one in wanted]


def alternatives(db: Session, task: Task, found: Sequence[Planned]) -> dict[int, list[tuple[str, Occurrence]]]:
    """Other placements for the sessions that have none: each differs in one thing, and all of a kind go together."""
    failed = {one.number for one in found if isinstance(one, Failure)}
    if not failed:
        return {}
    rest = replace(
        task,
        package_sessions=[s for s in task.package_sessions if s.session_number in failed],
        standing=[*task.standing, *(one for one in found if isinstance(one, Occurrence))],
    )
    later = min(max(task.last, task.first) + timedelta(days=OPEN_PERIOD_DAYS), task.horizon)
    free = _free(db, rest, _everybody(db, task.package), later)
    anybody = {package_session.session_number: free.of(None) for package_session in rest.package_sessions}
    plans = (
        (
            OTHER_DAY,
            _plan(rest, free, replace(rest.preferences, weekdays=frozenset())) if rest.preferences.weekdays else [],
        ),
        (OTHER_PROVIDER, plan(rest.preferences, anybody, free.rooms, rest.standing)),
        (LATER, _plan(rest, free, replace(rest.preferences, last=later))),
    )
    offered: dict[int, list[tuple[str, Occurrence]]] = {number: [] for number in failed}
    for kind, placements in plans:
        for one in placements:
            if isinstance(one, Occurrence) and one not in [known for _, known in offered[one.number]]:
                offered[one.number].append((kind, one))
    return offered


def _time_for(
    db: Session, task: Task, wanted: Sequence[Occurrence], until: date | None = None
) -> tuple[Mapping[int, Sequence[ProviderOption]], Rooms | None]:
    """The providers' and rooms' free time on all days of the wanted placements, and on to another; locked."""
    package = task.package
    instants = (at for one in wanted for at in (one.starts_at, one.ends_at))
    # what is past is refused without looking at the calendar
    days = [day_of(max(at, task.now), package.clinic.timezone) for at in instants]
    ids = {one.provider_id for one in wanted}
    rooms = {one.room_id for one in wanted if one.room_id}
    last = max([*days, *filter(None, [until])])
    minutes = min(one.ends_at - one.starts_at for one in wanted) // timedelta(minutes=1)
    free = _free(db, task, ids, last, first=min(days), rooms=rooms, minutes=minutes, locked=True)
    options = {one.number: free.of(one.provider_id) for one in wanted}
    required = package.room_required or package.room_id is not None
    return options, free.rooms and replace(free.rooms, required=required)


def _plan(task: Task, free: PlanningTime, preferences: PlanningPreferences) -> list[Planned]:
    """Each with its own provider or anybody; where one provider is to hold all, with the one who fits best.

    Where nobody is possible, the reason names what all of them have in common.
    """

    def with_any(options: Sequence[ProviderOption]) -> list[Planned]:
        return plan(preferences, _options(task, free, options), free.rooms, task.standing)

    of_one = {
        package_session.session_number
        for package_session in task.package_sessions
        if package_session.assigned_to is None
    }
    if task.package.use_multiple_providers or not of_one:
        return with_any(free.options)
    known = {one.provider_id for one in task.standing}
    ones = [option for option in free.options if option.provider_id in known] or free.options
    best = min((with_any([one]) for one in ones), key=_unfit, default=[])
    fits = any(isinstance(one, Occurrence) and one.number in of_one for one in best)
    return best if fits else with_any(ones)


def _options(
    task: Task, free: PlanningTime, anybody: Sequence[ProviderOption]
) -> Mapping[int, Sequence[ProviderOption]]:
    return {
        package_session.session_number: free.of(package_session.assigned_to) if package_session.assigned_to else anybody
        for package_session in task.package_sessions
    }


def _unfit(found: Sequence[Planned]) -> tuple[int, list[datetime]]:
    """The fewest failures, then the earliest end; of equals the first by name is taken."""
    placements = [one.starts_at for one in found if isinstance(one, Occurrence)]
    return len(found) - len(placements), placements[-1:]


def _providers(db: Session, task: Task) -> set[UUID]:
    assigned = {package_session.assigned_to for package_session in task.package_sessions}
    return {p for p in assigned if p} | (_everybody(db, task.package) if None in assigned else set())


def _everybody(db: Session, package: Package) -> set[UUID]:
    return qualified(db, package.service_type.discipline, package.clinic_id)


def _free(
    db: Session,
    task: Task,
    provider_ids: Collection[UUID],
    last: date,
    *,
    first: date | None = None,
    rooms: Collection[UUID] = (),
    minutes: int | None = None,
    locked: bool = False,
) -> PlanningTime:
    """The free time until the last day; with the package's room, with any of the clinic's, or with those named.

    What is too short for the package's sessions, or for so many minutes, is not in it.
    """
    package = task.package
    needs_room = package.room_required or package.room_id is not None or bool(rooms)
    if locked:
        named = {package.room_id} if package.room_id else set(rooms_of(db, package.clinic_id)) if needs_room else set()
        lock(db, open_clinics=[package.clinic_id], providers=provider_ids, rooms=named | set(rooms))
    search = Search(
        service_type=package.service_type,
        start=first or task.first,
        end=last,
        minutes=minutes or package.session_duration_minutes,
        step_minutes=STEP_MINUTES,
        clinic_id=package.clinic_id,
        room_id=None if rooms else package.room_id,
        needs_room=needs_room,
        patient_id=package.patient_id,
        moving=task.moving,
    )
    return planning_time(db, search, provider_ids)


def _preferred(written: str | None) -> time | str | None:
    return written if written is None or written in PARTS_OF_DAY else time.fromisoformat(written)
