"""The tables of patient files, and what is kept of scheduling's."""

from patient_files.models.access import BreakGlass
from patient_files.models.base import Base
from patient_files.models.consents import Consent, ConsentStanding
from patient_files.models.files import MainFile, SubFile
from patient_files.models.patients import Alert, Guardian, GuardianRight, Patient, PatientIdentifier, PatientPhone
from patient_files.models.projections import AppointmentProjection, ClinicProjection, ProviderProjection
from patient_files.models.settings import Settings

__all__ = [
    "Alert",
    "AppointmentProjection",
    "Base",
    "BreakGlass",
    "ClinicProjection",
    "Consent",
    "ConsentStanding",
    "Guardian",
    "GuardianRight",
    "MainFile",
    "Patient",
    "PatientIdentifier",
    "PatientPhone",
    "ProviderProjection",
    "Settings",
    "SubFile",
]
