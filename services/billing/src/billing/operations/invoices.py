"""Invoices: made of an appointment, issued, void."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.orm import Session

from billing import domain, events, queries
from billing.models import Invoice, InvoiceLine, Price
from billing.operations import clearance
from billing.operations.locks import lock_prices_for_reading
from jalsa.db.numbers import gapless_number
from jalsa.db.transactions import context_of
from jalsa.service.errors import NotFound
from jalsa.service.ids import new_id

log = structlog.get_logger()


def invoice_appointment(db: Session, appointment: Mapping[str, Any], *, now: datetime) -> Invoice:
    """Make the invoice of a booked appointment, and publish InvoiceIssued.

    Where no price fits, a draft is stored that waits for one. `appointment` is what AppointmentBooked says.
    """
    service_type, clinic_id = appointment["session"]["service_type"], appointment["clinic"]["id"]
    package = appointment["package"]
    invoice = Invoice(
        id=new_id(),
        appointment_id=appointment["appointment_id"],
        appointment_number=appointment["appointment_number"],
        patient_id=appointment["patient_id"],
        clinic_id=clinic_id,
        service_type=service_type,
        timezone=appointment["session"]["timezone"],
        package=package and domain.PackageSession(**package),
        status="DRAFT",
        paid=domain.ZERO,
        created_at=now,
    )
    db.add(invoice)
    lock_prices_for_reading(db, service_type)
    price = queries.valid_price(db, service_type, clinic_id)
    if price is not None:
        return issue(db, invoice, price, now=now)
    db.flush()
    clearance.follow_invoice(db, invoice, now=now)
    log.info("invoice-waits-for-price", invoice_id=str(invoice.id))
    return invoice


def issue(db: Session, invoice: Invoice, price: Price, *, now: datetime) -> Invoice:
    """DRAFT → ISSUED at this price, with the next number, and publish InvoiceIssued. Raises 409 `invalid-transition`.

    The number's year is that of the clinic's zone as it is known now: it may have been corrected since the booking, or
    the booking may have been told before. The caller holds the invoice's row, if it is stored already.
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


def void(db: Session, invoice: Invoice, reason: str | None, *, now: datetime) -> Invoice:
    """DRAFT or ISSUED → VOID; a number stays taken, and InvoiceVoided tells of it. Raises 409 `invalid-transition`.

    A draft was never announced, so neither is its end.
    """
    domain.INVOICE.check(invoice.status, "VOID")
    invoice.status, invoice.voided_at = "VOID", now
    invoice.voided_by, invoice.void_reason = context_of(db).actor, reason
    db.flush()
    if invoice.invoice_number is not None:
        events.invoice_voided(db, invoice, now)
    clearance.follow_invoice(db, invoice, now=now)
    return invoice


def move_appointment(db: Session, appointment: Mapping[str, Any], *, now: datetime) -> None:
    """Bring a draft to the clinic to which its appointment was moved, and issue it where a price fits there.

    An issued invoice stays as it was issued, with its clinic and its price, even where the new clinic has a price of
    its own: the service is the same. Billing keeps neither times nor providers. `appointment` is what
    AppointmentRescheduled says.
    """
    clinic_id, session = appointment["clinic"]["id"], appointment["session"]
    # before the invoice's row, as whoever stores a price takes them
    lock_prices_for_reading(db, session["service_type"])
    invoice = locked_invoice(db, appointment_id=appointment["appointment_id"])
    if invoice.status != "DRAFT":
        return
    invoice.clinic_id, invoice.timezone = clinic_id, session["timezone"]
    price = queries.valid_price(db, invoice.service_type, clinic_id)
    if price is not None:
        issue(db, invoice, price, now=now)
    db.flush()


def cancel_appointment(db: Session, appointment_id: UUID, *, now: datetime) -> None:
    """Void a cancelled appointment's invoice, unless money was received for it or it is void already."""
    invoice = locked_invoice(db, appointment_id=appointment_id)
    if "VOID" in domain.INVOICE.moves[invoice.status]:
        void(db, invoice, None, now=now)
    else:
        log.info("cancelled-appointment-keeps-invoice", invoice_id=str(invoice.id), status=invoice.status)


def locked_invoice(db: Session, **key: UUID) -> Invoice:
    """The invoice with this `id` or `appointment_id`, its row locked until the transaction ends. Raises 404."""
    invoice = queries.locked_invoice(db, **key)
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
