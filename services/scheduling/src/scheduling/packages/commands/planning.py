"""What the use cases of packages are given: plan, create, schedule, find."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from jalsa.service.commands import UNSET, Unset


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionProvider:
    """Who is to hold the session of that number."""

    session_number: int
    provider_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPlacement:
    """Where and when the session of that number is to be; without a start, it is not scheduled.

    `starts_at` is in UTC. Whatever has a start has a provider. The room is the package's unless another is named.
    """

    session_number: int
    starts_at: datetime | None
    provider_id: UUID | None
    room_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanPackage:
    """So many sessions of one service for one patient, and when they should be.

    The days are the clinic's, both included; without an end, OPEN_PERIOD_DAYS from the start count. Preferred days are
    0 = Sunday … 6 = Saturday, none means any; the preferred time is HH:MM by the clinic's clock, or a part of the day.
    Each session lasts as many minutes as the service type says, unless a duration is named. `provider_id` holds every
    session for which no other provider is assigned.
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
    """Store a planned package and schedule its sessions: at the `placements` that are named, else by a new plan.

    With `all_or_nothing`, nothing is stored unless every session can be scheduled.
    """

    all_or_nothing: bool = False
    placements: Sequence[SessionPlacement] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulePackage:
    """Schedule sessions of a package that have no appointment.

    They are those with `session_numbers`, or those that have `placements`, or else all that are owed. What is given of
    the period and the preferred times holds from now on.
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
    """Which packages are listed, in the `order` in which they were made: asc, or desc.

    The service type is a code; the provider holds any of the sessions.
    """

    order: str = "asc"
    patient_id: UUID | None = None
    clinic_id: UUID | None = None
    provider_id: UUID | None = None
    service_type: str | None = None
    status: str | None = None
    package_number: str | None = None
