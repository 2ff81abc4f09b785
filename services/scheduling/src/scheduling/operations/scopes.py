"""One change made to this session, to this and the following of its series, or to all of them.

Only sessions that are SCHEDULED and have not begun change: a series' history stays, and so does what was cancelled.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from graphlib import TopologicalSorter
from typing import Any, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from jalsa.errors import Problem, conflict, invalid, not_found
from scheduling import queries
from scheduling.domain.hours import day_of, instant_of
from scheduling.domain.recurrence import FOLLOWING, THIS
from scheduling.models import ClinicalSession
from scheduling.operations import sessions
from scheduling.operations.locks import lock_packages, lock_patients, lock_sessions
from scheduling.operations.placing import Conflict, Place, lock_places, new_place, settle, standing
from scheduling.operations.series import check_all, refusal, series_conflicts
from scheduling.queries.series import coming


@dataclass(frozen=True)
class Chosen:
    """The session that a request names, and all that it is to change, by their start; their rows are locked."""

    session: ClinicalSession
    scope: str
    sessions: Sequence[ClinicalSession]


@dataclass(frozen=True, eq=False)
class Move:
    """A session that is to move, where to, and what stands against it."""

    session: ClinicalSession
    place: Place
    conflicts: Sequence[Conflict] = ()

    def waits_for(self, other: "Move") -> bool:
        """Whether it goes where the other has been."""
        old, new = other.session, self.place
        return other is not self and old.starts_at < new.ends_at and new.starts_at < old.ends_at


M = TypeVar("M", bound=Move)


def choose(db: Session, session_id: UUID, scope: str, *, now: datetime, moving: bool = False) -> Chosen:
    """Lock the sessions of a scope; if they are to be `moving`, with all their patients.

    Raises 404; 422 for a scope where there is no series; 409 `invalid-transition` where the session itself has begun
    or is cancelled, unless it is to change alone.
    """
    if scope == THIS:
        session = (sessions.held_session if moving else sessions.locked_session)(db, session_id)
        return Chosen(session, scope, [session])
    named = queries.find_session(db, session_id)
    if named is None:
        raise not_found("session")
    if named.series_id is None:
        raise invalid("scope", "The session is of no series.")
    ids = coming(db, named.series_id, since=named.starts_at if scope == FOLLOWING else now, now=now)
    if moving:
        lock_patients(db, queries.live_patients(db, ids))
    lock_sessions(db, ids)
    found = [s for s in queries.find_sessions(db, ids) if s.status == "SCHEDULED" and s.starts_at > now]
    if named not in found:
        raise conflict("invalid-transition", "A session that has begun or is cancelled changes with no others.")
    return Chosen(named, scope, found)


def update(db: Session, chosen: Chosen, data: Mapping[str, Any], *, now: datetime) -> int:
    """Do `update_session` to each; returns how many there were. Raises 422 for a `decision_at`, which is of one."""
    if chosen.scope != THIS and "decision_at" in data:
        raise invalid("decision_at", "Can be set for one session at a time only.")
    return _each(chosen, lambda session: sessions.update_session(db, session, data, now=now))


def cancel(
    db: Session, chosen: Chosen, reason: str | None, override_reason: str | None = None, *, now: datetime
) -> int:
    """Do `cancel_session` to each; returns how many there were."""
    lock_packages(db, [session.id for session in chosen.sessions])
    return _each(chosen, lambda session: sessions.cancel_session(db, session, reason, override_reason, now=now))


def reschedule(db: Session, chosen: Chosen, data: Mapping[str, Any], *, now: datetime) -> int:
    """Move each to the new local time, by as many local days as the named one moves; returns how many moved.

    All are checked before the first moves, and none is in another's way at its old place. Raises what
    `reschedule_session` raises; for more than one, 409 `series-conflicts` with all `conflicts` of all.
    """
    if chosen.scope == THIS:
        sessions.reschedule_session(db, chosen.session, data, now=now)
        return 1
    places = {s: new_place(db, s, {**data, "starts_at": at}, now=now) for s, at in _targets(chosen, data["starts_at"])}
    places = {s: place for s, place in places.items() if not sessions.is_there(s, place)}
    if not places:
        raise invalid("starts_at", "The sessions are there already.")
    lock_places(db, list(places.values()))
    override, ids = data.get("override"), [s.id for s in places]
    found = check_all(db, places.values(), override, ids)
    moves = [Move(s, place, against) for (s, place), against in zip(places.items(), found, strict=True)]
    if refusals := [refused for move in moves for refused in _refusals(db, move, override, ids)]:
        raise series_conflicts(refusals)
    for move in in_order(moves):
        sessions.move_session(db, move.session, move.place, settle(move.conflicts, override), data, now=now)
    return len(moves)


def _each(chosen: Chosen, change: Callable[[ClinicalSession], object]) -> int:
    """One alone is refused with its own problem; of several, all refusals are told together."""
    refusals = []
    for session in chosen.sessions:
        try:
            change(session)
        except Problem as problem:
            if chosen.scope == THIS or problem.status != 409:
                raise
            refusals.append(_refusal(session, session.starts_at, problem))
    if refusals:
        raise series_conflicts(refusals)
    return len(chosen.sessions)


def _targets(chosen: Chosen, starts_at: datetime) -> Iterator[tuple[ClinicalSession, datetime]]:
    """Days and wall times, not hours: what moves across a clock change keeps its time of day."""
    zone = chosen.session.clinic.timezone
    wanted = starts_at.astimezone(ZoneInfo(zone))
    by = wanted.date() - day_of(chosen.session.starts_at, zone)
    for session in chosen.sessions:
        day = day_of(session.starts_at, zone) + by
        yield session, starts_at if session is chosen.session else instant_of(day, wanted.time(), ZoneInfo(zone))


def _refusals(
    db: Session, move: Move, override: Mapping[str, Any] | None, moving: Sequence[UUID]
) -> Iterator[dict[str, Any]]:
    for against in standing(move.conflicts, override):
        yield _refusal(move.session, move.place.starts_at, against.problem())
    try:
        sessions.check_patients(db, move.session, move.place, moving)
    except Problem as problem:
        yield _refusal(move.session, move.place.starts_at, problem)


def _refusal(session: ClinicalSession, starts_at: datetime, problem: Problem) -> dict[str, Any]:
    return refusal(session.occurs_on, starts_at, problem, session_id=session.id)


def in_order(moves: Sequence[M]) -> Iterable[M]:
    """Moves so that none goes onto the place of one that has not left it yet.

    The exclusion constraints are checked at every row. Raises CycleError where some would change places with each
    other, which those of one series, all by as many days, never do.
    """
    return TopologicalSorter({move: filter(move.waits_for, moves) for move in moves}).static_order()
