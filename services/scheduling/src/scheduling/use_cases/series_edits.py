"""Changes to one session, to this and the following sessions of its series, or to all of them.

Only sessions that are SCHEDULED and have not started are changed. Past and cancelled sessions of a series stay as they
are.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from graphlib import CycleError, TopologicalSorter
from typing import NamedTuple, TypeVar
from uuid import UUID

from sqlalchemy.orm import Session

from jalsa.service.commands import UNSET, value_or
from jalsa.service.errors import Conflict, InvalidField, NotFound
from scheduling import errors
from scheduling.appointments.commands.placements import Override
from scheduling.appointments.commands.sessions import CancelSession, ChangeSession, RescheduleSession
from scheduling.appointments.operations import sessions
from scheduling.appointments.operations.locks import lock_packages, lock_patients, lock_sessions
from scheduling.appointments.operations.placing import Placement, apply_override, new_placement, unresolved_conflicts
from scheduling.appointments.queries import participant_records, session_records
from scheduling.domain import FOLLOWING, THIS
from scheduling.errors import PlacementRefused, Refused
from scheduling.models import ClinicalSession
from scheduling.series.queries import coming
from scheduling.timetable.hours import day_of, instant_of, zone_of
from scheduling.timetable.intervals import overlaps
from scheduling.timetable.locks import lock_placements
from scheduling.use_cases import appointments as use_cases
from scheduling.use_cases.series import check_all, refused


@dataclass(frozen=True)
class SeriesSelection:
    """The session that a request names, and all sessions that it changes, by their start. Their rows are locked."""

    session: ClinicalSession
    scope: str
    sessions: Sequence[ClinicalSession]

    def moved_singly(self) -> list[ClinicalSession]:
        """Return those of several sessions that are not at the time of their series."""
        return [] if self.scope == THIS else [s for s in self.sessions if s.moved_singly]


@dataclass(frozen=True)
class Changed:
    """The session that a request named, how many sessions were changed, and which of them keep their own time."""

    session: ClinicalSession
    count: int
    kept: Sequence[ClinicalSession] = ()


@dataclass(frozen=True, eq=False)
class Move:
    """A session that is to be moved, its new placement, and the conflicts of the placement."""

    session: ClinicalSession
    placement: Placement
    conflicts: Sequence[PlacementRefused] = ()

    def waits_for(self, other: "Move") -> bool:
        """Whether it needs the other to leave its placement first."""
        return other is not self and overlaps(other.session.time, self.placement.time)


M = TypeVar("M", bound=Move)


def choose(db: Session, session_id: UUID, scope: str, *, now: datetime, moving: bool = False) -> SeriesSelection:
    """Lock the sessions of a scope. If they are to be `moving`, all their patients are locked too.

    The order is that of the days on which the series' rule placed them, even if they were moved since. Raises 404, 422
    for a scope without a series, and 409 `invalid-transition` if the session itself has started or is cancelled, unless
    it is changed alone.
    """
    if scope == THIS:
        session = (sessions.held_session if moving else sessions.locked_session)(db, session_id)
        return SeriesSelection(session, scope, [session])
    named = session_records.find_session(db, session_id)
    if named is None:
        raise NotFound("session")
    if named.series_id is None:
        raise InvalidField("scope", "The session does not belong to a series.")
    ids = coming(db, named.series_id, occurs_from=named.occurs_on if scope == FOLLOWING else None, now=now)
    if moving:
        lock_patients(db, participant_records.live_patients(db, ids))
    lock_sessions(db, ids)
    found = [s for s in session_records.find_sessions(db, ids) if s.status == "SCHEDULED" and s.starts_at > now]
    if named not in found:
        raise errors.ScopeOverOrCancelled
    return SeriesSelection(named, scope, found)


def update(db: Session, selection: SeriesSelection, command: ChangeSession, *, now: datetime) -> Changed:
    """Change each session as `update_session` does. Raises 422 for a `decision_at` with several sessions."""
    if selection.scope != THIS and command.decision_at is not UNSET:
        raise InvalidField("decision_at", "Can only be set for one session at a time.")
    _each(selection, lambda session: use_cases.update_session(db, session, command, now=now))
    return Changed(selection.session, len(selection.sessions), selection.moved_singly())


def cancel(db: Session, selection: SeriesSelection, command: CancelSession, *, now: datetime) -> Changed:
    """Cancel each session as `cancel_session` does."""
    lock_packages(db, [session.id for session in selection.sessions])
    reason, override = command.reason, command.override.reason if command.override else None
    _each(selection, lambda session: use_cases.cancel_session(db, session, reason, override, now=now))
    return Changed(selection.session, len(selection.sessions))


def reschedule(db: Session, selection: SeriesSelection, command: RescheduleSession, *, now: datetime) -> Changed:
    """Move each session to the placement in the request. Values that are not given stay as each session has them.

    A new time applies to the series. Each session gets that local time, and is moved from the day of its series by as
    many local days as the named session. Sessions that were moved individually keep their time, unless `include_moved`
    is set. All are checked before the first one moves, and no session conflicts with the old placement of another.
    Raises what `reschedule_session` raises. For several sessions, raises 409 `series-conflicts` with the `conflicts` of
    all of them.
    """
    if selection.scope == THIS:
        use_cases.reschedule_session(db, selection.session, command, now=now)
        return Changed(selection.session, 1)
    alone = selection.moved_singly()
    count = _move_all(db, selection, command, _new_times(selection, command), now)
    return Changed(selection.session, count, [s for s in alone if s.moved_singly])


def _move_all(
    db: Session, selection: SeriesSelection, command: RescheduleSession, times: Mapping[UUID, "_Time"], now: datetime
) -> int:
    """Move the sessions and return how many moved.

    No event is published for a session that already has its placement.
    """
    placements = {}
    for session in selection.sessions:
        placement = new_placement(db, session, replace(command, starts_at=times[session.id].starts_at), now=now)
        session.series_starts_at = times[session.id].of_series
        if not sessions.is_there(session, placement):
            placements[session] = placement
    if not placements:
        raise InvalidField("starts_at", "The sessions already have these times, providers and rooms.")
    lock_placements(db, list(placements.values()))
    override, ids = command.override, [s.id for s in placements]
    found = check_all(db, placements.values(), override, ids)
    moves = [Move(s, placement, against) for (s, placement), against in zip(placements.items(), found, strict=True)]
    if refusals := [refused for move in moves for refused in _refusals(db, move, override, ids, now)]:
        raise errors.SeriesConflicts(refusals)
    for move in _ordered(moves):
        use_cases.move_session(
            db,
            move.session,
            move.placement,
            apply_override(move.conflicts, override),
            reason=command.reason,
            override=override,
            now=now,
        )
    db.flush()
    return len(moves)


def _each(selection: SeriesSelection, change: Callable[[ClinicalSession], object]) -> None:
    """Apply a change to each session.

    A single session is refused with its own problem. For several, one problem lists all refusals.
    """
    refusals = []
    for session in selection.sessions:
        try:
            change(session)
        except Conflict as error:
            if selection.scope == THIS:
                raise
            refusals.append(refused(session, session.starts_at, error))
    if refusals:
        raise errors.SeriesConflicts(refusals)


class _Time(NamedTuple):
    """When a session is to start, and when it starts according to its series."""

    starts_at: datetime
    of_series: datetime


def _new_times(selection: SeriesSelection, command: RescheduleSession) -> dict[UUID, _Time]:
    """Return the new time of each session, counted in days and wall times.

    Sessions keep their wall time across a clock change. The current start of the named session counts as no new time.
    """
    named, starts_at = selection.session, value_or(command.starts_at, selection.session.starts_at)
    if starts_at == named.starts_at:
        return {s.id: _Time(s.starts_at, _of_series(s)) for s in selection.sessions}
    zone = named.clinic.timezone
    wanted = starts_at.astimezone(zone_of(zone))
    by = wanted.date() - day_of(_of_series(named), zone)
    times = {}
    for session in selection.sessions:
        day = day_of(_of_series(session), zone) + by
        at = starts_at if session is named else instant_of(day, wanted.time(), zone_of(zone))
        keeps = session.moved_singly and session is not named and not command.include_moved
        times[session.id] = _Time(session.starts_at if keeps else at, at)
    return times


def _of_series(session: ClinicalSession) -> datetime:
    assert session.series_starts_at is not None
    return session.series_starts_at


def _ordered(moves: Sequence[Move]) -> Iterable[Move]:
    """Order the moves as `in_order` does.

    Raises 409 `series-conflicts` if sessions would only swap their placements.
    """
    try:
        return list(in_order(moves))
    except CycleError as error:
        circle = dict.fromkeys(error.args[1])
        refusals = [refused(m.session, m.placement.starts_at, errors.ChangeOfPlaces()) for m in circle]
        raise errors.SeriesConflicts(refusals) from None


def _refusals(
    db: Session, move: Move, override: Override | None, moving: Sequence[UUID], now: datetime
) -> Iterator[Refused]:
    for error in unresolved_conflicts(move.conflicts, override):
        yield refused(move.session, move.placement.starts_at, error)
    try:
        sessions.check_settled(db, move.session, move.placement, now=now)
        sessions.check_patients(db, move.session, move.placement, moving)
    except Conflict as error:
        yield refused(move.session, move.placement.starts_at, error)


def in_order(moves: Sequence[M]) -> Iterable[M]:
    """Order moves so that no session is moved to the placement of another one that has not left it yet.

    This is necessary because the exclusion constraints are checked for every row. Raises CycleError if sessions would
    swap placements.
    """
    return TopologicalSorter({move: filter(move.waits_for, moves) for move in moves}).static_order()
