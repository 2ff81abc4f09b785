"""Permissions beyond that of the route, to override rules, to change a schedule, or to undo an earlier outcome."""

from datetime import datetime
from uuid import UUID

from jalsa.http import current_db, current_principal
from jalsa.service.errors import Forbidden, InvalidField
from jalsa.service.policy import authorise
from scheduling.appointments.commands.appointments import BookParticipant
from scheduling.appointments.commands.placements import Override, WantedPlacement
from scheduling.appointments.queries import session_records
from scheduling.packages.queries import LockedPackage
from scheduling.policy import POLICY, acts_for

#: The states in which a session of a package can no longer be changed.
_OVER = frozenset({"COMPLETED", "CANCELLED"})


def check_override(override: Override | None) -> str | None:
    """Return the reason for which a request overrides rules, or None. Raises 403 `forbidden` if the caller may not."""
    if override is None:
        return None
    authorise(POLICY, "schedule.override", current_principal())
    return override.reason


def check_entry(
    command: WantedPlacement | BookParticipant, starts_at: datetime | None, permission: str, *, now: datetime
) -> str:
    """Return the permission to enter a session with a given start.

    Raises 403 `forbidden` if the caller does not have it. A future start, and a start that does not matter, need the
    `permission`. So does a start in the past that is refused in any case.
    """
    begun = starts_at is not None and starts_at <= now
    if begun and command.override is not None:
        needed = "schedule.past"
    else:
        check_override(command.override)
        needed = "schedule.walk-in" if begun and command.walk_in else permission
    authorise(POLICY, needed, current_principal())
    return needed


def check_schedules(*provider_ids: UUID | None, permission: str = "sessions.write") -> None:
    """Raise 403 `forbidden` for a clinician if any of these sessions is, or would be, in another provider's schedule.

    `permission` is the one that the caller needed for the change. None is a provider who is not known yet and counts as
    another one. After an operation that chooses providers itself, this is called again. A view that raises has changed
    nothing.
    """
    principal = current_principal()
    if not all(acts_for(principal, provider_id, permission) for provider_id in provider_ids):
        raise Forbidden(
            "Clinicians can only change their own schedule. The front desk and managers can change that of others."
        )


def check_session(session_id: UUID | None, permission: str = "sessions.write") -> None:
    """Check the schedule of a session of which only the id is known.

    A session that does not exist is left to the operation, which refuses it.
    """
    if session_id is None or acts_for(current_principal(), None, permission):
        return
    session = session_records.find_session(current_db(), session_id)
    if session is not None:
        check_schedules(session.provider_id, permission=permission)


def check_package(held: LockedPackage, number: int | None = None) -> None:
    """Check the schedules of one session of a package, or of all its sessions that are not over."""
    package_sessions = (
        [held.package_session(number)]
        if number is not None
        else [package_session for package_session in held.package_sessions if package_session.status not in _OVER]
    )
    placed = {package_session.id: participant.session.provider_id for package_session, participant in held.placed()}
    check_schedules(
        *(placed.get(package_session.id, package_session.provider_id) for package_session in package_sessions)
    )


def check_may_undo(*, of_today: bool, reason: str | None) -> None:
    """Check that the caller may undo an outcome. Only managers may do so after its local day.

    Raises 403 `forbidden`, and 422 for a manager without a reason.
    """
    if of_today:
        return
    if not POLICY["schedule.override"] & current_principal().roles:
        raise Forbidden("Only a manager can undo an outcome of an earlier day.")
    if not reason:
        raise InvalidField("reason", "Required to undo an outcome of an earlier day.")
