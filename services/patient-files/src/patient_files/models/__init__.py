"""The tables of patient files, and what is kept of scheduling's."""

from patient_files.models.base import Base
from patient_files.models.consents import Consent, ConsentStanding
from patient_files.models.encounters import Encounter, EncounterSettings, EncounterText
from patient_files.models.files import MainFile, SubFile
from patient_files.models.patients import Patient
from patient_files.models.projections import (
    AppointmentProjection,
    ClinicProjection,
    InvoiceProjection,
    ProviderProjection,
    SignedNote,
)
from patient_files.models.references import EncounterReference, ReferenceKind, ReferenceSystem
from patient_files.models.timeline import TimelineEntry

__all__ = [
    "AppointmentProjection",
    "Base",
    "ClinicProjection",
    "Consent",
    "ConsentStanding",
    "Encounter",
    "EncounterReference",
    "EncounterSettings",
    "EncounterText",
    "InvoiceProjection",
    "MainFile",
    "Patient",
    "ProviderProjection",
    "ReferenceKind",
    "ReferenceSystem",
    "SignedNote",
    "SubFile",
    "TimelineEntry",
]
