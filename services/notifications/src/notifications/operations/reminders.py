"""Reminders are scheduled, become messages when they are due, and are cancelled."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from jalsa.service.ids import new_id
from notifications import domain, queries
from notifications.models import Appointment, Message, Reminder
from notifications.operations import messages


def schedule(db: Session, appointment: Appointment, *, now: datetime) -> None:
    """Schedule the reminders of an appointment at its present time that are still in the future.

    One that was sent or has failed was due before, so none is scheduled a second time.
    """
    for kind, due_at in domain.reminders_for(appointment.starts_at, now):
        db.add(
            Reminder(
                id=new_id(),
                appointment_id=appointment.id,
                kind=kind,
                starts_at=appointment.starts_at,
                due_at=due_at,
                status=domain.REMINDER.initial,
            )
        )
    db.flush()


def cancel_open(db: Session, appointment_id: UUID) -> None:
    """Cancel an appointment's reminders, but for one whose message is on its way out at this moment."""
    sending = select(Message.id).where(Message.id == Reminder.message_id, Message.status == "SENDING").exists()
    db.execute(
        update(Reminder)
        .where(Reminder.appointment_id == appointment_id, Reminder.status == "SCHEDULED", ~sending)
        .values(status="CANCELLED")
    )


def make_message(db: Session, reminder_id: UUID, *, now: datetime) -> bool:
    """Queue the message of a reminder that is due. Returns whether there was anything to do.

    None is made where the appointment is not to come any more or has another time. The reminder is cancelled.
    """
    claimed = queries.claim_reminder(db, reminder_id, now)
    if claimed is None:
        return False
    reminder, appointment = claimed
    if appointment.status not in domain.UPCOMING_STATUSES or appointment.starts_at != reminder.starts_at:
        _become(reminder, "CANCELLED")
    else:
        reminder.message_id = messages.queue(db, f"REMINDER_{reminder.kind}", appointment, now=now).id
    return True


def give_up(db: Session, reminder_id: UUID, *, now: datetime) -> None:
    """Fail a reminder whose message cannot be made, by a fault of our own."""
    claimed = queries.claim_reminder(db, reminder_id, now)
    if claimed is not None:
        _become(claimed[0], "FAILED")


def _become(reminder: Reminder, status: str) -> None:
    domain.REMINDER.check(reminder.status, status)
    reminder.status = status
