"""The data of each event that patient files publish: its contract with every reader."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from jalsa.events.contracts import EventType
from jalsa.service.commands import UNSET, Unset
from patient_files.events.data import EventData


class _NamePartsData(EventData):
    first: Annotated[str | None, "The first name, or null"]
    father: Annotated[str | None, "The father's name, or null"]
    grandfather: Annotated[str | None, "The grandfather's name, or null"]
    last: Annotated[str | None, "The family name, or null"]


class _NamesData(EventData):
    en: Annotated[_NamePartsData, "The parts in Latin letters"]
    ar: Annotated[_NamePartsData, "The parts in Arabic letters"]


class _PhoneData(EventData):
    number: Annotated[str, "E.164"]
    number_type: Annotated[str, "What libphonenumber says that it is, such as MOBILE or FIXED_LINE"]
    label: Annotated[str | None, "What it is for, or null"]


class _ContactData(EventData):
    contact_id: Annotated[UUID, "The guardian's id."]
    relation: Annotated[str, "What the guardian is to the patient"]
    name_en: Annotated[str | None, "In Latin letters, or null"]
    name_ar: Annotated[str | None, "In Arabic letters, or null"]
    language: Annotated[str | None, "The language of messages: ar, en, or null"]
    phone: Annotated[str | None, "E.164, or null"]
    phone_type: Annotated[str | None, "As that of the patient's telephones, or null"]
    email: str | None
    primary: Annotated[bool, "Whether this one is told first"]


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
    name_en: str
    name_ar: str
    names: Annotated[_NamesData, "The parts of the name"]
    preferred_language: str
    phone: Annotated[str | None, "E.164"]
    phone_type: Annotated[str | None, "What libphonenumber says of `phone`, such as MOBILE or FIXED_LINE; or null"]
    phones: Annotated[list[_PhoneData], "All telephones, in order; 5 at most"]
    email: str | None
    identity_status: str
    deceased_on: Annotated[date | None, "The day of death, or null; then active is false"]
    majority_on: Annotated[
        date | None, "From this day on the patient is certainly of age; null where the birth is unknown"
    ]
    tell: str
    contacts: Annotated[
        list[_ContactData], "The guardians who receive messages, the first to be told before the others"
    ]


class IdentityData(EventData):
    """The identifier or the nationality changed by which tax documents name a patient.

    Only billing receives it. It is the first current identifier in the order NAT, IQAMA, GCC, BORDER, PASSPORT, OTHER.
    """

    patient_id: UUID
    id_type: Annotated[str | None, "Its type; null without any"]
    issuing_country: Annotated[str | None, "Who issued it (ISO 3166-1 alpha-2, ZZ where unknown); null without any"]
    id_number: Annotated[str | None, "Capitals and digits; null without any"]
    nationality: Annotated[str | None, "ISO 3166-1 alpha-2; null where unknown"]
    changed_at: Annotated[datetime, "When it changed."]


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


class SubFileUpdatedData(EventData):
    """A patient's file in a clinic was closed, reopened, or assigned to another provider."""

    file_id: UUID
    file_number: str
    sub_file_id: UUID
    sub_file_number: str
    patient_id: UUID
    clinic: _ClinicOfFile
    status: Annotated[str, "ACTIVE or CLOSED"]
    assigned_provider_id: UUID
    cause: Annotated[str, "CLOSED, REOPENED, BOOKED (a booking has reopened it) or REASSIGNED (to another provider)"]
    changed_at: Annotated[datetime, "When it was changed"]


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


class ConsentTypeStandingData(EventData):
    """A patient's valid consents of another type than treatment changed.

    It says what all valid consents of the type together allow now.
    """

    patient_id: UUID
    consent_type: Annotated[str, "Such as PHOTOGRAPHY, never TREATMENT"]
    consented: Annotated[bool, "In every clinic"]
    clinic_ids: Annotated[list[UUID], "The clinics with a valid consent of their own"]
    changed_at: datetime
    ended: list[EndedConsent] | Unset = UNSET


class EmergencyAccessData(EventData):
    grant_id: UUID
    patient_id: Annotated[UUID, "The patient whose record is read"]
    opened_by: str
    reason_code: str
    scope: str
    until: datetime
    outcome: str | None


class EmergencyAccessOpenedData(EmergencyAccessData):
    """A person took a grant to read of a patient what is not for everybody.

    Whoever reviews such grants is told of it, and never the person who took it. The reason in words stays here.
    """


class EmergencyAccessReviewDueData(EmergencyAccessData):
    """A grant has not been reviewed within 72 hours of its beginning."""


