"""The rules of merges in the field's own words. No I/O."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from patient_files.patients.rules.names import KNOWN, UNKNOWN
from patient_files.patients.rules.records import UNKNOWN_SEX

SAME_RECORD, LOSER_MERGED, SURVIVOR_MERGED = "same-record", "loser-merged", "survivor-merged"
KNOWN_INTO_UNKNOWN = "known-into-unknown"
DIFFERENT_IDENTIFIERS, DIFFERENT_SEX = "different-identifiers", "different-sex"
#: Why a merge may be refused. What two records of one person should not differ in can be overridden with a reason.
REFUSALS = (SAME_RECORD, LOSER_MERGED, SURVIVOR_MERGED, KNOWN_INTO_UNKNOWN, DIFFERENT_IDENTIFIERS, DIFFERENT_SEX)

CONSENT, REVOCATION, SUB_FILE, APPOINTMENT = "CONSENT", "REVOCATION", "SUB_FILE", "APPOINTMENT"
ENCOUNTER, IDENTIFIER, GUARDIAN, ALERT = "ENCOUNTER", "IDENTIFIER", "GUARDIAN", "ALERT"
#: What may have been written while two records were one, and is looked through after the merge was undone.
WRITTEN = (CONSENT, REVOCATION, SUB_FILE, APPOINTMENT, ENCOUNTER, IDENTIFIER, GUARDIAN, ALERT)


@dataclass(frozen=True, slots=True)
class Record:
    """What a merge asks of a record. The types are those of current identifiers of all records that it stands for."""

    id: UUID
    merged: bool
    identity_status: str
    identifier_types: frozenset[str]
    sex: str


@dataclass(frozen=True, slots=True)
class Written:
    """A record that was written at an instant for one of the two, and perhaps meant the other."""

    kind: str
    id: UUID
    patient_id: UUID
    at: datetime


def refusals(loser: Record, survivor: Record, *, overridden: bool) -> tuple[str, ...]:
    """Why a record may not be merged into another one, in the order of REFUSALS; nothing where it may."""
    # an identifier is one record's at a time: two of one type are two different ones
    differ = loser.identifier_types & survivor.identifier_types
    sexes = {loser.sex, survivor.sex} - {UNKNOWN_SEX}
    found = {
        SAME_RECORD: loser.id == survivor.id,
        LOSER_MERGED: loser.merged,
        SURVIVOR_MERGED: survivor.merged,
        KNOWN_INTO_UNKNOWN: loser.identity_status == KNOWN and survivor.identity_status == UNKNOWN,
        DIFFERENT_IDENTIFIERS: loser.id != survivor.id and bool(differ) and not overridden,
        DIFFERENT_SEX: len(sexes) > 1 and not overridden,
    }
    return tuple(reason for reason in REFUSALS if found[reason])


def first_id_of(instant: datetime) -> UUID:
    """The least UUID of version 7 (RFC 9562) that can have been made at an instant: its first 48 bits are the time."""
    milliseconds = int(instant.timestamp() * 1000)
    return UUID(int=milliseconds << 80 | 0x7 << 76 | 0x2 << 62)
