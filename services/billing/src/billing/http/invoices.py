"""Invoices and their payments."""

from uuid import UUID

from flask import Response

from billing import queries
from billing.commands import FindInvoices, RecordPayment, VoidInvoice
from billing.http import represent, schemas
from billing.models import Invoice
from billing.operations import invoices as operations
from billing.operations import payments
from jalsa.http import PageOf, Routes, check_if_match, current_db, json_with_etag, page_by_id, page_of
from jalsa.http.paging import decode_id_cursor
from jalsa.service import clock
from jalsa.service.errors import NotFound
from jalsa.service.json_types import JsonObject

routes = Routes("invoices", "Invoices and payments")

_INVOICE = schemas.InvoiceAnswer()


@routes.view(
    "/invoices", permission="invoices.read", query=schemas.InvoiceArgs(), response=page_of(schemas.InvoiceAnswer)
)
def list_invoices(query: PageOf[FindInvoices]) -> JsonObject:
    """Invoices in the order of booking."""
    after = decode_id_cursor(query.cursor)
    rows = queries.list_invoices(current_db(), query.asked, after=after, limit=query.limit + 1)
    return page_by_id(rows, query.limit, represent.invoice)


@routes.view("/invoices/<uuid:invoice_id>", permission="invoices.read", response=_INVOICE)
def get_invoice(invoice_id: UUID) -> Response:
    """One invoice."""
    invoice = current_db().get(Invoice, invoice_id)
    if invoice is None:
        raise NotFound("invoice")
    return json_with_etag(_shown(invoice))


@routes.view(
    "/invoices/<uuid:invoice_id>/payments",
    "POST",
    permission="payments.write",
    body=schemas.PaymentBody(),
    response=_INVOICE,
    status=201,
)
def record_payment(command: RecordPayment, invoice_id: UUID) -> Response:
    """Record money received. Answers with the invoice. Send an Idempotency-Key, so that a repeat pays nothing."""
    invoice = _matched(invoice_id)
    payments.record_payment(current_db(), invoice, command, now=clock.now())
    return json_with_etag(_shown(invoice), 201)


@routes.view(
    "/invoices/<uuid:invoice_id>/void", "POST", permission="invoices.void", body=schemas.VoidBody(), response=_INVOICE
)
def void_invoice(command: VoidInvoice, invoice_id: UUID) -> Response:
    """Make an unpaid invoice void. It keeps its number."""
    invoice = operations.void(current_db(), _matched(invoice_id), command, now=clock.now())
    return json_with_etag(_shown(invoice))


def _matched(invoice_id: UUID) -> Invoice:
    invoice = operations.locked_invoice(current_db(), invoice_id)
    check_if_match(_shown(invoice))
    return invoice


def _shown(invoice: Invoice) -> JsonObject:
    shown: JsonObject = _INVOICE.dump(represent.invoice(invoice))
    return shown
