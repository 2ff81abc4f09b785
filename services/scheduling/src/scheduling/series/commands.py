"""Commands for series of group sessions and for their rosters."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from uuid import UUID

from scheduling.appointments.commands.placements import Override, WantedPlacement
from scheduling.appointments.commands.sessions import SessionDetails
from scheduling.domain import GROUP


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateSeries:
    """Create a group session that recurs by an RFC 5545 rule, except on the local days in `exceptions`.

    `starts_on` and `start_time` are in the clinic's zone. With `skip_conflicts`, occurrences that conflict become
    exceptions.
    """

    clinic_id: UUID
    provider_id: UUID
    room_id: UUID | None = None
    service_type: str
    duration_minutes: int | None = None
    override: Override | None = None
    starts_on: date
    start_time: time
    rrule: str
    exceptions: Sequence[date] = ()
    max_capacity: int
    min_participants: int | None = None
    group_notes: str | None = None
    skip_conflicts: bool = False

    def placement_at(self, starts_at: datetime) -> WantedPlacement:
        """The placement of an occurrence that starts at an instant."""
        return WantedPlacement(
            clinic_id=self.clinic_id,
            provider_id=self.provider_id,
            room_id=self.room_id,
            service_type=self.service_type,
            starts_at=starts_at,
            duration_minutes=self.duration_minutes,
            override=self.override,
        )

    @property
    def details(self) -> SessionDetails:
        """The details of each session apart from its placement."""
        return SessionDetails(
            session_type=GROUP,
            max_capacity=self.max_capacity,
            min_participants=self.min_participants,
            group_notes=self.group_notes,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FindSeries:
    """Filters of the list of series. The service type is a code."""

    clinic_id: UUID | None = None
    provider_id: UUID | None = None
    service_type: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinSeries:
    """Add a patient to the roster of a series, from a local day on or from today. Every appointment gets the notes.

    With `skip_conflicts`, sessions in which the patient cannot be booked are left out.
    """

    patient_id: UUID
    from_date: date | None = None
    notes: str | None = None
    skip_conflicts: bool = False
    override: Override | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaveSeries:
    """Remove a patient from the roster of a series.

    `from_date`, or today, is the first local day without the patient.
    """

    from_date: date | None = None
    reason: str | None = None
