"""Whether a patient may check in as far as money goes."""

from typing import Any

import pytest
from sqlalchemy import text

from jalsa.service.ids import new_id

from .factories import Office, answer, code_of


def test_not_being_cleared_is_what_everything_starts_from_and_is_not_announced(office: Office) -> None:
    appointment, _ = office.book_and_issue()
    assert office.clearance(appointment)["cleared"] is False
    assert office.announced_clearances() == []


def reasons(office: Office) -> list[tuple[bool, str | None]]:
    events = office.kit.events(office.tenant, "FinancialClearanceChanged")
    return [(e.data["cleared"], e.data.get("reason")) for e in events]


def test_why_an_appointment_is_not_cleared_is_announced_unless_it_is_that_something_is_to_be_paid(
    office: Office,
) -> None:
    appointment = office.book()
    assert reasons(office) == [(False, "no-price")]
    office.set_price("300.00")
    assert office.clearance(appointment)["reason"] == "payment-due"
    assert reasons(office)[1:] == [(False, "payment-due")]
    answer(office.pay(office.invoice(appointment), "45.00"), 201)
    answer(office.pay(office.invoice(appointment), "300.00"), 201)
    assert reasons(office)[2:] == [(True, None)]


def test_what_somebody_wrote_who_cleared_by_hand_is_not_announced(office: Office) -> None:
    appointment, _ = office.book_and_issue()
    answer(office.biller.post(f"/clearance/{appointment.id}", {"reason": "Guarantee letter received"}))
    assert reasons(office) == [(True, None)]


def test_an_appointment_that_costs_nothing_is_cleared_at_once(office: Office) -> None:
    appointment, invoice = office.book_and_issue("0")
    assert invoice["status"] == "ISSUED"
    assert office.clearance(appointment)["reason"] == "nothing-to-pay"
    assert office.announced_clearances() == [True]


def test_a_clearance_is_taken_back_when_its_invoice_becomes_void(office: Office) -> None:
    appointment, _ = office.book_and_issue("0")
    office.cancel(appointment)
    assert office.announced_clearances() == [True, False]


def test_the_announcement_is_of_the_appointment(office: Office) -> None:
    appointment, invoice = office.book_and_issue()
    answer(office.pay(invoice, "345.00"), 201)
    [event] = office.kit.events(office.tenant, "FinancialClearanceChanged")
    assert event.subject == f"clearance/{appointment.id}"
    assert event.data == {"appointment_id": str(appointment.id), "cleared": True}


def test_somebody_may_clear_by_hand_with_a_reason(office: Office) -> None:
    appointment, invoice = office.book_and_issue()
    made = answer(office.biller.post(f"/clearance/{appointment.id}", {"reason": "Guarantee letter received"}))
    expected = {
        "appointment_id": str(appointment.id),
        "cleared": True,
        "reason": "Guarantee letter received",
        "manual": True,
        "withheld": [],
    }
    desk = office.kit.client(office.tenant, "front-desk")
    assert answer(desk.get(f"/clearance/{appointment.id}")) == expected
    withheld = {**expected, "reason": None, "withheld": ["reason"]}
    assert made == office.clearance(appointment) == withheld
    assert office.announced_clearances() == [True]
    assert office.invoice(appointment) == invoice


def test_a_clearance_by_hand_stays_whatever_the_invoice_does(office: Office) -> None:
    appointment, invoice = office.book_and_issue()
    by_hand = answer(office.biller.post(f"/clearance/{appointment.id}", {"reason": "Charity"}))
    answer(office.pay(invoice, "45.00"), 201)
    assert office.clearance(appointment) == by_hand
    answer(office.pay(invoice, "300.00"), 201)
    assert office.clearance(appointment) == by_hand
    assert office.announced_clearances() == [True]


def test_a_draft_may_be_cleared_by_hand(office: Office) -> None:
    appointment = office.book()
    answer(office.biller.post(f"/clearance/{appointment.id}", {"reason": "No price yet"}))
    office.set_price()
    assert office.clearance(appointment)["manual"] is True


def test_who_cleared_and_why_is_kept_in_the_audit_log(office: Office) -> None:
    appointment, _ = office.book_and_issue()
    answer(office.biller.post(f"/clearance/{appointment.id}", {"reason": "Charity"}))
    query = text("SELECT actor, after FROM audit_log WHERE table_name = 'clearances' ORDER BY id DESC LIMIT 1")
    with office.kit.transaction(office.tenant) as db:
        row = db.execute(query).one()
    assert (row.actor, row.after["reason"], row.after["manual"]) == ("biller-1", "Charity", True)


@pytest.mark.parametrize("body", [{}, {"reason": ""}, {"reason": "x" * 501}, {"reason": "a\u0000"}, {"reason": None}])
def test_a_clearance_without_a_good_reason_is_refused(office: Office, body: dict[str, Any]) -> None:
    appointment, _ = office.book_and_issue()
    assert code_of(office.biller.post(f"/clearance/{appointment.id}", body), 422) == "validation-error"
    assert office.clearance(appointment)["cleared"] is False


def test_an_unknown_appointment_has_no_clearance(office: Office) -> None:
    assert code_of(office.biller.get(f"/clearance/{new_id()}"), 404) == "not-found"
    assert code_of(office.biller.post(f"/clearance/{new_id()}", {"reason": "x"}), 404) == "not-found"
