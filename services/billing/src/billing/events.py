"""What billing publishes, and the few fields that it reads of what the others publish."""

from datetime import datetime
from typing import Annotated, ClassVar
from uuid import UUID

from sqlalchemy.orm import Session

from billing.domain import PackageSession
from billing.models import Clearance, Invoice, Payment
from jalsa.events.contracts import EventType, Stream
from jalsa.events.data import Data, ZoneName
from jalsa.events.outbox import publish
from jalsa.service.commands import UNSET, Unset


class _EventData(Data):
    """What the fields of the events' data mean, by their names. A field may have a description of its own."""

    meanings: ClassVar = {
        "amount": "The amount, a decimal number with two decimals in a string.",
        "currency": "The currency, an ISO 4217 code such as SAR.",
        "method": "CASH, CARD, TRANSFER or INSURANCE.",
        "invoice_id": "The invoice.",
        "invoice_number": "The invoice's number, such as INV-AGDAR-2026-00001.",
        "appointment_id": "The appointment: the id of the patient's participation in the session.",
        "appointment_number": "The appointment's number, such as APT-AGDAR-2026-00001.",
        "patient_id": "The patient. The id stays as it was where the record is merged into another one later.",
        "net": "The amount without VAT.",
        "vat": "The VAT.",
        "total": "The amount with VAT.",
        "issued_at": "When the invoice was issued.",
        "payment": "The payment.",
        "paid": "All that has been paid for this invoice so far.",
        "balance": "What is still to be paid for this invoice.",
        "paid_at": "When the invoice was paid in full.",
        "voided_at": "When the invoice was made void.",
        "cleared": "Whether the patient may check in as far as billing is concerned.",
        "reason": "Why it is not cleared: payment-due, no-price or invoice-void. It is absent if it is cleared",
    }


class _Money(_EventData):
    amount: str
    currency: str


class _Payment(_EventData):
    id: Annotated[UUID, "The payment's id."]
    amount: Annotated[_Money, "The amount of this payment."]
    method: str


class _InvoiceData(_EventData):
    invoice_id: UUID
    invoice_number: str
    appointment_id: UUID


class InvoiceIssuedData(_InvoiceData):
    """An invoice was issued."""

    appointment_number: str
    patient_id: UUID
    net: _Money
    vat: _Money
    total: _Money
    issued_at: datetime


class PaymentRecordedData(_InvoiceData):
    """A payment for an invoice was recorded.

    The payment's reference is left out, because it may name an account.
    """

    payment: _Payment
    paid: _Money
    balance: _Money


class InvoicePaidData(_InvoiceData):
    """An invoice was paid in full."""

    paid_at: datetime


class InvoiceVoidedData(_InvoiceData):
    """An invoice was made void.

    The reason is left out, because it is free text.
    """

    voided_at: datetime


class FinancialClearanceChangedData(_EventData):
    """The financial condition of a check-in was met, or is no longer met.

    Why it was cleared by hand is left out, because that is free text.
    """

    appointment_id: UUID
    cleared: bool
    reason: str | Unset = UNSET


INVOICE_ISSUED = EventType("billing", "invoice", "InvoiceIssued", InvoiceIssuedData)
PAYMENT_RECORDED = EventType("billing", "invoice", "PaymentRecorded", PaymentRecordedData)
INVOICE_PAID = EventType("billing", "invoice", "InvoicePaid", InvoicePaidData)
INVOICE_VOIDED = EventType("billing", "invoice", "InvoiceVoided", InvoiceVoidedData)
CLEARANCE_CHANGED = EventType("billing", "clearance", "FinancialClearanceChanged", FinancialClearanceChangedData)
PUBLISHES = (INVOICE_ISSUED, PAYMENT_RECORDED, INVOICE_PAID, INVOICE_VOIDED, CLEARANCE_CHANGED)


class Clinic(Data):
    """Where an appointment takes place."""

    id: UUID


class BookedSession(Data):
    """What billing reads of an appointment's session. `timezone` is an IANA name."""

    service_type: str
    timezone: str


class AppointmentBooked(Data):
    """What billing reads of AppointmentBooked."""

    appointment_id: UUID
    appointment_number: str
    patient_id: UUID
    clinic: Clinic
    session: BookedSession
    package: PackageSession | None


