"""Payments over HTTP."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from billing import queries
from billing.models import Invoice, Payment
from jalsa.service.ids import new_id

from .factories import Office, answer, code_of, sar


def test_an_invoice_is_paid_in_parts_and_then_clears_its_appointment(office: Office) -> None:
    appointment, invoice = office.book_and_issue("300.00")
    part = answer(office.pay(invoice, "45.00", method="CARD", reference="slip 17"), 201)
    assert (part["status"], part["paid"], part["balance"]) == ("PARTIALLY_PAID", sar("45.00"), sar("300.00"))
    assert (
        part["payments"][0] | {"amount": sar("45.00"), "method": "CARD", "reference": "slip 17"} == part["payments"][0]
    )
    assert part["payments"][0]["received_by"] == "biller-1"
    assert office.clearance(appointment)["cleared"] is False

    whole = answer(office.pay(invoice, "300"), 201)
    assert (whole["status"], whole["paid"], whole["balance"]) == ("PAID", sar("345.00"), sar("0.00"))
    assert whole["paid_at"]
    assert office.clearance(appointment) | {"cleared": True, "reason": "invoice-paid"} == office.clearance(appointment)
    events = ["InvoiceIssued", "PaymentRecorded", "PaymentRecorded", "InvoicePaid", "FinancialClearanceChanged"]
    assert office.published() == events


@pytest.mark.parametrize("amount", ["345.01", "346", "999999999.99"])
def test_more_than_the_balance_is_refused_and_changes_nothing(office: Office, amount: str) -> None:
    _, invoice = office.book_and_issue("300.00")
    assert code_of(office.pay(invoice, amount), 409) == "payment-exceeds-balance"
    assert office.invoices() == [invoice]
    assert office.published() == ["InvoiceIssued"]


def test_nothing_more_can_be_paid_for_a_paid_invoice(office: Office) -> None:
    _, invoice = office.book_and_issue("300.00")
    answer(office.pay(invoice, "345"), 201)
    assert code_of(office.pay(invoice, "0.01"), 409) == "payment-exceeds-balance"


def test_nothing_can_be_paid_for_a_draft_or_a_void_invoice(office: Office) -> None:
    draft = office.invoice(office.book())
    assert code_of(office.pay(draft, "1.00"), 409) == "invalid-transition"
    answer(office.biller.post(f"/invoices/{draft['id']}/void"))
    assert code_of(office.pay(draft, "1.00"), 409) == "invalid-transition"


def test_an_unknown_invoice_can_not_be_paid(office: Office) -> None:
    assert code_of(office.pay({"id": new_id()}, "1.00"), 404) == "not-found"


_BAD: dict[str, list[Any]] = {
    "amount": ["0", "0.00", "-1", "1.234", "x", "", None, True, sar("1.00"), 0.1 + 0.2],
    "method": ["cash", "CHEQUE", "", None, 1],
    "reference": ["x" * 500, "a\u0000b", "\u202e\u200f", "a\x85b", 5],
    "currency": ["SAR"],
}


@pytest.mark.parametrize(("field", "value"), [(field, value) for field, values in _BAD.items() for value in values])
def test_a_payment_with_a_bad_field_is_refused_and_changes_nothing(office: Office, field: str, value: Any) -> None:
    _, invoice = office.book_and_issue()
    refused = office.biller.post(
        f"/invoices/{invoice['id']}/payments", {"amount": "1.00", "method": "CASH", field: value}
    )
    assert list(answer(refused, 422)["errors"]) == [field]
    assert office.invoices() == [invoice]


def test_a_payment_repeated_with_its_idempotency_key_is_stored_once(office: Office) -> None:
    _, invoice = office.book_and_issue()
    path, body = f"/invoices/{invoice['id']}/payments", {"amount": "45.00", "method": "CASH"}
    first = office.biller.post(path, body, Idempotency_Key="till-1")
    again = office.biller.post(path, body, Idempotency_Key="till-1")
    assert answer(again, 201) == answer(first, 201)
    assert office.kit.count(office.tenant, Payment) == 1
    assert office.published("PaymentRecorded") == ["PaymentRecorded"]
    other = office.biller.post(path, {**body, "amount": "46.00"}, Idempotency_Key="till-1")
    assert code_of(other, 422) == "idempotency-key-reused"
    # without a key each request is a payment of its own, which is why there is a key
    answer(office.biller.post(path, body), 201)
    assert office.kit.count(office.tenant, Payment) == 2


def test_simultaneous_payments_never_exceed_the_balance(office: Office) -> None:
    _, invoice = office.book_and_issue("300.00")
    with ThreadPoolExecutor(8) as threads:
        statuses = sorted(r.status_code for r in threads.map(lambda _: office.pay(invoice, "100.00"), range(8)))
    assert statuses == [201] * 3 + [409] * 5
    [left] = office.invoices()
    assert (left["paid"], left["balance"]) == (sar("300.00"), sar("45.00"))
    assert _received(office) == [sar("100.00")] * 3


def test_without_the_row_lock_two_payments_would_exceed_the_balance(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, invoice = office.book_and_issue("300.00")
    both_have_read = threading.Barrier(2, timeout=10)

    def unlocked(db: Session, which: ColumnElement[bool]) -> Invoice | None:
        found = db.scalar(select(Invoice).where(which))
        both_have_read.wait()
        return found

    monkeypatch.setattr(queries, "locked_invoice", unlocked)
    with ThreadPoolExecutor(2) as threads:
        statuses = [r.status_code for r in threads.map(lambda _: office.pay(invoice, "200.00"), range(2))]
    assert statuses == [201, 201]
    assert _received(office) == [sar("200.00")] * 2


def _received(office: Office) -> list[dict[str, str]]:
    [invoice] = office.invoices()
    return [payment["amount"] for payment in invoice["payments"]]
