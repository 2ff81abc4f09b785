"""The requested place and time of a session, and a manager's override for it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from jalsa.service.commands import UNSET, Unset


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """A manager's override of rules. The reason is stored and audited."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedPlacement:
    """The requested placement of a new session. The service type is a code.

    Without `duration_minutes`, the session has the default duration of its service type. A `walk_in` may have started
    up to `domain.WALK_IN_MINUTES` ago.
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
    """The requested new placement of an existing session. Values that are not given stay as they are."""

    provider_id: UUID | Unset = UNSET
    room_id: UUID | Unset | None = UNSET
    starts_at: datetime | Unset = UNSET
    duration_minutes: int | Unset = UNSET
    reason: str | None = None
    override: Override | None = None
