"""Warnings about a patient: raised, and ended with a reason."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from jalsa.db.transactions import context_of
from patient_files.errors import AlreadyEnded
from patient_files.models import Alert, Patient
from patient_files.patients.commands import RaiseAlert, Withdraw


def raise_alert(db: Session, patient: Patient, command: RaiseAlert, *, now: datetime) -> Alert:
    """Warn of something with a patient whose row the caller has locked."""
    raised = Alert(
        kind=command.kind,
        text=command.text,
        audience=command.audience,
        created_at=now,
        created_by=context_of(db).actor,
    )
    patient.alerts.append(raised)
    db.flush()
    return raised


def locked_alert(db: Session, alert_id: UUID) -> Alert | None:
    """An alert, its row locked until the transaction ends."""
    return db.get(Alert, alert_id, with_for_update=True)


def end_alert(db: Session, alert: Alert, command: Withdraw, *, now: datetime) -> Alert:
    """End an alert whose row the caller has locked. Raises 409 `invalid-transition` where it has ended."""
    if alert.ended_at is not None:
        raise AlreadyEnded
    alert.ended_at, alert.ended_by, alert.end_reason = now, context_of(db).actor, command.reason
    db.flush()
    return alert
