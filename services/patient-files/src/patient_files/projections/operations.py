"""What patient files keep of scheduling's records, stored as scheduling announces them."""

from uuid import UUID

from sqlalchemy.orm import Session

from jalsa.db.projections import save, set_status
from jalsa.service.commands import given
from patient_files.events.streams import AppointmentPlaced, ClinicSaved, ProviderSaved
from patient_files.models import AppointmentProjection, ClinicProjection, ProviderProjection


def save_clinic(db: Session, saved: ClinicSaved) -> None:
    """Store or replace what is known of a clinic. Its row stays locked until the transaction ends."""
    save(db, ClinicProjection, saved.clinic_id, _said(saved, but="clinic_id"))


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
