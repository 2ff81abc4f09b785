"""The data of each event that patient files publish: its contract with every reader."""

from marshmallow import fields

from jalsa.events.contracts import EventType
from jalsa.http.fields import Instant
from patient_files.events.data import EventData


class _NamePartsData(EventData):
    first = fields.String(required=True, allow_none=True, metadata={"description": "The first name, or null"})
    father = fields.String(required=True, allow_none=True, metadata={"description": "The father's name, or null"})
    grandfather = fields.String(
        required=True, allow_none=True, metadata={"description": "The grandfather's name, or null"}
    )
    last = fields.String(required=True, allow_none=True, metadata={"description": "The family name, or null"})


class _NamesData(EventData):
    en = fields.Nested(_NamePartsData(), required=True, metadata={"description": "The parts in Latin letters"})
    ar = fields.Nested(_NamePartsData(), required=True, metadata={"description": "The parts in Arabic letters"})


class _PhoneData(EventData):
    number = fields.String(required=True, metadata={"description": "E.164"})
    number_type = fields.String(
        required=True, metadata={"description": "What libphonenumber says that it is, such as MOBILE or FIXED_LINE"}
    )
    label = fields.String(required=True, allow_none=True, metadata={"description": "What it is for, or null"})


class _ContactData(EventData):
    contact_id = fields.UUID(required=True, metadata={"description": "The guardian's id."})
    relation = fields.String(required=True, metadata={"description": "What the guardian is to the patient"})
    name_en = fields.String(required=True, allow_none=True, metadata={"description": "In Latin letters, or null"})
    name_ar = fields.String(required=True, allow_none=True, metadata={"description": "In Arabic letters, or null"})
    language = fields.String(
        required=True, allow_none=True, metadata={"description": "The language of messages: ar, en, or null"}
    )
    phone = fields.String(required=True, allow_none=True, metadata={"description": "E.164, or null"})
    phone_type = fields.String(
        required=True, allow_none=True, metadata={"description": "As that of the patient's telephones, or null"}
    )
    email = fields.String(required=True, allow_none=True)
    primary = fields.Boolean(required=True, metadata={"description": "Whether this one is told first"})


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
    name_en = fields.String(required=True)
    name_ar = fields.String(required=True)
    names = fields.Nested(_NamesData(), required=True, metadata={"description": "The parts of the name"})
    preferred_language = fields.String(required=True)
    phone = fields.String(required=True, allow_none=True, metadata={"description": "E.164"})
    phone_type = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "What libphonenumber says of `phone`, such as MOBILE or FIXED_LINE; or null"},
    )
    phones = fields.List(
        fields.Nested(_PhoneData()), required=True, metadata={"description": "All telephones, in order; 5 at most"}
    )
    email = fields.String(required=True, allow_none=True)
    identity_status = fields.String(required=True)
    deceased_on = fields.Date(
        required=True, allow_none=True, metadata={"description": "The day of death, or null; then active is false"}
    )
    majority_on = fields.Date(
        required=True,
        allow_none=True,
        metadata={"description": "From this day on the patient is certainly of age; null where the birth is unknown"},
    )
    tell = fields.String(required=True)
    contacts = fields.List(
        fields.Nested(_ContactData()),
        required=True,
        metadata={"description": "The guardians who receive messages, the first to be told before the others"},
    )


class IdentityData(EventData):
    """The identifier or the nationality changed by which tax documents name a patient.

    Only billing receives it. It is the first current identifier in the order NAT, IQAMA, GCC, BORDER, PASSPORT, OTHER.
    """

    patient_id = fields.UUID(required=True)
    id_type = fields.String(required=True, allow_none=True, metadata={"description": "Its type; null without any"})
    issuing_country = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "Who issued it (ISO 3166-1 alpha-2, ZZ where unknown); null without any"},
    )
    id_number = fields.String(
        required=True, allow_none=True, metadata={"description": "Capitals and digits; null without any"}
    )
    nationality = fields.String(
        required=True, allow_none=True, metadata={"description": "ISO 3166-1 alpha-2; null where unknown"}
    )
    changed_at = Instant(required=True, metadata={"description": "When it changed."})


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


PATIENT_REGISTERED = EventType("patient-files", "patient", "PatientRegistered", PatientData())
PATIENT_UPDATED = EventType("patient-files", "patient", "PatientUpdated", PatientData())
PATIENT_IDENTITY_CHANGED = EventType("patient-files", "identity", "PatientIdentityChanged", IdentityData())
SUB_FILE_OPENED = EventType("patient-files", "file", "SubFileOpened", SubFileOpenedData())
CONSENT_STANDING_CHANGED = EventType("patient-files", "patient", "ConsentStandingChanged", ConsentStandingData())
PUBLISHES = (
    PATIENT_REGISTERED,
    PATIENT_UPDATED,
    PATIENT_IDENTITY_CHANGED,
    SUB_FILE_OPENED,
    CONSENT_STANDING_CHANGED,
)
