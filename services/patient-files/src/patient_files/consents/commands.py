"""What the operations on consents are given. A date has no zone."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveConsent:
    """Store a signed consent: to one clinic, or to all without `clinic_id`.

    `expires_on` is the last day on which it is valid, by the clock of its clinic; None where it has no end.
    """

    patient_id: UUID
    consent_type: str
    clinic_id: UUID | None = None
    signed_by: str
    signed_at: datetime
    expires_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeConsent:
    """End a consent, perhaps with the reason in words."""

    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FindConsents:
    """Which consents are listed; None does not filter. `state` is VALID, EXPIRED or REVOKED."""

    patient_id: UUID | None = None
    consent_type: str | None = None
    clinic_id: UUID | None = None
    state: str | None = None
