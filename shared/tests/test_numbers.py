"""Running numbers: without a gap where the law wants none, and without waiting where nobody minds one."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError, ProgrammingError
from sqlalchemy.orm import Session

from jalsa.db.numbers import gapless_number, sequence_number
from jalsa.dev.kit import ServiceKit
from jalsa.dev.schema_checks import assert_numbers_are_guarded


class Refused(Exception):
    pass


def constraint_of(error: IntegrityError) -> object:
    assert isinstance(error.orig, psycopg.Error)
    return error.orig.diag.constraint_name


def take(kit: ServiceKit, tenant: str, kind: str = "invoice") -> int:
    with kit.transaction(tenant) as db:
        return gapless_number(db, kind)


def take_loose(kit: ServiceKit, tenant: str, year: int = 2026) -> str:
    with kit.transaction(tenant) as db:
        return loose(db, year)


def loose(db: Session, year: int = 2026) -> str:
    return str(db.execute(select(sequence_number("LMP", year))).scalar_one())


def refuse(kit: ServiceKit, tenant: str, work: Callable[[Session], object]) -> None:
    def attempt() -> None:
        with kit.transaction(tenant) as db:
            work(db)
            raise Refused

    with pytest.raises(Refused):
        attempt()


def test_numbers_run_apart_for_each_tenant_and_kind(alpha: ServiceKit, tenant: str) -> None:
    assert [take(alpha, tenant) for _ in range(3)] == [1, 2, 3]
    assert take(alpha, tenant, "credit-note") == 1
    assert take(alpha, f"{tenant}b") == 1


def test_a_number_that_was_rolled_back_is_given_again(alpha: ServiceKit, tenant: str) -> None:
    take(alpha, tenant)
    refuse(alpha, tenant, lambda db: gapless_number(db, "invoice"))
    assert take(alpha, tenant) == 2


def test_many_at_once_leave_no_gap_though_some_are_rolled_back(alpha: ServiceKit, tenant: str) -> None:
    taken: list[int] = []

    def work(number: int) -> None:
        if number % 4 == 0:
            refuse(alpha, tenant, lambda db: gapless_number(db, "invoice"))
        else:
            taken.append(take(alpha, tenant))

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(work, range(60)))
    assert sorted(taken) == list(range(1, 46))


def test_a_sequence_of_the_database_leaves_gaps(alpha: ServiceKit, tenant: str) -> None:
    """The control: what most systems number with."""
    first = take_loose(alpha, tenant)
    refuse(alpha, tenant, loose)
    assert (first[-5:], take_loose(alpha, tenant)[-5:]) == ("00001", "00003")


def test_loose_numbers_say_tenant_and_year_and_run_apart(alpha: ServiceKit, tenant: str) -> None:
    assert take_loose(alpha, tenant) == f"LMP-{tenant.upper()}-2026-00001"
    assert take_loose(alpha, tenant) == f"LMP-{tenant.upper()}-2026-00002"
    assert take_loose(alpha, tenant, 2027) == f"LMP-{tenant.upper()}-2027-00001"
    assert take_loose(alpha, f"{tenant}b") == f"LMP-{tenant.upper()}B-2026-00001"


def test_loose_numbers_are_never_given_twice_also_not_the_first_ones(alpha: ServiceKit, tenant: str) -> None:
    together = threading.Barrier(8, timeout=10)
    taken: list[str] = []

    def work(_: int) -> None:
        together.wait()
        for _ in range(5):
            taken.append(take_loose(alpha, tenant))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert len(set(taken)) == 40


def test_a_loose_number_does_not_wait_for_a_transaction_that_has_taken_one(alpha: ServiceKit, tenant: str) -> None:
    take_loose(alpha, tenant)
    with alpha.transaction(tenant) as slow:
        loose(slow)
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(take_loose, alpha, tenant).result(5).endswith("00003")


def test_a_number_without_gaps_waits_for_it(alpha: ServiceKit, tenant: str) -> None:
    """The control of the test above: the price of having no gaps."""
    with ThreadPoolExecutor(1) as pool:
        with alpha.transaction(tenant) as slow:
            assert gapless_number(slow, "invoice") == 1
            waiting = pool.submit(take, alpha, tenant)
            with pytest.raises(TimeoutError):
                waiting.result(0.3)
        assert waiting.result(10) == 2


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE numbers SET last = last - 1",
        "UPDATE numbers SET last = last + 2",
        "UPDATE numbers SET last = last",
        "INSERT INTO numbers VALUES (current_setting('jalsa.tenant'), 'credit-note', 7)",
        "INSERT INTO numbers VALUES (current_setting('jalsa.tenant'), 'invoice', 0) "
        "ON CONFLICT (tenant_id, kind) DO UPDATE SET last = 1",
    ],
)
def test_a_counter_only_rises_by_one(alpha: ServiceKit, tenant: str, change: str) -> None:
    take(alpha, tenant)
    take(alpha, tenant)
    with alpha.transaction(tenant) as db, pytest.raises(IntegrityError) as caught:
        db.execute(text(change))
    assert constraint_of(caught.value) == "numbers_rise"
    assert take(alpha, tenant) == 3


@pytest.mark.parametrize(
    "change",
    ["UPDATE numbers SET kind = 'other'", "UPDATE numbers SET tenant_id = 'other'", "DELETE FROM numbers"],
)
def test_a_counter_is_neither_renamed_nor_forgotten(alpha: ServiceKit, tenant: str, change: str) -> None:
    take(alpha, tenant)
    with alpha.transaction(tenant) as db, pytest.raises(ProgrammingError, match="permission denied"):
        db.execute(text(change))
    assert take(alpha, tenant) == 2


@pytest.mark.parametrize(("prefix", "year"), [("XYZ", 2026), ("", 2026), ("LMP", 1999), ("LMP", 2201)])
def test_loose_numbers_are_of_known_kinds_and_of_years_near_ours(
    alpha: ServiceKit, tenant: str, prefix: str, year: int
) -> None:
    with alpha.transaction(tenant) as db, pytest.raises(IntegrityError):
        db.execute(select(sequence_number(prefix, year)))


def test_what_every_service_asserts_of_its_numbers_holds_here(alpha: ServiceKit, tenant: str) -> None:
    assert_numbers_are_guarded(alpha, tenant)


def test_loose_numbers_are_for_the_application_alone(alpha: ServiceKit) -> None:
    asked = text("SELECT loose_number('LMP', 2026) FROM set_config('jalsa.tenant', 'agdar', true)")
    with alpha.relay.engine.connect() as conn, pytest.raises(ProgrammingError, match="permission denied for function"):
        conn.execute(asked)
