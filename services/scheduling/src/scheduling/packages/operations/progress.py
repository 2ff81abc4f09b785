"""Progress of packages.

The state of a package session follows its appointment, and the state of a package follows its sessions.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from jalsa.db.transactions import context_of
from jalsa.service.ids import new_id
from scheduling import domain
from scheduling.directory import queries as directory
from scheduling.models import Package, PackageSession, Participant, ProviderAssignment
from scheduling.packages import events
from scheduling.packages.operations.locks import locked_package_row
from scheduling.packages.queries import count_sessions, has_outcomes

#: How a session of a package got its provider.
REQUESTED, CHOSEN, SUBSTITUTE = "REQUESTED", "CHOSEN", "SUBSTITUTE"


def follow(db: Session, participant: Participant, *, now: datetime) -> None:
    """Update the package of a participant whose state has changed. Does nothing for a participant without a package.

    A session whose appointment was cancelled is still due to the patient. One that was missed is due only if the
    tenant's settings say so. If the package itself was cancelled, nothing is due any more. What a change of the whole
    package has already set stays as it is.
    """
    if participant.package_session_id is None:
        return
    db.flush()
    package_session = db.get_one(PackageSession, participant.package_session_id)
    package = locked_package_row(db, package_session.package_id)
    db.refresh(package_session)
    goes_on = package.status != "CANCELLED"
    if participant.status == "CANCELLED":
        if package_session.status == "SCHEDULED":
            change_status(package_session, "CANCELLED", owed=goes_on)
        return
    if participant.status == "NO_SHOW":
        change_status(package_session, "CANCELLED", owed=goes_on and directory.settings(db).make_up_no_shows)
    elif participant.status == "ATTENDED":
        change_status(package_session, "COMPLETED")
    elif package_session.status != "SCHEDULED":
        change_status(package_session, "SCHEDULED")
    _begin(db, package, now)
    db.flush()
    finish(db, package, now=now)


def go_back(db: Session, participant: Participant, *, now: datetime) -> None:
    """Update the package of a participant whose last outcome was undone. This is the opposite of `follow`.

    A package none of whose appointments has an outcome has not started.
    """
    if participant.package_session_id is None:
        return
    if participant.status not in domain.LIVE_PARTICIPANT:
        follow(db, participant, now=now)
        return
    db.flush()
    package_session = db.get_one(PackageSession, participant.package_session_id)
    package = locked_package_row(db, package_session.package_id)
    db.refresh(package_session)
    if package_session.status == "COMPLETED":
        domain.PACKAGE_SESSION.check_undo(package_session.status, "SCHEDULED")
        package_session.status = "SCHEDULED"
    elif package_session.status != "SCHEDULED":
        change_status(package_session, "SCHEDULED")
    _begin(db, package, now)
    if package.status == "IN_PROGRESS" and not has_outcomes(db, package.id):
        domain.PACKAGE.check_undo(package.status, "SCHEDULED")
        package.status = "SCHEDULED"
    db.flush()


def note_provider(db: Session, participant: Participant, reason: str | None, *, now: datetime) -> None:
    """Record the current provider of a participant's package session, if it differs from the assigned one."""
    if participant.package_session_id is None:
        return
    package_session, provider_id = (
        db.get_one(PackageSession, participant.package_session_id),
        participant.session.provider_id,
    )
    if package_session.provider_id != provider_id:
        assign(db, package_session, provider_id, SUBSTITUTE if package_session.provider_id else REQUESTED, now, reason)


def assign(
    db: Session, package_session: PackageSession, provider_id: UUID, kind: str, now: datetime, reason: str | None = None
) -> None:
    """Record which provider is to hold a session of a package."""
    package_session.provider_id, package_session.provider_chosen = provider_id, kind == CHOSEN
    db.add(
        ProviderAssignment(
            id=new_id(),
            package_session_id=package_session.id,
            provider_id=provider_id,
            kind=kind,
            reason=reason,
            assigned_at=now,
            assigned_by=context_of(db).actor,
        )
    )


def finish(db: Session, package: Package, *, now: datetime) -> None:
    """Complete a package that has started and has no outstanding or scheduled session. Publishes PackageCompleted."""
    counts = count_sessions(db, [package.id])[package.id]
    if package.status == "IN_PROGRESS" and not counts.outstanding and not counts.scheduled:
        package.status, package.completed_at = "COMPLETED", now
        unpause(package)
        db.flush()
        events.package_completed(db, package, counts.completed, now)


def unpause(package: Package) -> None:
    """End the pause of a package that is resumed or over."""
    package.paused_at = package.paused_by = package.pause_reason = None


def change_status(package_session: PackageSession, status: str, *, owed: bool = True) -> None:
    """Change a package session's state. Raises 409 `invalid-transition`."""
    domain.PACKAGE_SESSION.check(package_session.status, status)
    package_session.status, package_session.owed = status, owed
    package_session.scheduling_error_code = package_session.scheduling_error = package_session.scheduling_error_ar = (
        None
    )


def cancel_unscheduled(package_session: PackageSession) -> None:
    """Cancel a session that has no appointment and is no longer due to the patient."""
    if package_session.status != "CANCELLED":
        change_status(package_session, "CANCELLED")
    package_session.owed = False


def _begin(db: Session, package: Package, now: datetime) -> None:
    """Start a package with its first outcome, or reopen a completed package whose session now has another outcome."""
    reopened = package.status == "COMPLETED"
    if reopened or package.status == "SCHEDULED":
        package.status, package.completed_at = "IN_PROGRESS", None
    if reopened:
        db.flush()
        events.package_reopened(db, package, count_sessions(db, [package.id])[package.id].completed, now)
