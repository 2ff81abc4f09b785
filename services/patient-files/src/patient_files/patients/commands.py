"""What the operations on patients are given. A phone is E.164, and a date has no zone."""

from dataclasses import dataclass
from datetime import date

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
