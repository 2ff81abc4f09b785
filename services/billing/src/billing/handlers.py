"""What billing does when the other services announce something."""

from typing import Any

from sqlalchemy.orm import Session

from billing.operations import invoices, projections
from jalsa.events.inbox import Received
from jalsa.service import clock


def on_clinic_saved(db: Session, event: Received[Any]) -> None:
    """A clinic was opened or changed."""
    projections.save_clinic(db, event.data["clinic_id"], event.data["timezone"])


def on_appointment_booked(db: Session, event: Received[Any]) -> None:
    """A patient has a place in a session: one invoice."""
    invoices.invoice_appointment(db, event.data, now=clock.database_now(db))


def on_appointment_rescheduled(db: Session, event: Received[Any]) -> None:
    """The place was moved to another time, perhaps of another clinic."""
    invoices.move_appointment(db, event.data, now=clock.database_now(db))


def on_appointment_cancelled(db: Session, event: Received[Any]) -> None:
    """The place was given up, alone or with its session."""
    invoices.cancel_appointment(db, event.data["appointment_id"], now=clock.database_now(db))


def on_package_created(db: Session, event: Received[Any]) -> None:
    """A course of sessions was agreed upon; its appointments are announced one by one."""
    projections.create_package(db, event.data)


def on_package_completed(db: Session, event: Received[Any]) -> None:
    """All sessions of a package are over."""
    projections.set_package_status(db, event.data["package_id"], "COMPLETED")


def on_package_reopened(db: Session, event: Received[Any]) -> None:
    """A package that was over goes on, because an outcome was taken back or the patient came late."""
    projections.set_package_status(db, event.data["package_id"], "OPEN")


def on_package_cancelled(db: Session, event: Received[Any]) -> None:
    """The rest of a package was given up; its appointments' own cancellations make their invoices void."""
    projections.set_package_status(db, event.data["package_id"], "CANCELLED")


HANDLERS = {
    "scheduling.ClinicSaved.v1": on_clinic_saved,
    "scheduling.AppointmentBooked.v1": on_appointment_booked,
    "scheduling.AppointmentRescheduled.v1": on_appointment_rescheduled,
    "scheduling.AppointmentCancelled.v1": on_appointment_cancelled,
    "scheduling.PackageCreated.v1": on_package_created,
    "scheduling.PackageCompleted.v1": on_package_completed,
    "scheduling.PackageReopened.v1": on_package_reopened,
    "scheduling.PackageCancelled.v1": on_package_cancelled,
}
