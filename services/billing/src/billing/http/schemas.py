"""The shapes of billing's requests and answers."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from babel.numbers import get_currency_precision, is_currency
from marshmallow import Schema, ValidationError, fields, validate

from billing.commands import ClearAppointment, CreatePrice, FindInvoices, FindPrices, RecordPayment, VoidInvoice
from billing.domain import INVOICE, METHODS, VAT_RATES
from billing.policy import GRANT, VOID
from jalsa.http import Answer, PageArgs, restricted
from jalsa.http.fields import FreeText, Instant, Name, Pattern, Value, code, state
from jalsa.service.commands import Loaded

_AMOUNT = re.compile(r"[0-9]{1,9}(\.[0-9]{1,2})?")


class Amount(fields.Field[Decimal]):
    """A decimal string (a JSON number is taken too) of 0 or more, with at most 9 digits before the point and 2 after.

    Loaded as Decimal and written with two decimals.
    """

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Decimal:
        if not isinstance(value, str | int | float) or not _AMOUNT.fullmatch(str(value)):
            raise ValidationError('Must be an amount of 0 or more with at most two decimals, such as "300.00".')
        return Decimal(str(value))

    def _serialize(self, value: Decimal | None, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else f"{value:.2f}"


def _positive(amount: Decimal) -> None:
    if amount == 0:
        raise ValidationError("Must be more than 0.")


def _currency(value: str) -> None:
    """A code of ISO 4217 whose smallest unit has two decimals, because our amounts have no third."""
    if not re.fullmatch("[A-Z]{3}", value) or not is_currency(value) or get_currency_precision(value) != 2:
        raise ValidationError("Must be the ISO 4217 code of a currency with two decimals, such as SAR.")


class MoneyAnswer(Schema):
    amount = fields.String()
    currency = fields.String()


class PriceBody(Loaded):
    into = CreatePrice

    service_type = code()
    clinic_id = fields.UUID(
        allow_none=True, load_default=None, metadata={"description": "Absent: the price in every other clinic"}
    )
    amount = Amount(required=True, metadata={"type": "string", "description": "Without VAT"})
    currency = fields.String(load_default="SAR", validate=_currency)
    vat_category = fields.String(
        required=True,
        validate=validate.OneOf(list(VAT_RATES)),
        metadata={"description": "S standard, Z zero-rated, E exempt"},
    )


class PriceAnswer(PriceBody):
    id = fields.UUID()
    created_at = Instant()
    created_by = fields.String()


class PriceArgs(PageArgs):
    into = FindPrices

    service_type = fields.String(load_default=None)
    clinic_id = fields.UUID(load_default=None)


class LineAnswer(Schema):
    position = fields.Integer()
    service_type = fields.String()
    description = fields.String(metadata={"description": "In words, such as `OT-60, session 3 of 20`"})
    quantity = fields.Integer()
    unit_price = fields.Nested(MoneyAnswer())
    net = fields.Nested(MoneyAnswer())
    vat_category = fields.String(validate=validate.OneOf(list(VAT_RATES)))
    vat_rate = fields.String(metadata={"description": "Percent"})
    vat = fields.Nested(MoneyAnswer())


class PaymentBody(Loaded):
    into = RecordPayment

    amount = Amount(
        required=True, validate=_positive, metadata={"type": "string", "description": "In the invoice's currency"}
    )
    method = fields.String(required=True, validate=validate.OneOf(METHODS))
    reference = Name(allow_none=True, load_default=None)


class PaymentAnswer(Schema):
    id = fields.UUID()
    amount = fields.Nested(MoneyAnswer())
    method = fields.String(validate=validate.OneOf(METHODS))
    reference = fields.String(allow_none=True)
    received_at = Instant()
    received_by = fields.String()


class PackageSessionAnswer(Schema):
    """As the appointment was booked."""

    id = fields.UUID()
    number = fields.String()
    session_number = fields.Integer()
    total_sessions = fields.Integer()


class InvoiceAnswer(Answer):
    """A draft has no number, no lines and no amounts, because it waits for a price."""

    id = fields.UUID()
    invoice_number = fields.String(allow_none=True)
    appointment_id = fields.UUID()
    appointment_number = fields.String()
    patient_id = fields.UUID()
    clinic_id = fields.UUID()
    service_type = fields.String()
    package = fields.Nested(
        PackageSessionAnswer(),
        allow_none=True,
        metadata={"description": "The package that the appointment is a session of"},
    )
    status = state(INVOICE)
    lines = fields.List(fields.Nested(LineAnswer()))
    net = fields.Nested(MoneyAnswer(), allow_none=True)
    vat = fields.Nested(MoneyAnswer(), allow_none=True)
    total = fields.Nested(MoneyAnswer(), allow_none=True)
    paid = fields.Nested(MoneyAnswer(), allow_none=True)
    balance = fields.Nested(MoneyAnswer(), allow_none=True)
    payments = fields.List(fields.Nested(PaymentAnswer()))
    created_at = Instant()
    issued_at = Instant(allow_none=True)
    paid_at = Instant(allow_none=True)
    voided_at = Instant(allow_none=True)
    voided_by = fields.String(allow_none=True)
    void_reason = restricted(VOID, fields.String(allow_none=True))


class InvoiceArgs(PageArgs):
    into = FindInvoices

    appointment_number = Value(load_default=None)
    package_number = Value(
        load_default=None, validate=Pattern(r"^PKG-[0-9]{8}-[0-9]{4,9}$", error="Not a package number.")
    )
    patient_id = fields.UUID(load_default=None)
    status = fields.String(load_default=None, validate=validate.OneOf(INVOICE.states))


class VoidBody(Loaded):
    into = VoidInvoice

    reason = FreeText(max=500, allow_none=True, load_default=None)


class ClearanceBody(Loaded):
    into = ClearAppointment

    reason = Name(max=500, required=True, metadata={"description": "Why the patient may come in unpaid"})


class ClearanceAnswer(Answer):
    appointment_id = fields.UUID()
    cleared = fields.Boolean()
    reason = restricted(
        GRANT,
        fields.String(
            allow_none=True,
            metadata={
                "description": "invoice-paid, nothing-to-pay, payment-due, no-price or invoice-void; "
                "where `manual` is true, what was written, for those who may read that"
            },
        ),
    )
    manual = fields.Boolean(metadata={"description": "Somebody cleared the appointment by hand"})


class PackageAmountsAnswer(Schema):
    """The sums of the package's invoices in one currency, without those that are void."""

    currency = fields.String()
    net = fields.Nested(MoneyAnswer())
    vat = fields.Nested(MoneyAnswer())
    total = fields.Nested(MoneyAnswer())
    paid = fields.Nested(MoneyAnswer())
    balance = fields.Nested(MoneyAnswer(), metadata={"description": "What is left to pay"})


InvoiceCounts = Schema.from_dict({status: fields.Integer() for status in INVOICE.states}, name="InvoiceCounts")


class PackageBalanceAnswer(Schema):
    package_id = fields.UUID()
    package_number = fields.String()
    patient_id = fields.UUID()
    service_type = fields.String()
    total_sessions = fields.Integer()
    status = fields.String(
        validate=validate.OneOf(["OPEN", "COMPLETED", "CANCELLED"]),
        metadata={"description": "OPEN until the package ends, then COMPLETED or CANCELLED"},
    )
    invoices = fields.Nested(InvoiceCounts(), metadata={"description": "How many invoices are in each state"})
    amounts = fields.List(
        fields.Nested(PackageAmountsAnswer()),
        metadata={"description": "One item per currency: several are never added up. Drafts have none yet"},
    )
