"""What billing keeps of others' data, stored as their owners announce it."""

from uuid import UUID

from sqlalchemy.orm import Session

from billing.events import PackageCreated
from billing.models import ClinicProjection, PackageProjection
from jalsa.db.projections import save, set_status


def save_clinic(db: Session, clinic_id: UUID, timezone: str) -> None:
    """Store or replace a clinic's projection. What is issued from then on is issued by this zone's clock."""
    save(db, ClinicProjection, clinic_id, {"timezone": timezone})


def create_package(db: Session, created: PackageCreated) -> None:
    """Store a package's projection."""
    db.add(
        PackageProjection(
            id=created.package_id,
            number=created.package_number,
            patient_id=created.patient_id,
            service_type=created.service_type,
            total_sessions=created.total_sessions,
            status="OPEN",
        )
    )


def set_package_status(db: Session, package_id: UUID, status: str) -> None:
    """Keep whether a package is OPEN, or how it ended: COMPLETED or CANCELLED.

    The package is known, because the first event of the same subject created it. A package that was over is OPEN again
    if an outcome was taken back or the patient came late. The invoices of a cancelled package become void with the
    cancellations of its appointments.
    """
    set_status(db, PackageProjection, package_id, status)
