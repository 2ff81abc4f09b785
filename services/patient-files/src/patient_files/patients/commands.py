"""What the operations on patients are given. A phone is E.164, and a date has no zone."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from jalsa.service.commands import UNSET, Unset
from patient_files.patients.rules.births import Birth
from patient_files.patients.rules.identifiers import Identifier
from patient_files.patients.rules.names import KNOWN
from patient_files.patients.rules.phones import Phone


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenPhone:
    """A telephone number, perhaps with what it is for in the patient's words."""

    phone: Phone
    label: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenMother:
    """The mother of a newborn: a patient of the tenant, or somebody of whom the name is known."""

    patient_id: UUID | None = None
    name_en: str | None = None
    name_ar: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveRight:
    """A right to consent for a patient, on the local days `valid_from` through `valid_to`. `document` proves it."""

    basis: str
    document: str | None = None
    valid_from: date
    valid_to: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AddGuardian:
    """Let somebody speak for a patient. For a patient of the tenant, what is not given is taken from the record."""

    relation: str
    patient_id: UUID | None = None
    name_en: str | None = None
    name_ar: str | None = None
    phone: Phone | None = None
    email: str | None = None
    language: str | None = None
    receives_messages: bool = False
    primary: bool = False
    rights: tuple[GiveRight, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateGuardian:
    """Change what is known of a guardian."""

    relation: str | Unset = UNSET
    name_en: str | Unset | None = UNSET
    name_ar: str | Unset | None = UNSET
    phone: Phone | Unset | None = UNSET
    email: str | Unset | None = UNSET
    language: str | Unset | None = UNSET
    receives_messages: bool | Unset = UNSET
    primary: bool | Unset = UNSET


@dataclass(frozen=True, slots=True, kw_only=True)
class EndGuardian:
    """Let a guardian speak for the patient no longer, from a local day on; today unless it is given."""

    ended_on: date | None = None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterPatient:
    """Take a person into the tenant's care.

    `identity_status` is KNOWN, NEWBORN or UNKNOWN. `birth` may be absent of who is UNKNOWN, and the sex may be U unless
    somebody is KNOWN.
    """

    first_name_en: str | None = None
    father_name_en: str | None = None
    grandfather_name_en: str | None = None
    last_name_en: str | None = None
    first_name_ar: str | None = None
    father_name_ar: str | None = None
    grandfather_name_ar: str | None = None
    last_name_ar: str | None = None
    identity_status: str = KNOWN
    birth: Birth | None = None
    sex: str
    nationality: str | None = None
    identifiers: tuple[Identifier, ...] = ()
    phones: tuple[GivenPhone, ...] = ()
    email: str | None = None
    preferred_language: str
    mother: GivenMother | None = None
    birth_order: int | None = None
    guardians: tuple[AddGuardian, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdatePatient:
    """Change what was given of a patient; `active` is False once the patient's care here has ended.

    `phone` replaces the first telephone number, and `phones` all of them. `national_id` replaces what `national_id`
    answers. `reason` is why what identifies the patient is corrected, or why the record is or is no longer restricted.
    """

    first_name_en: str | Unset | None = UNSET
    father_name_en: str | Unset | None = UNSET
    grandfather_name_en: str | Unset | None = UNSET
    last_name_en: str | Unset | None = UNSET
    first_name_ar: str | Unset | None = UNSET
    father_name_ar: str | Unset | None = UNSET
    grandfather_name_ar: str | Unset | None = UNSET
    last_name_ar: str | Unset | None = UNSET
    phone: Phone | Unset | None = UNSET
    phones: tuple[GivenPhone, ...] | Unset = UNSET
    email: str | Unset | None = UNSET
    preferred_language: str | Unset = UNSET
    active: bool | Unset = UNSET
    birth: Birth | Unset = UNSET
    sex: str | Unset = UNSET
    national_id: Identifier | Unset | None = UNSET
    nationality: str | Unset | None = UNSET
    deceased_on: date | Unset | None = UNSET
    restricted: bool | Unset = UNSET
    reason: str | None = None

    @property
    def corrects(self) -> bool:
        """Whether it touches what tells a patient from others."""
        identifying = (self.birth, self.sex, self.national_id, self.nationality, self.deceased_on)
        return any(each is not UNSET for each in identifying)


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentifyPatient:
    """Say who somebody is who was registered as a newborn or as unknown. What is not given stays as it is."""

    first_name_en: str | Unset | None = UNSET
    father_name_en: str | Unset | None = UNSET
    grandfather_name_en: str | Unset | None = UNSET
    last_name_en: str | Unset | None = UNSET
    first_name_ar: str | Unset | None = UNSET
    father_name_ar: str | Unset | None = UNSET
    grandfather_name_ar: str | Unset | None = UNSET
    last_name_ar: str | Unset | None = UNSET
    birth: Birth | Unset = UNSET
    sex: str | Unset = UNSET
    nationality: str | Unset | None = UNSET
    identifiers: tuple[Identifier, ...] = ()
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectIdentifier:
    """End an identifier that was wrong, and give the patient the right one."""

    identifier: Identifier
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdraw:
    """End an identifier or an alert, with the reason."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RaiseAlert:
    """Warn of something with a patient: `audience` ALL is for whoever meets the patient, CLINICAL for who treats."""

    kind: str
    text: str
    audience: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FindPatients:
    """Which patients are listed: all, or the one with a file number."""

    file_number: str | None = None
