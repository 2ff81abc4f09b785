"""What patient files publish, and the few fields that they read of what scheduling publishes."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from marshmallow import fields
from sqlalchemy.orm import Session

from jalsa.events.contracts import Data, EventType, Fields, Stream
from jalsa.events.outbox import publish
from jalsa.http.fields import Instant, Zone
from patient_files.domain import Standing
from patient_files.models import MainFile, Patient, SubFile


class _EventData(Data):
    """What the fields of the events' data mean, by their names; a field may have a description of its own."""

    meanings: ClassVar = {
        "patient_id": "The patient. The id stays as it was where the record is merged into another one later.",
        "file_number": "The number of the patient's main file, such as FILE-2026-000001.",
        "active": "Whether the patient can be booked.",
        "first_name_en": "The first name in Latin letters.",
        "last_name_en": "The last name in Latin letters.",
        "first_name_ar": "The first name in Arabic letters, or null.",
        "last_name_ar": "The last name in Arabic letters, or null.",
        "preferred_language": "The language of messages to the patient: ar or en.",
        "email": "The e-mail address, or null.",
        "code": "The clinic's code, such as OT.",
        "file_id": "The patient's main file.",
        "sub_file_id": "The sub-file.",
        "sub_file_number": "The sub-file's number, such as FILE-2026-000001-OT-01.",
        "clinic": "The clinic of the sub-file.",
        "assigned_provider_id": "The provider to whom the sub-file is assigned.",
        "opened_at": "When the sub-file was opened.",
        "changed_at": "When the standing changed.",
    }


class PatientData(_EventData):
    """A patient was registered, or the names, contacts or state of a patient were changed.

    These are the only events that carry names and contacts, which billing and notifications need.
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


class _ClinicOfFile(_EventData):
    id = fields.UUID(required=True, metadata={"description": "The clinic's id."})
    code = fields.String(required=True)


class SubFileOpenedData(_EventData):
    """A patient's file in a clinic was opened."""

    file_id = fields.UUID(required=True)
    file_number = fields.String(required=True)
    sub_file_id = fields.UUID(required=True)
    sub_file_number = fields.String(required=True)
    patient_id = fields.UUID(required=True)
    clinic = fields.Nested(_ClinicOfFile(), required=True)
    assigned_provider_id = fields.UUID(required=True)
    opened_at = Instant(required=True)


class EndedConsent(_EventData):
    clinic_id = fields.UUID(
        required=True, allow_none=True, metadata={"description": "Null for the consent to every clinic"}
    )
    reason = fields.String(required=True, metadata={"description": "expired or revoked"})


class ConsentStandingData(_EventData):
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
SUB_FILE_OPENED = EventType("patient-files", "file", "SubFileOpened", SubFileOpenedData())
CONSENT_STANDING_CHANGED = EventType("patient-files", "patient", "ConsentStandingChanged", ConsentStandingData())
PUBLISHES = (PATIENT_REGISTERED, PATIENT_UPDATED, SUB_FILE_OPENED, CONSENT_STANDING_CHANGED)


class ClinicFields(Fields):
    clinic_id = fields.UUID(required=True)
    code = fields.String(required=True)
    name_en = fields.String(required=True)
    name_ar = fields.String(required=True)
    timezone = Zone(required=True)
    active = fields.Boolean(required=True)


class ProviderFields(Fields):
    provider_id = fields.UUID(required=True)
    user_id = fields.String(required=True)
    name_en = fields.String(required=True)
    name_ar = fields.String(required=True)
    active = fields.Boolean(required=True)


class _BookedSession(Fields):
    starts_at = Instant(required=True)


class _BookedClinic(Fields):
    id = fields.UUID(required=True)
    code = fields.String(required=True)


class _BookedProvider(Fields):
    id = fields.UUID(required=True)


class PlaceFields(Fields):
    appointment_id = fields.UUID(required=True)
    appointment_number = fields.String(required=True)
    status = fields.String(required=True)
    patient_id = fields.UUID(required=True)
    session = fields.Nested(_BookedSession(), required=True)
    clinic = fields.Nested(_BookedClinic(), required=True)
    provider = fields.Nested(_BookedProvider(), required=True)


class AppointmentFields(Fields):
    appointment_id = fields.UUID(required=True)


class CorrectedFields(AppointmentFields):
    to_status = fields.String(required=True)


STREAMS = (
    Stream("scheduling", "clinic", reads={"ClinicSaved.v1": ClinicFields()}),
    Stream("scheduling", "provider", reads={"ProviderSaved.v1": ProviderFields()}),
    Stream(
        "scheduling",
        "appointment",
        reads={
            "AppointmentBooked.v1": PlaceFields(),
            "AppointmentConfirmed.v1": AppointmentFields(),
            "AppointmentRescheduled.v1": PlaceFields(),
            "AppointmentArrived.v1": AppointmentFields(),
            "AppointmentAttended.v1": AppointmentFields(),
            "AppointmentNoShow.v1": AppointmentFields(),
            "AppointmentCancelled.v1": AppointmentFields(),
            "AppointmentCorrected.v1": CorrectedFields(),
        },
    ),
)


def patient_registered(db: Session, patient: Patient, now: datetime) -> None:
    """Publish PatientRegistered."""
    publish(db, PATIENT_REGISTERED, patient.id, _patient(patient), now=now)


def patient_updated(db: Session, patient: Patient, now: datetime) -> None:
    """Publish PatientUpdated: the whole of what the others may know, not the change."""
    publish(db, PATIENT_UPDATED, patient.id, _patient(patient), now=now)


def sub_file_opened(db: Session, sub_file: SubFile, main_file: MainFile, now: datetime) -> None:
    """Publish SubFileOpened."""
    data = {
        "file_id": main_file.id,
        "file_number": main_file.file_number,
        "sub_file_id": sub_file.id,
        "sub_file_number": sub_file.sub_file_number,
        "patient_id": main_file.patient_id,
        "clinic": {"id": sub_file.clinic_id, "code": sub_file.clinic_code},
        "assigned_provider_id": sub_file.assigned_provider_id,
        "opened_at": sub_file.opened_at,
    }
    publish(db, SUB_FILE_OPENED, main_file.id, data, now=now)


def consent_standing_changed(
    db: Session, patient_id: UUID, standing: Standing, ended: Mapping[UUID | None, str], now: datetime
) -> None:
    """Publish ConsentStandingChanged; `ended` says how consents ended, by their clinic, the latest last."""
    data: dict[str, Any] = {
        "patient_id": patient_id,
        "consented": standing.consented,
        "clinic_ids": standing.clinic_ids,
        "changed_at": now,
    }
    if ended:
        data["ended"] = [{"clinic_id": clinic_id, "reason": reason} for clinic_id, reason in ended.items()]
    publish(db, CONSENT_STANDING_CHANGED, patient_id, data, now=now)


def _patient(patient: Patient) -> dict[str, Any]:
    return {
        "patient_id": patient.id,
        "file_number": patient.file.file_number,
        "active": patient.active,
        "first_name_en": patient.first_name_en,
        "last_name_en": patient.last_name_en,
        "first_name_ar": patient.first_name_ar,
        "last_name_ar": patient.last_name_ar,
        "preferred_language": patient.preferred_language,
        "phone": patient.phone,
        "email": patient.email,
    }
