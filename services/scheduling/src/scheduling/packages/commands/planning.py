"""Commands for packages: plan, create, schedule, find."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from jalsa.service.commands import UNSET, Unset


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionProvider:
    """The provider who is to hold the session with a number."""

    session_number: int
    provider_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPlacement:
    """The requested place and time of the session with a number. A session without a start is not scheduled.

    `starts_at` is in UTC. A placement with a start has a provider. Without `room_id`, the room is that of the package.
    """

    session_number: int
    starts_at: datetime | None
    provider_id: UUID | None
    room_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanPackage:
    """Plan a number of sessions of one service for one patient.

    The days are local days of the clinic, both included. Without an end, the period is OPEN_PERIOD_DAYS long. Preferred
    days are 0 = Sunday … 6 = Saturday, and empty for any day. The preferred time is HH:MM by the clinic's clock, or a
    part of the day. Without a duration, each session lasts as many minutes as the service type says. `provider_id`
    holds every session for which no other provider is assigned.
    """

    patient_id: UUID
    clinic_id: UUID
    service_type: str
    total_sessions: int
    start_date: date
    end_date: date | None = None
    preferred_days: Sequence[int] = ()
    preferred_time: str | None = None
    gap_days: int = 1
    tolerance_days: int = 0
    session_duration_minutes: int | None = None
    use_multiple_providers: bool = False
    provider_id: UUID | None = None
    provider_assignments: Sequence[SessionProvider] = ()
    room_id: UUID | None = None
    room_required: bool = False
    auto_schedule: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatePackage(PlanPackage):
    """Store a planned package and schedule its sessions at the given `placements`, or else by a new plan.

    With `all_or_nothing`, nothing is stored unless every session can be scheduled.
    """

    all_or_nothing: bool = False
    placements: Sequence[SessionPlacement] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulePackage:
    """Schedule sessions of a package that have no appointment.

    These are the sessions in `session_numbers`, or those in `placements`, or else all that are outstanding. Given
    values for the period and for the preferred times replace those of the package.
    """

    start_date: date | Unset = UNSET
    end_date: date | Unset | None = UNSET
    preferred_days: Sequence[int] | Unset = UNSET
    preferred_time: str | Unset | None = UNSET
    gap_days: int | Unset = UNSET
    tolerance_days: int | Unset = UNSET
    session_numbers: Sequence[int] = ()
    all_or_nothing: bool = False
    placements: Sequence[SessionPlacement] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FindPackages:
    """Filters of the list of packages, and the `order` of their creation, asc or desc.

    The service type is a code. The provider holds at least one of the sessions.
    """

    order: str = "asc"
    patient_id: UUID | None = None
    clinic_id: UUID | None = None
    provider_id: UUID | None = None
    service_type: str | None = None
    status: str | None = None
    package_number: str | None = None
