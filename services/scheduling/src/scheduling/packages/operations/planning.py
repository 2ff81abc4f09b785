"""Where sessions of a package can go. A plan is made from a few reads; with locks, nobody else takes what it found."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import NamedTuple, Self
from uuid import UUID

from sqlalchemy.orm import Session

from jalsa.service.errors import InvalidField
from scheduling.appointments.operations.placing import active_room, qualified_provider
from scheduling.errors import PackageConflicts, Unplaced
from scheduling.models import Package, PackageSession
from scheduling.packages.commands.planning import SessionPlacement
from scheduling.packages.queries import active_rooms, qualified_providers
from scheduling.packages.rules.planning import (
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
from scheduling.packages.rules.reasons import ANYBODY, ASSIGNED, HOLDS_OTHERS, reason
from scheduling.timetable.free_time import Search, candidates_of, free_time
from scheduling.timetable.hours import PARTS_OF_DAY, TOO_FAR_AHEAD, day_of, last_day, zone_of
from scheduling.timetable.locks import lock

#: How an alternative differs from what was asked for.
OTHER_DAY, OTHER_PROVIDER, LATER = "OTHER_DAY", "OTHER_PROVIDER", "LATER"


@dataclass(frozen=True)
class PlanningTask:
    """Sessions of a package that are to be placed beside those that are `placed` already, as things are at `now`.

    Appointments of the sessions that are `moving` away stand in nobody's way. The period is the package's, unless local
    days are given for it.
    """

    package: Package
    package_sessions: Sequence[PackageSession]
    now: datetime
    placed: Collection[Occurrence] = ()
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

    def check_horizon(self, wanted: Sequence[Occurrence], field: str) -> None:
        """Raises a 422 problem of that field where one of the placements is too far ahead."""
        if any(day_of(one.starts_at, self.package.clinic.timezone) > self.horizon for one in wanted):
            raise InvalidField(field, TOO_FAR_AHEAD)

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


@dataclass(frozen=True)
class SchedulingPlan:
    """Where and when the sessions of a task go, and why others go nowhere, by their numbers."""

    task: PlanningTask
    planned: Sequence[Planned]
    occurrences: Sequence[Occurrence]
    refusals: Mapping[int, Unplaced]

    @classmethod
    def of(cls, task: PlanningTask, planned: Sequence[Planned] = ()) -> Self:
        """The plan with what was found for each session that was looked at."""
        occurrences = [one for one in planned if isinstance(one, Occurrence)]
        one_holds_others = not task.package.use_multiple_providers and bool(task.placed or occurrences)
        assigned = {one.session_number for one in task.package_sessions if one.assigned_to}

        def refusal(failure: Failure) -> Unplaced:
            who = HOLDS_OTHERS if one_holds_others and failure.provider_id else ANYBODY
            who = ASSIGNED if failure.number in assigned else who
            texts = (reason(failure, task.preferences, who, language) for language in ("en", "ar"))
            return Unplaced(failure.number, failure.code, *texts)

        return cls(
            task, planned, occurrences, {one.number: refusal(one) for one in planned if isinstance(one, Failure)}
        )

    def check_complete(self) -> None:
        """Raises 409 `package-conflicts` where a session has no placement."""
        if self.refusals:
            raise PackageConflicts(list(self.refusals.values()))


@dataclass(frozen=True)
class PlanningTime:
    """The providers who may hold a session of a search, in a fixed order, and the free rooms if one is needed."""

    options: Sequence[ProviderOption]
    rooms: Rooms | None

    def of(self, provider_id: UUID | None) -> Sequence[ProviderOption]:
        """The one provider, if it is a choice at all; everybody for None."""
        return [c for c in self.options if provider_id in (None, c.provider_id)]


class AlternativePlacement(NamedTuple):
    """Another placement for a session that has none, and how it differs from what was asked for."""

    kind: str
    occurrence: Occurrence


def plan_sessions(db: Session, task: PlanningTask, *, locked: bool = False) -> SchedulingPlan:
    """Where the sessions go, by number; with `locked`, nobody else books these providers and rooms meanwhile."""
    if task.first > task.last:
        nobody = {package_session.session_number: () for package_session in task.package_sessions}
        return SchedulingPlan.of(task, plan(task.preferences, nobody))
    free = _free(db, task, _providers(db, task), task.last, locked=locked)
    return SchedulingPlan.of(task, _plan(task, free, task.preferences))


def choose_placements(db: Session, task: PlanningTask, named: Sequence[SessionPlacement]) -> SchedulingPlan:
    """Which of the named placements are possible, or without any a new plan. Providers and rooms are locked.

    Each session is as long as all of the package, and in its room unless another is named. Raises 422 problems for who
    and what does not belong there, and for a day that is too far ahead.
    """
    if not named:
        return plan_sessions(db, task, locked=True)
    package = task.package
    length = timedelta(minutes=package.session_duration_minutes)
    wanted = []
    for one in named:
        if one.starts_at is None or one.provider_id is None:
            continue
        room_id = one.room_id or package.room_id
        qualified_provider(db, one.provider_id, package.clinic, package.service_type, "sessions")
        active_room(db, room_id, package.clinic, "sessions")
        wanted.append(Occurrence(one.session_number, one.starts_at, one.starts_at + length, one.provider_id, room_id))
    task.check_horizon(wanted, "sessions")
    return check_placements(db, task, wanted)


def check_placements(db: Session, task: PlanningTask, wanted: Sequence[Occurrence]) -> SchedulingPlan:
    """Which of the wanted placements are possible, in their order. Providers and rooms are locked.

    The period, the days and the order are the caller's own.
    """
    if not wanted:
        return SchedulingPlan.of(task)
    return SchedulingPlan.of(task, check(task.preferences, *_time_for(db, task, wanted), wanted, task.placed))


def nearest_placements(db: Session, task: PlanningTask, wanted: Sequence[Occurrence]) -> SchedulingPlan:
    """The wanted placements, in their order. For each impossible one, the nearest free time of the provider.

    That is on its own day, or on the first after it in the period that has any; providers and rooms are locked.
    """
    options, rooms = _time_for(db, task, wanted, task.last)
    found = {one.number: one for one in check(task.preferences, options, rooms, wanted, task.placed)}
    tz = zone_of(task.preferences.zone)
    for one in sorted(wanted, key=lambda o: o.number):
        if isinstance(found[one.number], Occurrence):
            continue
        local = one.starts_at.astimezone(tz)
        first, length = max(local.date(), task.first), one.ends_at - one.starts_at
        preferences = replace(task.preferences, first=first, length=length, preferred=local.time(), tolerance_days=0)
        taken = [*task.placed, *(other for other in found.values() if isinstance(other, Occurrence))]
        needed = rooms if rooms and rooms.required else None
        [found[one.number]] = plan(preferences, {one.number: options[one.number]}, needed, taken)
    return SchedulingPlan.of(task, [found[one.number] for one in wanted])


def alternatives(db: Session, found: SchedulingPlan) -> dict[int, list[AlternativePlacement]]:
    """Other placements for the sessions that have none: each differs in one thing, and all of a kind go together."""
    task, failed = found.task, found.refusals.keys()
    if not failed:
        return {}
    rest = replace(
        task,
        package_sessions=[s for s in task.package_sessions if s.session_number in failed],
        placed=[*task.placed, *found.occurrences],
    )
    later = min(max(task.last, task.first) + timedelta(days=OPEN_PERIOD_DAYS), task.horizon)
    free = _free(db, rest, _everybody(db, task.package), later)
    preferences = rest.preferences
    anybody = {package_session.session_number: free.of(None) for package_session in rest.package_sessions}
    plans = {
        OTHER_DAY: _plan(rest, free, replace(preferences, weekdays=frozenset())) if preferences.weekdays else [],
        OTHER_PROVIDER: plan(preferences, anybody, free.rooms, rest.placed),
        LATER: _plan(rest, free, replace(preferences, last=later)),
    }
    offered: dict[int, list[AlternativePlacement]] = {number: [] for number in failed}
    for kind, planned in plans.items():
        for one in planned:
            if isinstance(one, Occurrence) and one not in [known.occurrence for known in offered[one.number]]:
                offered[one.number].append(AlternativePlacement(kind, one))
    return offered


def _time_for(
    db: Session, task: PlanningTask, wanted: Sequence[Occurrence], until: date | None = None
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


def _plan(task: PlanningTask, free: PlanningTime, preferences: PlanningPreferences) -> list[Planned]:
    """Each with its own provider or anybody; where one provider is to hold all, with the one who fits best.

    Where nobody is possible, the reason names what all of them have in common.
    """

    def with_any(options: Sequence[ProviderOption]) -> list[Planned]:
        return plan(preferences, _options(task, free, options), free.rooms, task.placed)

    of_one = {
        package_session.session_number
        for package_session in task.package_sessions
        if package_session.assigned_to is None
    }
    if task.package.use_multiple_providers or not of_one:
        return with_any(free.options)
    known = {one.provider_id for one in task.placed}
    ones = [option for option in free.options if option.provider_id in known] or free.options
    best = min((with_any([one]) for one in ones), key=_unfit, default=[])
    fits = any(isinstance(one, Occurrence) and one.number in of_one for one in best)
    return best if fits else with_any(ones)


def _options(
    task: PlanningTask, free: PlanningTime, anybody: Sequence[ProviderOption]
) -> Mapping[int, Sequence[ProviderOption]]:
    return {
        package_session.session_number: free.of(package_session.assigned_to) if package_session.assigned_to else anybody
        for package_session in task.package_sessions
    }


def _unfit(found: Sequence[Planned]) -> tuple[int, list[datetime]]:
    """The fewest failures, then the earliest end; of equals the first by name is taken."""
    placements = [one.starts_at for one in found if isinstance(one, Occurrence)]
    return len(found) - len(placements), placements[-1:]


def _providers(db: Session, task: PlanningTask) -> set[UUID]:
    assigned = {package_session.assigned_to for package_session in task.package_sessions}
    return {p for p in assigned if p} | (_everybody(db, task.package) if None in assigned else set())


def _everybody(db: Session, package: Package) -> set[UUID]:
    return qualified_providers(db, package.service_type.discipline, package.clinic_id)


def _free(
    db: Session,
    task: PlanningTask,
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
        named = (
            {package.room_id} if package.room_id else set(active_rooms(db, package.clinic_id)) if needs_room else set()
        )
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
    return _planning_time(db, search, provider_ids)


def _planning_time(db: Session, search: Search, provider_ids: Collection[UUID]) -> PlanningTime:
    """The free time of some providers, of the patient, and of the rooms, in the one clinic that is searched.

    Who has no hours there is no choice.
    """
    candidates = [c for c in candidates_of(db, search) if c.id in provider_ids]
    if not candidates:
        return PlanningTime((), None)
    clinic = candidates[0].clinic
    free = free_time(db, search, candidates, (clinic.bounds[0], clinic.bounds[1] + search.length))
    ordered = sorted(candidates, key=lambda c: (c.name_en, c.id))
    return PlanningTime(
        [ProviderOption(c.id, free.of(c)) for c in ordered],
        Rooms({room.id: free.room(room.id) for room in clinic.rooms}) if search.needs_room else None,
    )


def _preferred(written: str | None) -> time | str | None:
    return written if written is None or written in PARTS_OF_DAY else time.fromisoformat(written)
