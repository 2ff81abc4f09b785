"""The locks of a package. They are its patient, the rows of its future sessions, and its own row, in this order."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from jalsa.service.errors import NotFound
from scheduling.appointments.operations.locks import lock_patients, lock_sessions
from scheduling.appointments.queries.session_records import sessions_offered_to
from scheduling.models import Package
from scheduling.packages.queries import LockedPackage, package_with_sessions, sessions_to_come


def locked_package(db: Session, package_id: UUID, into: UUID | None = None) -> LockedPackage:
    """Return a package, locked together with its patient and the rows of its future sessions. Raises 404.

    Also locked are the row of the session `into`, if it is given, and those of the sessions in which the patient is
    offered a spot.
    """
    package = db.get(Package, package_id)
    if package is None:
        raise NotFound("package")
    lock_patients(db, [package.patient_id])
    offered = sessions_offered_to(db, [package.patient_id])
    lock_sessions(db, {*sessions_to_come(db, package_id), *offered, *filter(None, [into])})
    return package_with_sessions(db, locked_package_row(db, package_id))


def locked_package_row(db: Session, package_id: UUID) -> Package:
    """Return a package with only its own row locked until the transaction ends.

    The rows of sessions are locked before.
    """
    query = select(Package).where(Package.id == package_id).with_for_update(of=Package)
    return db.scalars(query.execution_options(populate_existing=True)).one()
