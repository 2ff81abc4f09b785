"""What the use cases of billing are given. An amount is in the currency beside it, else in the invoice's."""

from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from billing.domain import PackageSession


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatePrice:
    """Set what a service costs without VAT, in one clinic or, without `clinic_id`, in every clinic without its own.

    `currency` is an ISO 4217 code, and `vat_category` S, Z or E.
    """

    service_type: str
    amount: Decimal
    vat_category: str
    currency: str = "SAR"
    clinic_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FindPrices:
    """Which prices are listed. None does not filter."""

    service_type: str | None = None
    clinic_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FindInvoices:
    """Which invoices are listed. None does not filter."""

    appointment_number: str | None = None
    package_number: str | None = None
    patient_id: UUID | None = None
    status: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceAppointment:
    """Make the invoice of an appointment as it was booked. `timezone` is the IANA name of its clinic's zone."""

    appointment_id: UUID
    appointment_number: str
    patient_id: UUID
    clinic_id: UUID
    service_type: str
    timezone: str
    package: PackageSession | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveAppointment:
    """Follow an appointment to the clinic where it takes place now. `timezone` is the IANA name of that clinic's."""

    appointment_id: UUID
    clinic_id: UUID
    service_type: str
    timezone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordPayment:
    """Record money received, in the invoice's currency. `reference` is the payer's or the terminal's."""

    amount: Decimal
    method: str
    reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VoidInvoice:
    """Make an invoice void, perhaps with the reason in words."""

    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearAppointment:
    """Let a patient check in whatever the invoice says, for a reason in words."""

    reason: str
