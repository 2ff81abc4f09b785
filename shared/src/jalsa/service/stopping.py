"""How the loops of a worker are told to end, and how it is seen that one of them hangs."""

import threading
import time
from typing import Protocol


class Stop(Protocol):
    """The signal by which a loop is asked to end. A loop checks it at least once a round, also during long work."""

    def is_set(self) -> bool:
        """Whether the loop is to end."""

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for at most so many seconds. Returns whether the loop is to end."""


class Round:
    """A loop's own view of the worker's stop. Whenever the loop asks, it has come round. While it waits, it rests."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._due = time.monotonic()

    def is_set(self) -> bool:
        """Whether the loop is to end."""
        self._due = time.monotonic()
        return self._stop.is_set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for at most so many seconds. Returns whether the loop is to end."""
        self._due = time.monotonic() + (timeout or 0)
        ended = self._stop.wait(timeout)
        self._due = time.monotonic()
        return ended

    def late(self) -> float:
        """For how many seconds the loop has not come round. It is not above 0 while it rests."""
        return time.monotonic() - self._due
