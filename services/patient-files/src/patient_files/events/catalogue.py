"""The data of each event that patient files publish: its contract with every reader."""

from marshmallow import fields

from jalsa.events.contracts import EventType
from jalsa.http.fields import Instant
from patient_files.events.data import EventData


class PatientData(EventData):
    """A patient was registered, or the names, contacts or state of a patient were changed.

    These are the only events that carry names and contacts, which notifications needs.
    """

    patient_id = fields.UUID(required=True)
    file_number = fields.String(required=True)
    active = fields.Boolean(required=True)
    first_name_en = fields.String(required=True)
    last_name_en = fields.String(required=True)
    first_name_ar = fields.String(required=True, allow_none=True)
    last_name_ar = fields.String(required=True, allow_none=True)
    preferred_language = fields.String(required=True)
    phone = fields.String(required=True, allow_none=True, metadata={"description": "E.164"})
    email = fields.String(required=True, allow_none=True)


class _ClinicOfFile(EventData):
    id = fields.UUID(required=True, metadata={"description": "The clinic's id."})
    code = fields.String(required=True)


class SubFileOpenedData(EventData):
    """A patient's file in a clinic was opened."""

    file_id = fields.UUID(required=True)
    file_number = fields.String(required=True)
    sub_file_id = fields.UUID(required=True)
    sub_file_number = fields.String(required=True)
    patient_id = fields.UUID(required=True)
    clinic = fields.Nested(_ClinicOfFile(), required=True)
    assigned_provider_id = fields.UUID(required=True)
    opened_at = Instant(required=True)


class EndedConsent(EventData):
    clinic_id = fields.UUID(
        required=True, allow_none=True, metadata={"description": "Null for the consent to every clinic"}
    )
    reason = fields.String(required=True, metadata={"description": "expired or revoked"})


class ConsentStandingData(EventData):
    """A patient's valid consents to treatment changed.

    It says what all valid consents together allow now.
    """

    patient_id = fields.UUID(required=True)
    consented = fields.Boolean(required=True, metadata={"description": "In every clinic"})
    clinic_ids = fields.List(
        fields.UUID(), required=True, metadata={"description": "The clinics with a valid consent of their own"}
    )
    changed_at = Instant(required=True)
    ended = fields.List(
        fields.Nested(EndedConsent()),
        metadata={"description": "How the last consents ended, the latest last; absent where there is none to tell of"},
    )


class _MergeData(EventData):
    loser_id = fields.UUID(required=True)
    survivor_id = fields.UUID(required=True)
    loser_file_number = fields.String(required=True)
    survivor_file_number = fields.String(required=True)
    at = Instant(required=True)
    by = fields.String(required=True)


class PatientsMergedData(_MergeData):
    """Two records turned out to be of one patient, and one was merged into the other.

    No record that names the loser is changed. From now on both ids stand for the survivor.
    """


class PatientsUnmergedData(_MergeData):
    """A merge of two records was a mistake, and is undone.

    Whatever names the loser is the loser's again.
    """


PATIENT_REGISTERED = EventType("patient-files", "patient", "PatientRegistered", PatientData())
PATIENT_UPDATED = EventType("patient-files", "patient", "PatientUpdated", PatientData())
SUB_FILE_OPENED = EventType("patient-files", "file", "SubFileOpened", SubFileOpenedData())
CONSENT_STANDING_CHANGED = EventType("patient-files", "patient", "ConsentStandingChanged", ConsentStandingData())
PATIENTS_MERGED = EventType("patient-files", "patient", "PatientsMerged", PatientsMergedData())
PATIENTS_UNMERGED = EventType("patient-files", "patient", "PatientsUnmerged", PatientsUnmergedData())
PUBLISHES = (
    PATIENT_REGISTERED,
    PATIENT_UPDATED,
    SUB_FILE_OPENED,
    CONSENT_STANDING_CHANGED,
    PATIENTS_MERGED,
    PATIENTS_UNMERGED,
)
