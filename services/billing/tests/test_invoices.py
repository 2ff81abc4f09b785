"""From a booking to its invoice, and to its end."""

import secrets
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text

from billing.commands import CreatePrice
from billing.models import Invoice
from billing.operations import invoices, prices
from jalsa.dev.kit import ServiceKit, golden
from jalsa.service import clock
from jalsa.service.ids import new_id

from .factories import CLINIC, Appointment, Office, answer, code_of, sar


def test_a_booking_is_invoiced_at_the_valid_price(office: Office) -> None:
    appointment, invoice = office.book_and_issue("300.00")
    assert invoice["invoice_number"] == f"INV-{office.tenant.upper()}-{clock.now().year}-00001"
    assert (invoice["status"], invoice["appointment_number"]) == ("ISSUED", appointment.number)
    amounts = {name: invoice[name] for name in ("net", "vat", "total", "paid", "balance")}
    assert amounts == {
        "net": sar("300.00"),
        "vat": sar("45.00"),
        "total": sar("345.00"),
        "paid": sar("0.00"),
        "balance": sar("345.00"),
    }
    assert invoice["lines"] == [
        {
            "position": 1,
            "service_type": "OT-GROUP",
            "description": "OT-GROUP",
            "quantity": 1,
            "unit_price": sar("300.00"),
            "net": sar("300.00"),
            "vat_category": "S",
            "vat_rate": "15.00",
            "vat": sar("45.00"),
        }
    ]
    assert office.published() == ["InvoiceIssued"]
    assert office.clearance(appointment)["reason"] == "payment-due"


def test_one_invoice_has_its_own_address_and_etag(office: Office) -> None:
    _, invoice = office.book_and_issue()
    read = office.biller.get(f"/invoices/{invoice['id']}")
    assert answer(read) == invoice
    headers = {"If-None-Match": read.headers["ETag"]}
    assert office.biller.call("GET", f"/invoices/{invoice['id']}", headers=headers).status_code == 304
    assert code_of(office.biller.get(f"/invoices/{new_id()}"), 404) == "not-found"


def test_invoices_are_found_by_appointment_number_patient_and_status(office: Office) -> None:
    office.set_price()
    patient = new_id()
    one = office.book(appointment_number="APT-X-2026-00001", patient_id=patient)
    two = office.book(appointment_number="APT-X-2026-00002")
    office.cancel(two)

    def found(**query: Any) -> list[str]:
        return [i["appointment_id"] for i in office.invoices(**query)]

    assert found(appointment_number="APT-X-2026-00001") == [str(one.id)]
    assert found(patient_id=str(patient)) == [str(one.id)]
    assert found(status="VOID") == [str(two.id)]
    assert found(status="PAID") == []
    assert code_of(office.biller.get("/invoices", status="LOST"), 422) == "validation-error"
    assert code_of(office.biller.get("/invoices", patient_id="x"), 422) == "validation-error"


