"""What a patient's record is made of beside names, identifiers, births and contacts."""

from datetime import datetime, timedelta

from jalsa.service.states import state_machine
from patient_files.patients.rules.names import KNOWN, NEWBORN, UNKNOWN

#: The sex of whoever has no name yet, or could not be asked, may be unknown as well: U.
UNKNOWN_SEX = "U"
SEXES = ("M", "F", UNKNOWN_SEX)
LANGUAGES = ("ar", "en")
#: How many of something a registration gives at most.
MOST_IDENTIFIERS, MOST_GUARDIANS, MOST_BIRTH_ORDER = 10, 10, 10
#: Whoever was taken for a newborn or for somebody unknown is identified, once.
IDENTITY = state_machine("identity", UNKNOWN, UNKNOWN=KNOWN, NEWBORN=KNOWN, KNOWN="")
#: How long after the registration the front desk itself may correct what identifies a patient.
RECENT = timedelta(hours=24)

#: What a warning is about.
ALERT_KINDS = (
    *("ALLERGY", "INFECTION", "FALL_RISK", "BEHAVIOUR", "SAFEGUARDING", "COMMUNICATION", "MOBILITY"),
    *("ADMINISTRATIVE", "OTHER"),
)
ALL, CLINICAL = "ALL", "CLINICAL"
#: Who is to see a warning: whoever meets the patient, or who treats.
AUDIENCES = (ALL, CLINICAL)


def file_number(year: int, running: int) -> str:
    """`FILE-2026-000001`; the running number is the tenant's in that year."""
    return f"FILE-{year}-{running:06d}"


def needs_birth(identity_status: str) -> bool:
    """Whether a birth must be given: only who is unknown may have none."""
    return identity_status != UNKNOWN


def may_have_unknown_sex(identity_status: str) -> bool:
    """Whether the sex may stay unknown."""
    return identity_status in (NEWBORN, UNKNOWN)


def is_recent(registered_at: datetime, now: datetime) -> bool:
    """Whether a registration is so recent that whoever made it still corrects it."""
    return now < registered_at + RECENT
