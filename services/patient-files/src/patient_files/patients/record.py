"""What a patient's stored record says: names, birth, contacts, identity, and whom to tell.

Only the age of majority is asked for: it is one of the tenant's settings, which are read once in a transaction.
"""

from datetime import date

from patient_files.models import Alert, Guardian, GuardianRight, Patient, PatientIdentifier, PatientPhone
from patient_files.patients.likeness import Alike
from patient_files.patients.rules import guardians, identifiers, names
from patient_files.patients.rules.births import AgeOfMajority, Birth, Majority, majority
from patient_files.patients.rules.names import DisplayNames, NameParts
from patient_files.settings.queries import settings_for


def name_parts(patient: Patient, script: str) -> NameParts:
    """What is known of the name in a script: en or ar."""
    return NameParts(*(getattr(patient, f"{part}_{script}") for part in names.PARTS))


def display_names(patient: Patient) -> DisplayNames:
    """How the patient is shown. A newborn is shown by the mother, and somebody unknown by the file number."""
    return names.shown(
        patient.identity_status,
        own=names.display_names(name_parts(patient, "en"), name_parts(patient, "ar")),
        mother=names.display_names(NameParts(patient.mother_name_en), NameParts(patient.mother_name_ar)),
        birth_order=patient.birth_order,
        file_number=patient.file.file_number,
    )


def birth_of(patient: Patient) -> Birth | None:
    """When the patient was born, as it was given; None where nobody knows."""
    if (
        patient.birth_calendar is None
        or patient.birth_precision is None
        or patient.birth_value is None
        or patient.born_from is None
        or patient.born_to is None
    ):
        return None
    return Birth(
        patient.birth_calendar, patient.birth_precision, patient.birth_value, patient.born_from, patient.born_to
    )


def set_birth(patient: Patient, birth: Birth | None) -> None:
    """Store when the patient was born."""
    patient.birth_calendar = birth.calendar if birth else None
    patient.birth_precision = birth.precision if birth else None
    patient.birth_value = birth.value if birth else None
    patient.born_from = birth.born_from if birth else None
    patient.born_to = birth.born_to if birth else None


def majority_of(patient: Patient) -> Majority | None:
    """When the patient comes of age, by the tenant's settings; None where nobody knows the birth."""
    birth = birth_of(patient)
    if birth is None:
        return None
    stored = settings_for(patient)
    return majority(birth, AgeOfMajority(stored.age_of_majority, stored.majority_calendar))


def first_phone(patient: Patient) -> PatientPhone | None:
    """The number at position 1, which is called first."""
    return next((each for each in patient.phones if each.position == 1), None)


def current_identifiers(patient: Patient) -> list[PatientIdentifier]:
    """The identifiers that have not ended, in the order in which they were given."""
    return [each for each in patient.identifiers if each.ended_at is None]


def national_id_of(patient: Patient) -> PatientIdentifier | None:
    """The identifier that `national_id` answers."""
    return identifiers.first(current_identifiers(patient))


def current_guardians(patient: Patient) -> list[Guardian]:
    """The guardians who have not ended, the one to be told first before the others."""
    return sorted((each for each in patient.guardians if each.ended_on is None), key=lambda each: not each.is_primary)


def contacts_of(patient: Patient) -> list[Guardian]:
    """The guardians to whom messages about the patient may go."""
    return [each for each in current_guardians(patient) if each.receives_messages]


def current_alerts(patient: Patient) -> list[Alert]:
    """The alerts that hold."""
    return [each for each in patient.alerts if each.ended_at is None]


def guardian_phones(patient: Patient) -> frozenset[str]:
    """The numbers (E.164) by which those are reached who speak for the patient."""
    return frozenset(each.phone for each in current_guardians(patient) if each.phone is not None)


def mother_names(patient: Patient) -> tuple[str, ...]:
    """The mother's name, as far as it is known."""
    return tuple(name for name in (patient.mother_name_en, patient.mother_name_ar) if name)


def alike(patient: Patient) -> Alike:
    """By what the record is found that somebody else may have made of the same person."""
    own = tuple(full for script in names.SCRIPTS if (full := name_parts(patient, script).full))
    birth = birth_of(patient)
    return Alike(
        names=own or mother_names(patient),
        born_on=birth.date_of_birth if birth else None,
        phones=frozenset(each.number for each in patient.phones) | guardian_phones(patient),
        email=patient.email,
    )


def whom_to_tell(patient: Patient, today: date) -> str:
    """Whom to tell about the patient's appointments on a local day: PATIENT or CONTACTS."""
    minor = guardians.is_minor(today, majority_of(patient))
    return guardians.tell(minor=minor, a_guardian_receives_messages=bool(contacts_of(patient)))


def guardian_may_consent(patient: Patient, guardian: Guardian, day: date) -> bool:
    """Whether a guardian may sign for the patient on a local day of the clinic."""
    if guardian.ended_on is not None and day >= guardian.ended_on:
        return False
    return guardians.may_consent(map(_right, guardian.rights), day, majority_of(patient))


def patient_may_consent(patient: Patient, day: date) -> bool:
    """Whether the patient may be of age on a local day of the clinic, and so may sign."""
    return guardians.patient_may_consent(day, majority_of(patient))


def _right(right: GuardianRight) -> guardians.ConsentRight:
    return guardians.ConsentRight(right.basis, right.valid_from, right.valid_to)
