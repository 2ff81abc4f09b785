"""The report on packages: their states, services and providers, and how well their sessions could be placed.

A package belongs to the local day of its clinic on which it was created. Everything is counted from the current state
of its sessions and their appointments.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Date, Subquery, Text, case, cast, func, select
from sqlalchemy.orm import Session

from scheduling.domain import PACKAGE
from scheduling.models import Clinic, ClinicalSession, Package, PackageSession, Participant, Provider, ServiceType
from scheduling.reports.commands import MakePackageReport
from scheduling.reports.queries.sessions import Named, percent

#: The number of most common services in a report.
MAX_SERVICES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """The figures of all packages of a report together. A percentage or a mean without a base is None."""

    packages: int
    completed_percent: float | None
    sessions: int
    completed_sessions: int
    completed_sessions_percent: float | None
    mean_sessions: float | None
    mean_completed_sessions: float | None
    tried_sessions: int
    placed_sessions: int
    placed_percent: float | None
    placed_at_first_attempt_sessions: int
    placed_at_first_attempt_percent: float | None


@dataclass(frozen=True, slots=True)
class StatusCount:
    """The number of packages with a status."""

    key: str
    packages: int


@dataclass(frozen=True, slots=True)
class FailureCount:
    """The number of sessions that are FAILED for a reason, which is a code."""

    key: str | None
    sessions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicePackages(Named):
    """The number of packages of a service type, and the number of their sessions."""

    packages: int
    sessions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSessions(Named):
    """The appointments of packages that a provider holds or held, by their outcome."""

    scheduled_sessions: int
    completed_sessions: int
    missed_sessions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageReport:
    """The report, with every status, and the most common failures, service types and providers first."""

    totals: Totals
    by_status: Sequence[StatusCount]
    failures: Sequence[FailureCount]
    service_types: Sequence[ServicePackages]
    providers: Sequence[ProviderSessions]


@dataclass(frozen=True, slots=True)
class _Size:
    """The number of packages with a status, and the number of their sessions."""

    packages: int
    sessions: int


@dataclass(frozen=True, slots=True)
class _Outcome:
    """The sessions with one failure code, or without one, and how many of them had which outcome."""

    code: str | None
    completed: int
    failed: int
    tried: int
    placed: int
    placed_at_first_attempt: int


def packages(db: Session, asked: MakePackageReport) -> PackageReport:
    """Return the outcomes of the packages that were created in the period, and of their sessions."""
    chosen = _chosen(asked)
    made, outcomes = _sizes(db, chosen), _outcomes(db, chosen)
    by_status = [StatusCount(status, made[status].packages if status in made else 0) for status in PACKAGE.states]
    return PackageReport(
        totals=_totals(made, outcomes),
        by_status=by_status,
        failures=[FailureCount(each.code, each.failed) for each in outcomes if each.failed],
        service_types=_services(db, chosen),
        providers=_providers(db, chosen),
    )


def _totals(made: Mapping[str, _Size], outcomes: Sequence[_Outcome]) -> Totals:
    count, sessions = sum(each.packages for each in made.values()), sum(each.sessions for each in made.values())
    over = {status: made[status].packages for status in ("COMPLETED", "CANCELLED") if status in made}
    completed, tried = sum(each.completed for each in outcomes), sum(each.tried for each in outcomes)
    placed, first = (
        sum(each.placed for each in outcomes),
        sum(each.placed_at_first_attempt for each in outcomes),
    )
    return Totals(
        packages=count,
        completed_percent=_percent(over.get("COMPLETED", 0), sum(over.values())),
        sessions=sessions,
        completed_sessions=completed,
        completed_sessions_percent=_percent(completed, sessions),
        mean_sessions=_mean(sessions, count),
        mean_completed_sessions=_mean(completed, count),
        tried_sessions=tried,
        placed_sessions=placed,
        placed_percent=_percent(placed, tried),
        placed_at_first_attempt_sessions=first,
        placed_at_first_attempt_percent=_percent(first, tried),
    )


def _chosen(asked: MakePackageReport) -> Subquery:
    """Return the packages of the report. The bounds only serve the index."""
    earliest, latest = asked.bounds
    day = cast(func.local_time(Clinic.timezone, Package.created_at), Date)
    query = (
        select(Package.id, Package.status, Package.service_type_id, Package.total_sessions)
        .join(Package.clinic)
        .where(Package.created_at >= earliest, Package.created_at < latest, day.between(asked.first, asked.last))
    )
    if asked.clinic_id:
        query = query.where(Package.clinic_id == asked.clinic_id)
    if asked.service_type:
        query = query.where(Package.service_type.has(ServiceType.code == asked.service_type))
    if asked.provider_id:
        theirs = select(PackageSession.id).where(PackageSession.provider_id == asked.provider_id)
        query = query.where(theirs.where(PackageSession.package_id == Package.id).exists())
    return query.subquery("chosen")


def _sizes(db: Session, chosen: Subquery) -> dict[str, _Size]:
    """Return how many packages are in each status, and how many sessions they have."""
    query = select(chosen.c.status, *_counted(chosen)).group_by(chosen.c.status)
    return {status: _Size(packages, sessions) for status, packages, sessions in db.execute(query)}


def _services(db: Session, chosen: Subquery) -> list[ServicePackages]:
    kind = chosen.c.service_type_id
    counted = select(kind, *_counted(chosen)).group_by(kind).subquery("counted")
    query = (
        select(
            ServiceType.code.label("key"),
            ServiceType.name_en,
            ServiceType.name_ar,
            counted.c.packages,
            counted.c.sessions,
        )
        .join(counted, counted.c.service_type_id == ServiceType.id)
        .order_by(counted.c.packages.desc(), counted.c.sessions.desc(), ServiceType.code)
        .limit(MAX_SERVICES)
    )
    return [ServicePackages(**row) for row in db.execute(query).mappings()]


def _counted(chosen: Subquery) -> list[ColumnElement[int]]:
    return [func.count().label("packages"), func.sum(chosen.c.total_sessions).label("sessions")]


def _outcomes(db: Session, chosen: Subquery) -> list[_Outcome]:
    """Count the completed, failed, tried and placed sessions, by the reason for which they are FAILED.

    A successful attempt creates an appointment. Where there are fewer appointments than attempts, an attempt has
    failed.
    """
    status, attempts = PackageSession.status, PackageSession.scheduling_attempts
    made = select(func.count()).where(Participant.package_session_id == PackageSession.id).scalar_subquery()
    # Most sessions were placed by their first attempt, so their appointments need not be read.
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
    code = PackageSession.scheduling_error_code.label("code")
    counted = [func.count().filter(condition).label(name) for name, condition in counts.items()]
    query = (
        select(code, *counted)
        .join(chosen, chosen.c.id == PackageSession.package_id)
        .group_by(code)
        .order_by(counted[1].desc(), code)
    )
    return [_Outcome(**row) for row in db.execute(query).mappings()]


def _providers(db: Session, chosen: Subquery) -> list[ProviderSessions]:
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
    query = (
        select(
            cast(Provider.id, Text).label("key"),
            Provider.name_en,
            Provider.name_ar,
            *(counted.c[name] for name in outcomes),
        )
        .join(counted, counted.c.provider_id == Provider.id)
        .order_by(counted.c.all.desc(), Provider.name_en, Provider.id)
    )
    return [ProviderSessions(**row) for row in db.execute(query).mappings()]


def _percent(part: int, whole: int) -> float | None:
    return percent(part, whole) if whole else None


def _mean(total: int, count: int) -> float | None:
    return round(total / count, 2) if count else None
