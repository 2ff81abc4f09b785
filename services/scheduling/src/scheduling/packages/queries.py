"""Queries for packages, their sessions with the appointments, and their progress, which is counted on every read.

The module also finds the providers and rooms that a package can use.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session, selectinload

from jalsa.db.aliases import stands_for
from jalsa.db.keyset import keyset
from jalsa.service.errors import NotFound
from scheduling import errors
from scheduling.domain import LIVE_PARTICIPANT, UPCOMING_STATUSES
from scheduling.models import (
    ClinicalSession,
    Package,
    PackageSession,
    Participant,
    Provider,
    ProviderClinic,
    Room,
    ServiceType,
)
from scheduling.packages.commands.planning import FindPackages
from scheduling.packages.rules.planning import Occurrence


@dataclass(frozen=True)
class Progress:
    """How many sessions of a package are in each state. `owed` of the cancelled ones are to be made up for."""

    total: int
    pending: int
    scheduled: int
    completed: int
    failed: int
    cancelled: int
    owed: int

    @property
    def outstanding(self) -> int:
        """The number of sessions that must still be placed."""
        return self.pending + self.failed + self.owed

    @property
    def percentage(self) -> float:
        """The percentage of the sessions that are completed."""
        return round(100 * self.completed / self.total, 1)


@dataclass(frozen=True)
class LockedPackage:
    """A package with its sessions by number, and the live or else the last appointment of each."""

    package: Package
    package_sessions: Sequence[PackageSession]
    appointments: dict[UUID, Participant]

    def check_not_over(self) -> None:
        """Raise 409 `invalid-transition` for a package that is over."""
        if self.package.status in ("COMPLETED", "CANCELLED"):
            raise errors.PackageOver(self.package.status)

    def check_open(self) -> None:
        """Raise 409 `invalid-transition` for a package that is over, and `package-paused` for one that is paused."""
        self.check_not_over()
        if self.package.paused_at:
            raise errors.PackagePaused

    def outstanding(self) -> list[PackageSession]:
        """Return the sessions that have no placement and must still be placed."""
        return [package_session for package_session in self.package_sessions if package_session.outstanding]

    def placed(self) -> Iterator[tuple[PackageSession, Participant]]:
        """Return the sessions that have a placement, in the past or in the future."""
        return ((s, self.appointments[s.id]) for s in self.package_sessions if s.status in ("SCHEDULED", "COMPLETED"))

    def coming(self, now: datetime) -> list[tuple[PackageSession, Participant]]:
        """Return the placed sessions that have not started, by number. A session that was started early has started."""
        return [
            (package_session, p)
            for package_session, p in self.placed()
            if p.status in UPCOMING_STATUSES and _is_to_come(p.session, now)
        ]

    def occurrences(self, but: Collection[int] = ()) -> list[Occurrence]:
        """Return the placements of the sessions, except those with the numbers in `but`."""
        return [occurrence(s, participant) for s, participant in self.placed() if s.session_number not in but]

    def package_session(self, number: int) -> PackageSession:
        """Return the session with a number. Raises 404."""
        if not 0 < number <= len(self.package_sessions):
            raise NotFound("session of the package")
        return self.package_sessions[number - 1]


@dataclass(frozen=True, slots=True)
class BookedPackageSession:
    """A session of a package, and the clinical session in which it has a live appointment."""

    id: UUID
    session_number: int
    session_id: UUID


@dataclass(frozen=True, slots=True)
class RecordedAssignment:
    """An assignment of the session with a number: REQUESTED, CHOSEN by the plan, or a SUBSTITUTE."""

    session_number: int
    provider_id: UUID
    kind: str
    reason: str | None
    assigned_at: datetime
    assigned_by: str


def _is_to_come(session: ClinicalSession, now: datetime) -> bool:
    return session.status == "SCHEDULED" and session.starts_at > now


def occurrence(package_session: PackageSession, participant: Participant) -> Occurrence:
    """Return the placement of a session of a package that has one."""
    at = participant.session
    return Occurrence(package_session.session_number, at.starts_at, at.ends_at, at.provider_id, at.room_id)


def package_with_sessions(db: Session, package: Package) -> LockedPackage:
    """Return the current state of a package, read with three statements."""
    package_sessions = package_sessions_of(db, package.id)
    return LockedPackage(
        package, package_sessions, appointments(db, [package_session.id for package_session in package_sessions])
    )


_COMING = text("""
    SELECT p.session_id FROM participants p JOIN package_sessions ps ON ps.id = p.package_session_id
    WHERE ps.package_id = :package AND p.status = ANY (:expected)
""")


def sessions_to_come(db: Session, package_id: UUID) -> Sequence[UUID]:
    """Return the sessions in which the patient is expected with an appointment of a package."""
    return db.scalars(_COMING, {"package": package_id, "expected": list(UPCOMING_STATUSES)}).all()


_COUNTS = text("""
    SELECT package_id, count(*) AS total, count(*) FILTER (WHERE status = 'PENDING') AS pending,
           count(*) FILTER (WHERE status = 'SCHEDULED') AS scheduled,
           count(*) FILTER (WHERE status = 'COMPLETED') AS completed,
           count(*) FILTER (WHERE status = 'FAILED') AS failed,
           count(*) FILTER (WHERE status = 'CANCELLED') AS cancelled,
           count(*) FILTER (WHERE status = 'CANCELLED' AND owed) AS owed
    FROM package_sessions WHERE package_id = ANY (CAST(:ids AS uuid[])) GROUP BY package_id
