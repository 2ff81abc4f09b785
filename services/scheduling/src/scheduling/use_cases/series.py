"""Series of recurring group sessions. All occurrences are checked first, and all conflicts are reported together."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.orm import Session

from jalsa.db.transactions import context_of
from jalsa.service.errors import Conflict, InvalidField
from jalsa.service.ids import new_id
from scheduling import errors
from scheduling.appointments import events
from scheduling.appointments.commands.placements import Override
from scheduling.appointments.operations.placing import Placement, apply_override, placement_of, unresolved_conflicts
from scheduling.appointments.operations.sessions import store_session
from scheduling.directory.operations.setup import active_clinic, check_zone
from scheduling.errors import PlacementRefused, Refused
from scheduling.models import ClinicalSession, SessionSeries
from scheduling.series.commands import CreateSeries
from scheduling.series.rules import Occurrence, Rule, days_of, occurrences, parse_rule
from scheduling.timetable.conflicts import conflicts, series_clash
from scheduling.timetable.hours import TOO_FAR_AHEAD, last_day
from scheduling.timetable.locks import lock_placements


@dataclass(frozen=True)
class Planned:
    """An occurrence, its placement and its conflicts."""

    occurrence: Occurrence
    placement: Placement
    conflicts: Sequence[PlacementRefused]

    def refusals(self, override: Override | None = None) -> list[Refused]:
        """Return why the occurrence is refused, without the rules that an override overrides."""
        return [
            Refused(error=error, starts_at=self.placement.starts_at, occurs_on=self.occurrence.occurs_on)
            for error in unresolved_conflicts(self.conflicts, override)
        ]


@dataclass(frozen=True)
class Created:
    """A new series, its sessions by their start, and the refusals of the occurrences that were left out."""

    series: SessionSeries
    sessions: Sequence[tuple[Planned, ClinicalSession]]
    skipped: Sequence[Refused]


def plan_series(db: Session, command: CreateSeries, *, now: datetime) -> list[Planned]:
    """Plan what `create_series` would currently do with the same command. Nothing is locked or stored.

    Raises the same 422 problems.
    """
    _, days = _rule(command)
    return _checked(db, command, days, now)


def create_series(db: Session, command: CreateSeries, *, now: datetime) -> Created:
    """Store a series with an empty session for every occurrence, and publish SessionScheduled for each.

    `starts_on` and `start_time` are in the clinic's zone. `parse_rule` and `days_of` explain the rule. Raises 422
    problems for the rule, 422 as `create_session` does, and 409 `series-conflicts` with the `conflicts` of all
    occurrences. With `skip_conflicts`, the occurrences that conflict become exceptions, unless no occurrence remains.
    """
    (rule, days), override = _rule(command), command.override
    planned = _checked(db, command, days, now, locked=True)
    kept = [p for p in planned if not p.refusals(override)]
    skipped = [refused for p in planned for refused in p.refusals(override)]
    if skipped and not (kept and command.skip_conflicts):
        raise errors.SeriesConflicts(skipped)
    series = _stored(db, command, rule, kept, now)
    made = []
    for p in kept:
        session = store_session(
            db,
            p.placement,
            command.details,
            apply_override(p.conflicts, override),
            override=override,
            now=now,
            series_id=series.id,
            occurs_on=p.occurrence.occurs_on,
        )
        events.session_scheduled(db, session, now)
        made.append((p, session))
    return Created(series, made, skipped)


def check_all(
    db: Session, placements: Iterable[Placement], override: Override | None, moving: Sequence[UUID] = ()
) -> list[list[PlacementRefused]]:
    """Return the conflicts of each of several placements for sessions of one series. The caller holds their locks.

    The placements must not conflict with each other either. A refused placement does not count for the others. The
    sessions `moving` give up their current placements.
    """
    found: list[list[PlacementRefused]] = []
    kept: list[Placement] = []
    for placement in placements:
        clashes = (clash for other in kept if (clash := series_clash(placement, other)))
        against = [*conflicts(db, placement, moving), *clashes]
        if not unresolved_conflicts(against, override):
            kept.append(placement)
        found.append(against)
    return found


def refused(session: ClinicalSession, starts_at: datetime, error: Conflict) -> Refused:
    """Return why one session of several is refused. `starts_at` is the instant at which it was to start."""
    return Refused(error=error, starts_at=starts_at, occurs_on=session.occurs_on, session_id=session.id)


def _rule(command: CreateSeries) -> tuple[Rule, list[date]]:
    try:
        rule = parse_rule(command.rrule, command.starts_on)
        days = days_of(rule, command.starts_on, command.exceptions)
    except ValueError as error:
        raise InvalidField("rrule", str(error)) from None
    if not days:
        raise InvalidField("exceptions", "The exceptions leave no occurrence.")
    return rule, days


def _checked(
    db: Session, command: CreateSeries, days: Sequence[date], now: datetime, *, locked: bool = False
) -> list[Planned]:
    """Check all occurrences. They have the provider, the room and the length of the first one."""
    clinic = active_clinic(db, command.clinic_id)
    check_zone(clinic)
    zone = clinic.timezone
    found = occurrences(days, command.start_time, zone)
    if found[0].starts_at <= now:
        raise InvalidField("starts_on", "The first occurrence must be in the future.")
    latest = last_day(now, zone)
    if found[-1].occurs_on > latest:
        raise InvalidField("starts_on" if found[0].occurs_on > latest else "rrule", TOO_FAR_AHEAD)
    first = placement_of(db, command.placement_at(found[0].starts_at), now=now)
    length = first.ends_at - first.starts_at
    if locked:
        lock_placements(db, [first])
    placements = [replace(first, starts_at=o.starts_at, ends_at=o.starts_at + length) for o in found]
    return list(map(Planned, found, placements, check_all(db, placements, command.override)))


def _stored(db: Session, command: CreateSeries, rule: Rule, kept: Sequence[Planned], now: datetime) -> SessionSeries:
    """Store the series. Its exceptions are the days of the rule on which it does not occur."""
    placement, days = kept[0].placement, {p.occurrence.occurs_on for p in kept}
    series = SessionSeries(
        id=new_id(),
        clinic_id=placement.clinic.id,
        clinic=placement.clinic,
        provider_id=placement.provider.id,
        room_id=placement.room.id if placement.room else None,
        service_type_id=placement.service_type.id,
        service_type=placement.service_type,
        starts_on=command.starts_on,
        start_time=command.start_time,
        duration_minutes=int((placement.ends_at - placement.starts_at).total_seconds() // 60),
        rrule=str(rule),
        exceptions=[day for day in days_of(rule, command.starts_on) if day not in days],
        max_capacity=command.max_capacity,
        min_participants=command.min_participants,
        group_notes=command.group_notes,
        created_at=now,
        created_by=context_of(db).actor,
    )
    db.add(series)
    db.flush()
    return series
