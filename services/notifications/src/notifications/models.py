"""Notifications' tables."""

from collections.abc import Sequence
from datetime import datetime, time
from typing import TypedDict
from uuid import UUID

from sqlalchemy import Dialect, SmallInteger, Text, Time
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from jalsa.db.transactions import Instant, TenantRow
from notifications.domain import PackageSession


class Base(DeclarativeBase):
    """This service's own tables. Others have some of the same name, and may live in the same process."""


class PatientProjection(TenantRow, Base):
    """How a patient can be reached. Names are not kept, because no message needs them."""

    __tablename__ = "patients"

    active: Mapped[bool]
    language: Mapped[str]
    phone: Mapped[str | None]
    email: Mapped[str | None]


class ClinicProjection(TenantRow, Base):
    """A clinic's names, and the time zone of its times in messages."""

    __tablename__ = "clinics"

    name_en: Mapped[str]
    name_ar: Mapped[str]
    timezone: Mapped[str]


class ProviderProjection(TenantRow, Base):
    """A provider's login, to which notices go."""

    __tablename__ = "providers"

    user_id: Mapped[str]


class Appointment(TenantRow, Base):
    """A patient's appointment as scheduling announced it last.

    `moved_at` is when it got this time and clinic, `moved_alone_at` when it was last moved otherwise than with others
    of its package: its patient has a message of its own about that.
    """

    __tablename__ = "appointments"

    appointment_number: Mapped[str]
    patient_id: Mapped[UUID]
    clinic_id: Mapped[UUID]
    provider_id: Mapped[UUID]
    status: Mapped[str]
    starts_at: Mapped[datetime] = mapped_column(Instant)
    ends_at: Mapped[datetime] = mapped_column(Instant)
    moved_at: Mapped[datetime | None] = mapped_column(Instant)
    moved_alone_at: Mapped[datetime | None] = mapped_column(Instant)


class StoredSession(TypedDict):
    """A date of a package in JSON: ids as text, the instant in RFC 3339."""

    number: int
    appointment_id: str
    starts_at: str
    provider_id: str
    provider_en: str
    provider_ar: str


class PackageSessions(TypeDecorator[tuple[PackageSession, ...]]):
    """The dates of a package, as JSON."""

    impl = JSONB
    cache_ok = True

    def process_bind_param(self, value: Sequence[PackageSession] | None, dialect: Dialect) -> list[StoredSession]:
        """As it is stored."""
        return [
            StoredSession(
                number=session.number,
                appointment_id=str(session.appointment_id),
                starts_at=session.starts_at.isoformat(),
                provider_id=str(session.provider_id),
                provider_en=session.provider_en,
                provider_ar=session.provider_ar,
            )
            for session in value or ()
        ]

    def process_result_value(self, value: list[StoredSession] | None, dialect: Dialect) -> tuple[PackageSession, ...]:
        """The way back."""
        return tuple(
            PackageSession(
                number=stored["number"],
                appointment_id=UUID(stored["appointment_id"]),
                starts_at=datetime.fromisoformat(stored["starts_at"]),
                provider_id=UUID(stored["provider_id"]),
                provider_en=stored["provider_en"],
                provider_ar=stored["provider_ar"],
            )
            for stored in value or ()
        )


class Package(TenantRow, Base):
    """A patient's package, with the dates to come as scheduling announced them last, at `announced_at`.

    `starts_at` is the first of those, before or after, that the last change was about. What was written before
    `replaced_at` is no longer sent.
    """

    __tablename__ = "packages"

    package_number: Mapped[str]
    patient_id: Mapped[UUID]
    clinic_id: Mapped[UUID]
    sessions: Mapped[tuple[PackageSession, ...]] = mapped_column(PackageSessions)
    unscheduled: Mapped[int]
    starts_at: Mapped[datetime | None] = mapped_column(Instant)
    announced_at: Mapped[datetime] = mapped_column(Instant)
    replaced_at: Mapped[datetime | None] = mapped_column(Instant)