class AppointmentRescheduled(Data):
    """What billing reads of AppointmentRescheduled."""

    appointment_id: UUID
    clinic: Clinic
    session: BookedSession


class AppointmentCancelled(Data):
    """What billing reads of AppointmentCancelled."""

    appointment_id: UUID


class ClinicSaved(Data):
    """What billing reads of ClinicSaved. `timezone` is an IANA name."""

    clinic_id: UUID
    timezone: ZoneName


class PackageCreated(Data):
    """What billing reads of PackageCreated."""

    package_id: UUID
    package_number: str
    patient_id: UUID
    service_type: str
    total_sessions: int


class PatientsMerged(Data):
    """A patient's record was merged into another one at an instant."""

    loser_id: UUID
    survivor_id: UUID
    at: datetime


class PatientsUnmerged(Data):
    """A merged patient's record stands for itself again."""

    loser_id: UUID


STREAMS = (
    Stream("scheduling", "clinic", reads={"ClinicSaved.v1": ClinicSaved}),
    Stream(
        "scheduling",
        "appointment",
        reads={
            "AppointmentBooked.v1": AppointmentBooked,
            "AppointmentRescheduled.v1": AppointmentRescheduled,
            "AppointmentCancelled.v1": AppointmentCancelled,
        },
        ignores=frozenset(
            {
                "AppointmentConfirmed.v1",
                "AppointmentArrived.v1",
                "AppointmentAttended.v1",
                "AppointmentNoShow.v1",
                # an outcome changes no invoice, so neither does its correction
                "AppointmentCorrected.v1",
            }
        ),
    ),
    Stream(
        "scheduling",
        "package",
        reads={
            "PackageCreated.v1": PackageCreated,
            "PackageCompleted.v1": Data,
            "PackageReopened.v1": Data,
            "PackageCancelled.v1": Data,
        },
        ignores=frozenset({"PackageScheduled.v1"}),
    ),
    Stream(
        "patient-files",
        "patient",
        reads={"PatientsMerged.v1": PatientsMerged, "PatientsUnmerged.v1": PatientsUnmerged},
        # an invoice names its patient by id alone
        ignores=frozenset({"PatientRegistered.v1", "PatientUpdated.v1", "ConsentStandingChanged.v1"}),
    ),
)


def invoice_issued(db: Session, invoice: Invoice, now: datetime) -> None:
    """Publish InvoiceIssued."""
    data = {
        **_invoice(invoice),
        "appointment_number": invoice.appointment_number,
        "patient_id": invoice.patient_id,
        "net": invoice.money(invoice.net),
        "vat": invoice.money(invoice.vat),
        "total": invoice.money(invoice.total),
        "issued_at": invoice.issued_at,
    }
    publish(db, INVOICE_ISSUED, invoice.id, data, now=now)


def payment_recorded(db: Session, invoice: Invoice, payment: Payment, now: datetime) -> None:
    """Publish PaymentRecorded."""
    data = {
        **_invoice(invoice),
        "payment": {"id": payment.id, "amount": invoice.money(payment.amount), "method": payment.method},
        "paid": invoice.money(invoice.paid),
        "balance": invoice.money(invoice.balance),
    }
    publish(db, PAYMENT_RECORDED, invoice.id, data, now=now)


def invoice_paid(db: Session, invoice: Invoice, now: datetime) -> None:
    """Publish InvoicePaid."""
    publish(db, INVOICE_PAID, invoice.id, {**_invoice(invoice), "paid_at": invoice.paid_at}, now=now)


def invoice_voided(db: Session, invoice: Invoice, now: datetime) -> None:
    """Publish InvoiceVoided."""
    publish(db, INVOICE_VOIDED, invoice.id, {**_invoice(invoice), "voided_at": invoice.voided_at}, now=now)


def clearance_changed(db: Session, clearance: Clearance, now: datetime) -> None:
    """Publish FinancialClearanceChanged."""
    data = {"appointment_id": clearance.id, "cleared": clearance.cleared}
    if not clearance.cleared:
        data["reason"] = clearance.reason
    publish(db, CLEARANCE_CHANGED, clearance.id, data, now=now)


def _invoice(invoice: Invoice) -> dict[str, object]:
    return {
        "invoice_id": invoice.id,
        "invoice_number": invoice.invoice_number,
        "appointment_id": invoice.appointment_id,
    }
