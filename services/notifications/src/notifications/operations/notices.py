"""In-app notices tell a provider, or everybody with a role, of something, and are marked as read."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from jalsa.service.ids import new_id
from notifications import domain, package_texts, queries, texts
from notifications.events import announced
from notifications.models import Appointment, Notice, NoticeRead, Package, ProviderProjection
from notifications.package_texts import PackageFacts


def notify_provider(db: Session, kind: str, appointment: Appointment, *, now: datetime) -> None:
    """Put a notice about an appointment into its provider's inbox."""
    facts = queries.facts(db, appointment)
    db.add(
        Notice(
            id=new_id(),
            user_id=queries.user_of(db, appointment.provider_id),
            kind=kind,
            appointment_id=appointment.id,
            text_en=texts.notice(kind, "en", facts),
            text_ar=texts.notice(kind, "ar", facts),
            created_at=now,
        )
    )
    db.flush()


def notify_of_package(
    db: Session, kind: str, package: Package, provider_id: UUID, facts: PackageFacts, *, now: datetime
) -> None:
    """Put a notice about a package, with those of its dates that are in the facts, into a provider's inbox."""
    db.add(
        Notice(
            id=new_id(),
            user_id=queries.user_of(db, provider_id),
            kind=kind,
            package_id=package.id,
            text_en=package_texts.notice(kind, "en", facts),
            text_ar=package_texts.notice(kind, "ar", facts),
            created_at=now,
        )
    )
    db.flush()


def notify_reviewers(
    db: Session, kind: str, grant: announced.EmergencyAccess, *, announced_at: datetime, now: datetime
) -> None:
    """Tell everybody who may review a grant of emergency access of it, but never who opened it, unless it is old news.

    Of one grant each kind is told once, also where patient-files was restored and says it again.
    """
    if not domain.is_news(announced_at, now):
        return
    text_en, text_ar = (texts.grant_notice(kind, each, grant.grant_id, grant.reason_code) for each in ("en", "ar"))
    notice = insert(Notice).values(
        id=new_id(),
        roles=sorted(domain.REVIEWERS),
        except_user_id=grant.opened_by,
        kind=kind,
        grant_id=grant.grant_id,
        text_en=text_en,
        text_ar=text_ar,
        created_at=now,
    )
    db.execute(notice.on_conflict_do_nothing())


def hand_over(db: Session, wrong: str, right: str) -> None:
    """Give the notices of a login to the one that should have had them.

    They stay where another provider has that login, as some of long ago may, because whose they are is not known then.
    """
    if db.scalar(select(ProviderProjection.id).where(ProviderProjection.user_id == wrong).limit(1)) is None:
        db.execute(update(Notice).where(Notice.user_id == wrong).values(user_id=right))


def mark_read(db: Session, notice: Notice, user_id: str, *, now: datetime) -> None:
    """Mark a notice as read by a login that it is for. The first reading counts."""
    if notice.roles is None:
        notice.read_at = notice.read_at or now
        db.flush()
        return
    read = insert(NoticeRead).values(id=new_id(), notice_id=notice.id, user_id=user_id, read_at=now)
    db.execute(read.on_conflict_do_nothing())
