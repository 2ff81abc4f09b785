"""Payments."""

from datetime import datetime

from sqlalchemy.orm import Session

from billing import domain, events
from billing.commands import RecordPayment
from billing.models import Invoice, Payment
from billing.operations import clearance
from jalsa.db.transactions import context_of
from jalsa.service.ids import new_id


def record_payment(db: Session, invoice: Invoice, command: RecordPayment, *, now: datetime) -> Payment:
    """Store money received for an invoice whose row the caller has locked.

    Publishes PaymentRecorded and, with the last of it, InvoicePaid. Raises 409 `payment-exceeds-balance`, and 409
    `invalid-transition` for a draft or a void invoice.
    """
    invoice.status = domain.status_after_payment(invoice.status, invoice.balance, command.amount)
    invoice.paid += command.amount
    payment = Payment(
        id=new_id(),
        amount=command.amount,
        method=command.method,
        reference=command.reference,
        received_at=now,
        received_by=context_of(db).actor,
    )
    invoice.payments.append(payment)
    if invoice.status == "PAID":
        invoice.paid_at = now
    db.flush()
    events.payment_recorded(db, invoice, payment, now)
    if invoice.status == "PAID":
        events.invoice_paid(db, invoice, now)
    clearance.follow_invoice(db, invoice, now=now)
    return payment
