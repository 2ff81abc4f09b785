"""Projections of patients and of clearance, kept up to date by the events of the services that own them."""

import json
from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from scheduling.domain import EndedConsent
from scheduling.models.projections import StoredConsent

_SAVE_PATIENT = text("""
    INSERT INTO patients (id, file_number, active, reachable) VALUES (:id, :file_number, :active, :reachable)
    ON CONFLICT (tenant_id, id) DO UPDATE SET file_number = EXCLUDED.file_number, active = EXCLUDED.active,
      reachable = coalesce(EXCLUDED.reachable, patients.reachable)
""")
_SET_CONSENT = text("""
    UPDATE patients SET consented = :consented, consented_clinics = CAST(:clinics AS uuid[]),
      ended_consents = CAST(:ended AS jsonb)
    WHERE id = :id
""")
_SET_CLEARANCE = text("""
    INSERT INTO clearances (id, cleared, reason) VALUES (:id, :cleared, :reason)
    ON CONFLICT (tenant_id, id) DO UPDATE SET cleared = EXCLUDED.cleared, reason = EXCLUDED.reason
""")


def save_patient(
    db: Session, patient_id: UUID, *, file_number: str, active: bool, reachable: bool | None = None
) -> None:
    """Store or replace a patient's projection.

    `reachable` says whether the patient has a telephone number or an e-mail address, which are not stored themselves.
    With None, the stored value stays.
    """
    known = {"id": patient_id, "file_number": file_number, "active": active, "reachable": reachable}
    db.execute(_SAVE_PATIENT, known)


def set_consent(
    db: Session,
    patient_id: UUID,
    *,
    consented: bool,
    clinic_ids: Iterable[UUID],
    ended: Iterable[EndedConsent] = (),
) -> None:
    """Store whether a patient has consented to treatment everywhere, or else in which clinics.

    `ended` says how former consents ended, the latest last.

    The patient is already stored, because the first event of the same subject registers the patient.
    """
    over: list[StoredConsent] = [
        {"clinic_id": str(one.clinic_id) if one.clinic_id else None, "reason": one.reason} for one in ended
    ]
    asked = {"id": patient_id, "consented": consented, "clinics": list(clinic_ids), "ended": json.dumps(over)}
    db.execute(_SET_CONSENT, asked)


def set_clearance(db: Session, appointment_id: UUID, *, cleared: bool, reason: str | None = None) -> None:
    """Store whether billing has cleared an appointment, or else the reason why not."""
    db.execute(_SET_CLEARANCE, {"id": appointment_id, "cleared": cleared, "reason": reason})
