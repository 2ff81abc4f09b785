"""Commands for absences: time off, closures, and what happens to the sessions that they affect."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from jalsa.service.commands import UNSET, Unset
from scheduling.appointments.commands.placements import Override


@dataclass(frozen=True, slots=True, kw_only=True)
class AddTimeOff:
    """Record that a provider is away from one instant until before another.

    `reason` is only for the tenant's own staff.
    """

    starts_at: datetime
    ends_at: datetime
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AddClosure:
    """Record that a clinic, or every clinic if none is given, is closed on local days, both included."""

    name_en: str
    name_ar: str
    starts_on: date
    ends_on: date
    kind: str = "CLOSURE"
    clinic_id: UUID | None = None


#: What can be done with a session that an absence affects.
ACTIONS = SUBSTITUTE, MOVE, CANCEL, KEEP = "SUBSTITUTE", "MOVE", "CANCEL", "KEEP"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeAffectedSession:
    """Decide what happens to one session that an absence affects.

    A substitute without `provider_id`, and a move without `starts_at`, is applied as proposed. Other values that are
    not given stay as they are.
    """

    session_id: UUID
    action: str
    provider_id: UUID | Unset = UNSET
    starts_at: datetime | Unset = UNSET
    room_id: UUID | Unset | None = UNSET

    @property
    def as_proposed(self) -> bool:
        """Whether the proposal is applied."""
        if self.action == SUBSTITUTE:
            return self.provider_id is UNSET
        return self.action == MOVE and self.starts_at is UNSET


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyProposals:
    """Apply decisions for several sessions that an absence affects, with a reason. A manager may override rules."""

    items: Sequence[ChangeAffectedSession]
    reason: str | None = None
    override: Override | None = None
