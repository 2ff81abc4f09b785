"""The gate limits how many requests use the database at the same time, and how many wait for their turn.

A request that waits holds a thread, but no connection, and there are more threads than may use and wait. So a thread is
always left for liveness, readiness and refusals.
"""

import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from operator import itemgetter

#: Seconds for which a route that hung is let in one at a time. A request of it that succeeds ends that.
STUCK_FOR = 3.0


class NoPlace(Exception):
    """Nobody made room in time, or it would have been in vain to wait."""


@dataclass
class _Turn:
    """A request that waits, and whether it has its place by now or is refused."""

    route: str
    told: threading.Event = field(default_factory=threading.Event)
    refused: bool = False


class Gate:
    """Admits `places` requests at once. Up to `waiting` more wait for theirs, for `patience` seconds at most.

    One route cannot take the last places from the others. Of a route whose request hung, because a table is locked or a
    statement takes too long, one at a time is let in until one succeeds. All such routes together have half of the
    places. So what hangs holds up nothing but itself. Where as many wait as may, the last of the route with the longest
    line gives way to a request of a route with a shorter one. So no crowd keeps the others from waiting.
    """

    def __init__(self, places: int, *, waiting: int, patience: float) -> None:
        self.places, self.waiting, self.patience = places, waiting, patience
        self._share = places - max(1, places // 4) if places > 1 else 1
        self._share_of_stuck = max(1, places // 2)
        self._lock = threading.Lock()
        self._inside: Counter[str] = Counter()
        self._stuck: dict[str, float] = {}
        self._queue: deque[_Turn] = deque()

    @contextmanager
    def place(self, route: str) -> Iterator[None]:
        """A place for as long as the context lasts. Raises NoPlace where there is none in time."""
        self._enter(route)
        try:
            yield
        finally:
            self._leave(route)

    def hung(self, route: str) -> None:
        """A request of this route waited in vain. Whoever waits to do the same is refused."""
        with self._lock:
            self._stuck[route] = time.monotonic() + STUCK_FOR
            for turn in [turn for turn in self._queue if turn.route == route]:
                self._refuse(turn)

    def went_through(self, route: str) -> None:
        """A request of this route was done."""
        if route in self._stuck:
            with self._lock:
                self._stuck.pop(route, None)

    def _enter(self, route: str) -> None:
        with self._lock:
            if self._fits(route):
                self._inside[route] += 1
                return
            if self._is_stuck(route):
                raise NoPlace
            if len(self._queue) >= self.waiting:
                self._make_room(route)
            turn = _Turn(route)
            self._queue.append(turn)
        if not turn.told.wait(self.patience):
            with self._lock:
                if turn in self._queue:
                    self._queue.remove(turn)
                    raise NoPlace
        if turn.refused:
            raise NoPlace

    def _make_room(self, route: str) -> None:
        """Let the last of the longest line go. Raises NoPlace where this route's own would be as long then."""
        lines = Counter(turn.route for turn in self._queue)
        longest, length = max(lines.items(), key=itemgetter(1), default=("", 0))
        if length <= lines[route] + 1:
            raise NoPlace
        self._refuse(next(turn for turn in reversed(self._queue) if turn.route == longest))

    def _refuse(self, turn: _Turn) -> None:
        self._queue.remove(turn)
        turn.refused = True
        turn.told.set()

    def _leave(self, route: str) -> None:
        with self._lock:
            self._inside[route] -= 1
            if not self._inside[route]:
                del self._inside[route]
            for turn in self._queue:
                if self._fits(turn.route):
                    self._queue.remove(turn)
                    self._inside[turn.route] += 1
                    turn.told.set()
                    return

    def _fits(self, route: str) -> bool:
        if self._inside.total() >= self.places:
            return False
        if not self._is_stuck(route):
            return self._inside[route] < self._share
        return not self._inside[route] and self._inside_stuck() < self._share_of_stuck

    def _inside_stuck(self) -> int:
        return sum(count for route, count in self._inside.items() if self._is_stuck(route))

    def _is_stuck(self, route: str) -> bool:
        until = self._stuck.get(route)
        if until is None:
            return False
        if until < time.monotonic():
            del self._stuck[route]
            return False
        return True
