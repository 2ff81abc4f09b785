"""What the operations and queries of the timeline are given."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class AddEntry:
    """Something happened to a patient; `kind` decides who reads of it."""

    patient_id: UUID
    at: datetime
    kind: str
    ref_kind: str
    ref_id: UUID
    clinic_id: UUID | None = None
    provider_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FindEntries:
    """Which entries are listed; None does not filter. `until` is excluded."""

    kind: str | None = None
    from_: datetime | None = None
    until: datetime | None = None