def test_invoices_are_paged_in_the_order_of_booking(office: Office) -> None:
    booked = [str(office.book().id) for _ in range(5)]
    seen, cursor = [], None
    while True:
        page = answer(office.biller.get("/invoices", limit=2, **({"cursor": cursor} if cursor else {})))
        seen += [i["appointment_id"] for i in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == booked


def test_a_booking_without_a_price_waits_as_a_draft(office: Office) -> None:
    appointment = office.book()
    invoice = office.invoice(appointment)
    assert (invoice["status"], invoice["invoice_number"], invoice["lines"]) == ("DRAFT", None, [])
    assert [invoice[name] for name in ("net", "vat", "total", "paid", "balance")] == [None] * 5
    assert office.clearance(appointment) == {
        "appointment_id": str(appointment.id),
        "cleared": False,
        "reason": "no-price",
        "manual": False,
        "withheld": [],
    }
    assert office.published() == ["FinancialClearanceChanged"]


def test_a_fitting_price_issues_the_waiting_drafts_in_the_order_of_booking(office: Office) -> None:
    booked = [office.book(), office.book()]
    cancelled = office.book()
    office.cancel(cancelled)
    office.set_price(service_type="OT-60")
    assert {office.invoice(a)["status"] for a in booked} == {"DRAFT"}
    office.set_price("100", vat_category="Z")
    issued = [office.invoice(a) for a in booked]
    assert [i["invoice_number"][-5:] for i in issued] == ["00001", "00002"]
    assert [i["total"] for i in issued] == [sar("100.00")] * 2
    assert office.invoice(cancelled)["status"] == "VOID"
    assert [name for name in office.published() if name.startswith("Invoice")] == ["InvoiceIssued", "InvoiceIssued"]
    assert office.clearance(booked[0])["reason"] == "payment-due"


def test_a_clinics_price_issues_only_that_clinics_drafts(office: Office) -> None:
    here, elsewhere = office.book(), office.book(clinic={"id": new_id()})
    office.set_price(clinic_id=str(CLINIC))
    assert (office.invoice(here)["status"], office.invoice(elsewhere)["status"]) == ("ISSUED", "DRAFT")


def test_a_number_is_of_the_year_in_the_clinics_zone(office: Office) -> None:
    office.set_price()
    late = datetime(2026, 12, 31, 21, 30, tzinfo=UTC)  # half past midnight of 2027 in Riyadh
    for zone in ("Asia/Riyadh", "Europe/London", "Asia/Riyadh"):
        command = Appointment(office.tenant).to_invoice(timezone=zone)
        with office.kit.transaction(office.tenant) as db:
            invoices.invoice_appointment(db, command, now=late)
    numbers = [i["invoice_number"].split("-", 2)[2] for i in office.invoices()]
    assert numbers == ["2027-00001", "2026-00001", "2027-00002"]


def test_a_draft_follows_its_clinics_corrected_zone_and_an_issued_invoice_stays_as_it_is(office: Office) -> None:
    """It is 2027 in Riyadh, as it was thought, and 2026 in New York, where the clinic is."""
    late = datetime(2026, 12, 31, 21, 30, tzinfo=UTC)
    session = golden("AppointmentBooked", "group")["data"]["session"]

    def book(service_type: str) -> Appointment:
        return office.book(session={**session, "service_type": service_type})

    def issue(service_type: str) -> None:
        command = CreatePrice(service_type=service_type, amount=Decimal("300.00"), vat_category="S")
        with office.kit.transaction(office.tenant) as db:
            prices.create_price(db, command, now=late)

    def stored() -> list[tuple[str, str]]:
        with office.kit.transaction(office.tenant) as db:
            rows = db.execute(select(Invoice.invoice_number, Invoice.timezone).order_by(Invoice.id))
            return [(str(number).split("-", 2)[2], zone) for number, zone in rows]

    office.save_clinic("Asia/Riyadh")
    book("OT-60")
    issue("OT-60")
    book("PT-60")
    office.save_clinic("America/New_York", sequence=2)
    book("PT-60")  # told before the correction, and brought after it
    issue("PT-60")

    new_york = "America/New_York"
    assert stored() == [("2027-00001", "Asia/Riyadh"), ("2026-00001", new_york), ("2026-00002", new_york)]


@settings(max_examples=25, deadline=None)
@given(
    amount=st.decimals(min_value=0, max_value=Decimal("999999999.99"), places=2),
    category=st.sampled_from(["S", "Z", "E"]),
)
def test_what_is_stored_and_shown_is_exact_to_the_halala(kit: ServiceKit, amount: Decimal, category: str) -> None:
    office = Office(kit, f"t{secrets.token_hex(6)}")
    office.set_price(f"{amount:.2f}", vat_category=category)
    invoice = office.invoice(office.book())
    net, vat, total = (int(Decimal(invoice[name]["amount"]) * 100) for name in ("net", "vat", "total"))
    assert net == int(amount * 100)
    assert vat == (net * (15 if category == "S" else 0) + 50) // 100
    assert total == net + vat


def test_cancelling_before_a_payment_makes_the_invoice_void_and_keeps_its_number(office: Office) -> None:
    appointment, issued = office.book_and_issue()
    office.cancel(appointment)
    invoice = office.invoice(appointment)
    assert (invoice["status"], invoice["invoice_number"]) == ("VOID", issued["invoice_number"])
    assert invoice["balance"] == sar("0.00")
    assert invoice["voided_by"] == "system:AppointmentCancelled.v1"
    assert office.published() == ["InvoiceIssued", "InvoiceVoided"]
    assert office.clearance(appointment)["reason"] == "invoice-void"
    assert office.invoice(office.book())["invoice_number"].endswith("-00002")


def test_cancelling_a_draft_makes_it_void_without_a_word_or_a_number(office: Office) -> None:
    appointment = office.book()
    office.cancel(appointment)
    invoice = office.invoice(appointment)
    assert (invoice["status"], invoice["invoice_number"]) == ("VOID", None)
    assert set(office.published()) == {"FinancialClearanceChanged"}


@pytest.mark.parametrize(("amount", "status"), [("100", "PARTIALLY_PAID"), ("345.00", "PAID")])
def test_cancelling_after_a_payment_leaves_the_invoice_as_it_is(office: Office, amount: str, status: str) -> None:
    appointment, issued = office.book_and_issue()
    paid = answer(office.pay(issued, amount), 201)
    office.cancel(appointment)
    assert office.invoice(appointment) == paid
    assert paid["status"] == status
    assert "InvoiceVoided" not in office.published()


def test_cancelling_what_is_void_already_changes_nothing(office: Office) -> None:
    appointment, issued = office.book_and_issue()
    void = answer(office.biller.post(f"/invoices/{issued['id']}/void", {"reason": "booked twice"}))
    office.cancel(appointment)
    assert office.invoice(appointment) == void
    assert (void["void_reason"], void["voided_by"]) == ("booked twice", "biller-1")
    assert office.published() == ["InvoiceIssued", "InvoiceVoided"]


def test_an_invoice_is_made_void_once_and_never_after_a_payment(office: Office) -> None:
    _, paid = office.book_and_issue()
    answer(office.pay(paid, "1.00"), 201)
    assert code_of(office.biller.post(f"/invoices/{paid['id']}/void"), 409) == "invalid-transition"
    unpaid = office.invoice(office.book())
    answer(office.biller.post(f"/invoices/{unpaid['id']}/void"))
    assert code_of(office.biller.post(f"/invoices/{unpaid['id']}/void"), 409) == "invalid-transition"
    assert code_of(office.biller.post(f"/invoices/{new_id()}/void"), 404) == "not-found"


@pytest.mark.parametrize("reason", ["x" * 501, "a\u0000b", "\u202eabc", 5])
def test_a_bad_reason_is_refused_and_changes_nothing(office: Office, reason: Any) -> None:
    _, invoice = office.book_and_issue()
    refused = office.biller.post(f"/invoices/{invoice['id']}/void", {"reason": reason})
    assert code_of(refused, 422) == "validation-error"
    assert office.invoices() == [invoice]


def test_a_stale_if_match_is_refused(office: Office) -> None:
    _, invoice = office.book_and_issue()
    stale = office.biller.get(f"/invoices/{invoice['id']}").headers["ETag"]
    answer(office.pay(invoice, "1.00"), 201)
    for path, body in (("void", {}), ("payments", {"amount": "1", "method": "CASH"})):
        refused = office.biller.post(f"/invoices/{invoice['id']}/{path}", body, If_Match=stale)
        assert code_of(refused, 412) == "precondition-failed"
    fresh = office.biller.get(f"/invoices/{invoice['id']}").headers["ETag"]
    paid = office.biller.post(f"/invoices/{invoice['id']}/payments", {"amount": "1", "method": "CASH"}, If_Match=fresh)
    assert paid.status_code == 201


def test_a_second_invoice_for_an_appointment_is_impossible(office: Office) -> None:
    appointment = office.book()
    with pytest.raises(Exception, match="invoices_appointment_key"), office.kit.transaction(office.tenant) as db:
        invoices.invoice_appointment(db, appointment.to_invoice(), now=clock.now())


def test_every_change_of_an_invoice_leaves_one_audit_row(office: Office) -> None:
    _, invoice = office.book_and_issue()
    answer(office.pay(invoice, "1.00"), 201)
    rows = text("SELECT action, actor FROM audit_log WHERE table_name = :table AND row_id = :id ORDER BY id")
    with office.kit.transaction(office.tenant) as db:
        found = [tuple(row) for row in db.execute(rows, {"table": "invoices", "id": invoice["id"]})]
    assert found == [("INSERT", "system:AppointmentBooked.v1"), ("UPDATE", "biller-1")]


def test_another_tenant_finds_nothing(office: Office, kit: ServiceKit) -> None:
    price = office.set_price()
    appointment = office.book()
    invoice = office.invoice(appointment)
    stranger = kit.client(f"x{office.tenant}", "manager")
    for path in (f"/invoices/{invoice['id']}", f"/prices/{price['id']}", f"/clearance/{appointment.id}"):
        assert code_of(stranger.get(path), 404) == "not-found"
        answer(office.biller.get(path))
    for path in ("/invoices", "/prices"):
        assert answer(stranger.get(path))["items"] == []
    payment = {"amount": "1", "method": "CASH"}
    assert code_of(stranger.post(f"/invoices/{invoice['id']}/payments", payment), 404) == "not-found"
    assert code_of(stranger.post(f"/invoices/{invoice['id']}/void"), 404) == "not-found"
    assert code_of(stranger.post(f"/clearance/{appointment.id}", {"reason": "x"}), 404) == "not-found"
    assert office.invoice(appointment) == invoice


def test_row_level_security_hides_invoices_from_an_unfiltered_query(office: Office, kit: ServiceKit) -> None:
    office.book_and_issue()
    assert kit.count(office.tenant, Invoice) == 1
    assert kit.count(f"x{office.tenant}", Invoice) == 0