""")


def count_sessions(db: Session, package_ids: Collection[UUID]) -> dict[UUID, Progress]:
    """Return the progress of each package."""
    rows = db.execute(_COUNTS, {"ids": list(package_ids)})
    return {row.package_id: Progress(*row[1:]) for row in rows}


_HAS_OUTCOMES = text("""
    SELECT EXISTS (SELECT FROM participants p JOIN package_sessions ps ON ps.id = p.package_session_id
                   WHERE ps.package_id = :package AND p.status IN ('ARRIVED', 'ATTENDED', 'NO_SHOW'))
""")


def has_outcomes(db: Session, package_id: UUID) -> bool:
    """Whether any appointment of a package has an outcome, which means that the patient came or did not come."""
    return bool(db.scalar(_HAS_OUTCOMES, {"package": package_id}))


def list_packages(db: Session, asked: FindPackages, *, after: UUID | None, limit: int) -> Sequence[Package]:
    """List packages in the order in which they were created."""
    query = keyset(select(Package), Package.id, after=after, limit=limit, descending=asked.order == "desc")
    if asked.patient_id is not None:
        query = query.where(stands_for(Package.patient_id, asked.patient_id))
    for column, value in (
        (Package.clinic_id, asked.clinic_id),
        (Package.status, asked.status),
        (Package.package_number, asked.package_number),
    ):
        if value is not None:
            query = query.where(column == value)
    if asked.service_type is not None:
        query = query.where(Package.service_type.has(ServiceType.code == asked.service_type))
    if asked.provider_id is not None:
        theirs = select(PackageSession.package_id).where(PackageSession.provider_id == asked.provider_id)
        query = query.where(Package.id.in_(theirs))
    return db.scalars(query).all()


def package_sessions_of(db: Session, package_id: UUID) -> Sequence[PackageSession]:
    """Return the current state of the sessions of a package, by their number."""
    query = select(PackageSession).where(PackageSession.package_id == package_id)
    return db.scalars(query.order_by(PackageSession.session_number).execution_options(populate_existing=True)).all()


def appointments(db: Session, package_session_ids: Collection[UUID]) -> dict[UUID, Participant]:
    """Return the appointment of each package session: the live one, or else its last one."""
    query = select(Participant).where(Participant.package_session_id.in_(package_session_ids)).order_by(Participant.id)
    query = query.options(selectinload(Participant.session))
    found: dict[UUID, Participant] = {}
    for participant in db.scalars(query.execution_options(populate_existing=True)):
        package_session = participant.package_session_id
        if package_session and not (package_session in found and found[package_session].status in LIVE_PARTICIPANT):
            found[package_session] = participant
    return found


_SESSIONS_IN = text("""
    SELECT ps.package_id, ps.id, ps.session_number, p.session_id
    FROM participants p JOIN package_sessions ps ON ps.id = p.package_session_id
    WHERE p.live AND p.session_id = ANY (CAST(:sessions AS uuid[])) ORDER BY ps.package_id, ps.session_number
""")


def package_sessions_in(db: Session, session_ids: Collection[UUID]) -> dict[UUID, list[BookedPackageSession]]:
    """Return the package sessions that have live appointments in several sessions, by package."""
    found: dict[UUID, list[BookedPackageSession]] = {}
    for package_id, *booked in db.execute(_SESSIONS_IN, {"sessions": list(session_ids)}):
        found.setdefault(package_id, []).append(BookedPackageSession(*booked))
    return found


_ASSIGNMENTS = text("""
    SELECT s.session_number, a.provider_id, a.kind, a.reason, a.assigned_at, a.assigned_by
    FROM provider_assignments a JOIN package_sessions s ON s.id = a.package_session_id
    WHERE s.package_id = :package ORDER BY s.session_number, a.id
""")


def assignments(db: Session, package_id: UUID) -> list[RecordedAssignment]:
    """Return all assignments of each session, in the order in which they were made."""
    return [RecordedAssignment(*row) for row in db.execute(_ASSIGNMENTS, {"package": package_id})]


def qualified_providers(db: Session, discipline: str, clinic_id: UUID) -> set[UUID]:
    """Return the active providers of a discipline who work in a clinic."""
    works_there = select(ProviderClinic.provider_id).where(ProviderClinic.clinic_id == clinic_id)
    query = select(Provider.id).where(Provider.active, Provider.discipline == discipline, Provider.id.in_(works_there))
    return set(db.scalars(query))


def active_rooms(db: Session, clinic_id: UUID) -> Sequence[UUID]:
    """Return the active rooms of a clinic."""
    return db.scalars(select(Room.id).where(Room.clinic_id == clinic_id, Room.active)).all()
