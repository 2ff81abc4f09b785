"""What a session occupies, or would occupy, and how two sessions conflict. No I/O."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from scheduling.timetable.intervals import Interval, overlaps, widened


@dataclass(frozen=True)
class Meeting:
    """What two sessions that are too near to each other share: the time itself, the provider, the room.

    Where `times` is false, only their buffers overlap.
    """

    times: bool
    provider: bool
    room: bool


@dataclass(frozen=True, kw_only=True)
class Occupancy:
    """The provider, and perhaps the room, of a clinic from the start to the end of a session, with its buffers.

    The instants are UTC.
    """

    clinic_id: UUID
    timezone: str
    provider_id: UUID
    room_id: UUID | None
    starts_at: datetime
    ends_at: datetime
    buffer_before_minutes: int = 0
    buffer_after_minutes: int = 0

    @property
    def time(self) -> Interval:
        """The time from the start to the end."""
        return self.starts_at, self.ends_at

    @property
    def blocked(self) -> Interval:
        """The time in which the provider and the room are occupied, buffers included."""
        return widened(self.time, *(timedelta(minutes=m) for m in self._buffers))

    @property
    def _buffers(self) -> tuple[int, int]:
        return self.buffer_before_minutes, self.buffer_after_minutes

    def meeting(self, other: "Occupancy") -> Meeting | None:
        """Return what this placement and another one share, or None where they are far enough from each other."""
        if not overlaps(self.blocked, other.blocked):
            return None
        return Meeting(
            times=overlaps(self.time, other.time),
            provider=self.provider_id == other.provider_id,
            room=self.room_id is not None and self.room_id == other.room_id,
        )
