"""What the operations on consents are given. A date has no zone."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from jalsa.service.commands import UNSET, Unset


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """Who has signed: the patient, or a guardian of the patient. `kind` is PATIENT or GUARDIAN."""

    kind: str
    guardian_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveConsent:
    """Store a signed consent: to one clinic, or to all without `clinic_id`.

    `expires_on` is the last day on which it is valid, by the clock of its clinic; without it the consent lasts as long
    as its type says. `wording_id` is the text that was shown, in `language`. `evidence` says where the proof is.
    """

    patient_id: UUID
    consent_type: str
    clinic_id: UUID | None = None
    signed_by: str
    signed_at: datetime
    expires_on: date | None = None
    wording_id: UUID | None = None
    language: str | None = None
    signer: Signer | None = None
    method: str | None = None
    evidence: str | None = None


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


@dataclass(frozen=True, slots=True, kw_only=True)
class FindDueConsents:
    """Which consents should be given again: those that end within so many days, for one reason or for any."""

    reason: str | None = None
    within_days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AddConsentType:
    """Let patients consent to something more. Consents last `validity_days` after the day of signing."""

    code: str
    name_en: str
    name_ar: str
    validity_days: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeConsentType:
    """Change what is given of a type of consent. Consents that were given already stay as they are."""

    name_en: str | Unset = UNSET
    name_ar: str | Unset = UNSET
    validity_days: int | Unset | None = UNSET
    active: bool | Unset = UNSET


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteWording:
    """Write the next wording of a consent, in one language or in two.

    It holds from the local day `effective_on`. With `requires_resign`, what was signed before counts for `grace_days`
    from that day on.
    """

    text_en: str | None = None
    text_ar: str | None = None
    effective_on: date
    requires_resign: bool
    grace_days: int
