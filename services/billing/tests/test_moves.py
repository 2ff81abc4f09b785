"""An appointment is moved. Its invoice stays, and a draft goes along."""

from concurrent.futures import ThreadPoolExecutor

from jalsa.service.ids import new_id

from .factories import CLINIC, Office, answer, price, sar


def test_an_issued_invoice_stays_as_it_was_issued_whatever_the_other_clinics_price(office: Office) -> None:
    elsewhere = new_id()
    office.set_price("500.00", clinic_id=str(elsewhere))
    appointment, issued = office.book_and_issue("300.00")

    office.move(appointment, elsewhere)

    assert office.invoice(appointment) == issued
    assert (issued["net"], issued["clinic_id"]) == (sar("300.00"), str(CLINIC))
    assert office.published() == ["InvoiceIssued"]


def test_what_was_paid_stays_paid(office: Office) -> None:
    appointment, invoice = office.book_and_issue()
    office.pay(invoice, "345.00")

    office.move(appointment, new_id())

    assert office.invoice(appointment)["status"] == "PAID"
    assert office.clearance(appointment)["cleared"] is True


def test_a_draft_goes_along_and_is_issued_where_a_price_fits(office: Office) -> None:
    elsewhere = new_id()
    office.set_price("500.00", clinic_id=str(elsewhere))
    appointment = office.book()
    assert office.invoice(appointment)["status"] == "DRAFT"

    office.move(appointment, elsewhere)

    issued = office.invoice(appointment)
    assert (issued["status"], issued["clinic_id"], issued["net"]) == ("ISSUED", str(elsewhere), sar("500.00"))
    assert office.clearance(appointment)["reason"] == "payment-due"
    assert [name for name in office.published() if name.startswith("Invoice")] == ["InvoiceIssued"]


def test_a_draft_waits_for_the_price_of_the_clinic_to_which_it_was_moved(office: Office) -> None:
    elsewhere = new_id()
    appointment = office.book()
    office.move(appointment, elsewhere)
    assert office.invoice(appointment)["status"] == "DRAFT"

    office.set_price("400.00", clinic_id=str(CLINIC))
    assert office.invoice(appointment)["status"] == "DRAFT"
    office.set_price("500.00", clinic_id=str(elsewhere))

    assert office.invoice(appointment)["net"] == sar("500.00")


def test_a_move_of_a_void_invoices_appointment_changes_nothing(office: Office) -> None:
    appointment, invoice = office.book_and_issue()
    answer(office.biller.post(f"/invoices/{invoice['id']}/void"))
    void = office.invoice(appointment)

    office.move(appointment, new_id())

    assert office.invoice(appointment) == void


def test_a_price_and_a_move_at_the_same_moment_leave_no_draft_behind(office: Office) -> None:
    for _ in range(5):
        elsewhere = new_id()
        appointment = office.book()
        moved = appointment.rescheduled(clinic={"id": elsewhere})
        with ThreadPoolExecutor(2) as pool:
            storing = pool.submit(office.biller.post, "/prices", price(clinic_id=str(elsewhere)))
            moving = pool.submit(office.kit.inbox.receive, moved)
            answer(storing.result(30), 201)
            moving.result(30)
        assert office.invoice(appointment)["status"] == "ISSUED"
