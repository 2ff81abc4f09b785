"""What the operations on encounters are given. Instants have a zone."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from jalsa.service.commands import UNSET, Unset


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenEncounter:
    """Open an encounter by hand, as PLANNED, ARRIVED or IN_PROGRESS.

    `started_at` is now where it is not given. `documentation_complete` is for one without an appointment.
    """

    patient_id: UUID
    provider_id: UUID | None = None
    clinic_id: UUID | None = None
    encounter_type: str
    encounter_class: str
    status: str
    started_at: datetime | None = None
    location: str | None = None
    room_number: str | None = None
    appointment_id: UUID | None = None
    admission_id: UUID | None = None
    priority: str
    acuity_level: int | None = None
    documentation_complete: bool = False
    billable: bool = True
    billing_codes: Sequence[dict[str, object]] = ()
    quality_measures: dict[str, object] = field(default_factory=dict)
    chief_complaint: str | None = None
    reason_for_visit: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateEncounter:
    """Change what was given of an encounter."""

    provider_id: UUID | Unset | None = UNSET
    clinic_id: UUID | Unset | None = UNSET
    encounter_type: str | Unset = UNSET
    encounter_class: str | Unset = UNSET
    started_at: datetime | Unset = UNSET
    location: str | Unset | None = UNSET
    room_number: str | Unset | None = UNSET
    admission_id: UUID | Unset | None = UNSET
    priority: str | Unset = UNSET
    acuity_level: int | Unset | None = UNSET
    documentation_complete: bool | Unset = UNSET
    billable: bool | Unset = UNSET
    billing_codes: Sequence[dict[str, object]] | Unset = UNSET
    quality_measures: dict[str, object] | Unset = UNSET
    chief_complaint: str | Unset | None = UNSET
    reason_for_visit: str | Unset | None = UNSET


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveOn:
    """When a patient arrived, or an encounter ended; now where it is not given."""

    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelEncounter:
    """Cancel an encounter, perhaps with the reason in words."""

    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Correct:
    """Take an encounter, or its sign-off, back as a mistake, with the reason in words."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveToPatient:
    """Give an encounter to the patient whose it is."""

    patient_id: UUID
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeEncounter:
    """Let an encounter that was opened twice be read as the other one, `into`."""

    into: UUID
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FindEncounters:
    """Which encounters are listed; None does not filter. `from_` and `until` bound the start; `until` is excluded."""

    ids: Sequence[UUID] | None = None
    patient_id: UUID | None = None
    provider_id: UUID | None = None
    clinic_id: UUID | None = None
    appointment_id: UUID | None = None
    encounter_number: str | None = None
    status: str | None = None
    from_: datetime | None = None
    until: datetime | None = None
