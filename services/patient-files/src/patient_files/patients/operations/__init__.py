"""What can be done with patients: registered with their main file, changed, identified; guardians and alerts."""

from patient_files.patients.operations.changes import identify_patient, update_patient
from patient_files.patients.operations.locks import lock_patient, locked_patient
from patient_files.patients.operations.registration import register_patient

__all__ = ["identify_patient", "lock_patient", "locked_patient", "register_patient", "update_patient"]
