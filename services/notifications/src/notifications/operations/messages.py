"""Messages: queue, claim for one attempt, record how the attempt ended."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from jalsa.service.ids import new_id
from notifications import domain, package_texts, queries, texts
from notifications.domain import Outgoing
from notifications.events import published
from notifications.models import Appointment, Attempt, Message, Offer, Package, Reminder
from notifications.queries import Recipient, Subject

log = structlog.get_logger()


def queue(
    db: Session, kind: str, subject: Subject, *, now: datetime, session_numbers: Sequence[int] | None = None
) -> Message:
    """Queue a message to the patient of an appointment, an offer or a package, to be sent immediately.

    Of a package it tells all dates to come, or those of the sessions of these numbers.
    """
    message = Message(
        id=new_id(),
        kind=kind,
        appointment_id=subject.id if isinstance(subject, Appointment) else None,
        offer_id=subject.id if isinstance(subject, Offer) else None,
        package_id=subject.id if isinstance(subject, Package) else None,
        session_numbers=session_numbers,
        patient_id=subject.patient_id,
        starts_at=subject.starts_at,
        status=domain.MESSAGE.initial,
        attempts=0,
        next_at=now,
        created_at=now,
    )
    db.add(message)
    db.flush()
    return message


def cancel_queued(db: Session, subject: Subject) -> None:
    """Cancel what is queued about a subject. What is on its way out is judged after its attempt."""
    db.execute(
        update(Message)
        .where(_key(subject) == subject.id, Message.status == "QUEUED")
        .values(status="CANCELLED", next_at=None)
    )


def look_again(db: Session, clinic_id: UUID, *, now: datetime) -> None:
    """Let what is queued about a clinic's subjects be judged at once, wherever a message was put off to."""
    of_clinic = (
        key.in_(select(kind.id).where(kind.clinic_id == clinic_id))
        for kind, key in (
            (Appointment, Message.appointment_id),
            (Offer, Message.offer_id),
            (Package, Message.package_id),
        )
    )
    # What is due already is included, because it may be put off at this moment by a worker that has not seen what
    # changed
    db.execute(
        update(Message)
        .where(Message.status == "QUEUED", or_(*of_clinic))
        .values(next_at=func.least(Message.next_at, now))
    )


def take_up_again(db: Session, appointment: Appointment, *, now: datetime) -> None:
    """CANCELLED → QUEUED for what a slip has cancelled unsent and is still of use, with the reminder that it is of.

    That is what was to be told of where and when the appointment is, a reminder that waited, and news of the
    appointment's package that had no date left. Each keeps its id, under which it is delivered once whatever became of
    an earlier attempt, and is judged again before it leaves.
    """
    waited: list[tuple[Message, Subject]] = [(one, appointment) for one in queries.cancelled_news(db, appointment)]
    waited += queries.cancelled_package_news(db, appointment)
    for message, subject in waited:
        if not _is_obsolete(db, message, subject, now) and not _is_too_late(message, subject, now):
            _requeue_cancelled(db, message, now)


def claim(db: Session, message_id: UUID, *, now: datetime) -> Outgoing | None:
    """Take a due message for one attempt, which is stored before anything leaves. None where nothing is to be sent.

    Everything that speaks against sending is judged here, under the locks of the message and what it is about. The
    caller has the right to send it, so whoever was sending it before is lost.
    """
    claimed = queries.claim_message(db, message_id, now)
    if claimed is None:
        return None
    message, subject = claimed
    if message.status == "SENDING" and not _take_over(db, message, subject, now):
        return None
    if _is_obsolete(db, message, subject, now):
        _finish(db, message, "CANCELLED")
    elif _is_too_late(message, subject, now):
        _fail(db, message, domain.TOO_LATE, now)
    elif _is_ready(db, message, subject, now):
        return _start_attempt(db, message, now)
    return None