class EmergencyAccessReviewedData(EmergencyAccessData):
    """Another person said whether a grant was justified."""


class _BillingCode(EventData):
    system: Annotated[str, "The code system, such as ICD-10-AM."]
    code: Annotated[str, "The code in that system."]
    quantity: Annotated[int, "How often it counts."]
    modifiers: Annotated[list[str], "The codes of its modifiers."]
    primary: Annotated[bool, "Whether it is the main one."]


class _EncounterData(EventData):
    encounter_id: UUID
    encounter_number: str
    patient_id: UUID
    provider_id: UUID | None
    clinic_id: Annotated[UUID | None, "The clinic, or null."]
    encounter_type: str
    encounter_class: str
    started_at: datetime
    ended_at: datetime | None
    status: str
    location: str | None
    room_number: str | None
    appointment_id: UUID | None
    admission_id: UUID | None
    priority: str
    documentation_complete: bool
    signed_off: bool
    signed_by: str | None
    signed_at: datetime | None
    billable: bool
    billing_codes: list[_BillingCode]
    source: str
    replaced_by: UUID | None
    created_at: datetime
    updated_at: datetime
    created_by: str


class EncounterOpenedData(_EncounterData):
    """An encounter was opened, by hand or because a patient arrived for an appointment.

    The clinical fields are left out: complaint, reason for the visit, acuity, quality measures.
    """


class EncounterUpdatedData(_EncounterData):
    """An encounter was changed: also started, cancelled, corrected, moved to another patient, or merged into another.

    It carries the encounter as it is now, without the clinical fields and without any reason in words.
    """


class EncounterClosedData(_EncounterData):
    """An encounter ended.

    The clinical fields are left out.
    """


class EncounterSignedOffData(_EncounterData):
    """An encounter was signed off: nothing of it is changed from now on, unless the sign-off is withdrawn.

    The clinical fields are left out.
    """


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
PATIENT_IDENTITY_CHANGED = EventType("patient-files", "identity", "PatientIdentityChanged", IdentityData)
SUB_FILE_OPENED = EventType("patient-files", "file", "SubFileOpened", SubFileOpenedData)
SUB_FILE_UPDATED = EventType("patient-files", "file", "SubFileUpdated", SubFileUpdatedData)
CONSENT_STANDING_CHANGED = EventType("patient-files", "patient", "ConsentStandingChanged", ConsentStandingData)
CONSENT_TYPE_STANDING_CHANGED = EventType(
    "patient-files", "patient", "ConsentTypeStandingChanged", ConsentTypeStandingData
)
EMERGENCY_ACCESS_OPENED = EventType("patient-files", "break-glass", "EmergencyAccessOpened", EmergencyAccessOpenedData)
EMERGENCY_ACCESS_REVIEW_DUE = EventType(
    "patient-files", "break-glass", "EmergencyAccessReviewDue", EmergencyAccessReviewDueData
)
EMERGENCY_ACCESS_REVIEWED = EventType(
    "patient-files", "break-glass", "EmergencyAccessReviewed", EmergencyAccessReviewedData
)
ENCOUNTER_OPENED = EventType("patient-files", "encounter", "EncounterOpened", EncounterOpenedData)
ENCOUNTER_UPDATED = EventType("patient-files", "encounter", "EncounterUpdated", EncounterUpdatedData)
ENCOUNTER_CLOSED = EventType("patient-files", "encounter", "EncounterClosed", EncounterClosedData)
ENCOUNTER_SIGNED_OFF = EventType("patient-files", "encounter", "EncounterSignedOff", EncounterSignedOffData)
PATIENTS_MERGED = EventType("patient-files", "patient", "PatientsMerged", PatientsMergedData)
PATIENTS_UNMERGED = EventType("patient-files", "patient", "PatientsUnmerged", PatientsUnmergedData)
PUBLISHES = (
    PATIENT_REGISTERED,
    PATIENT_UPDATED,
    PATIENT_IDENTITY_CHANGED,
    SUB_FILE_OPENED,
    SUB_FILE_UPDATED,
    CONSENT_STANDING_CHANGED,
    CONSENT_TYPE_STANDING_CHANGED,
    EMERGENCY_ACCESS_OPENED,
    EMERGENCY_ACCESS_REVIEW_DUE,
    EMERGENCY_ACCESS_REVIEWED,
    ENCOUNTER_OPENED,
    ENCOUNTER_UPDATED,
    ENCOUNTER_CLOSED,
    ENCOUNTER_SIGNED_OFF,
    PATIENTS_MERGED,
    PATIENTS_UNMERGED,
)
