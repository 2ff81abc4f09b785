"""The tables of patient files, and what is kept of scheduling's."""

from patient_files.models.access import BreakGlass
from patient_files.models.base import Base
from patient_files.models.consents import Consent, ConsentStanding, ConsentType, ConsentWording
from patient_files.models.duplicates import DuplicatePair
from patient_files.models.files import MainFile, PendingSubFile, SubFile
from patient_files.models.patients import (
    Alert,
    Guardian,
    GuardianRight,
    IdentityDue,
    Patient,
    PatientIdentifier,
    PatientPhone,
)
from patient_files.models.projections import (
    AppointmentProjection,
    ClinicProjection,
    PatientActivity,
    ProviderProjection,
)
from patient_files.models.settings import Settings
from patient_files.models.terms import PatientTerm

__all__ = [
    "Alert",
    "AppointmentProjection",
    "Base",
    "BreakGlass",
    "ClinicProjection",
    "Consent",
    "ConsentStanding",
    "ConsentType",
    "ConsentWording",
    "DuplicatePair",
    "Guardian",
    "GuardianRight",
    "IdentityDue",
    "MainFile",
    "Patient",
    "PatientActivity",
    "PatientIdentifier",
    "PatientPhone",
    "PatientTerm",
    "PendingSubFile",
    "ProviderProjection",
    "Settings",
    "SubFile",
]
