"""The read side."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, func, or_, select, text
from sqlalchemy.orm import Session

from jalsa.db.keyset import keyset
from notifications.domain import ANNOUNCEMENT_KINDS, CANCELLATION, UPCOMING_STATUSES, PackageSession, QuietHours, Reach
from notifications.models import (
    Appointment,
    ClinicProjection,
    Message,
    Notice,
    Offer,
    Package,
    PatientProjection,
    Preferences,
    ProviderProjection,
    Reminder,
)
from notifications.package_texts import PackageFacts
from notifications.texts import Facts

OPEN = ("QUEUED", "SENDING")
#: What a message is about.
Subject = Appointment | Offer | Package
#: What is told, with what it is about, of which at most one is there.
MessageRow = tuple[Message, Appointment | None, Package | None]
NoticeRow = tuple[Notice, Appointment | None, Package | None]

# Read by the relay role, which sees where work is due for every tenant, but nothing of it.
_DUE_REMINDERS = text("""
    SELECT id, tenant_id, due_at FROM reminders
    WHERE status = 'SCHEDULED' AND message_id IS NULL AND due_at <= :now AND id <> ALL (CAST(:passed AS uuid[]))
    ORDER BY due_at, id LIMIT :limit
""")
_DUE_MESSAGES = text("""
    SELECT id, tenant_id, next_at AS due_at FROM messages
    WHERE status IN ('QUEUED', 'SENDING') AND next_at <= :now AND id <> ALL (CAST(:passed AS uuid[]))
    ORDER BY next_at, id LIMIT :limit
""")


def due_reminders(conn: Connection, now: datetime, passed: Sequence[UUID], limit: int) -> Sequence[Any]:
    """Reminders (id, tenant_id, due_at) whose message is to be made, of all tenants."""
    return conn.execute(_DUE_REMINDERS, {"now": now, "passed": passed, "limit": limit}).all()


def due_messages(conn: Connection, now: datetime, passed: Sequence[UUID], limit: int) -> Sequence[Any]:
    """Messages (id, tenant_id, due_at) that are to be sent, or whose sender may be lost, of all tenants."""
    return conn.execute(_DUE_MESSAGES, {"now": now, "passed": passed, "limit": limit}).all()


def subjects_of(db: Session, message_id: UUID) -> list[str]:
    """The subjects of scheduling's events that say whether a message is still true.

    Of an offer from before its entry was kept there is none.
    """
    message = db.get_one(Message, message_id)
    if message.offer_id:
        entry_id = db.get_one(Offer, message.offer_id).entry_id
        return [f"waitlist/{entry_id}"] if entry_id else []
    if message.package_id:
        sessions = db.get_one(Package, message.package_id).sessions
        return [f"package/{message.package_id}", *(f"appointment/{session.appointment_id}" for session in sessions)]
    return [f"appointment/{message.appointment_id}"]


def claim_reminder(db: Session, reminder_id: UUID, now: datetime) -> tuple[Reminder, Appointment] | None:
    """A reminder that is still due, locked with its appointment; None where another has it or has done it.

    Nobody waits for a lock, so that no two can wait for each other; what is locked is tried again soon.
    """
    query = select(Reminder, Appointment).join(Appointment, Appointment.id == Reminder.appointment_id)
    query = query.where(Reminder.id == reminder_id, Reminder.status == "SCHEDULED", Reminder.due_at <= now)
    row = db.execute(
        query.where(Reminder.message_id.is_(None)).with_for_update(skip_locked=True, key_share=True)
    ).one_or_none()
    return (row[0], row[1]) if row else None


def cancelled_news(db: Session, appointment: Appointment) -> list[Message]:
    """What an appointment's patient was to be told last of where and when it is, and by each reminder, if CANCELLED."""
    of_it = Message.appointment_id == appointment.id, Message.kind != CANCELLATION
    told = db.scalars(select(Message).where(*of_it).order_by(Message.id))
    latest = {"news" if message.kind in ANNOUNCEMENT_KINDS else message.kind: message for message in told}
    return [message for message in latest.values() if message.status == "CANCELLED"]


