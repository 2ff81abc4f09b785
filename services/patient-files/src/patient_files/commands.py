"""What the use cases of patient files are given. A phone is E.164, and a date has no zone."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from jalsa.service.commands import UNSET, Unset


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterPatient:
    """Take a person into the tenant's care."""

    first_name_en: str
    last_name_en: str
    first_name_ar: str | None = None
    last_name_ar: str | None = None
    national_id: str | None = None
    date_of_birth: date
    sex: str
    phone: str | None = None
    email: str | None = None
    preferred_language: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdatePatient:
    """Change what was given of a patient; `active` is False once the patient's care here has ended."""

    first_name_en: str | Unset = UNSET
    last_name_en: str | Unset = UNSET
    first_name_ar: str | Unset | None = UNSET
    last_name_ar: str | Unset | None = UNSET
    phone: str | Unset | None = UNSET
    email: str | Unset | None = UNSET
    preferred_language: str | Unset = UNSET
    active: bool | Unset = UNSET


@dataclass(frozen=True, slots=True, kw_only=True)
class FindPatients:
    """Which patients are listed: all, or the one with a file number."""

    file_number: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSubFile:
    """Open a patient's file in a clinic, with the provider who is responsible for it."""

    patient_id: UUID
    clinic_id: UUID
    clinic_code: str
    provider_id: UUID


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
