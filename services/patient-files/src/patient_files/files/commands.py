"""What the operations on files are given."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSubFile:
    """Open a patient's file in a clinic, with the provider who is responsible for it."""

    patient_id: UUID
    clinic_id: UUID
    clinic_code: str
    provider_id: UUID
