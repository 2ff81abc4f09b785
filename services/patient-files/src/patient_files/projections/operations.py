"""What patient files keep of the records of other services, stored as these announce them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from jalsa.db.projections import save
from jalsa.service.commands import given
from patient_files.events.streams import AppointmentPlaced, ClinicSaved, InvoiceIssued, NoteSaid, ProviderSaved
from patient_files.models import (
    AppointmentProjection,
    ClinicProjection,
    InvoiceProjection,
    ProviderProjection,
    SignedNote,
)


def save_clinic(db: Session, saved: ClinicSaved) -> None:
    """Store or replace what is known of a clinic. Its row stays locked until the transaction ends."""
    save(db, ClinicProjection, saved.clinic_id, _said(saved, but="clinic_id"))


def save_provider(db: Session, saved: ProviderSaved) -> None:
    """Store or replace what is known of a provider."""
    save(db, ProviderProjection, saved.provider_id, _said(saved, but="provider_id"))


def save_appointment(db: Session, placed: AppointmentPlaced) -> None:
    """Store or replace what is known of an appointment."""
    values: dict[str, object] = {
        "appointment_number": placed.appointment_number,
        "patient_id": placed.patient_id,
        "clinic_id": placed.clinic.id,
        "provider_id": placed.provider.id,
        "starts_at": placed.session.starts_at,
        "status": placed.status,
        "session_id": placed.session.id,
        "service_type": placed.session.service_type,
        "timezone": placed.session.timezone,
        "room_id": placed.room.id if placed.room else None,
        "room_name": placed.room.name if placed.room else None,
    }
    if placed.booked_by is not None:
        values["booked_by"] = placed.booked_by
    save(db, AppointmentProjection, placed.appointment_id, values)


def set_appointment_status(db: Session, appointment_id: UUID, status: str) -> AppointmentProjection | None:
    """Keep what has become of an appointment, and return it; None where it is not known.

    Its row stays locked until the transaction ends.
    """
    changed = update(AppointmentProjection).where(AppointmentProjection.id == appointment_id).values(status=status)
    return db.scalar(changed.returning(AppointmentProjection), execution_options={"populate_existing": True})


def complete_appointment(appointment: AppointmentProjection, placed: AppointmentPlaced) -> bool:
    """Keep what is missing of an appointment and an earlier event says. Returns whether anything was."""
    said = {
        "session_id": placed.session.id,
        "service_type": placed.session.service_type,
        "timezone": placed.session.timezone,
        "room_id": placed.room.id if placed.room else None,
        "room_name": placed.room.name if placed.room else None,
        "booked_by": placed.booked_by,
    }
    missing = {name: value for name, value in said.items() if value is not None and getattr(appointment, name) is None}
    for name, value in missing.items():
        setattr(appointment, name, value)
    return bool(missing)


def save_note(db: Session, said: NoteSaid, complete: bool | None, at: datetime) -> None:
    """Keep what was said last of a note."""
    values = {"session_id": said.session_id, "appointment_id": said.participant_id, "complete": complete, "at": at}
    save(db, SignedNote, said.note_id, values)


def save_invoice(db: Session, issued: InvoiceIssued) -> None:
    """Keep whose an invoice is."""
    values = {"patient_id": issued.patient_id, "appointment_id": issued.appointment_id}
    save(db, InvoiceProjection, issued.invoice_id, values)


def patient_of_invoice(db: Session, invoice_id: UUID) -> UUID | None:
    """Whose an invoice is; None where it is not known."""
    return db.scalar(select(InvoiceProjection.patient_id).where(InvoiceProjection.id == invoice_id))


def find_appointment(db: Session, appointment_id: UUID) -> AppointmentProjection | None:
    """What is known of an appointment now."""
    return db.get(AppointmentProjection, appointment_id, populate_existing=True)


def _said(saved: ClinicSaved | ProviderSaved, *, but: str) -> dict[str, object]:
    """What an event says of a record, which is stored under the same names, except its id."""
    return {name: value for name, value in given(saved).items() if name != but}