def withhold(db: Session, message_id: UUID, *, now: datetime) -> None:
    """Put off a due message whose subject has events that are not applied yet, unless it would be useless by then.

    As with `claim`, the caller has the right to send it.
    """
    claimed = queries.claim_message(db, message_id, now)
    if claimed is None:
        return
    message, subject = claimed
    if message.status == "SENDING" and not _take_over(db, message, subject, now):
        return
    log.info("message-withheld", message_id=str(message.id))
    if _is_too_late(message, subject, now):
        _fail(db, message, domain.TOO_LATE, now)
    else:
        message.next_at = now + domain.withhold_delay(now - message.created_at)


def record_sent(db: Session, message_id: UUID, attempt: int, reference: str, *, now: datetime) -> None:
    """The outside world took the message: SENDING → SENT, and publish MessageSent."""
    message = _end_attempt(db, message_id, attempt, "sent", now)
    if message is None:
        return
    message.sent_at, message.reference = now, reference
    _finish(db, message, "SENT")
    published.message_sent(db, message, now)


def record_failure(
    db: Session, message_id: UUID, attempt: int, *, outcome: str, reason: str, again: bool, now: datetime
) -> None:
    """The attempt failed.

    The message goes back into the queue with a pause where it may succeed later, and becomes FAILED otherwise.
    """
    message = _end_attempt(db, message_id, attempt, outcome, now)
    if message is None:
        return
    if again and message.attempts < domain.MAX_ATTEMPTS:
        _requeue(message, now + domain.retry_delay(message.attempts))
    else:
        _fail(db, message, reason, now)


def give_up(db: Session, message_id: UUID, *, now: datetime) -> None:
    """Fail a message that cannot be prepared, by a fault of our own."""
    claimed = queries.claim_message(db, message_id, now)
    if claimed is not None:
        _fail(db, claimed[0], domain.INTERNAL_ERROR, now)


def _key(subject: Subject) -> InstrumentedAttribute[UUID | None]:
    if isinstance(subject, Package):
        return Message.package_id
    return Message.offer_id if isinstance(subject, Offer) else Message.appointment_id


def _is_obsolete(db: Session, message: Message, subject: Subject, now: datetime) -> bool:
    if isinstance(subject, Offer):
        return subject.status != "OPEN"
    if isinstance(subject, Package):
        replaced = subject.replaced_at is not None and message.created_at < subject.replaced_at
        facts = queries.package_facts(db, subject, message.session_numbers, now)
        return replaced or not domain.has_something_to_tell(message.kind, len(facts.sessions), facts.unscheduled)
    expected = subject.status in domain.UPCOMING_STATUSES or message.kind == domain.CANCELLATION
    # the clinic that a text names may be another one even where the time is the same
    moved = subject.moved_at is not None and message.created_at < subject.moved_at
    return not expected or moved or subject.starts_at != message.starts_at


def _is_too_late(message: Message, subject: Subject, at: datetime) -> bool:
    deadline = subject.expires_at if isinstance(subject, Offer) else message.starts_at
    return domain.is_too_late(message.kind, deadline, message.created_at, at)


def _take_over(db: Session, message: Message, subject: Subject, now: datetime) -> bool:
    """Back into the queue with a message whose sender was lost in the middle. Returns whether it may go out again.

    A gateway knows the message by its key and delivers it once. A mail server does not, and a doubled reminder is worse
    than a missing one.
    """
    log.warning("sender-lost", message_id=str(message.id), channel=message.channel, attempt=message.attempts)
    _close(db, message, "lost", now)
    may_go_again = message.channel != domain.EMAIL and message.attempts < domain.MAX_ATTEMPTS
    if not may_go_again or _is_obsolete(db, message, subject, now) or _is_too_late(message, subject, now):
        _fail(db, message, domain.OUTCOME_UNKNOWN, now)
        return False
    _requeue(message, now)
    return True


def _is_ready(db: Session, message: Message, subject: Subject, now: datetime) -> bool:
    """Settle channel, recipient and text if they are not yet. Put off or fail what cannot go out now."""
    recipient = queries.find_recipient(db, message.patient_id)
    if recipient is None and now - message.created_at < domain.PATIENT_LOOKUP_TIMEOUT:
        message.next_at = now + timedelta(seconds=1)
        return False
    contact = recipient.reach.contact() if recipient else None
    if message.body is None and contact is None:
        _fail(db, message, domain.NO_CONTACT, now)
        return False
    if wait_until := _quiet_until(db, message, subject, recipient, now):
        message.next_at = wait_until
        return False
    if message.body is None and contact is not None and recipient is not None:
        _settle(db, message, subject, contact, recipient.language, now)
    return True


