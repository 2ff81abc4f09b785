"""Commands for appointments, which are the spots of participants: book, change, reschedule, cancel, check in, list."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from jalsa.service.commands import UNSET, Unset
from scheduling.appointments.commands.placements import NewPlacement, Override, WantedPlacement


@dataclass(frozen=True, slots=True, kw_only=True)
class BookAppointment(WantedPlacement):
    """Book an individual session together with its participant."""

    patient_id: UUID
    notes: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BookParticipant:
    """Book a spot for a patient in an existing session.

    The override concerns an absence, or a start in the past.
    """

    patient_id: UUID
    notes: str | None = None
    walk_in: bool = False
    override: Override | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeParticipant:
    """Change the notes of a participant."""

    notes: str | Unset | None = UNSET


@dataclass(frozen=True, slots=True, kw_only=True)
class RescheduleParticipant(NewPlacement):
    """Move a participant to another session of the same service type, or move the participant's individual session."""

    session_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EndAppointment:
    """Cancel an appointment or record a no-show, with a reason.

    A manager may override the time at which this is allowed.
    """

    reason: str | None = None
    override: Override | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckIn:
    """Check in a patient who has arrived. A manager can override the blockers."""

    override: Override | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FindAppointments:
    """Filters of the list of appointments, which is ordered by their start.

    Appointments start at or after `starts_from` and before `starts_before`. Both are either instants, or local days of
    each clinic, of which the last is included. The text is a part of the appointment number. The service type is a
    code.
    """

    patient_id: UUID | None = None
    package_id: UUID | None = None
    clinic_id: UUID | None = None
    provider_id: UUID | None = None
    service_type: str | None = None
    status: str | None = None
    starts_from: date | datetime | None = None
    starts_before: date | datetime | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FindQueue:
    """Filter of the list of arrivals: the clinic."""

    clinic_id: UUID
