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


class _BillingCode(EventData):
    system = fields.String(required=True, metadata={"description": "The code system, such as ICD-10-AM."})
    code = fields.String(required=True, metadata={"description": "The code in that system."})
    quantity = fields.Integer(required=True, metadata={"description": "How often it counts."})
    modifiers = fields.List(fields.String(), required=True, metadata={"description": "The codes of its modifiers."})
    primary = fields.Boolean(required=True, metadata={"description": "Whether it is the main one."})


class _EncounterData(EventData):
    encounter_id = fields.UUID(required=True)
    encounter_number = fields.String(required=True)
    patient_id = fields.UUID(required=True)
    provider_id = fields.UUID(required=True, allow_none=True)
    clinic_id = fields.UUID(required=True, allow_none=True, metadata={"description": "The clinic, or null."})
    encounter_type = fields.String(required=True)
    encounter_class = fields.String(required=True)
    started_at = Instant(required=True)
    ended_at = Instant(required=True, allow_none=True)
    status = fields.String(required=True)
    location = fields.String(required=True, allow_none=True)
    room_number = fields.String(required=True, allow_none=True)
    appointment_id = fields.UUID(required=True, allow_none=True)
    admission_id = fields.UUID(required=True, allow_none=True)
    priority = fields.String(required=True)
    documentation_complete = fields.Boolean(required=True)
    signed_off = fields.Boolean(required=True)
    signed_by = fields.String(required=True, allow_none=True)
    signed_at = Instant(required=True, allow_none=True)
    billable = fields.Boolean(required=True)
    billing_codes = fields.List(fields.Nested(_BillingCode()), required=True)
    source = fields.String(required=True)
    replaced_by = fields.UUID(required=True, allow_none=True)
    created_at = Instant(required=True)
    updated_at = Instant(required=True)
    created_by = fields.String(required=True)


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


PATIENT_REGISTERED = EventType("patient-files", "patient", "PatientRegistered", PatientData())
PATIENT_UPDATED = EventType("patient-files", "patient", "PatientUpdated", PatientData())
SUB_FILE_OPENED = EventType("patient-files", "file", "SubFileOpened", SubFileOpenedData())
CONSENT_STANDING_CHANGED = EventType("patient-files", "patient", "ConsentStandingChanged", ConsentStandingData())
ENCOUNTER_OPENED = EventType("patient-files", "encounter", "EncounterOpened", EncounterOpenedData())
ENCOUNTER_UPDATED = EventType("patient-files", "encounter", "EncounterUpdated", EncounterUpdatedData())
ENCOUNTER_CLOSED = EventType("patient-files", "encounter", "EncounterClosed", EncounterClosedData())
ENCOUNTER_SIGNED_OFF = EventType("patient-files", "encounter", "EncounterSignedOff", EncounterSignedOffData())
PUBLISHES = (
    PATIENT_REGISTERED,
    PATIENT_UPDATED,
    SUB_FILE_OPENED,
    CONSENT_STANDING_CHANGED,
    ENCOUNTER_OPENED,
    ENCOUNTER_UPDATED,
    ENCOUNTER_CLOSED,
    ENCOUNTER_SIGNED_OFF,
)
