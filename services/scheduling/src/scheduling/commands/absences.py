"""What the use cases about absences are given: time off, closures, and what becomes of the sessions that they hit."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class AddTimeOff:
    """A provider is away from an instant until before another; `reason` is for the provider's own people."""

    starts_at: datetime
    ends_at: datetime
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AddClosure:
    """A clinic, or without one every clinic, is closed on local days, both included."""

    name_en: str
    name_ar: str
    starts_on: date
    ends_on: date
    kind: str = "CLOSURE"
    clinic_id: UUID | None = None
