"""What billing does when the other services announce something."""

from sqlalchemy.orm import Session

from billing.commands import InvoiceAppointment, MoveAppointment
from billing.events import (
    AppointmentBooked,
    AppointmentCancelled,
    AppointmentRescheduled,
    ClinicSaved,
    PackageCreated,
    PatientsMerged,
    PatientsUnmerged,
)
from billing.operations import invoices, projections
from jalsa.db import aliases
from jalsa.db.projections import status_follower
from jalsa.events.inbox import Handler, Received
from jalsa.service import clock


def on_clinic_saved(db: Session, event: Received[ClinicSaved]) -> None:
    """A clinic was opened or changed."""
    projections.save_clinic(db, event.data.clinic_id, event.data.timezone)


def on_appointment_booked(db: Session, event: Received[AppointmentBooked]) -> None:
    """A patient has a spot in a session: one invoice."""
    booked = event.data
    command = InvoiceAppointment(
        appointment_id=booked.appointment_id,
        appointment_number=booked.appointment_number,
        patient_id=booked.patient_id,
        clinic_id=booked.clinic.id,
        service_type=booked.session.service_type,
        timezone=booked.session.timezone,
        package=booked.package,
    )
    invoices.invoice_appointment(db, command, now=clock.database_now(db))


def on_appointment_rescheduled(db: Session, event: Received[AppointmentRescheduled]) -> None:
    """The appointment was moved to another time, perhaps of another clinic."""
    moved = event.data
    command = MoveAppointment(
        appointment_id=moved.appointment_id,
        clinic_id=moved.clinic.id,
        service_type=moved.session.service_type,
        timezone=moved.session.timezone,
    )
    invoices.move_appointment(db, command, now=clock.database_now(db))


def on_appointment_cancelled(db: Session, event: Received[AppointmentCancelled]) -> None:
    """The appointment was cancelled, alone or with its session."""
    invoices.cancel_appointment(db, event.data.appointment_id, now=clock.database_now(db))


def on_package_created(db: Session, event: Received[PackageCreated]) -> None:
    """A course of sessions was agreed upon. Its appointments are announced one by one."""
    projections.create_package(db, event.data)


def on_patients_merged(db: Session, event: Received[PatientsMerged]) -> None:
    """A patient's record was merged into another one: both ids stand for the survivor."""
    aliases.follow_merge(db, event.data.loser_id, event.data.survivor_id, event.data.at)


def on_patients_unmerged(db: Session, event: Received[PatientsUnmerged]) -> None:
    """A merge was undone: what was written with the record's id is its own again."""
    aliases.follow_unmerge(db, event.data.loser_id)


HANDLERS: dict[str, Handler] = {
    "scheduling.ClinicSaved.v1": on_clinic_saved,
    "scheduling.AppointmentBooked.v1": on_appointment_booked,
    "scheduling.AppointmentRescheduled.v1": on_appointment_rescheduled,
    "scheduling.AppointmentCancelled.v1": on_appointment_cancelled,
    "scheduling.PackageCreated.v1": on_package_created,
    "scheduling.PackageCompleted.v1": status_follower(projections.set_package_status, "COMPLETED"),
    "scheduling.PackageReopened.v1": status_follower(projections.set_package_status, "OPEN"),
    "scheduling.PackageCancelled.v1": status_follower(projections.set_package_status, "CANCELLED"),
    "patient-files.PatientsMerged.v1": on_patients_merged,
    "patient-files.PatientsUnmerged.v1": on_patients_unmerged,
}
