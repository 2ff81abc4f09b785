"""Commands that change a package: book or cancel one session, shift, substitute, pause, resume."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from jalsa.service.commands import UNSET, Unset
from scheduling.appointments.commands.placements import Override


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulePackageSession:
    """Book one session of a package that has no appointment, at a given time in UTC.

    Unless others are given, the provider is the one to whom the session is assigned, and the room is that of the
    package.
    """

    starts_at: datetime
    provider_id: UUID | Unset = UNSET
    room_id: UUID | Unset | None = UNSET
    reason: str | None = None
    override: Override | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelPackageSession:
    """Give up one session of a package. With `owed`, it is to be made up for later."""

    reason: str | None = None
    owed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftPackage:
    """Move the appointments from a session number on.

    They move either by a number of local `days`, later or earlier, or by a new plan from the local day `start_date` on.
    With `all_or_nothing`, nothing changes unless every session can be moved.
    """

    from_session_number: int
    days: int | None = None
    start_date: date | None = None
    reason: str | None = None
    all_or_nothing: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class SubstituteProvider:
    """Assign the sessions from one number to another, or to the last of the package, to another provider.

    With `all_or_nothing`, nothing changes unless the provider can hold every appointment among them.
    """

    provider_id: UUID
    from_session_number: int
    to_session_number: int | None = None
    reason: str | None = None
    all_or_nothing: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class PausePackage:
    """Pause a package by giving up its appointments from a local day on, or from today."""

    from_date: date | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumePackage:
    """Resume a paused package from a local day on, or from today.

    Without `end_date`, the end of its period moves by as many days as the package was paused.
    """

    start_date: date | None = None
    end_date: date | Unset | None = UNSET
    auto_schedule: bool = True
    all_or_nothing: bool = False
