"""What billing publishes, and the few fields that it reads of what the others publish."""

from datetime import datetime
from typing import Any, ClassVar

from marshmallow import fields
from sqlalchemy.orm import Session

from billing.models import Clearance, Invoice, Payment
from jalsa.events.contracts import Data, EventType, Fields, Stream
from jalsa.events.outbox import publish
from jalsa.http.fields import Instant, Zone


class _EventData(Data):
    """What the fields of the events' data mean, by their names; a field may have a description of its own."""

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
    }


class _Money(_EventData):
    amount = fields.String(required=True)
    currency = fields.String(required=True)


class _Payment(_EventData):
    id = fields.UUID(required=True, metadata={"description": "The payment's id."})
    amount = fields.Nested(_Money(), required=True, metadata={"description": "The amount of this payment."})
    method = fields.String(required=True)


class _InvoiceData(_EventData):
    invoice_id = fields.UUID(required=True)
    invoice_number = fields.String(required=True)
    appointment_id = fields.UUID(required=True)


class InvoiceIssuedData(_InvoiceData):
    """An invoice was issued."""

    appointment_number = fields.String(required=True)
    patient_id = fields.UUID(required=True)
    net = fields.Nested(_Money(), required=True)
    vat = fields.Nested(_Money(), required=True)
    total = fields.Nested(_Money(), required=True)
    issued_at = Instant(required=True)


class PaymentRecordedData(_InvoiceData):
    """A payment for an invoice was recorded.

    The payment's reference is left out, because it may name an account.
    """

    payment = fields.Nested(_Payment(), required=True)
    paid = fields.Nested(_Money(), required=True)
    balance = fields.Nested(_Money(), required=True)


class InvoicePaidData(_InvoiceData):
    """An invoice was paid in full."""

    paid_at = Instant(required=True)


class InvoiceVoidedData(_InvoiceData):
    """An invoice was made void.

    The reason is left out, because it is free text.
    """

    voided_at = Instant(required=True)


class FinancialClearanceChangedData(_EventData):
    """The financial condition of a check-in was met, or is no longer met.

    Why it was cleared by hand is left out, because that is free text.
    """

    appointment_id = fields.UUID(required=True)
    cleared = fields.Boolean(required=True)
    reason = fields.String(
        metadata={"description": "Why it is not cleared: payment-due, no-price or invoice-void; absent if it is"}
    )


INVOICE_ISSUED = EventType("billing", "invoice", "InvoiceIssued", InvoiceIssuedData())
PAYMENT_RECORDED = EventType("billing", "invoice", "PaymentRecorded", PaymentRecordedData())
INVOICE_PAID = EventType("billing", "invoice", "InvoicePaid", InvoicePaidData())
INVOICE_VOIDED = EventType("billing", "invoice", "InvoiceVoided", InvoiceVoidedData())
CLEARANCE_CHANGED = EventType("billing", "clearance", "FinancialClearanceChanged", FinancialClearanceChangedData())
PUBLISHES = (INVOICE_ISSUED, PAYMENT_RECORDED, INVOICE_PAID, INVOICE_VOIDED, CLEARANCE_CHANGED)


class _ClinicFields(Fields):
    id = fields.UUID(required=True)


class _SessionFields(Fields):
    service_type = fields.String(required=True)
    timezone = fields.String(required=True)


class _PackageFields(Fields):
    id = fields.UUID(required=True)
    number = fields.String(required=True)
    session_number = fields.Integer(required=True)
    total_sessions = fields.Integer(required=True)


class BookedFields(Fields):
    appointment_id = fields.UUID(required=True)
    appointment_number = fields.String(required=True)
    patient_id = fields.UUID(required=True)
    clinic = fields.Nested(_ClinicFields(), required=True)
    session = fields.Nested(_SessionFields(), required=True)
    package = fields.Nested(_PackageFields(), required=True, allow_none=True)


class RescheduledFields(Fields):
    appointment_id = fields.UUID(required=True)
    clinic = fields.Nested(_ClinicFields(), required=True)
    session = fields.Nested(_SessionFields(), required=True)


class CancelledFields(Fields):
    appointment_id = fields.UUID(required=True)


class ClinicSavedFields(Fields):
    clinic_id = fields.UUID(required=True)
    timezone = Zone(required=True)


class PackageCreatedFields(Fields):
    package_id = fields.UUID(required=True)
    package_number = fields.String(required=True)
    patient_id = fields.UUID(required=True)
    service_type = fields.String(required=True)
    total_sessions = fields.Integer(required=True)


class PackageFields(Fields):
    package_id = fields.UUID(required=True)


class PatientFields(Fields):
    patient_id = fields.UUID(required=True)
    file_number = fields.String(required=True)
    active = fields.Boolean(required=True)
    first_name_en = fields.String(required=True)
    last_name_en = fields.String(required=True)
    first_name_ar = fields.String(required=True, allow_none=True)
    last_name_ar = fields.String(required=True, allow_none=True)


STREAMS = (
    Stream("scheduling", "clinic", reads={"ClinicSaved.v1": ClinicSavedFields()}),
    Stream(
        "scheduling",
        "appointment",
        reads={
            "AppointmentBooked.v1": BookedFields(),
            "AppointmentRescheduled.v1": RescheduledFields(),
            "AppointmentCancelled.v1": CancelledFields(),
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
            "PackageCreated.v1": PackageCreatedFields(),
            "PackageCompleted.v1": PackageFields(),
            "PackageReopened.v1": PackageFields(),
            "PackageCancelled.v1": PackageFields(),
        },
        ignores=frozenset({"PackageScheduled.v1"}),
    ),
    Stream(
        "patient-files",
        "patient",
        reads={"PatientRegistered.v1": PatientFields(), "PatientUpdated.v1": PatientFields()},
        ignores=frozenset({"PatientsMerged.v1", "ConsentStandingChanged.v1"}),
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


def _invoice(invoice: Invoice) -> dict[str, Any]:
    return {
        "invoice_id": invoice.id,
        "invoice_number": invoice.invoice_number,
        "appointment_id": invoice.appointment_id,
    }
