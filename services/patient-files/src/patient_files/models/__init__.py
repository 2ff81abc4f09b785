"""The tables of patient files, and what is kept of scheduling's."""

from patient_files.models.base import Base
from patient_files.models.consents import Consent, ConsentStanding
from patient_files.models.files import MainFile, SubFile
from patient_files.models.merges import PatientMerge
from patient_files.models.patients import Patient
from patient_files.models.projections import AppointmentProjection, ClinicProjection, ProviderProjection

__all__ = [
    "AppointmentProjection",
    "Base",
    "ClinicProjection",
    "Consent",
    "ConsentStanding",
    "MainFile",
    "Patient",
    "PatientMerge",
    "ProviderProjection",
    "SubFile",
]
