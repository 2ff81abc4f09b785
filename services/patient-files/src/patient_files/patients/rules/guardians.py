"""Who may consent for a patient, and to whom messages about the patient go."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from patient_files.patients.rules.births import Majority

#: What a person is to the patient.
RELATIONS = (
    *("MOTHER", "FATHER", "GRANDPARENT", "SIBLING", "SPOUSE", "CHILD", "RELATIVE"),
    *("LEGAL_GUARDIAN", "CAREGIVER", "OTHER"),
)
MOTHER = "MOTHER"
NATURAL_GUARDIAN, COURT_ORDER = "NATURAL_GUARDIAN", "COURT_ORDER"
POWER_OF_ATTORNEY, DELEGATION = "POWER_OF_ATTORNEY", "DELEGATION"
#: On what a right to consent rests.
BASES = (NATURAL_GUARDIAN, COURT_ORDER, POWER_OF_ATTORNEY, DELEGATION)

#: Whom to tell about a patient's appointments.
PATIENT, CONTACTS = "PATIENT", "CONTACTS"
TELLS = (PATIENT, CONTACTS)


@dataclass(frozen=True, slots=True)
class ConsentRight:
    """A right to consent for a patient, on the local days `valid_from` through `valid_to`; None has no end."""

    basis: str
    valid_from: date
    valid_to: date | None = None


def may_consent(rights: Iterable[ConsentRight], day: date, majority: Majority | None) -> bool:
    """Whether a guardian with these rights may sign for a patient on a local day.

    A right ends when the patient is certainly of age, unless a court's order says a later day. `majority` is None where
    nobody knows when the patient was born, and so whether the patient is of age.
    """
    of_age = majority is not None and day >= majority.certain_on
    return any(_holds(right, day) and (not of_age or _outlasts(right, majority)) for right in rights)


def patient_may_consent(day: date, majority: Majority | None) -> bool:
    """Whether the patient may be of age on a local day, and so may sign."""
    return majority is None or day >= majority.possible_on


def is_minor(day: date, majority: Majority | None) -> bool:
    """Whether a patient is not certainly of age; nobody is taken for a minor whose age is unknown."""
    return majority is not None and day < majority.certain_on


def tell(*, minor: bool, a_guardian_receives_messages: bool) -> str:
    """Whom to tell about the appointments of a patient."""
    return CONTACTS if minor and a_guardian_receives_messages else PATIENT


def _holds(right: ConsentRight, day: date) -> bool:
    return right.valid_from <= day and (right.valid_to is None or day <= right.valid_to)


def _outlasts(right: ConsentRight, majority: Majority | None) -> bool:
    """Whether it is a court's order that reaches beyond the majority by its own words."""
    if right.basis != COURT_ORDER or right.valid_to is None or majority is None:
        return False
    return right.valid_to >= majority.certain_on
