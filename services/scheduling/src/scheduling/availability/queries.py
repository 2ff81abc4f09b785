"""The slots at which a session can be booked."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from heapq import merge
from itertools import islice
from uuid import UUID

from sqlalchemy.orm import Session

from scheduling.timetable.free_time import (
    Candidate,
    Clinic,
    FreeTime,
    Room,
    Search,
    candidates_of,
    free_time,
    instant_of_bound,
)
from scheduling.timetable.grid import windows
from scheduling.timetable.hours import last_day
from scheduling.timetable.intervals import Interval, contains, intersect, merged

_INSTANT = timedelta(microseconds=1)

#: The sort key of slots: the start, the provider's name and id, the clinic's id.
Key = tuple[datetime, str, UUID, UUID]


@dataclass(frozen=True)
class Slot:
    """A time at which a provider is free, and a room too if one is requested."""

    starts_at: datetime
    ends_at: datetime
    provider: Candidate
    room: Room | None

    @property
    def clinic(self) -> Clinic:
        """The clinic of the slot."""
        return self.provider.clinic


def free_slots(db: Session, search: Search, *, after: Key | None, limit: int, now: datetime) -> list[Slot]:
    """Return slots that start after `now`, the earliest first. Each of them can be booked as it is.

    The calendar is read only as far as necessary.
    """
    candidates = [_up_to_the_horizon(candidate, now) for candidate in candidates_of(db, search)]
    found: list[Slot] = []
    if not candidates:
        return found
    start = max(min(c.clinic.bounds[0] for c in candidates), now + _INSTANT, *(after or ())[:1])
    for window in windows(start, max(c.clinic.bounds[1] for c in candidates)):
        slots = _slots(db, search, candidates, window, after)
        found += islice(slots, limit - len(found))
        if len(found) == limit:
            break
    return found


def _up_to_the_horizon(candidate: Candidate, now: datetime) -> Candidate:
    clinic = candidate.clinic
    end = instant_of_bound(last_day(now, clinic.timezone), clinic.timezone, after=True)
    return replace(candidate, clinic=replace(clinic, bounds=(clinic.bounds[0], min(clinic.bounds[1], end))))


def _slots(
    db: Session, search: Search, candidates: list[Candidate], window: Interval, after: Key | None
) -> Iterator[Slot]:
    """Yield the slots that start in a window, in order."""
    free = free_time(db, search, candidates, (window[0], window[1] + search.length))
    clinics = {c.clinic.id: c.clinic for c in candidates} if search.needs_room else {}
    with_a_room = {clinic_id: _some_room(free, clinic) for clinic_id, clinic in clinics.items()}

    def start_times(candidate: Candidate) -> Iterator[tuple[Key, Candidate]]:
        clinic = candidate.clinic
        time = free.of(candidate).free
        if with_a_room:
            time = intersect(time, with_a_room[clinic.id])
        bounds = max(window[0], clinic.bounds[0]), min(window[1], clinic.bounds[1])
        for starts_at in clinic.grid.start_times(time, search.length, bounds):
            yield (starts_at, candidate.name_en, candidate.id, clinic.id), candidate

    for key, candidate in merge(*map(start_times, candidates)):  # All keys are different.
        if (after is None or key > after) and (slot := _slot(search, candidate, free, key[0])):
            yield slot


def _some_room(free: FreeTime, clinic: Clinic) -> list[Interval]:
    """Return a superset of the time in which one of the rooms is free."""
    return merged(gap for room in clinic.rooms for gap in free.room(room.id))


def _slot(search: Search, candidate: Candidate, free: FreeTime, starts_at: datetime) -> Slot | None:
    """Return the slot with the first free room if a room is needed, or None if no room is free."""
    ends_at, room = starts_at + search.length, None
    if search.needs_room:
        room = next((r for r in candidate.clinic.rooms if contains(free.room(r.id), starts_at, ends_at)), None)
        if room is None:
            return None
    return Slot(starts_at, ends_at, candidate, room)