class Offer(TenantRow, Base):
    """A spot offered to a patient on the waitlist, held until `expires_at`. `entry_id` is the waitlist entry's."""

    __tablename__ = "offers"

    entry_id: Mapped[UUID | None]
    patient_id: Mapped[UUID]
    clinic_id: Mapped[UUID]
    status: Mapped[str]
    starts_at: Mapped[datetime] = mapped_column(Instant)
    expires_at: Mapped[datetime] = mapped_column(Instant)


class Preferences(TenantRow, Base):
    """What a patient wants. The id is the patient's. Without a language, the one in the patient's file counts."""

    __tablename__ = "preferences"

    whatsapp_enabled: Mapped[bool] = mapped_column(default=True)
    sms_enabled: Mapped[bool] = mapped_column(default=True)
    email_enabled: Mapped[bool] = mapped_column(default=True)
    language: Mapped[str | None]
    quiet_start: Mapped[time | None] = mapped_column(Time)
    quiet_end: Mapped[time | None] = mapped_column(Time)


class Message(TenantRow, Base):
    """One message to one patient about an appointment, an offer or a package.

    Channel, recipient and text are settled when it is about to be sent. `starts_at` is the appointment's or the offer's
    start, or the first one that a package's change is about. `session_numbers` are those that are told of a package.
    None means all.

    `next_at` is when a QUEUED message is to be sent, and when a SENDING one's sender counts as lost.
    """

    __tablename__ = "messages"

    kind: Mapped[str]
    appointment_id: Mapped[UUID | None]
    offer_id: Mapped[UUID | None]
    package_id: Mapped[UUID | None]
    session_numbers: Mapped[list[int] | None] = mapped_column(ARRAY(SmallInteger))
    patient_id: Mapped[UUID]
    starts_at: Mapped[datetime | None] = mapped_column(Instant)
    status: Mapped[str] = mapped_column(default="QUEUED")
    channel: Mapped[str | None]
    recipient: Mapped[str | None]
    language: Mapped[str | None]
    subject: Mapped[str | None]
    body: Mapped[str | None]
    attempts: Mapped[int] = mapped_column(default=0)
    next_at: Mapped[datetime | None] = mapped_column(Instant)
    created_at: Mapped[datetime] = mapped_column(Instant)
    sent_at: Mapped[datetime | None] = mapped_column(Instant)
    reason: Mapped[str | None]
    reference: Mapped[str | None]


class Attempt(TenantRow, Base):
    """One try at delivering a message, stored before the outside world is called."""

    __tablename__ = "delivery_attempts"

    message_id: Mapped[UUID]
    number: Mapped[int]
    started_at: Mapped[datetime] = mapped_column(Instant)
    ended_at: Mapped[datetime | None] = mapped_column(Instant)
    outcome: Mapped[str | None]


class Reminder(TenantRow, Base):
    """A reminder of one appointment at one time. Its message is made when it is due."""

    __tablename__ = "reminders"

    appointment_id: Mapped[UUID]
    kind: Mapped[str]
    starts_at: Mapped[datetime] = mapped_column(Instant)
    due_at: Mapped[datetime] = mapped_column(Instant)
    status: Mapped[str] = mapped_column(default="SCHEDULED")
    message_id: Mapped[UUID | None]


class Notice(TenantRow, Base):
    """An in-app notice about an appointment, a package, or a grant of emergency access.

    It is for one login, `user_id`, or for every login with one of the `roles` but `except_user_id`. Who of these has
    read it is a NoticeRead, and `read_at` is of a notice for one login.
    """

    __tablename__ = "notices"

    user_id: Mapped[str | None]
    roles: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    except_user_id: Mapped[str | None]
    kind: Mapped[str]
    appointment_id: Mapped[UUID | None]
    package_id: Mapped[UUID | None]
    grant_id: Mapped[UUID | None]
    text_en: Mapped[str]
    text_ar: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(Instant)
    read_at: Mapped[datetime | None] = mapped_column(Instant)


class NoticeRead(TenantRow, Base):
    """That a login has marked a notice for roles as read."""

    __tablename__ = "notice_reads"

    notice_id: Mapped[UUID]
    user_id: Mapped[str]
    read_at: Mapped[datetime] = mapped_column(Instant)
