"""What can be done with patients: registered with their main file, changed, identified; guardians and alerts."""

from patient_files.patients.operations.changes import identify_patient, update_patient
from patient_files.patients.operations.identities import identities, tell_identities
from patient_files.patients.operations.locks import (
    claim_patient,
    lock_patient,
    lock_records,
    locked_patient,
    locked_survivor,
)
from patient_files.patients.operations.registration import draft_patient, store_patient

__all__ = [
    "claim_patient",
    "draft_patient",
    "identify_patient",
    "identities",
    "lock_patient",
    "lock_records",
    "locked_patient",
    "locked_survivor",
    "store_patient",
    "tell_identities",
    "update_patient",
]
