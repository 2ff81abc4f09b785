"""What is published of patients."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from jalsa.events.outbox import publish
from patient_files.events import catalogue
from patient_files.models import Guardian, Patient
from patient_files.patients import record
from patient_files.patients.rules.names import SCRIPTS, never_null


@dataclass(frozen=True, slots=True)
class Identity:
    """What billing puts on tax documents: the first current identifier, and the nationality; None where unknown."""

    id_type: str | None
    issuing_country: str | None
    id_number: str | None
    nationality: str | None


#: The data of PatientRegistered and PatientUpdated.
PatientTold = dict[str, object]
#: What is taken for granted of somebody of whom nothing was published.
NO_IDENTITY = Identity(None, None, None, None)


def identity_of(patient: Patient, others: Sequence[Patient] = ()) -> Identity:
    """What would be published of a patient's identity now; `others` are the other records that stand for the patient.

    What the record itself does not have is taken from them.
    """
    records = (patient, *others)
    nationality = next((one.nationality for one in records if one.nationality is not None), None)
    first = next((found for one in records if (found := record.national_id_of(one))), None)
    if first is None:
        return Identity(None, None, None, nationality)
    return Identity(first.type, first.issuing_country, first.value, nationality)


def patient_registered(db: Session, patient: Patient, now: datetime) -> None:
    """Publish PatientRegistered."""
    publish(db, catalogue.PATIENT_REGISTERED, patient.id, patient_data(patient), now=now)


def patient_updated(db: Session, patient: Patient, before: PatientTold, now: datetime) -> None:
    """Publish PatientUpdated if others are told something else than `before`: the whole, not the change."""
    if patient_data(patient) != before:
        patient_told(db, patient, now)


def patient_told(db: Session, patient: Patient, now: datetime) -> None:
    """Publish PatientUpdated, whatever was told before."""
    publish(db, catalogue.PATIENT_UPDATED, patient.id, patient_data(patient), now=now)


def identity_told(db: Session, patient: Patient, identity: Identity, now: datetime) -> None:
    """Publish PatientIdentityChanged."""
    data = {"patient_id": patient.id, **asdict(identity), "changed_at": now}
    publish(db, catalogue.PATIENT_IDENTITY_CHANGED, patient.id, data, now=now)


def patient_data(patient: Patient) -> PatientTold:
    """What others are told of a patient now."""
    shown, phone, majority = record.display_names(patient), record.first_phone(patient), record.majority_of(patient)
    return {
        "patient_id": patient.id,
        "file_number": patient.file.file_number,
        "active": patient.active,
        "first_name_en": never_null(patient.first_name_en, patient.first_name_ar),
        "last_name_en": never_null(patient.last_name_en, patient.last_name_ar),
        "first_name_ar": patient.first_name_ar,
        "last_name_ar": patient.last_name_ar,
        "name_en": shown.en,
        "name_ar": shown.ar,
        "names": {script: asdict(record.name_parts(patient, script)) for script in SCRIPTS},
        "preferred_language": patient.preferred_language,
        "phone": phone.number if phone else None,
        "phone_type": phone.number_type if phone else None,
        "phones": [
            {"number": each.number, "number_type": each.number_type, "label": each.label} for each in patient.phones
        ],
        "email": patient.email,
        "identity_status": patient.identity_status,
        "deceased_on": patient.deceased_on,
        "majority_on": majority.certain_on if majority else None,
        "tell": patient.tell,
        "contacts": [_contact(each) for each in record.contacts_of(patient)],
    }


def _contact(guardian: Guardian) -> dict[str, object]:
    return {
        "contact_id": guardian.id,
        "relation": guardian.relation,
        "name_en": guardian.name_en,
        "name_ar": guardian.name_ar,
        "language": guardian.language,
        "phone": guardian.phone,
        "phone_type": guardian.phone_type,
        "email": guardian.email,
        "primary": guardian.is_primary,
    }
