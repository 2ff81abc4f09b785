"""Planning of the sessions of a package.

A plan needs only a few reads. With locks, no other transaction can take the times that it found.
"""

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

#: How an alternative differs from the request.
OTHER_DAY, OTHER_PROVIDER, LATER = "OTHER_DAY", "OTHER_PROVIDER", "LATER"


@dataclass(frozen=True)
class PlanningTask:
    """Sessions of a package that are to be placed in addition to those that are already `placed`, as of `now`.

    Appointments of the sessions that are `moving` away do not count. The period is that of the package, unless local
    days are given in `since` and `until`.
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
        """The first local day on which a session may take place."""
        return max(self.since or self.package.start_date, day_of(self.now, self.package.clinic.timezone))

    @property
    def last(self) -> date:
        """The last local day on which a session may take place.

        It is the end of the period, or of an open period, but never later than the horizon.
        """
        start = self.since or self.package.start_date
        end = self.until or self.package.end_date or start + timedelta(days=OPEN_PERIOD_DAYS - 1)
        return min(end, self.horizon)

    @property
    def horizon(self) -> date:
        """The last local day on which any session may be booked."""
        return last_day(self.now, self.package.clinic.timezone)

    def check_horizon(self, wanted: Sequence[Occurrence], field: str) -> None:
        """Raise a 422 problem of a field if one of the placements is too far ahead."""
        if any(day_of(one.starts_at, self.package.clinic.timezone) > self.horizon for one in wanted):
            raise InvalidField(field, TOO_FAR_AHEAD)

    @property
    def preferences(self) -> PlanningPreferences:
        """The planning preferences that all sessions share."""
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
    """The placements that were found for the sessions of a task, and by number the reasons why others have none."""

    task: PlanningTask
    planned: Sequence[Planned]
    occurrences: Sequence[Occurrence]
    refusals: Mapping[int, Unplaced]

    @classmethod
    def of(cls, task: PlanningTask, planned: Sequence[Planned] = ()) -> Self:
        """Create a plan from the result for each session of a task."""
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
        """Raise 409 `package-conflicts` if a session has no placement."""
        if self.refusals:
            raise PackageConflicts(list(self.refusals.values()))


@dataclass(frozen=True)
class PlanningTime:
    """The providers who may hold a session, in a fixed order, and the free rooms if a session needs one."""

    options: Sequence[ProviderOption]
    rooms: Rooms | None

    def of(self, provider_id: UUID | None) -> Sequence[ProviderOption]:
        """Return the option of one provider, or all options for None. It is empty if the provider is not among them."""
        return [c for c in self.options if provider_id in (None, c.provider_id)]


class AlternativePlacement(NamedTuple):
    """Another placement for a session that has none, and how it differs from the request."""

    kind: str
    occurrence: Occurrence


def plan_sessions(db: Session, task: PlanningTask, *, locked: bool = False) -> SchedulingPlan:
    """Plan the sessions by number. With `locked`, nobody else can book the providers and rooms in the meantime."""
    if task.first > task.last:
        nobody = {package_session.session_number: () for package_session in task.package_sessions}
        return SchedulingPlan.of(task, plan(task.preferences, nobody))
    free = _free(db, task, _providers(db, task), task.last, locked=locked)
    return SchedulingPlan.of(task, _plan(task, free, task.preferences))


def choose_placements(db: Session, task: PlanningTask, named: Sequence[SessionPlacement]) -> SchedulingPlan:
    """Check the given placements, or make a new plan if none is given. Providers and rooms are locked.

    Each session is as long as all sessions of the package, and in its room unless another is given. Raises 422 problems
    for a provider or a room that cannot be used, and for a day that is too far ahead.
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
    """Check which of the requested placements are possible, in their order. Providers and rooms are locked.

    The period, the days and the order are not checked, because the caller has decided on them.
    """
    if not wanted:
        return SchedulingPlan.of(task)
    return SchedulingPlan.of(task, check(task.preferences, *_time_for(db, task, wanted), wanted, task.placed))


def nearest_placements(db: Session, task: PlanningTask, wanted: Sequence[Occurrence]) -> SchedulingPlan:
    """Check the requested placements, in their order, and replace impossible ones by the provider's nearest free time.

    That is a time on the same day, or on the first later day of the period that has any. Providers and rooms are
    locked.
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
    """Return other placements for the sessions that have none.

    Each alternative differs from the request in one respect. All alternatives of one kind are possible together.
    """
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
    """Lock and return the free time of the providers and rooms, on all days of the placements and up to `until`."""
    package = task.package
    instants = (at for one in wanted for at in (one.starts_at, one.ends_at))
    # Placements in the past are refused without reading the calendar.
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
    """Plan each session with its assigned provider, or with any provider.

    If one provider is to hold all sessions, the one with the best plan is chosen. If no provider is possible, the
    reason is the one that applies to all of them.
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
    """Return a sort key for plans: fewest failures first, then the earliest end.

    Equal plans stay in the order of names.
    """
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
    """Return the free time until the last day, with the package's room, any room of the clinic, or the given rooms.

    Gaps that are too short for the package's sessions, or for the given minutes, are left out.
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
    """Return the free time of some providers, of the patient, and of the rooms, in the clinic of the search.

    Providers without working hours are left out.
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
