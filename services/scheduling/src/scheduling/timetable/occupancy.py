"""What a session takes up, or would take up, and how two of them get in each other's way. No I/O."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from scheduling.timetable.intervals import Interval, overlaps, widened


@dataclass(frozen=True)
class Meeting:
    """What two sessions that are too near to each other have in common: the time itself, the provider, the room.

    Where their times do not overlap, only their buffers do.
    """

    times: bool
    provider: bool
    room: bool


@dataclass(frozen=True, kw_only=True)
class Occupancy:
    """A clinic's provider, and a room if there is one, from the start to the end of a session, with its buffers.

    Instants are UTC.
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
        """From the start to the end."""
        return self.starts_at, self.ends_at

    @property
    def blocked(self) -> Interval:
        """The time in which the provider and the room are taken up."""
        return widened(self.time, *(timedelta(minutes=m) for m in self._buffers))

    @property
    def _buffers(self) -> tuple[int, int]:
        return self.buffer_before_minutes, self.buffer_after_minutes

    def meeting(self, other: "Occupancy") -> Meeting | None:
        """What this and another have in common; None where they are far enough from each other."""
        if not overlaps(self.blocked, other.blocked):
            return None
        return Meeting(
            times=overlaps(self.time, other.time),
            provider=self.provider_id == other.provider_id,
            room=self.room_id is not None and self.room_id == other.room_id,
        )
