"""What patient files keep of scheduling's records, stored as scheduling announces them."""

from datetime import UTC, date
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from jalsa.db.projections import save, set_status
from jalsa.service.commands import UNSET, given
from patient_files.events.streams import AppointmentPlaced, ClinicSaved, ProviderSaved
from patient_files.models import AppointmentProjection, ClinicProjection, PatientActivity, ProviderProjection


def save_clinic(db: Session, saved: ClinicSaved) -> None:
    """Store or replace what is known of a clinic. Its row stays locked until the transaction ends."""
    save(db, ClinicProjection, saved.clinic_id, _said(saved, but="clinic_id"))


def save_provider(db: Session, saved: ProviderSaved) -> None:
    """Store or replace what is known of a provider."""
    save(db, ProviderProjection, saved.provider_id, _said(saved, but="provider_id"))


def save_appointment(db: Session, placed: AppointmentPlaced) -> None:
    """Store or replace what is known of an appointment; who booked it stays where it is moved."""
    values = {
        "appointment_number": placed.appointment_number,
        "patient_id": placed.patient_id,
        "clinic_id": placed.clinic.id,
        "provider_id": placed.provider.id,
        "starts_at": placed.session.starts_at,
        "status": placed.status,
        **({} if placed.booked_by is UNSET else {"booked_by": placed.booked_by}),
    }
    save(db, AppointmentProjection, placed.appointment_id, values)


def set_appointment_status(db: Session, appointment_id: UUID, status: str) -> None:
    """Keep what has become of an appointment."""
    set_status(db, AppointmentProjection, appointment_id, status)


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
