"""One change made to this session, to this and the following of its series, or to all of them.

Only sessions that are SCHEDULED and have not begun change: a series' history stays, and so does what was cancelled.
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
    """The session that a request names, and all that it is to change, by their start; their rows are locked."""

    session: ClinicalSession
    scope: str
    sessions: Sequence[ClinicalSession]

    def moved_singly(self) -> list[ClinicalSession]:
        """Those of several that are not where their series has them."""
        return [] if self.scope == THIS else [s for s in self.sessions if s.moved_singly]


@dataclass(frozen=True)
class Changed:
    """The session that a request named, how many changed, and which of them keep a time of their own."""

    session: ClinicalSession
    count: int
    kept: Sequence[ClinicalSession] = ()


@dataclass(frozen=True, eq=False)
class Move:
    """A session that is to move, its new placement and the conflicts of it."""

    session: ClinicalSession
    placement: Placement
    conflicts: Sequence[PlacementRefused] = ()

    def waits_for(self, other: "Move") -> bool:
        """Whether it goes where the other has been."""
        return other is not self and overlaps(other.session.time, self.placement.time)


M = TypeVar("M", bound=Move)


def choose(db: Session, session_id: UUID, scope: str, *, now: datetime, moving: bool = False) -> SeriesSelection:
    """Lock the sessions of a scope; if they are to be `moving`, with all their patients.

    The order is that of the days which the series' rule gave, wherever the sessions were moved since. Raises 404; 422
    for a scope where there is no series; 409 `invalid-transition` where the session itself has begun or is cancelled,
    unless it is to change alone.
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
    """Do `update_session` to each. Raises 422 for a `decision_at`, which is of one."""
    if selection.scope != THIS and command.decision_at is not UNSET:
        raise InvalidField("decision_at", "Can only be set for one session at a time.")
    _each(selection, lambda session: use_cases.update_session(db, session, command, now=now))
    return Changed(selection.session, len(selection.sessions), selection.moved_singly())


def cancel(db: Session, selection: SeriesSelection, command: CancelSession, *, now: datetime) -> Changed:
    """Do `cancel_session` to each."""
    lock_packages(db, [session.id for session in selection.sessions])
    reason, override = command.reason, command.override.reason if command.override else None
    _each(selection, lambda session: use_cases.cancel_session(db, session, reason, override, now=now))
    return Changed(selection.session, len(selection.sessions))


def reschedule(db: Session, selection: SeriesSelection, command: RescheduleSession, *, now: datetime) -> Changed:
    """Move each to the placement that the request names; what it does not name stays as each has it.

    A new time is of the series: each gets that local time, as many local days from where the series has it as the named
    one does. Those that were moved alone keep theirs, unless `include_moved`. All are checked before the first moves,
    and none is in another's way at its old placement. Raises what `reschedule_session` raises; for more than one, 409
    `series-conflicts` with all `conflicts` of all.
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
    """Returns how many moved: one that is there already is not told."""
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
    """A single one is refused with its own problem. For several, one problem lists all refusals."""
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
    """When a session is to begin, and when its series is to have it."""

    starts_at: datetime
    of_series: datetime


def _new_times(selection: SeriesSelection, command: RescheduleSession) -> dict[UUID, _Time]:
    """Days and wall times, not hours: what moves across a clock change keeps its time of day.

    The time at which the named session is anyway is no new one.
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
    """As `in_order`. Raises 409 `series-conflicts` where some sessions would only swap their placements."""
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
    """Moves so that none goes onto the placement of one that has not left it yet.

    The exclusion constraints are checked at every row. Raises CycleError where some would swap placements with each
    other.
    """
    return TopologicalSorter({move: filter(move.waits_for, moves) for move in moves}).static_order()
