"""What the use cases about absences are given: time off, closures, and what becomes of the sessions that they hit."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from jalsa.service.commands import UNSET, Unset
from scheduling.appointments.commands.placements import Override


@dataclass(frozen=True, slots=True, kw_only=True)
class AddTimeOff:
    """A provider is away from an instant until before another; `reason` is for the provider's own people."""

    starts_at: datetime
    ends_at: datetime
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AddClosure:
    """A clinic, or without one every clinic, is closed on local days, both included."""

    name_en: str
    name_ar: str
    starts_on: date
    ends_on: date
    kind: str = "CLOSURE"
    clinic_id: UUID | None = None


#: What can become of a session that an absence hits.
ACTIONS = SUBSTITUTE, MOVE, CANCEL, KEEP = "SUBSTITUTE", "MOVE", "CANCEL", "KEEP"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeAffectedSession:
    """What becomes of one session that an absence hits.

    A substitute without `provider_id`, and a move without `starts_at`, is as proposed. What else is not given stays.
    """

    session_id: UUID
    action: str
    provider_id: UUID | Unset = UNSET
    starts_at: datetime | Unset = UNSET
    room_id: UUID | Unset | None = UNSET

    @property
    def as_proposed(self) -> bool:
        """Whether it takes what is proposed."""
        if self.action == SUBSTITUTE:
            return self.provider_id is UNSET
        return self.action == MOVE and self.starts_at is UNSET


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyProposals:
    """What becomes of several sessions that an absence hits, and why; by a manager also in spite of rules."""

    items: Sequence[ChangeAffectedSession]
    reason: str | None = None
    override: Override | None = None
