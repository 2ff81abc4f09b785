"""Records as their answers show them, before their schemas write them."""

from typing import Any

from billing.http.schemas import InvoiceAnswer
from billing.models import Clearance, Invoice, InvoiceLine, Payment

_FIELDS = tuple(InvoiceAnswer().fields)
_MONEY = ("net", "vat", "total", "paid", "balance")


def invoice(row: Invoice) -> dict[str, Any]:
    """An invoice with its lines and payments, every amount with the currency."""
    return {
        **{name: getattr(row, name) for name in _FIELDS},
        **{name: row.money(getattr(row, name)) for name in _MONEY},
        "lines": [_line(row, line) for line in row.lines],
        "payments": [_payment(row, payment) for payment in row.payments],
    }


def clearance(row: Clearance) -> dict[str, Any]:
    """The clearance of an appointment."""
    return {"appointment_id": row.id, "cleared": row.cleared, "reason": row.reason, "manual": row.manual}


def _line(row: Invoice, line: InvoiceLine) -> dict[str, Any]:
    return {
        "position": line.position,
        "service_type": line.service_type,
        "quantity": line.quantity,
        "unit_price": row.money(line.unit_price),
        "net": row.money(line.net),
        "vat_category": line.vat_category,
        "vat_rate": line.vat_rate,
        "vat": row.money(line.vat),
    }


def _payment(row: Invoice, payment: Payment) -> dict[str, Any]:
    return {
        "id": payment.id,
        "amount": row.money(payment.amount),
        "method": payment.method,
        "reference": payment.reference,
        "received_at": payment.received_at,
        "received_by": payment.received_by,
    }