def cancelled_package_news(db: Session, appointment: Appointment) -> list[tuple[Message, Package]]:
    """The CANCELLED messages about the package in which an appointment is a date to come, locked.

    Without the lock, two slips in one package taken back at once could queue again what the first has sent already.
    """
    query = select(Message, Package).join(Package, Package.id == Message.package_id)
    query = query.where(Message.patient_id == appointment.patient_id, Message.status == "CANCELLED")
    return [
        (message, package)
        for message, package in db.execute(query.order_by(Message.id).with_for_update(of=Message, key_share=True))
        if any(session.appointment_id == appointment.id for session in package.sessions)
    ]


def was_announced(db: Session, appointment_id: UUID) -> bool:
    """Whether a message about an appointment was ever to be sent, or a reminder scheduled."""
    return any(
        db.scalar(select(kind.id).where(kind.appointment_id == appointment_id).limit(1)) is not None
        for kind in (Message, Reminder)
    )


def claim_message(db: Session, message_id: UUID, now: datetime) -> tuple[Message, Subject] | None:
    """A message that is still to be sent, locked with what it is about; None as with `claim_reminder`."""
    query = select(Message).where(Message.id == message_id, Message.status.in_(OPEN), Message.next_at <= now)
    message = db.scalar(query.with_for_update(skip_locked=True, key_share=True))
    if message is None:
        return None
    lock = {"skip_locked": True, "key_share": True}
    subject: Subject | None
    if message.offer_id:
        subject = db.get(Offer, message.offer_id, with_for_update=lock)
    elif message.package_id:
        subject = db.get(Package, message.package_id, with_for_update=lock)
    else:
        subject = db.get(Appointment, message.appointment_id, with_for_update=lock)
    return (message, subject) if subject else None


def find_reach(db: Session, patient_id: UUID) -> Reach | None:
    """How a patient may be reached; None while the patient is not known here."""
    patient = db.get(PatientProjection, patient_id)
    return reach_of(patient, db.get(Preferences, patient_id)) if patient else None


def reach_of(patient: PatientProjection, preferences: Preferences | None) -> Reach:
    """Contacts and preferences as one; without preferences every channel is welcome."""
    return Reach(
        active=patient.active,
        phone=patient.phone,
        email=patient.email,
        whatsapp_enabled=preferences is None or preferences.whatsapp_enabled,
        sms_enabled=preferences is None or preferences.sms_enabled,
        email_enabled=preferences is None or preferences.email_enabled,
    )


def language_of(db: Session, patient_id: UUID) -> str:
    """The language that a known patient prefers."""
    preferences = db.get(Preferences, patient_id)
    return (preferences and preferences.language) or db.get_one(PatientProjection, patient_id).language


def quiet_hours(db: Session, patient_id: UUID) -> QuietHours | None:
    """The patient's quiet hours, if there are any."""
    preferences = db.get(Preferences, patient_id)
    if preferences is None or preferences.quiet_start is None or preferences.quiet_end is None:
        return None
    return QuietHours(preferences.quiet_start, preferences.quiet_end)


def find_patient(db: Session, patient_id: UUID, *, lock: bool = False) -> PatientProjection | None:
    """A patient's projection."""
    return db.get(PatientProjection, patient_id, with_for_update=lock or None)


def zone_of(db: Session, subject: Subject) -> str:
    """The time zone of a subject's clinic."""
    return db.get_one(ClinicProjection, subject.clinic_id).timezone


def facts(db: Session, subject: Appointment | Offer) -> Facts:
    """The facts that a text states about an appointment or an offer."""
    clinic = db.get_one(ClinicProjection, subject.clinic_id)
    return Facts(
        number=subject.appointment_number if isinstance(subject, Appointment) else None,
        name_en=clinic.name_en,
        name_ar=clinic.name_ar,
        timezone=clinic.timezone,
        names_zone=_zones_differ(db),
        starts_at=subject.starts_at,
        expires_at=subject.expires_at if isinstance(subject, Offer) else None,
    )


def _zones_differ(db: Session) -> bool:
    """Whether the tenant's clinics lie in more than one time zone, so that a time alone could be misread."""
    return (db.scalar(select(func.count(ClinicProjection.timezone.distinct()))) or 0) > 1


