"""What the operations on files are given."""

from dataclasses import dataclass
from uuid import UUID

from jalsa.service.commands import UNSET, Unset


@dataclass(frozen=True, slots=True, kw_only=True)
class BookSubFile:
    """A patient has an appointment in a clinic, with this provider, and so needs a sub-file there."""

    appointment_id: UUID
    appointment_number: str
    patient_id: UUID
    clinic_id: UUID
    clinic_code: str
    provider_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSubFile:
    """Open a patient's file in a clinic by hand, with the provider who is responsible for it."""

    clinic_id: UUID
    assigned_provider_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeSubFile:
    """Change what is given of a sub-file."""

    assigned_provider_id: UUID | Unset = UNSET


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveReason:
    """Close or reopen a sub-file, with the reason in words."""

    reason: str
