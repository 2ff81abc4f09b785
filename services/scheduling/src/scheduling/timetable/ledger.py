"""Free time of which some is held for sessions that may be there. No I/O."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from uuid import UUID

from scheduling.timetable.intervals import Interval, merged, subtract


class ReservationLedger:
    """The free time of providers and rooms, by id, and for which sessions some of it is held."""

    def __init__(self, free: Mapping[UUID, list[Interval]]) -> None:
        self._free = free
        self._left = dict(free)
        self._held: dict[UUID, list[tuple[UUID, Interval]]] = defaultdict(list)

    def reserve(self, session_id: UUID, owners: Iterable[UUID], interval: Interval) -> None:
        """Take that time of each of the owners out of what other sessions find free."""
        for owner in owners:
            self._held[owner].append((session_id, interval))
            self._left[owner] = subtract(self._left.get(owner, []), [interval])

    def free(self, owner: UUID, session_id: UUID) -> list[Interval]:
        """The owner's free time as that session finds it: it is never in its own way."""
        held = self._held[owner]
        if all(holder != session_id for holder, _ in held):
            return self._left.get(owner, [])
        others = merged(interval for holder, interval in held if holder != session_id)
        return subtract(self._free.get(owner, []), others)
