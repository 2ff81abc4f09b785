"""The data of each event that patient files publish: its contract with every reader."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from jalsa.events.contracts import EventType
from jalsa.service.commands import UNSET, Unset
from patient_files.events.data import EventData


class PatientData(EventData):
    """A patient was registered, or the names, contacts or state of a patient were changed.

    These are the only events that carry names and contacts, which notifications needs.
    """

    patient_id: UUID
    file_number: str
    active: bool
    first_name_en: str
    last_name_en: str
    first_name_ar: str | None
    last_name_ar: str | None
    preferred_language: str
    phone: Annotated[str | None, "E.164"]
    email: str | None


class _ClinicOfFile(EventData):
    id: Annotated[UUID, "The clinic's id."]
    code: str


class SubFileOpenedData(EventData):
    """A patient's file in a clinic was opened."""

    file_id: UUID
    file_number: str
    sub_file_id: UUID
    sub_file_number: str
    patient_id: UUID
    clinic: _ClinicOfFile
    assigned_provider_id: UUID
    opened_at: datetime


class EndedConsent(EventData):
    clinic_id: Annotated[UUID | None, "Null for the consent to every clinic"]
    reason: Annotated[str, "expired or revoked"]


class ConsentStandingData(EventData):
    """A patient's valid consents to treatment changed.

    It says what all valid consents together allow now.
    """

    patient_id: UUID
    consented: Annotated[bool, "In every clinic"]
    clinic_ids: Annotated[list[UUID], "The clinics with a valid consent of their own"]
    changed_at: datetime
    ended: list[EndedConsent] | Unset = UNSET


class _MergeData(EventData):
    loser_id: UUID
    survivor_id: UUID
    loser_file_number: str
    survivor_file_number: str
    at: datetime
    by: str


class PatientsMergedData(_MergeData):
    """Two records turned out to be of one patient, and one was merged into the other.

    No record that names the loser is changed. From now on both ids stand for the survivor.
    """


class PatientsUnmergedData(_MergeData):
    """A merge of two records was a mistake, and is undone.

    Whatever names the loser is the loser's again.
    """


PATIENT_REGISTERED = EventType("patient-files", "patient", "PatientRegistered", PatientData)
PATIENT_UPDATED = EventType("patient-files", "patient", "PatientUpdated", PatientData)
SUB_FILE_OPENED = EventType("patient-files", "file", "SubFileOpened", SubFileOpenedData)
CONSENT_STANDING_CHANGED = EventType("patient-files", "patient", "ConsentStandingChanged", ConsentStandingData)
PATIENTS_MERGED = EventType("patient-files", "patient", "PatientsMerged", PatientsMergedData)
PATIENTS_UNMERGED = EventType("patient-files", "patient", "PatientsUnmerged", PatientsUnmergedData)
PUBLISHES = (
    PATIENT_REGISTERED,
    PATIENT_UPDATED,
    SUB_FILE_OPENED,
    CONSENT_STANDING_CHANGED,
    PATIENTS_MERGED,
    PATIENTS_UNMERGED,
)
