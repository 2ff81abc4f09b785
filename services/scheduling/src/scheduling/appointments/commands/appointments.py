"""Appointments, which are the spots of participants: book, change, reschedule, cancel, check in, list."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from jalsa.service.commands import UNSET, Unset
from scheduling.appointments.commands.placements import NewPlacement, Override, WantedPlacement


@dataclass(frozen=True, slots=True, kw_only=True)
class BookAppointment(WantedPlacement):
    """An individual session together with its participant."""

    patient_id: UUID
    notes: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BookParticipant:
    """A spot for a patient in a session that exists. The override is of an absence, or of the start in the past."""

    patient_id: UUID
    notes: str | None = None
    walk_in: bool = False
    override: Override | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeParticipant:
    """The notes of a participant."""

    notes: str | Unset | None = UNSET


@dataclass(frozen=True, slots=True, kw_only=True)
class RescheduleParticipant(NewPlacement):
    """Another session of the same service type, or another placement for the participant's individual session."""

    session_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EndAppointment:
    """Why an appointment is cancelled, or a patient is a no-show; by a manager also when it is not the time for it."""

    reason: str | None = None
    override: Override | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckIn:
    """The patient has arrived. A manager's override lifts the blockers."""

    override: Override | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FindAppointments:
    """Which appointments are listed, in the order of their start.

    They start from `starts_from` on and before `starts_before`. Those are instants, or local days of each clinic, of
    which the last is included. The text is a part of the appointment number; the service type is a code.
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
    """Whose arrivals are listed: those in a clinic."""

    clinic_id: UUID
