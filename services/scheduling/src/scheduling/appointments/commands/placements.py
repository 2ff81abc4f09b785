"""Where and when a session is to be, and what a manager overrides for it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from jalsa.service.commands import UNSET, Unset


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """A manager overrides rules; the reason is kept and audited."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedPlacement:
    """A placement for a new session. The service type is a code, whose default duration counts unless one is given.

    A `walk_in` may have started `domain.WALK_IN_MINUTES` ago.
    """

    clinic_id: UUID
    provider_id: UUID
    room_id: UUID | None = None
    service_type: str
    starts_at: datetime
    duration_minutes: int | None = None
    walk_in: bool = False
    override: Override | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPlacement:
    """Another placement for a session that exists. What is not given stays as it is."""

    provider_id: UUID | Unset = UNSET
    room_id: UUID | Unset | None = UNSET
    starts_at: datetime | Unset = UNSET
    duration_minutes: int | Unset = UNSET
    reason: str | None = None
    override: Override | None = None
