"""What patient files keep of scheduling's records, stored as scheduling announces them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from jalsa.db.projections import save, set_status
from jalsa.service.commands import given
from patient_files import domain
from patient_files.events import AppointmentPlaced, ClinicSaved, ProviderSaved
from patient_files.models import AppointmentProjection, ClinicProjection, Consent, ProviderProjection

# By the right zone, the day of signing may have been over before: what was signed then has ended with its signature.
_RECKON_ENDS = text("""
    UPDATE consents c SET ends_at = greatest(reckoned.ends_at, c.signed_at + interval '1 microsecond')
    FROM unnest(CAST(:days AS date[]), CAST(:ends AS timestamptz[])) AS reckoned (day, ends_at)
    WHERE c.clinic_id = :clinic_id AND c.expires_on = reckoned.day
      AND c.ends_at <> greatest(reckoned.ends_at, c.signed_at + interval '1 microsecond')
    RETURNING c.patient_id
""")
# in one order, so that no two clinics wait for each other
_MAKE_DUE = text("""
    UPDATE consent_standings SET due_at = :now
    WHERE id IN (SELECT id FROM consent_standings WHERE id = ANY(:patients) ORDER BY id FOR UPDATE)
""")


def save_clinic(db: Session, saved: ClinicSaved, *, now: datetime) -> None:
    """Store or replace what is known of a clinic, and reckon the ends of its consents by its zone.

    If a consent to treatment now ends at another instant, the patient's standing becomes due immediately. The worker
    brings it up to date and announces what has become of it.
    """
    # the clinic's row is locked by this, and `give_consent` holds it while a consent is stored
    save(db, ClinicProjection, saved.clinic_id, _said(saved, but="clinic_id"))
    days = db.scalars(select(Consent.expires_on).where(Consent.clinic_id == saved.clinic_id).distinct()).all()
    ends = {day: domain.end_of_day(day, saved.timezone) for day in days if day is not None}
    reckoned = {"clinic_id": saved.clinic_id, "days": list(ends), "ends": list(ends.values())}
    patients = sorted(set(db.scalars(_RECKON_ENDS, reckoned)))
    db.execute(_MAKE_DUE, {"patients": patients, "now": now})


def save_provider(db: Session, saved: ProviderSaved) -> None:
    """Store or replace what is known of a provider."""
    save(db, ProviderProjection, saved.provider_id, _said(saved, but="provider_id"))


def save_appointment(db: Session, placed: AppointmentPlaced) -> None:
    """Store or replace what is known of an appointment."""
    values = {
        "appointment_number": placed.appointment_number,
        "patient_id": placed.patient_id,
        "clinic_id": placed.clinic.id,
        "provider_id": placed.provider.id,
        "starts_at": placed.session.starts_at,
        "status": placed.status,
    }
    save(db, AppointmentProjection, placed.appointment_id, values)


def set_appointment_status(db: Session, appointment_id: UUID, status: str) -> None:
    """Keep what has become of an appointment."""
    set_status(db, AppointmentProjection, appointment_id, status)


def _said(saved: ClinicSaved | ProviderSaved, *, but: str) -> dict[str, object]:
    """What an event says of a record, which is stored under the same names, except its id."""
    return {name: value for name, value in given(saved).items() if name != but}
