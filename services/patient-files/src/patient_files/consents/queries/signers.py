"""Who may consent for a patient on a day, and until when such a signature counts."""

from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from jalsa.db.aliases import aliases_of
from patient_files.consents.rules import GUARDIAN, UNVERIFIED
from patient_files.models import Guardian, Patient
from patient_files.patients import record
from patient_files.patients.rules.births import Majority
from patient_files.patients.rules.guardians import COURT_ORDER, is_minor


@dataclass(frozen=True, slots=True)
class Authority:
    """Whether somebody may sign for a patient on a day.

    `of_age_on` is the first day on which the patient has to sign instead; None where nobody else has signed, or nobody
    knows when that is.
    """

    may_consent: bool
    of_age_on: date | None = None


def authority(db: Session, patient_id: UUID, kind: str, guardian_id: UUID | None, day: date) -> Authority:
    """The authority with which a signer signs for a patient on a local day of the clinic.

    An unverified signer may always sign, and is taken for a guardian while the patient is a minor. The guardians of all
    records that stand for the patient may sign.
    """
    patient = db.get_one(Patient, patient_id)
    majority = record.majority_of(patient)
    if kind == UNVERIFIED:
        return Authority(True, majority.certain_on if majority and is_minor(day, majority) else None)
    if kind != GUARDIAN:
        return Authority(record.patient_may_consent(patient, day))
    guardian = db.get(Guardian, guardian_id) if guardian_id is not None else None
    if guardian is None or guardian.patient_id not in aliases_of(db, patient_id):
        return Authority(False)
    return Authority(record.guardian_may_consent(patient, guardian, day), _of_age_on(guardian, day, majority))


def _of_age_on(guardian: Guardian, day: date, majority: Majority | None) -> date | None:
    """The patient's majority, or the end of a court's order that reaches beyond it."""
    if majority is None:
        return None
    orders = (right for right in guardian.rights if right.basis == COURT_ORDER and right.valid_from <= day)
    ends = (right.valid_to + timedelta(days=1) for right in orders if right.valid_to is not None)
    return max([majority.certain_on, *ends])
