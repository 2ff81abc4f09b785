"""Clearance: follows the invoice's state, unless somebody cleared the appointment by hand.

Every caller holds the row of the appointment's invoice, so that two never decide at once.
"""

from datetime import datetime

from sqlalchemy.orm import Session

from billing import domain, events
from billing.commands import ClearAppointment
from billing.models import Clearance, Invoice


def follow_invoice(db: Session, invoice: Invoice, *, now: datetime) -> None:
    """Bring the clearance in line with its invoice.

    Publishes FinancialClearanceChanged where it changes, or where it is not there for want of a price, or not any more.
    """
    clearance = _of(db, invoice)
    if not clearance.manual:
        cleared, reason = domain.clearance_of(invoice.status, invoice.total)
        _set(db, clearance, cleared, reason, now)


def clear_by_hand(db: Session, invoice: Invoice, command: ClearAppointment, *, now: datetime) -> Clearance:
    """Let the patient of an appointment check in whatever the invoice says from now on."""
    clearance = _of(db, invoice)
    clearance.manual = True
    _set(db, clearance, True, command.reason, now)
    return clearance


def _of(db: Session, invoice: Invoice) -> Clearance:
    clearance = db.get(Clearance, invoice.appointment_id)
    if clearance is None:
        # that something is to be paid is taken for granted, and is not announced
        clearance = Clearance(id=invoice.appointment_id, cleared=False, reason=domain.PAYMENT_DUE, manual=False)
        db.add(clearance)
    return clearance


def _set(db: Session, clearance: Clearance, cleared: bool, reason: str, now: datetime) -> None:
    changed = domain.announced(clearance.cleared, clearance.reason) != domain.announced(cleared, reason)
    clearance.cleared, clearance.reason = cleared, reason
    db.flush()
    if changed:
        events.clearance_changed(db, clearance, now)
