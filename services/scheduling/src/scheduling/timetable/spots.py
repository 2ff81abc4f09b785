"""How many spots of a session are taken, held by open offers, and free."""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

_SPOTS = text("""
    SELECT s.id, o.capacity, o.taken, o.held FROM sessions s, spots_of(s.id, s.max_capacity) AS o
    WHERE s.id = ANY (CAST(:ids AS uuid[]))
""")


@dataclass(frozen=True)
class Spots:
    """The spots of a session: all of them, those taken by live participants, and those held by open offers."""

    capacity: int
    taken: int
    held: int

    @property
    def in_use(self) -> int:
        """The number of spots that are taken or held."""
        return self.taken + self.held

    @property
    def available(self) -> int:
        """The number of spots that can be booked. It is never negative."""
        return max(self.capacity - self.in_use, 0)

    @property
    def full(self) -> bool:
        """Whether no spot can be booked."""
        return self.available == 0

    def with_one_more(self) -> "Spots":
        """Return the spots as they are when one more participant has been booked."""
        return Spots(self.capacity, self.taken + 1, self.held)


def spots_of(db: Session, session_ids: Collection[UUID]) -> dict[UUID, Spots]:
    """Return the spots of each session."""
    rows = db.execute(_SPOTS, {"ids": list(session_ids)})
    return {row.id: Spots(row.capacity, row.taken, row.held) for row in rows}
