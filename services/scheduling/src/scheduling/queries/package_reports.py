"""The report on packages: what became of them, of which services they are, who holds them, how well they were placed.

A package belongs to the local day of its clinic on which it was created. All is counted from its sessions and their
appointments as they are now.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Date, Select, Subquery, case, cast, func, select
from sqlalchemy.orm import Session

from scheduling.domain import PACKAGE
from scheduling.models import Clinic, ClinicalSession, Package, PackageSession, Participant, Provider, ServiceType
from scheduling.queries.reports import Period, percent

#: How many of the most common services a report names.
MAX_SERVICES = 20


@dataclass(frozen=True)
class PackagePeriod(Period):
    """Of the packages created on these days, those of a clinic, of a service type, or with a session of a provider."""

    service_type: str | None = None


def packages(db: Session, period: PackagePeriod) -> dict[str, Any]:
    """The report: `totals`, and the rows `by_status`, `failures`, `service_types`, `providers`.

    A percentage or a mean of nothing is None.
    """
    chosen = _chosen(period)
    made = {row.status: row for row in db.execute(_statuses(chosen))}
    outcomes = db.execute(_outcomes(chosen)).all()
    by_status = {status: made[status].packages if status in made else 0 for status in PACKAGE.states}
    count, sessions = sum(by_status.values()), sum(row.sessions for row in made.values())
    completed, tried, placed, first = (
        sum(getattr(row, name) for row in outcomes)
        for name in ("completed", "tried", "placed", "placed_at_first_attempt")
    )
    return {
        "totals": {
            "packages": count,
            "completed_percent": _percent(by_status["COMPLETED"], by_status["COMPLETED"] + by_status["CANCELLED"]),
            "sessions": sessions,
            "completed_sessions": completed,
            "completed_sessions_percent": _percent(completed, sessions),
            "mean_sessions": _mean(sessions, count),
            "mean_completed_sessions": _mean(completed, count),
            "tried_sessions": tried,
            "placed_sessions": placed,
            "placed_percent": _percent(placed, tried),
            "placed_at_first_attempt_sessions": first,
            "placed_at_first_attempt_percent": _percent(first, tried),
        },
        "by_status": [{"key": status, "packages": number} for status, number in by_status.items()],
        "failures": [{"key": row.code, "sessions": row.failed} for row in outcomes if row.failed],
        "service_types": db.execute(_services(chosen)).all(),
        "providers": db.execute(_providers(chosen)).all(),
    }


def _chosen(period: PackagePeriod) -> Subquery:
    """The packages that the report is of; the bounds are for the index alone."""
    earliest, latest = period.bounds
    day = cast(func.local_time(Clinic.timezone, Package.created_at), Date)
    query = (
        select(Package.id, Package.status, Package.service_type_id, Package.total_sessions)
        .join(Package.clinic)
        .where(Package.created_at >= earliest, Package.created_at < latest, day.between(period.first, period.last))
    )
    if period.clinic_id:
        query = query.where(Package.clinic_id == period.clinic_id)
    if period.service_type:
        query = query.where(Package.service_type.has(ServiceType.code == period.service_type))
    if period.provider_id:
        theirs = select(PackageSession.id).where(PackageSession.provider_id == period.provider_id)
        query = query.where(theirs.where(PackageSession.package_id == Package.id).exists())
    return query.subquery("chosen")


def _statuses(chosen: Subquery) -> Select[Any]:
    return select(chosen.c.status, *_sizes(chosen)).group_by(chosen.c.status)


def _services(chosen: Subquery) -> Select[Any]:
    kind = chosen.c.service_type_id
    counted = select(kind, *_sizes(chosen)).group_by(kind).subquery("counted")
    return (
        select(*_named(ServiceType, ServiceType.code), counted.c.packages, counted.c.sessions)
        .join(counted, counted.c.service_type_id == ServiceType.id)
        .order_by(counted.c.packages.desc(), counted.c.sessions.desc(), ServiceType.code)
        .limit(MAX_SERVICES)
    )


def _sizes(chosen: Subquery) -> list[Any]:
    return [func.count().label("packages"), func.sum(chosen.c.total_sessions).label("sessions")]


def _outcomes(chosen: Subquery) -> Select[Any]:
    """How many sessions are completed or failed, and were tried and placed, by the reason for which they are FAILED.

    An attempt that succeeds makes an appointment: where there are fewer of these than attempts, one has failed.
    """
    status, attempts = PackageSession.status, PackageSession.scheduling_attempts
    made = select(func.count()).where(Participant.package_session_id == PackageSession.id).scalar_subquery()
    # most have their placement by their first attempt: their appointments need not be looked at
    appointments = case((status.in_(("SCHEDULED", "COMPLETED")) & (attempts == 1), 1), else_=made)
    tried, failed = attempts > 0, status == "FAILED"
    placed = tried & ~failed & (appointments > 0)
    counts = {
        "completed": status == "COMPLETED",
        "failed": failed,
        "tried": tried,
        "placed": placed,
        "placed_at_first_attempt": placed & (appointments >= attempts),
    }
    code: Any = PackageSession.scheduling_error_code.label("code")
    counted = [func.count().filter(condition).label(name) for name, condition in counts.items()]
    return (
        select(code, *counted)
        .join(chosen, chosen.c.id == PackageSession.package_id)
        .group_by(code)
        .order_by(counted[1].desc(), code)
    )


def _providers(chosen: Subquery) -> Select[Any]:
    outcomes = {
        "scheduled_sessions": ("BOOKED", "CONFIRMED", "ARRIVED"),
        "completed_sessions": ("ATTENDED",),
        "missed_sessions": ("NO_SHOW",),
    }
    counts = [func.count().filter(Participant.status.in_(states)).label(name) for name, states in outcomes.items()]
    counted = (
        select(ClinicalSession.provider_id, func.count().label("all"), *counts)
        .select_from(chosen)
        .join(PackageSession, PackageSession.package_id == chosen.c.id)
        .join(Participant, Participant.package_session_id == PackageSession.id)
        .join(ClinicalSession, ClinicalSession.id == Participant.session_id)
        .where(Participant.status != "CANCELLED")
        .group_by(ClinicalSession.provider_id)
        .subquery("counted")
    )
    return (
        select(*_named(Provider, Provider.id), *(counted.c[name] for name in outcomes))
        .join(counted, counted.c.provider_id == Provider.id)
        .order_by(counted.c.all.desc(), Provider.name_en, Provider.id)
    )


def _named(kind: Any, key: Any) -> list[Any]:
    return [key.label("key"), kind.name_en, kind.name_ar]


def _percent(part: int, whole: int) -> float | None:
    return percent(part, whole) if whole else None


def _mean(total: int, count: int) -> float | None:
    return round(total / count, 2) if count else None