def _quiet_until(
    db: Session, message: Message, subject: Subject, recipient: Recipient | None, now: datetime
) -> datetime | None:
    hours = recipient.quiet_hours if recipient else None
    until = hours.until(now, queries.zone_of(db, subject)) if hours else None
    if until is None or _is_too_late(message, subject, until):
        return None
    # the first date that a package's change is about does not wait for its patient
    overtaken = isinstance(subject, Package) and message.starts_at is not None and message.starts_at <= until
    return None if overtaken else until


def _settle(
    db: Session, message: Message, subject: Subject, contact: tuple[str, str], language: str, now: datetime
) -> None:
    # Once and for all, because under one key a gateway must always get the same message
    message.channel, message.recipient = contact
    message.language = language
    if isinstance(subject, Package):
        facts = queries.package_facts(db, subject, message.session_numbers, now)
        told = package_texts.message(message.kind, language, facts, domain.BODY_LIMITS[message.channel])
    else:
        told = texts.message(message.kind, language, queries.facts(db, subject))
    message.subject, message.body = told


def _start_attempt(db: Session, message: Message, now: datetime) -> Outgoing:
    domain.MESSAGE.check(message.status, "SENDING")
    message.status, message.next_at = "SENDING", now + domain.SENDER_LOOKED_AFTER
    message.attempts += 1
    db.add(Attempt(id=new_id(), message_id=message.id, number=message.attempts, started_at=now))
    db.flush()
    return _outgoing(message)


def _outgoing(message: Message) -> Outgoing:
    # all of it was settled before the first attempt
    assert message.channel is not None
    assert message.recipient is not None
    assert message.language is not None
    assert message.subject is not None
    assert message.body is not None
    return Outgoing(
        id=message.id,
        attempt=message.attempts,
        channel=message.channel,
        recipient=message.recipient,
        language=message.language,
        subject=message.subject,
        body=message.body,
    )


def _end_attempt(db: Session, message_id: UUID, attempt: int, outcome: str, now: datetime) -> Message | None:
    """The message, locked, if this attempt is still the one that counts."""
    message = db.get_one(Message, message_id, with_for_update={"key_share": True})
    if message.status != "SENDING" or message.attempts != attempt:
        log.warning("attempt-outlived-its-lease", message_id=str(message_id), attempt=attempt, outcome=outcome)
        return None
    _close(db, message, outcome, now)
    return message


def _close(db: Session, message: Message, outcome: str, now: datetime) -> None:
    db.execute(
        update(Attempt)
        .where(Attempt.message_id == message.id, Attempt.number == message.attempts)
        .values(ended_at=now, outcome=outcome)
    )


def _requeue(message: Message, at: datetime) -> None:
    domain.MESSAGE.check(message.status, "QUEUED")
    message.status, message.next_at = "QUEUED", at


def _requeue_cancelled(db: Session, message: Message, now: datetime) -> None:
    domain.MESSAGE.check_undo(message.status, "QUEUED")
    message.status, message.next_at = "QUEUED", now
    db.flush()
    db.execute(
        update(Reminder)
        .where(Reminder.message_id == message.id, Reminder.status == "CANCELLED")
        .values(status=domain.REMINDER.initial)
    )


def _fail(db: Session, message: Message, reason: str, now: datetime) -> None:
    message.reason = reason
    _finish(db, message, "FAILED")
    published.message_failed(db, message, now)
    log.warning("message-failed", message_id=str(message.id), kind=message.kind, reason=reason)


def _finish(db: Session, message: Message, status: str) -> None:
    """Bring a message, and the reminder that it is of, to their end."""
    domain.MESSAGE.check(message.status, status)
    message.status, message.next_at = status, None
    db.flush()
    db.execute(
        update(Reminder).where(Reminder.message_id == message.id, Reminder.status == "SCHEDULED").values(status=status)
    )
