"""The read side."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Select, and_, false, func, or_, select, text, union_all
from sqlalchemy.orm import Session

from jalsa.db.aliases import stands_for, survivor_of, survivors_of
from jalsa.db.due import DueRow, due_rows
from jalsa.db.keyset import keyset
from jalsa.service.policy import Principal
from notifications.commands import FindMessages, FindReminders
from notifications.domain import (
    ANNOUNCEMENT_KINDS,
    CANCELLATION,
    REVIEWERS,
    UPCOMING_STATUSES,
    PackageSession,
    QuietHours,
    Reach,
)
from notifications.models import (
    Appointment,
    ClinicProjection,
    Message,
    Notice,
    NoticeRead,
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


class MessageRow(NamedTuple):
    """A message with what it is about, of which at most one is there."""

    message: Message
    appointment: Appointment | None
    package: Package | None


class NoticeRow(NamedTuple):
    """A notice with what it is about, of which at most one is there.

    `read` is that the caller has read a notice for roles.
    """

    notice: Notice
    appointment: Appointment | None
    package: Package | None
    read: NoticeRead | None


class Recipient(NamedTuple):
    """A patient as one who is written to. Without preferences every channel is welcome, at any hour."""

    patient: PatientProjection
    preferences: Preferences | None

    @property
    def reach(self) -> Reach:
        """Contacts and preferences as one."""
        wants = self.preferences
        return Reach(
            active=self.patient.active,
            phone=self.patient.phone,
            email=self.patient.email,
            whatsapp_enabled=wants is None or wants.whatsapp_enabled,
            sms_enabled=wants is None or wants.sms_enabled,
            email_enabled=wants is None or wants.email_enabled,
        )

    @property
    def language(self) -> str:
        """The language of messages to the patient."""
        return (self.preferences and self.preferences.language) or self.patient.language

    @property
    def quiet_hours(self) -> QuietHours | None:
        """When the patient does not want to be disturbed, if there is such a time."""
        wants = self.preferences
        if wants is None or wants.quiet_start is None or wants.quiet_end is None:
            return None
        return QuietHours(wants.quiet_start, wants.quiet_end)


class ReminderRow(NamedTuple):
    """A reminder with all that says which channel it takes. Once the message was made, it alone says it."""

    reminder: Reminder
    appointment: Appointment
    message: Message | None
    recipient: Recipient | None


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


def due_reminders(conn: Connection, now: datetime, passed: Sequence[UUID], limit: int) -> Sequence[DueRow]:
    """Reminders whose message is to be made, of all tenants."""
    return due_rows(conn, _DUE_REMINDERS, now=now, passed=passed, limit=limit)


def due_messages(conn: Connection, now: datetime, passed: Sequence[UUID], limit: int) -> Sequence[DueRow]:
    """Messages that are to be sent, or whose sender may be lost, of all tenants."""
    return due_rows(conn, _DUE_MESSAGES, now=now, passed=passed, limit=limit)


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
    """A reminder that is still due, locked with its appointment, or None where another has it or has done it.

    Nobody waits for a lock, so that no two can wait for each other. What is locked is tried again soon.
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
    query = query.where(stands_for(Message.patient_id, appointment.patient_id), Message.status == "CANCELLED")
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
    """A message that is still to be sent, locked with what it is about, or None as with `claim_reminder`."""
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


def find_recipient(db: Session, patient_id: UUID) -> Recipient | None:
    """Who a message to a patient is for: the patient, or the survivor of a merge. None while that one is not known."""
    return find_recipients(db, [patient_id]).get(patient_id)


def find_recipients(db: Session, patient_ids: Iterable[UUID]) -> dict[UUID, Recipient]:
    """The same for several patients, by the id that was asked for. Those that are not known here are left out."""
    survivors = survivors_of(db, set(patient_ids))
    rows = db.execute(
        select(PatientProjection, Preferences)
        .outerjoin(Preferences, Preferences.id == PatientProjection.id)
        .where(PatientProjection.id.in_(survivors.values()))
    )
    known = {patient.id: Recipient(patient, preferences) for patient, preferences in rows}
    return {asked: known[survivor] for asked, survivor in survivors.items() if survivor in known}


def find_patient(db: Session, patient_id: UUID, *, lock: bool = False) -> PatientProjection | None:
    """What is known of a patient, or of the survivor of a merge."""
    return db.get(PatientProjection, survivor_of(db, patient_id), with_for_update=lock or None)


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
    """The login of a known provider. It is not corrected before the transaction ends."""
    return db.get_one(ProviderProjection, provider_id, with_for_update={"read": True}).user_id


def find_message(db: Session, message_id: UUID) -> MessageRow | None:
    """A message with the appointment or package that it is about."""
    row = db.execute(_messages().where(Message.id == message_id)).one_or_none()
    return MessageRow(*row) if row else None


