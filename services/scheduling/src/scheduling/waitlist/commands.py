"""Commands for the waitlist: add and change entries, accept offers, list."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from jalsa.service.commands import UNSET, Unset
from scheduling.appointments.commands.placements import Override


@dataclass(frozen=True, slots=True, kw_only=True)
class AddEntry:
    """Put a patient on the waitlist for one session, or for any session of a service type that meets the wishes.

    The service type is a code. Weekdays are 0 (Sunday) to 6. The part of the day and the days are in the clinic's zone.
    Priority 1 is the most urgent, and 5 the least.
    """

    patient_id: UUID
    session_id: UUID | None = None
    service_type: str | None = None
    clinic_id: UUID | None = None
    provider_id: UUID | None = None
    weekdays: Sequence[int] = ()
    part_of_day: str | None = None
    from_date: date | None = None
    until_date: date | None = None
    priority: int = 3
    notes: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeEntry:
    """Change an entry. Only an entry for a service type has wishes."""

    clinic_id: UUID | Unset | None = UNSET
    provider_id: UUID | Unset | None = UNSET
    weekdays: Sequence[int] | Unset = UNSET
    part_of_day: str | Unset | None = UNSET
    from_date: date | Unset | None = UNSET
    until_date: date | Unset | None = UNSET
    priority: int | Unset = UNSET
    notes: str | Unset | None = UNSET


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptOffer:
    """Accept the spot that is offered. The override concerns an absence."""

    override: Override | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FindEntries:
    """Filters of the list of entries. The service type is a code.

    The attention `unreachable` selects patients who were passed over because they could not be contacted, and still
    cannot be.
    """

    session_id: UUID | None = None
    service_type: str | None = None
    clinic_id: UUID | None = None
    patient_id: UUID | None = None
    status: str | None = None
    attention: str | None = None
