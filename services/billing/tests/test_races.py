"""What must hold when many act at once, each with the control that shows that the danger is real."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from billing.commands import CreatePrice
from billing.operations import invoices, prices
from jalsa.dev.kit import ServiceKit, eventually
from jalsa.service import clock

from .factories import SERVICE_TYPE, Appointment, Office

BOOKINGS = 16


class _RolledBack(Exception):
    """Something went wrong after the number was taken."""


def _book(office: Office, *, fails: bool) -> None:
    with office.kit.transaction(office.tenant) as db:
        invoices.invoice_appointment(db, Appointment(office.tenant).to_invoice(), now=clock.now())
        if fails:
            raise _RolledBack


def _try(office: Office, n: int) -> None:
    fails = n % 3 == 0
    try:
        _book(office, fails=fails)
    except _RolledBack:
        assert fails


def _numbers_after_the_rush(office: Office) -> list[int]:
    """Sixteen bookings at once, of which every third is rolled back, and the first of all as well."""
    office.set_price()
    _try(office, 0)
    with ThreadPoolExecutor(BOOKINGS) as threads:
        list(threads.map(lambda n: _try(office, n), range(BOOKINGS)))
    return sorted(int(i["invoice_number"].rsplit("-", 1)[1]) for i in office.invoices())


def test_invoice_numbers_have_no_gaps_whatever_is_rolled_back(office: Office) -> None:
    stored = BOOKINGS - len(range(0, BOOKINGS, 3))
    assert _numbers_after_the_rush(office) == list(range(1, stored + 1))


def test_numbers_from_a_sequence_would_have_gaps(
    scratch_kit: ServiceKit, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with psycopg.connect(scratch_kit.config.database_owner_url) as owner:
        owner.execute("CREATE SEQUENCE invoice_numbers")
        owner.execute("GRANT USAGE ON SEQUENCE invoice_numbers TO billing_app")

    def from_sequence(db: Session, _: str) -> int:
        return int(db.execute(text("SELECT nextval('invoice_numbers')")).scalar_one())

    monkeypatch.setattr(invoices, "gapless_number", from_sequence)
    numbers = _numbers_after_the_rush(Office(scratch_kit, tenant))
    assert numbers[0] > 1
    assert len(set(numbers)) == len(numbers)


def _book_while_the_first_price_is_stored(office: Office, until: Callable[[threading.Thread], None]) -> str:
    """The state of an appointment's invoice, booked between the price's storing and its commit."""
    price = CreatePrice(service_type=SERVICE_TYPE, amount=Decimal("300.00"), vat_category="S")
    appointment = Appointment(office.tenant)
    booking = threading.Thread(target=office.kit.inbox.receive, args=[appointment.booked()])
    with office.kit.transaction(office.tenant) as db:
        prices.create_price(db, price, now=clock.now())
        booking.start()
        until(booking)
    booking.join(10)
    return str(office.invoice(appointment)["status"])


def test_a_booking_in_the_moment_of_the_first_price_gets_that_price(office: Office) -> None:
    waiting = text("""
        SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
        WHERE d.datname = current_database() AND l.locktype = 'advisory' AND NOT l.granted
    """)

    def until_it_waits(_: threading.Thread) -> None:
        with office.kit.database.engine.connect() as conn:
            eventually(lambda: conn.execute(waiting).scalar_one())

    assert _book_while_the_first_price_is_stored(office, until_it_waits) == "ISSUED"


def test_without_the_lock_of_the_prices_its_draft_would_wait_for_ever(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invoices, "lock_prices_for_reading", lambda *_: None)
    assert _book_while_the_first_price_is_stored(office, lambda booking: booking.join(10)) == "DRAFT"


def test_bookings_of_one_service_do_not_wait_for_each_others_prices(office: Office) -> None:
    """The reading lock is shared, so a draft is stored while another booking of the service is still open."""
    with office.kit.transaction(office.tenant) as db:
        invoices.invoice_appointment(db, Appointment(office.tenant).to_invoice(), now=clock.now())
        other = threading.Thread(target=office.book)
        other.start()
        other.join(10)
        assert not other.is_alive()
