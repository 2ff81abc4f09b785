"""The rules of billing in the field's own words: states, value added tax, rounding, numbers, clearance. No I/O."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

from billing.errors import PaymentExceedsBalance
from jalsa.service.states import state_machine

#: A draft has no number, and its cancellation leaves nothing behind. Once money was received there is no way to VOID.
INVOICE = state_machine(
    "invoice",
    "DRAFT",
    DRAFT="ISSUED VOID",
    ISSUED="PARTIALLY_PAID PAID VOID",
    PARTIALLY_PAID="PARTIALLY_PAID PAID",
    PAID="",
    VOID="",
)

#: Percent, by the category code of the e-invoice (UN/CEFACT 5305, as in ZATCA's Electronic Invoice XML Implementation
#: Standard, 11.2.4): S standard, Z zero-rated, E exempt. Saudi Arabia's standard rate is 15 % since 1 July 2020. It was
#: 5 % from 1 January 2018 (ZATCA).
VAT_RATES = {"S": Decimal("15.00"), "Z": Decimal("0.00"), "E": Decimal("0.00")}

METHODS = ("CASH", "CARD", "TRANSFER", "INSURANCE")

ZERO = Decimal("0.00")
_HALALA = Decimal("0.01")


def half_up(amount: Decimal) -> Decimal:
    """Round to two decimals, halves away from zero (ZATCA, XML Implementation Standard, 10: half-up)."""
    return amount.quantize(_HALALA, ROUND_HALF_UP)


@dataclass(frozen=True)
class Line:
    """One line of an invoice. `unit_price` is without VAT. Each amount is rounded on the line, once."""

    quantity: int
    unit_price: Decimal
    vat_category: str

    @property
    def net(self) -> Decimal:
        """Without VAT."""
        return half_up(self.quantity * self.unit_price)

    @property
    def vat_rate(self) -> Decimal:
        """Percent."""
        return VAT_RATES[self.vat_category]

    @property
    def vat(self) -> Decimal:
        """Reckoned from the rounded net amount."""
        return half_up(self.net * self.vat_rate / 100)


@dataclass(frozen=True)
class Totals:
    """The sums of rounded lines, which are exact and never rounded again."""

    net: Decimal
    vat: Decimal

    @property
    def total(self) -> Decimal:
        """What is to be paid."""
        return self.net + self.vat


def totals(lines: Iterable[Line]) -> Totals:
    """The sums of an invoice's lines."""
    lines = list(lines)
    return Totals(sum((line.net for line in lines), ZERO), sum((line.vat for line in lines), ZERO))


@dataclass(frozen=True)
class PackageSession:
    """Which session of which package an appointment is, as it was booked."""

    id: UUID
    number: str
    session_number: int
    total_sessions: int


def description(service_type: str, package: PackageSession | None) -> str:
    """A line in words: `OT-60` or, of a package, `OT-60, session 3 of 20`."""
    if package is None:
        return service_type
    return f"{service_type}, session {package.session_number} of {package.total_sessions}"


def status_after_payment(status: str, balance: Decimal, amount: Decimal) -> str:
    """The state in which a payment leaves an invoice.

    Raises PaymentExceedsBalance, and NoSuchMove where nothing is owed: a draft, a void invoice.
    """
    if status in ("DRAFT", "VOID"):
        INVOICE.check(status, "PARTIALLY_PAID")
    if amount > balance:
        raise PaymentExceedsBalance
    target = "PAID" if amount == balance else "PARTIALLY_PAID"
    INVOICE.check(status, target)
    return target


#: Why an appointment is not cleared. The first is taken for granted where nothing was announced.
PAYMENT_DUE, NO_PRICE = "payment-due", "no-price"


def clearance_of(status: str, total: Decimal | None) -> tuple[bool, str]:
    """Whether an invoice in this state lets its patient check in, and why."""
    if status == "DRAFT":
        return False, NO_PRICE
    if status == "VOID":
        return False, "invoice-void"
    if status == "PAID":
        return True, "invoice-paid"
    return (True, "nothing-to-pay") if total == 0 else (False, PAYMENT_DUE)


def announced(cleared: bool, reason: str) -> tuple[bool, bool]:
    """What is published of a clearance when it changes, which is whether it is given, and whether a price is missing.

    An unpaid invoice that becomes void is published by the invoice's own event.
    """
    return cleared, not cleared and reason == NO_PRICE


def money(amount: Decimal, currency: str) -> dict[str, str]:
    """`{"amount": "300.00", "currency": "SAR"}`."""
    return {"amount": f"{amount:.2f}", "currency": currency}


def number(prefix: str, tenant: str, year: int, running: int) -> str:
    """`INV-AGDAR-2026-00001`."""
    return f"{prefix}-{tenant.upper()}-{year}-{running:05d}"


def local_year(now: datetime, zone: str) -> int:
    """The year in which a number is taken, by the clinic's clock."""
    return now.astimezone(ZoneInfo(zone)).year