def list_messages(db: Session, asked: FindMessages, *, after: UUID | None, limit: int) -> list[MessageRow]:
    """Messages with the appointment or package that they are about, in the order in which they were queued."""
    query = keyset(_messages(), Message.id, after=after, limit=limit)
    if asked.patient_id is not None:
        query = query.where(stands_for(Message.patient_id, asked.patient_id))
    if asked.appointment_number is not None:
        query = query.where(Appointment.appointment_number == asked.appointment_number)
    if asked.status is not None:
        query = query.where(Message.status == asked.status)
    return [MessageRow(*row) for row in db.execute(query)]


def _messages() -> Select[Message, Appointment, Package]:
    query = select(Message, Appointment, Package).outerjoin(Appointment, Appointment.id == Message.appointment_id)
    return query.outerjoin(Package, Package.id == Message.package_id)


def find_reminder(db: Session, reminder_id: UUID) -> ReminderRow | None:
    """A reminder with all that says which channel it takes."""
    found = _with_recipients(db, _reminders().where(Reminder.id == reminder_id))
    return found[0] if found else None


def list_reminders(db: Session, asked: FindReminders, *, after: UUID | None, limit: int) -> list[ReminderRow]:
    """Reminders with all that says which channel they take, in the order in which they were scheduled."""
    query = keyset(_reminders(), Reminder.id, after=after, limit=limit)
    if asked.appointment_number is not None:
        query = query.where(Appointment.appointment_number == asked.appointment_number)
    return _with_recipients(db, query)


def _reminders() -> Select[Reminder, Appointment, Message]:
    query = select(Reminder, Appointment, Message).join(Appointment, Appointment.id == Reminder.appointment_id)
    return query.outerjoin(Message, Message.id == Reminder.message_id)


def _with_recipients(db: Session, query: Select[Reminder, Appointment, Message]) -> list[ReminderRow]:
    rows = db.execute(query).all()
    recipients = find_recipients(db, {appointment.patient_id for _, appointment, _ in rows})
    return [ReminderRow(each, of, message, recipients.get(of.patient_id)) for each, of, message in rows]


def find_notice(db: Session, person: Principal, notice_id: UUID) -> NoticeRow | None:
    """One of a person's notices."""
    query = _notices(person).where(Notice.id == notice_id, or_(_for_login(person), _for_roles(person)))
    row = db.execute(query).one_or_none()
    return NoticeRow(*row) if row else None


def list_notices(db: Session, person: Principal, *, before: UUID | None, limit: int) -> list[NoticeRow]:
    """A person's notices, the newest first: those for the login, and those for one of its roles.

    So many are read of each, in the order of an index, however many there are.
    """

    def newest(which: ColumnElement[bool]) -> Select[UUID]:
        return keyset(select(Notice.id).where(which), Notice.id, after=before, limit=limit, descending=True)

    either = union_all(newest(_for_login(person)), newest(_for_roles(person)))
    query = _notices(person).where(Notice.id.in_(either)).order_by(Notice.id.desc()).limit(limit)
    return [NoticeRow(*row) for row in db.execute(query)]


def unread_notices(db: Session, person: Principal) -> int:
    """How many of a person's notices are unread by that person."""
    # not NOT EXISTS: the database guesses too few, and compares each notice with each reading
    read = select(NoticeRead.notice_id).where(NoticeRead.user_id == person.subject)
    for_login = select(func.count()).where(_for_login(person), Notice.read_at.is_(None)).scalar_subquery()
    for_roles = select(func.count()).where(_for_roles(person), Notice.id.not_in(read)).scalar_subquery()
    return sum(count or 0 for count in db.execute(select(for_login, for_roles)).one())


def _notices(person: Principal) -> Select[Notice, Appointment, Package, NoticeRead]:
    read_here = and_(NoticeRead.notice_id == Notice.id, NoticeRead.user_id == person.subject)
    query = select(Notice, Appointment, Package, NoticeRead)
    query = query.outerjoin(Appointment, Appointment.id == Notice.appointment_id)
    return query.outerjoin(Package, Package.id == Notice.package_id).outerjoin(NoticeRead, read_here)


def _for_login(person: Principal) -> ColumnElement[bool]:
    return Notice.user_id == person.subject


def _for_roles(person: Principal) -> ColumnElement[bool]:
    """Notices for one of the person's roles, but none that is not for this login."""
    roles = sorted(person.roles & REVIEWERS)
    if not roles:  # most people have no such role, and the database need not look
        return false()
    # `roles IS NOT NULL` lets the database take the index of these notices alone
    return and_(Notice.roles.is_not(None), Notice.roles.overlap(roles), Notice.except_user_id != person.subject)
