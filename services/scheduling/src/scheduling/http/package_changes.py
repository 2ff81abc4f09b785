"""Changes to a package after it was created."""

from uuid import UUID

from flask import Response

from jalsa.http import Routes, current_db, json_with_etag
from jalsa.service import clock
from scheduling.appointments.commands.appointments import RescheduleParticipant
from scheduling.appointments.commands.sessions import Reason
from scheduling.http.answers import response_with_extras
from scheduling.http.packages import changed, package_to_change
from scheduling.http.permissions import check_override
from scheduling.http.schemas import package_changes as schemas
from scheduling.http.schemas.packages import PackageAnswer, SchedulingError
from scheduling.http.schemas.sessions import ReasonBody, RescheduleParticipantBody
from scheduling.packages.commands.changes import (
    CancelPackageSession,
    PausePackage,
    ResumePackage,
    SchedulePackageSession,
    ShiftPackage,
    SubstituteProvider,
)
from scheduling.packages.queries import LockedPackage
from scheduling.use_cases import package_changes, package_session_changes

routes = Routes("package-changes", "Changes to packages")

_PACKAGE = PackageAnswer()
_CHANGED = schemas.ChangedPackageAnswer()
_WARNINGS = SchedulingError(many=True)
_ONE = "/packages/<uuid:package_id>/sessions/<int:session_number>"


@routes.view(
    f"{_ONE}/reschedule", "POST", permission="packages.write", body=RescheduleParticipantBody(), response=_CHANGED
)
def reschedule_package_session(command: RescheduleParticipant, package_id: UUID, session_number: int) -> Response:
    """Move the appointment of one session of a package. Order and gap only cause warnings."""
    check_override(command.override)
    held = package_to_change(package_id, command.session_id, number=session_number)
    package_session_changes.reschedule_package_session(current_db(), held, session_number, command, now=clock.now())
    return _warned(held, session_number)


@routes.view(
    f"{_ONE}/schedule",
    "POST",
    permission="packages.write",
    body=schemas.SchedulePackageSessionBody(),
    response=_CHANGED,
)
def schedule_package_session(command: SchedulePackageSession, package_id: UUID, session_number: int) -> Response:
    """Book one session without an appointment at a given time. Order and gap only cause warnings."""
    check_override(command.override)
    held = package_to_change(package_id, number=session_number)
    package_session_changes.schedule_package_session(current_db(), held, session_number, command, now=clock.now())
    return _warned(held, session_number)


@routes.view(
    f"{_ONE}/cancel", "POST", permission="packages.write", body=schemas.CancelPackageSessionBody(), response=_PACKAGE
)
def cancel_package_session(command: CancelPackageSession, package_id: UUID, session_number: int) -> Response:
    """Give up one session of a package and its appointment. It is made up for only if the body says so."""
    held = package_to_change(package_id, number=session_number)
    package_session_changes.cancel_package_session(current_db(), held, session_number, command, now=clock.now())
    return json_with_etag(changed(held, number=session_number))


@routes.view(
    "/packages/<uuid:package_id>/shift",
    "POST",
    permission="packages.write",
    body=schemas.ShiftBody(),
    response=_PACKAGE,
)
def shift_package(command: ShiftPackage, package_id: UUID) -> Response:
    """Move the rest of a package by days, or plan it again from a day on. Group sessions are not moved."""
    held = package_to_change(package_id)
    package_changes.shift_package(current_db(), held, command, now=clock.now())
    return json_with_etag(changed(held))


@routes.view(
    "/packages/<uuid:package_id>/substitute",
    "POST",
    permission="packages.write",
    body=schemas.SubstituteBody(),
    response=_PACKAGE,
)
def substitute_provider(command: SubstituteProvider, package_id: UUID) -> Response:
    """Assign sessions to another provider, at the same time or at the nearest free time."""
    held = package_to_change(package_id)
    package_changes.substitute_provider(current_db(), held, command, now=clock.now())
    return json_with_etag(changed(held))


@routes.view(
    "/packages/<uuid:package_id>/cancel", "POST", permission="packages.write", body=ReasonBody(), response=_PACKAGE
)
def cancel_package(command: Reason, package_id: UUID) -> Response:
    """Cancel a package with every appointment that has not started. Past sessions stay as they are."""
    held = package_to_change(package_id)
    package_changes.cancel_package(current_db(), held, command.reason, now=clock.now())
    return json_with_etag(changed(held))


@routes.view(
    "/packages/<uuid:package_id>/pause",
    "POST",
    permission="packages.write",
    body=schemas.PauseBody(),
    response=_PACKAGE,
)
def pause_package(command: PausePackage, package_id: UUID) -> Response:
    """Give up the appointments that have not started, until the package is resumed."""
    held = package_to_change(package_id)
    package_changes.pause_package(current_db(), held, command, now=clock.now())
    return json_with_etag(changed(held))


@routes.view(
    "/packages/<uuid:package_id>/resume",
    "POST",
    permission="packages.write",
    body=schemas.ResumeBody(),
    response=_PACKAGE,
)
def resume_package(command: ResumePackage, package_id: UUID) -> Response:
    """Resume a paused package. Sessions without an appointment are planned again, with the same providers."""
    held = package_to_change(package_id)
    package_changes.resume_package(current_db(), held, command, now=clock.now())
    return json_with_etag(changed(held))


def _warned(held: LockedPackage, number: int) -> Response:
    return response_with_extras(
        changed(held, number=number),
        warnings=_WARNINGS.dump(package_session_changes.unusual_times(held, now=clock.now())),
    )