def package_facts(db: Session, package: Package, numbers: Sequence[int] | None, now: datetime) -> PackageFacts:
    """What a text tells of a package: its dates to come, or of these those of the sessions of these numbers.

    An appointment that has ended, or was moved alone since, is left out, because it has a message of its own.
    """
    clinic = db.get_one(ClinicProjection, package.clinic_id)
    otherwise = set(
        db.scalars(
            select(Appointment.id).where(
                Appointment.id.in_(session.appointment_id for session in package.sessions),
                or_(Appointment.status.not_in(UPCOMING_STATUSES), Appointment.moved_alone_at > package.announced_at),
            )
        )
    )
    to_come = [s for s in package.sessions if s.starts_at > now and s.appointment_id not in otherwise]
    return PackageFacts(
        number=package.package_number,
        name_en=clinic.name_en,
        name_ar=clinic.name_ar,
        timezone=clinic.timezone,
        names_zone=_zones_differ(db),
        sessions=tuple(s for s in to_come if numbers is None or s.number in numbers),
        unscheduled=package.unscheduled,
    )


def providers_of(db: Session, sessions: Sequence[PackageSession]) -> list[UUID]:
    """Who gives these sessions, or their appointments where those were changed alone meanwhile."""
    appointments = [session.appointment_id for session in sessions]
    of_appointments = db.scalars(select(Appointment.provider_id).where(Appointment.id.in_(appointments)))
    return sorted({session.provider_id for session in sessions} | set(of_appointments))


def find_package(db: Session, package_id: UUID) -> Package | None:
    """A package that was announced, locked."""
    return db.get(Package, package_id, with_for_update={"key_share": True})


def user_of(db: Session, provider_id: UUID) -> str:
    """The login of a known provider; it is not corrected before the transaction ends."""
    return db.get_one(ProviderProjection, provider_id, with_for_update={"read": True}).user_id


def list_messages(
    db: Session,
    *,
    after: UUID | None = None,
    limit: int,
    message_id: UUID | None = None,
    patient_id: UUID | None = None,
    appointment_number: str | None = None,
    status: str | None = None,
) -> Sequence[MessageRow]:
    """Messages with the appointment or package that they are about, in the order in which they were queued."""
    query = keyset(select(Message, Appointment, Package), Message.id, after=after, limit=limit)
    query = query.outerjoin(Appointment, Appointment.id == Message.appointment_id)
    query = query.outerjoin(Package, Package.id == Message.package_id)
    if message_id:
        query = query.where(Message.id == message_id)
    if patient_id:
        query = query.where(Message.patient_id == patient_id)
    if appointment_number:
        query = query.where(Appointment.appointment_number == appointment_number)
    if status:
        query = query.where(Message.status == status)
    return [(message, appointment, package) for message, appointment, package in db.execute(query)]


def list_reminders(
    db: Session,
    *,
    after: UUID | None = None,
    limit: int,
    reminder_id: UUID | None = None,
    appointment_number: str | None = None,
) -> Sequence[Any]:
    """Reminders with all that says which channel they take: message, appointment, patient and preferences."""
    query = (
        select(Reminder, Appointment, Message, PatientProjection, Preferences)
        .join(Appointment, Appointment.id == Reminder.appointment_id)
        .outerjoin(Message, Message.id == Reminder.message_id)
        .outerjoin(PatientProjection, PatientProjection.id == Appointment.patient_id)
        .outerjoin(Preferences, Preferences.id == Appointment.patient_id)
    )
    query = keyset(query, Reminder.id, after=after, limit=limit)
    if reminder_id:
        query = query.where(Reminder.id == reminder_id)
    if appointment_number:
        query = query.where(Appointment.appointment_number == appointment_number)
    return db.execute(query).all()


def list_notices(
    db: Session, user_id: str, *, before: UUID | None = None, limit: int, notice_id: UUID | None = None
) -> Sequence[NoticeRow]:
    """One login's notices with the appointment or package that they are about, the newest first."""
    query = keyset(select(Notice, Appointment, Package), Notice.id, after=before, limit=limit, descending=True)
    query = query.outerjoin(Appointment, Appointment.id == Notice.appointment_id)
    query = query.outerjoin(Package, Package.id == Notice.package_id)
    query = query.where(Notice.user_id == user_id)
    if notice_id:
        query = query.where(Notice.id == notice_id)
    return [(notice, appointment, package) for notice, appointment, package in db.execute(query)]


def unread_notices(db: Session, user_id: str) -> int:
    """How many of a login's notices are unread."""
    return db.scalar(select(func.count()).where(Notice.user_id == user_id, Notice.read_at.is_(None))) or 0
