"""The rules of money, against a reckoning of their own in whole halalas."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing import domain
from billing.errors import PaymentExceedsBalance
from jalsa.service.errors import NoSuchMove

_amounts = st.decimals(min_value=0, max_value=Decimal("999999999.99"), places=2)
_lines = st.builds(domain.Line, quantity=st.integers(1, 50), unit_price=_amounts, vat_category=st.sampled_from("SZE"))


def halalas(amount: Decimal) -> int:
    whole = amount * 100
    assert whole == int(whole), "not a whole number of halalas"
    return int(whole)


@given(_lines)
def test_a_lines_vat_is_its_net_times_the_rate_rounded_half_up(line: domain.Line) -> None:
    percent = 15 if line.vat_category == "S" else 0
    assert halalas(line.net) == line.quantity * halalas(line.unit_price)
    assert halalas(line.vat) == (halalas(line.net) * percent + 50) // 100


@given(st.lists(_lines, max_size=30))
def test_totals_are_the_exact_sums_of_the_rounded_lines(lines: list[domain.Line]) -> None:
    totals = domain.totals(lines)
    assert halalas(totals.net) == sum(halalas(line.net) for line in lines)
    assert halalas(totals.vat) == sum(halalas(line.vat) for line in lines)
    assert totals.total == totals.net + totals.vat


def test_half_a_halala_is_rounded_up_where_bankers_rounding_would_go_down() -> None:
    # 0.30 x 15 % is 0.045, and rounding half to even would give 0.04
    assert domain.Line(1, Decimal("0.30"), "S").vat == Decimal("0.05")


@given(_amounts.filter(bool), st.data())
def test_any_way_of_paying_an_invoice_ends_at_a_balance_of_nothing(total: Decimal, data: st.DataObject) -> None:
    status, balance = "ISSUED", total
    for _ in range(5):
        amount = data.draw(st.decimals(min_value=Decimal("0.01"), max_value=balance, places=2))
        status = domain.status_after_payment(status, balance, amount)
        balance -= amount
        assert (status == "PAID") == (balance == 0)
        if not balance:
            return
    assert domain.status_after_payment(status, balance, balance) == "PAID"


@given(_amounts, _amounts.filter(bool))
def test_a_payment_is_never_more_than_the_balance(balance: Decimal, excess: Decimal) -> None:
    with pytest.raises(PaymentExceedsBalance):
        domain.status_after_payment("ISSUED", balance, balance + excess)


@pytest.mark.parametrize("status", ["DRAFT", "VOID"])
def test_nothing_can_be_paid_where_nothing_is_owed(status: str) -> None:
    with pytest.raises(NoSuchMove):
        domain.status_after_payment(status, domain.ZERO, Decimal(1))


def test_an_invoice_moves_as_the_design_says_and_in_no_other_way() -> None:
    moves = {(a, b) for a in domain.INVOICE.moves for b in domain.INVOICE.moves[a]}
    assert moves == {
        ("DRAFT", "ISSUED"),
        ("DRAFT", "VOID"),
        ("ISSUED", "PARTIALLY_PAID"),
        ("ISSUED", "PAID"),
        ("ISSUED", "VOID"),
        ("PARTIALLY_PAID", "PARTIALLY_PAID"),
        ("PARTIALLY_PAID", "PAID"),
    }


def test_the_readme_shows_the_state_machine_as_it_is() -> None:
    readme = Path(__file__).parents[1] / "README.md"
    assert domain.INVOICE.mermaid() in readme.read_text()


@pytest.mark.parametrize(
    ("status", "total", "cleared", "reason"),
    [
        ("DRAFT", None, False, "no-price"),
        ("ISSUED", Decimal("345.00"), False, "payment-due"),
        ("ISSUED", Decimal("0.00"), True, "nothing-to-pay"),
        ("PARTIALLY_PAID", Decimal("345.00"), False, "payment-due"),
        ("PAID", Decimal("345.00"), True, "invoice-paid"),
        ("VOID", Decimal("345.00"), False, "invoice-void"),
        ("VOID", Decimal("0.00"), False, "invoice-void"),
        ("VOID", None, False, "invoice-void"),
    ],
)
def test_clearance_follows_from_the_invoices_state(
    status: str, total: Decimal | None, cleared: bool, reason: str
) -> None:
    assert domain.clearance_of(status, total) == (cleared, reason)


def test_a_number_is_of_the_clinics_year() -> None:
    new_years_eve = datetime(2026, 12, 31, 21, 30, tzinfo=UTC)
    assert domain.local_year(new_years_eve, "Asia/Riyadh") == 2027
    assert domain.local_year(new_years_eve, "Europe/London") == 2026
    assert domain.number("INV", "agdar", 2026, 1) == "INV-AGDAR-2026-00001"
