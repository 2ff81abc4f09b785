"""Packages: planned, scheduled, tried again."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from flask import Response
from sqlalchemy.orm import Session

from jalsa.http import Routes, check_if_match, current_db, json_with_etag, page, page_of
from jalsa.http.paging import decode_id_cursor
from jalsa.service import clock
from jalsa.service.errors import NotFound
from scheduling.domain.planning import Failure, Occurrence, Planned
from scheduling.http.schedules import check_package, check_session
from scheduling.http.schemas import packages as schemas
from scheduling.models import Package, PackageSession, Participant
from scheduling.operations import packages as operations
from scheduling.queries import packages as read
from scheduling.timetable.hours import zone_of

routes = Routes("packages", "Packages: 2 to 100 sessions scheduled together")

_PACKAGE = schemas.PackageAnswer()
_SUMMARY = tuple(schemas.PackageSummary().fields)
_PACKAGE_SESSION = tuple(schemas.PackageSessionAnswer().fields)
_PLAN = schemas.PackagePlan()
_PLANNED = tuple(schemas.PlannedSession().fields)


@routes.view(
    "/packages/plan", "POST", permission="packages.write", body=schemas.PackagePlanBody(), response=_PLAN, kept=False
)
def plan_package(body: dict[str, Any]) -> dict[str, Any]:
    """Plan a package without storing anything: the time of each session, or why it has none, and alternatives."""
    plan = operations.plan_package(current_db(), body, now=clock.now())
    failed = sum(isinstance(one, Failure) for one in plan.placements)
    return {
        "timezone": plan.task.package.clinic.timezone,
        "scheduled_sessions_count": len(plan.placements) - failed,
        "failed_sessions_count": failed,
        "sessions": [_planned(plan, one) for one in plan.placements],
    }


@routes.view(
    "/packages", "POST", permission="packages.write", body=schemas.PackageBody(), response=_PACKAGE, status=201
)
def create_package(body: dict[str, Any]) -> Response:
    """Plan and book a package. With `all_or_nothing` it is booked whole or not at all."""
    db = current_db()
    return json_with_etag(changed(db, operations.create_package(db, body, now=clock.now())), 201)


@routes.view(
    "/packages", permission="packages.read", query=schemas.PackageArgs(), response=page_of(schemas.PackageSummary)
)
def list_packages(args: dict[str, Any]) -> dict[str, Any]:
    """Packages with their progress, in the order in which they were made."""
    db = current_db()
    rows = read.list_packages(db, args, after=decode_id_cursor(args["cursor"]), limit=args["limit"] + 1)
    summaries = _summaries(db, rows)
    return page(rows, args["limit"], lambda row: str(row.id), lambda row: summaries[row.id])


@routes.view("/packages/<uuid:package_id>", permission="packages.read", response=_PACKAGE)
def get_package(package_id: UUID) -> Response:
    """One package with its sessions."""
    db = current_db()
    package = db.get(Package, package_id)
    if package is None:
        raise NotFound("package")
    return json_with_etag(shown(db, read.package_with_sessions(db, package)))


@routes.view(
    "/packages/<uuid:package_id>/schedule",
    "POST",
    permission="packages.write",
    body=schemas.ScheduleBody(),
    response=_PACKAGE,
)
def schedule_package(body: dict[str, Any], package_id: UUID) -> Response:
    """Schedule sessions that have no appointment: all of them, the named ones, or at the given times."""
    db = current_db()
    held = held_package(db, package_id)
    operations.schedule(db, held, body, now=clock.now())
    return json_with_etag(changed(db, held))


def held_package(
    db: Session, package_id: UUID, into: UUID | None = None, *, number: int | None = None
) -> read.LockedPackage:
    """The package to change, or one of its sessions, and another session.

    Raises 404, 403 where it is not the caller's to change, and 412 where it is not as the caller saw it.
    """
    held = operations.held_package(db, package_id, into)
    check_package(held, number)
    check_session(into)
    check_if_match(lambda: shown(db, held))
    return held


def changed(db: Session, held: read.LockedPackage, *, number: int | None = None) -> Any:
    """A package as its answer shows it after a change. Raises 403 where it is now in another clinician's schedule."""
    check_package(held, number)
    return shown(db, held)


def shown(db: Session, held: read.LockedPackage) -> Any:
    """A package as its answer shows it."""
    package = held.package
    return _PACKAGE.dump(
        {
            **_summaries(db, [package])[package.id],
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
            "provider_assignments": read.assignments(db, package.id),
            "sessions": [
                _package_session(package_session, held.appointments.get(package_session.id), package)
                for package_session in held.package_sessions
            ],
        }
    )


def _summaries(db: Session, rows: Sequence[Package]) -> dict[UUID, dict[str, Any]]:
    progress = read.count_sessions(db, [row.id for row in rows])
    return {row.id: _summary(row, progress[row.id]) for row in rows}


def _summary(row: Package, progress: read.Progress) -> dict[str, Any]:
    return {
        **{name: getattr(row, name, None) for name in _SUMMARY},
        "service_type": row.service_type.code,
        "timezone": row.clinic.timezone,
        "is_paused": row.paused_at is not None,
        "progress_percentage": progress.percentage,
        **{f"{name}_sessions_count": count for name, count in vars(progress).items()},
    }


def _package_session(
    package_session: PackageSession, appointment: Participant | None, package: Package
) -> dict[str, Any]:
    told: dict[str, Any] = {name: getattr(package_session, name, None) for name in _PACKAGE_SESSION}
    if appointment is None:
        return told
    told |= {
        "appointment_status": appointment.status,
        "appointment_id": appointment.id,
        "appointment_number": appointment.appointment_number,
    }
    if package_session.status in ("SCHEDULED", "COMPLETED"):
        session = appointment.session
        told |= {
            **_when(package, session.starts_at, session.ends_at),
            "provider_id": session.provider_id,
            "room_id": session.room_id,
            "session_id": session.id,
        }
    return told


def _planned(plan: operations.Plan, one: Planned) -> dict[str, Any]:
    told: dict[str, Any] = {**dict.fromkeys(_PLANNED), "session_number": one.number, "alternatives": []}
    package = plan.task.package
    if isinstance(one, Occurrence):
        return {**told, **_place(package, one), "status": "SCHEDULED"}
    refused = plan.refusals[one.number]
    return {
        **told,
        "status": "FAILED",
        "provider_id": next(s.provider_id for s in plan.task.package_sessions if s.session_number == one.number),
        "scheduling_error_code": refused.code,
        "scheduling_error": refused.detail,
        "scheduling_error_ar": refused.detail_ar,
        "alternatives": [{**_place(package, other), "kind": kind} for kind, other in plan.alternatives[one.number]],
    }


def _place(package: Package, one: Occurrence) -> dict[str, Any]:
    return {
        **_when(package, one.starts_at, one.ends_at),
        "provider_id": one.provider_id,
        "room_id": one.room_id,
    }


def _when(package: Package, starts_at: Any, ends_at: Any) -> dict[str, Any]:
    local = starts_at.astimezone(zone_of(package.clinic.timezone))
    return {
        "starts_at": starts_at,
        "ends_at": ends_at,
        "scheduled_date": local.date(),
        "scheduled_time": local.time(),
    }
