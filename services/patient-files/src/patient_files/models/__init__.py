"""The tables of patient files, and what is kept of the records of other services."""

from patient_files.models.access import BreakGlass
from patient_files.models.base import Base
from patient_files.models.consents import Consent, ConsentStanding, ConsentType, ConsentWording
from patient_files.models.duplicates import DuplicatePair
from patient_files.models.encounters import Encounter, EncounterText
from patient_files.models.files import MainFile, PendingSubFile, SubFile
from patient_files.models.merges import PatientMerge
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
    InvoiceProjection,
    PatientActivity,
    ProviderProjection,
    SignedNote,
)
from patient_files.models.references import EncounterReference, ReferenceKind, ReferenceSystem
from patient_files.models.settings import Settings
from patient_files.models.terms import PatientTerm
from patient_files.models.timeline import TimelineEntry

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
    "Encounter",
    "EncounterReference",
    "EncounterText",
    "Guardian",
    "GuardianRight",
    "IdentityDue",
    "InvoiceProjection",
    "MainFile",
    "Patient",
    "PatientActivity",
    "PatientIdentifier",
    "PatientMerge",
    "PatientPhone",
    "PatientTerm",
    "PendingSubFile",
    "ProviderProjection",
    "ReferenceKind",
    "ReferenceSystem",
    "Settings",
    "SignedNote",
    "SubFile",
    "TimelineEntry",
]
