"""What can be done with patients: registered with their main file, changed, identified; guardians and alerts."""

from patient_files.patients.operations.changes import identify_patient, update_patient
from patient_files.patients.operations.locks import lock_patient, locked_patient
from patient_files.patients.operations.registration import draft_patient, store_patient

__all__ = [
    "draft_patient",
    "identify_patient",
    "lock_patient",
    "locked_patient",
    "store_patient",
    "update_patient",
]
