"""Free time, parts of which are reserved for sessions that may be placed there. No I/O."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from uuid import UUID

from scheduling.timetable.intervals import Interval, merged, subtract


class ReservationLedger:
    """The free time of providers and rooms, by id, and the sessions for which parts of it are reserved."""

    def __init__(self, free: Mapping[UUID, list[Interval]]) -> None:
        self._free = free
        self._left = dict(free)
        self._held: dict[UUID, list[tuple[UUID, Interval]]] = defaultdict(list)

    def reserve(self, session_id: UUID, owners: Iterable[UUID], interval: Interval) -> None:
        """Reserve an interval of each owner for a session, so that other sessions do not find it free."""
        for owner in owners:
            self._held[owner].append((session_id, interval))
            self._left[owner] = subtract(self._left.get(owner, []), [interval])

    def free(self, owner: UUID, session_id: UUID) -> list[Interval]:
        """Return the owner's free time for a session. What is reserved for the session itself counts as free."""
        held = self._held[owner]
        if all(holder != session_id for holder, _ in held):
            return self._left.get(owner, [])
        others = merged(interval for holder, interval in held if holder != session_id)
        return subtract(self._free.get(owner, []), others)
