"""What follows from a package's story: one message to its patient and one notice to each provider per change.

The appointments have stories of their own, and their reminders come from there: see `appointments`.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from notifications import domain, queries
from notifications.domain import PackageSession
from notifications.events import announced
from notifications.models import Package
from notifications.operations import messages, notices
from notifications.operations.projections import learn_of_clinic, learn_of_provider


def schedule(db: Session, scheduled: announced.PackageScheduled, *, announced_at: datetime, now: datetime) -> None:
    """Keep the dates of a package, and tell patient and providers what changed, unless it is old news."""
    _learn_of_others(db, scheduled)
    package = queries.find_package(db, scheduled.package_id) or Package(id=scheduled.package_id, sessions=())
    before = package.sessions
    package.package_number = scheduled.package_number
    package.patient_id = scheduled.patient_id
    package.clinic_id = scheduled.clinic.id
    package.sessions = tuple(_session(announced) for announced in scheduled.sessions)
    package.unscheduled = len(scheduled.unscheduled)
    package.announced_at = announced_at
    db.add(package)
    numbers = scheduled.changed
    changed = [session for session in (*before, *package.sessions) if session.number in numbers]
    _tell(db, package, f"PACKAGE_{scheduled.cause}", numbers, changed, now=now)


def cancel(db: Session, package_id: UUID, *, announced_at: datetime, now: datetime) -> None:
    """Tell patient and providers that nothing more of a package is to come, unless it is old news.

    A package that never had a date was not announced, and neither is its end.
    """
    package = queries.find_package(db, package_id)
    if package is None:
        return
    changed = package.sessions
    package.sessions, package.unscheduled, package.announced_at = (), 0, announced_at
    _tell(db, package, "PACKAGE_CANCELLED", None, changed, now=now)


def _tell(
    db: Session,
    package: Package,
    kind: str,
    numbers: Sequence[int] | None,
    changed: Sequence[PackageSession],
    *,
    now: datetime,
) -> None:
    """`changed` are the sessions of these numbers as they were before, and as they are."""
    to_come = [session for session in changed if session.starts_at > now]
    package.starts_at = min((session.starts_at for session in to_come), default=None)
    tells_all = kind != domain.PACKAGE_SUBSTITUTED
    if tells_all:
        package.replaced_at = now
    db.flush()
    if tells_all:
        messages.cancel_queued(db, package)
    if domain.is_news(package.announced_at, now):
        messages.queue(db, kind, package, now=now, session_numbers=None if tells_all else numbers)
        facts = queries.package_facts(db, package, None, now)
        for provider_id in queries.providers_of(db, to_come):
            notices.notify_of_package(db, kind, package, provider_id, facts.of_provider(provider_id), now=now)


def _learn_of_others(db: Session, scheduled: announced.PackageScheduled) -> None:
    learn_of_clinic(db, scheduled.clinic, scheduled.timezone)
    providers = {session.provider.id: session.provider for session in scheduled.sessions}
    # in one order, so that no two transactions wait for each other
    for _, provider in sorted(providers.items()):
        learn_of_provider(db, provider)


def _session(announced: announced.AnnouncedPackageSession) -> PackageSession:
    return PackageSession(
        number=announced.session_number,
        appointment_id=announced.appointment_id,
        starts_at=announced.starts_at,
        provider_id=announced.provider.id,
        provider_en=announced.provider.name_en,
        provider_ar=announced.provider.name_ar,
    )
