"""Invoices: made of an appointment, issued, void."""

from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy.orm import Session

from billing import domain, events, queries
from billing.commands import InvoiceAppointment, MoveAppointment, VoidInvoice
from billing.models import Invoice, InvoiceLine, Price
from billing.operations import clearance
from billing.operations.locks import lock_prices_for_reading
from jalsa.db.numbers import gapless_number
from jalsa.db.transactions import context_of
from jalsa.service.errors import NotFound
from jalsa.service.ids import new_id

log = structlog.get_logger()


def invoice_appointment(db: Session, command: InvoiceAppointment, *, now: datetime) -> Invoice:
    """Make the invoice of a booked appointment, and publish InvoiceIssued.

    Where no price fits, a draft is stored that waits for one.
    """
    invoice = Invoice(
        id=new_id(),
        appointment_id=command.appointment_id,
        appointment_number=command.appointment_number,
        patient_id=command.patient_id,
        clinic_id=command.clinic_id,
        service_type=command.service_type,
        timezone=command.timezone,
        package=command.package,
        status="DRAFT",
        paid=domain.ZERO,
        created_at=now,
    )
    db.add(invoice)
    lock_prices_for_reading(db, command.service_type)
    price = queries.valid_price(db, command.service_type, command.clinic_id)
    if price is not None:
        return issue(db, invoice, price, now=now)
    db.flush()
    clearance.follow_invoice(db, invoice, now=now)
    log.info("invoice-waits-for-price", invoice_id=str(invoice.id))
    return invoice


def issue(db: Session, invoice: Invoice, price: Price, *, now: datetime) -> Invoice:
    """DRAFT → ISSUED at this price, with the next number, and publish InvoiceIssued. Raises 409 `invalid-transition`.

    The number's year is that of the clinic's zone as it is known now, because it may have been corrected since the
    booking, or the booking may have been told before. The caller holds the invoice's row, if it is stored already.
    """
    domain.INVOICE.check(invoice.status, "ISSUED")
    line = domain.Line(quantity=1, unit_price=price.amount, vat_category=price.vat_category)
    totals = domain.totals([line])
    invoice.lines = [_line(invoice, 1, line)]
    invoice.currency, invoice.net, invoice.vat, invoice.total = price.currency, totals.net, totals.vat, totals.total
    invoice.timezone = queries.zone_of(db, invoice.clinic_id) or invoice.timezone
    tenant, year = context_of(db).tenant, domain.local_year(now, invoice.timezone)
    invoice.status, invoice.issued_at = "ISSUED", now
    invoice.invoice_number = domain.number("INV", tenant, year, gapless_number(db, f"INV-{year}"))
    db.flush()
    events.invoice_issued(db, invoice, now)
    clearance.follow_invoice(db, invoice, now=now)
    return invoice


def void(db: Session, invoice: Invoice, command: VoidInvoice, *, now: datetime) -> Invoice:
    """DRAFT or ISSUED → VOID. A number stays taken, and InvoiceVoided tells of it. Raises 409 `invalid-transition`.

    A draft was never announced, so neither is its end.
    """
    domain.INVOICE.check(invoice.status, "VOID")
    invoice.status, invoice.voided_at = "VOID", now
    invoice.voided_by, invoice.void_reason = context_of(db).actor, command.reason
    db.flush()
    if invoice.invoice_number is not None:
        events.invoice_voided(db, invoice, now)
    clearance.follow_invoice(db, invoice, now=now)
    return invoice


def move_appointment(db: Session, command: MoveAppointment, *, now: datetime) -> None:
    """Bring a draft to the clinic to which its appointment was moved, and issue it where a price fits there.

    An issued invoice stays as it was issued, with its clinic and its price, even where the new clinic has a price of
    its own, because the service is the same. Billing keeps neither times nor providers.
    """
    # before the invoice's row, as whoever stores a price takes them
    lock_prices_for_reading(db, command.service_type)
    invoice = locked_invoice_of(db, command.appointment_id)
    if invoice.status != "DRAFT":
        return
    invoice.clinic_id, invoice.timezone = command.clinic_id, command.timezone
    price = queries.valid_price(db, invoice.service_type, command.clinic_id)
    if price is not None:
        issue(db, invoice, price, now=now)
    db.flush()


def cancel_appointment(db: Session, appointment_id: UUID, *, now: datetime) -> None:
    """Void a cancelled appointment's invoice, unless money was received for it or it is void already."""
    invoice = locked_invoice_of(db, appointment_id)
    if "VOID" in domain.INVOICE.moves[invoice.status]:
        void(db, invoice, VoidInvoice(), now=now)
    else:
        log.info("cancelled-appointment-keeps-invoice", invoice_id=str(invoice.id), status=invoice.status)


def locked_invoice(db: Session, invoice_id: UUID) -> Invoice:
    """An invoice, its row locked until the transaction ends. Raises 404."""
    return _found(queries.locked_invoice(db, Invoice.id == invoice_id))


def locked_invoice_of(db: Session, appointment_id: UUID) -> Invoice:
    """An appointment's invoice, its row locked until the transaction ends. Raises 404."""
    return _found(queries.locked_invoice(db, Invoice.appointment_id == appointment_id))


def _found(invoice: Invoice | None) -> Invoice:
    if invoice is None:
        raise NotFound("invoice")
    return invoice


def _line(invoice: Invoice, position: int, line: domain.Line) -> InvoiceLine:
    return InvoiceLine(
        id=new_id(),
        position=position,
        service_type=invoice.service_type,
        quantity=line.quantity,
        unit_price=line.unit_price,
        net=line.net,
        vat_category=line.vat_category,
        vat_rate=line.vat_rate,
        vat=line.vat,
    )
