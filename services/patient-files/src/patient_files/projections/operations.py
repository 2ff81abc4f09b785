"""What patient files keep of the records of other services, stored as these announce them."""

from datetime import UTC, date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from jalsa.db.projections import save
from jalsa.service.commands import UNSET, given
from patient_files.events.streams import AppointmentPlaced, ClinicSaved, InvoiceIssued, NoteSaid, ProviderSaved
from patient_files.models import (
    AppointmentProjection,
    ClinicProjection,
    InvoiceProjection,
    PatientActivity,
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
    """Store or replace what is known of an appointment. Who booked it stays where it is moved."""
    values: dict[str, object] = {
        "appointment_number": placed.appointment_number,
        "patient_id": placed.patient_id,
        "clinic_id": placed.clinic.id,
        "provider_id": placed.provider.id,
        "starts_at": placed.session.starts_at,
        "status": placed.status,
        "room_id": placed.room.id if placed.room else None,
        "room_name": placed.room.name if placed.room else None,
        **_details(placed),
    }
    save(db, AppointmentProjection, placed.appointment_id, values)


def set_appointment_status(db: Session, appointment_id: UUID, status: str) -> AppointmentProjection | None:
    """Keep what has become of an appointment, and return it; None where it is not known.

    Its row stays locked until the transaction ends.
    """
    changed = update(AppointmentProjection).where(AppointmentProjection.id == appointment_id).values(status=status)
    return db.scalar(changed.returning(AppointmentProjection), execution_options={"populate_existing": True})


def complete_appointment(appointment: AppointmentProjection, placed: AppointmentPlaced) -> bool:
    """Keep what is missing of an appointment and an earlier event says. Returns whether anything was."""
    said: dict[str, object] = _details(placed)
    if placed.room:
        said |= {"room_id": placed.room.id, "room_name": placed.room.name}
    missing = {name: value for name, value in said.items() if getattr(appointment, name) is None}
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


def keep_last_visit(db: Session, appointment_id: UUID) -> None:
    """Keep the day of an appointment as the patient's last visit, unless a later one is known."""
    appointment = db.get(AppointmentProjection, appointment_id)
    if appointment is not None:
        day = _local_day(db, appointment)
        statement = insert(PatientActivity).values(id=appointment.patient_id, last_visit_on=day)
        latest = func.greatest(PatientActivity.last_visit_on, statement.excluded.last_visit_on)
        db.execute(statement.on_conflict_do_update(index_elements=("tenant_id", "id"), set_={"last_visit_on": latest}))


def reckon_last_visit(db: Session, appointment_id: UUID) -> None:
    """Find a patient's last visit again, after what was said of this appointment was taken back."""
    appointment = db.get(AppointmentProjection, appointment_id)
    if appointment is None or db.get(PatientActivity, appointment.patient_id, with_for_update=True) is None:
        return
    visits = select(AppointmentProjection).where(
        AppointmentProjection.patient_id == appointment.patient_id, AppointmentProjection.status == "ATTENDED"
    )
    last = db.scalar(visits.order_by(AppointmentProjection.starts_at.desc()).limit(1))
    day = None if last is None else _local_day(db, last)
    db.execute(update(PatientActivity).where(PatientActivity.id == appointment.patient_id).values(last_visit_on=day))


def _local_day(db: Session, appointment: AppointmentProjection) -> date:
    """The day by the clinic's clock, or by UTC where its zone is not known yet."""
    zone = db.scalar(select(ClinicProjection.timezone).where(ClinicProjection.id == appointment.clinic_id))
    return appointment.starts_at.astimezone(ZoneInfo(zone) if zone else UTC).date()


def _said(saved: ClinicSaved | ProviderSaved, *, but: str) -> dict[str, object]:
    """What an event says of a record, which is stored under the same names, except its id."""
    return {name: value for name, value in given(saved).items() if name != but}


def _details(placed: AppointmentPlaced) -> dict[str, object]:
    """What events of earlier versions do not say of an appointment, as far as this one does."""
    details = {
        "session_id": placed.session.id,
        "service_type": placed.session.service_type,
        "timezone": placed.session.timezone,
        "booked_by": placed.booked_by,
    }
    return {name: value for name, value in details.items() if value is not UNSET}
