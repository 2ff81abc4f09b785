"""Planning, creating, listing and scheduling packages."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from flask import Response

from jalsa.http import PageOf, Routes, check_if_match, current_db, json_with_etag, page_by_id, page_of
from jalsa.http.paging import decode_id_cursor
from jalsa.service import clock
from jalsa.service.errors import NotFound
from jalsa.service.json_types import JsonObject
from scheduling.http.permissions import check_package, check_session
from scheduling.http.schemas import packages as schemas
from scheduling.models import Package, PackageSession, Participant
from scheduling.packages import queries
from scheduling.packages.commands.planning import CreatePackage, FindPackages, PlanPackage, SchedulePackage
from scheduling.packages.operations.locks import locked_package
from scheduling.packages.operations.planning import SchedulingPlan
from scheduling.packages.queries import LockedPackage, Progress
from scheduling.packages.rules.planning import Occurrence, Planned
from scheduling.timetable.hours import zone_of
from scheduling.use_cases import package_creation, package_scheduling
from scheduling.use_cases.package_creation import PlannedPackage

routes = Routes("packages", "Packages of 2 to 100 sessions that are scheduled together")

_PACKAGE = schemas.PackageAnswer()
_SUMMARY = tuple(schemas.PackageSummary().fields)
_PACKAGE_SESSION = tuple(schemas.PackageSessionAnswer().fields)
_PLAN = schemas.PackagePlan()
_PLANNED = tuple(schemas.PlannedSession().fields)


@routes.view(
    "/packages/plan", "POST", permission="packages.write", body=schemas.PackagePlanBody(), response=_PLAN, kept=False
)
def plan_package(command: PlanPackage) -> JsonObject:
    """Plan a package without storing anything.

    The answer has a time, or a reason and alternatives, for each session.
    """
    planned = package_creation.plan_package(current_db(), command, now=clock.now())
    plan = planned.plan
    return {
        "timezone": plan.task.package.clinic.timezone,
        "scheduled_sessions_count": len(plan.occurrences),
        "failed_sessions_count": len(plan.refusals),
        "sessions": [_planned(planned, one) for one in plan.planned],
    }


@routes.view(
    "/packages", "POST", permission="packages.write", body=schemas.PackageBody(), response=_PACKAGE, status=201
)
def create_package(command: CreatePackage) -> Response:
    """Plan and book a package. With `all_or_nothing`, either all sessions are booked or none."""
    created = package_creation.create_package(current_db(), command, now=clock.now())
    return json_with_etag(changed(created), 201)


@routes.view(
    "/packages", permission="packages.read", query=schemas.PackageArgs(), response=page_of(schemas.PackageSummary)
)
def list_packages(query: PageOf[FindPackages]) -> JsonObject:
    """List packages with their progress, in the order in which they were created."""
    after = decode_id_cursor(query.cursor)
    rows = queries.list_packages(current_db(), query.asked, after=after, limit=query.limit + 1)
    summaries = _summaries(rows)
    return page_by_id(rows, query.limit, lambda row: summaries[row.id])


@routes.view("/packages/<uuid:package_id>", permission="packages.read", response=_PACKAGE)
def get_package(package_id: UUID) -> Response:
    """Return one package with its sessions."""
    db = current_db()
    package = db.get(Package, package_id)
    if package is None:
        raise NotFound("package")
    return json_with_etag(represent(queries.package_with_sessions(db, package)))


@routes.view(
    "/packages/<uuid:package_id>/schedule",
    "POST",
    permission="packages.write",
    body=schemas.ScheduleBody(),
    response=_PACKAGE,
)
def schedule_package(command: SchedulePackage, package_id: UUID) -> Response:
    """Schedule sessions that have no appointment: all of them, those with given numbers, or at given times."""
    held = package_to_change(package_id)
    package_scheduling.schedule_package(current_db(), held, command, now=clock.now())
    return json_with_etag(changed(held))


def package_to_change(package_id: UUID, into: UUID | None = None, *, number: int | None = None) -> LockedPackage:
    """Return a locked package that is to be changed, together with another session if one is given.

    Raises 404, 403 if the caller may not change it, and 412 if it is not in the state that the caller saw.
    """
    held = locked_package(current_db(), package_id, into)
    check_package(held, number)
    check_session(into)
    check_if_match(lambda: represent(held))
    return held


def changed(held: LockedPackage, *, number: int | None = None) -> JsonObject:
    """Return a package as its answer shows it after a change.

    Raises 403 if the change puts it into another clinician's schedule.
    """
    check_package(held, number)
    return represent(held)


def represent(held: LockedPackage) -> JsonObject:
    """Return a package as its answer shows it."""
    package = held.package
    shown: JsonObject = _PACKAGE.dump(
        {
            **_summaries([package])[package.id],
            "scheduling_errors": [
                {
                    "session_number": s.session_number,
                    "code": s.scheduling_error_code,
                    "detail": s.scheduling_error,
                    "detail_ar": s.scheduling_error_ar,
                }
                for s in held.package_sessions
                if s.status == "FAILED"
            ],
            "provider_assignments": queries.assignments(current_db(), package.id),
            "sessions": [
                _package_session(package_session, held.appointments.get(package_session.id), package)
                for package_session in held.package_sessions
            ],
        }
    )
    return shown


def _summaries(rows: Sequence[Package]) -> dict[UUID, JsonObject]:
    progress = queries.count_sessions(current_db(), [row.id for row in rows])
    return {row.id: _summary(row, progress[row.id]) for row in rows}


def _summary(row: Package, progress: Progress) -> JsonObject:
    return {
        **{name: getattr(row, name, None) for name in _SUMMARY},
        "service_type": row.service_type.code,
        "timezone": row.clinic.timezone,
        "is_paused": row.paused_at is not None,
        "progress_percentage": progress.percentage,
        "pending_sessions_count": progress.pending,
        "scheduled_sessions_count": progress.scheduled,
        "completed_sessions_count": progress.completed,
        "failed_sessions_count": progress.failed,
        "cancelled_sessions_count": progress.cancelled,
        "owed_sessions_count": progress.owed,
    }


def _package_session(package_session: PackageSession, appointment: Participant | None, package: Package) -> JsonObject:
    shown: JsonObject = {name: getattr(package_session, name, None) for name in _PACKAGE_SESSION}
    if appointment is None:
        return shown
    shown |= {
        "appointment_status": appointment.status,
        "appointment_id": appointment.id,
        "appointment_number": appointment.appointment_number,
    }
    if package_session.status in ("SCHEDULED", "COMPLETED"):
        session = appointment.session
        shown |= {
            **_when(package, session.starts_at, session.ends_at),
            "provider_id": session.provider_id,
            "room_id": session.room_id,
            "session_id": session.id,
        }
    return shown


def _planned(planned: PlannedPackage, one: Planned) -> JsonObject:
    plan = planned.plan
    shown: JsonObject = {**dict.fromkeys(_PLANNED), "session_number": one.number, "alternatives": []}
    if isinstance(one, Occurrence):
        return {**shown, **_placement(plan, one), "status": "SCHEDULED"}
    refused = plan.refusals[one.number]
    return {
        **shown,
        "status": "FAILED",
        "provider_id": next(s.provider_id for s in plan.task.package_sessions if s.session_number == one.number),
        "scheduling_error_code": refused.code,
        "scheduling_error": refused.detail,
        "scheduling_error_ar": refused.detail_ar,
        "alternatives": [
            {**_placement(plan, other.occurrence), "kind": other.kind} for other in planned.alternatives[one.number]
        ],
    }


def _placement(plan: SchedulingPlan, one: Occurrence) -> JsonObject:
    return {
        **_when(plan.task.package, one.starts_at, one.ends_at),
        "provider_id": one.provider_id,
        "room_id": one.room_id,
    }


def _when(package: Package, starts_at: datetime, ends_at: datetime) -> JsonObject:
    local = starts_at.astimezone(zone_of(package.clinic.timezone))
    return {
        "starts_at": starts_at,
        "ends_at": ends_at,
        "scheduled_date": local.date(),
        "scheduled_time": local.time(),
    }
