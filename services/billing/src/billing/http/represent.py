"""Records as their answers show them, before their schemas write them."""

from collections.abc import Sequence

from billing import domain
from billing.http.schemas import InvoiceAnswer
from billing.models import Clearance, Invoice, InvoiceLine, PackageProjection, Payment
from billing.queries import InvoiceSums
from jalsa.service.json_types import JsonObject

_FIELDS = tuple(InvoiceAnswer().fields)
_MONEY = ("net", "vat", "total", "paid", "balance")


def invoice(row: Invoice) -> JsonObject:
    """An invoice with its lines and payments, every amount with the currency."""
    return {
        **{name: getattr(row, name, None) for name in _FIELDS},
        **{name: row.money(getattr(row, name)) for name in _MONEY},
        "lines": [_line(row, line) for line in row.lines],
        "payments": [_payment(row, payment) for payment in row.payments],
    }


def clearance(row: Clearance) -> JsonObject:
    """The clearance of an appointment."""
    return {"appointment_id": row.id, "cleared": row.cleared, "reason": row.reason, "manual": row.manual}


def package_balance(package: PackageProjection, sums: Sequence[InvoiceSums]) -> JsonObject:
    """A package with what the invoices of its appointments come to."""
    return {
        "package_id": package.id,
        "package_number": package.number,
        "patient_id": package.patient_id,
        "service_type": package.service_type,
        "total_sessions": package.total_sessions,
        "status": package.status,
        "invoices": {status: sum(each.counts[status] for each in sums) for status in domain.INVOICE.states},
        "amounts": [_amounts(each, each.currency) for each in sums if each.currency is not None],
    }


def _amounts(sums: InvoiceSums, currency: str) -> JsonObject:
    return {"currency": currency, **{name: domain.money(getattr(sums, name), currency) for name in _MONEY}}


def _line(row: Invoice, line: InvoiceLine) -> JsonObject:
    return {
        "position": line.position,
        "service_type": line.service_type,
        "description": domain.description(line.service_type, row.package),
        "quantity": line.quantity,
        "unit_price": row.money(line.unit_price),
        "net": row.money(line.net),
        "vat_category": line.vat_category,
        "vat_rate": line.vat_rate,
        "vat": row.money(line.vat),
    }


def _payment(row: Invoice, payment: Payment) -> JsonObject:
    return {
        "id": payment.id,
        "amount": row.money(payment.amount),
        "method": payment.method,
        "reference": payment.reference,
        "received_at": payment.received_at,
        "received_by": payment.received_by,
    }
