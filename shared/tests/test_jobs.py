"""Due work: each row by itself, whatever one of them raises. Time by the database's clock."""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import structlog
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, OperationalError

from jalsa.dev.kit import ServiceKit
from jalsa.service import clock, metrics
from jalsa.work import jobs
from jalsa.work.jobs import JobTools, in_transaction, run_due

from .lamps import Logs, MakeKit

_WHO = text("SELECT current_setting('jalsa.actor'), current_setting('jalsa.tenant')")
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Row:
    id: UUID
    tenant_id: str
    due_at: datetime = LONG_AGO


class Table:
    """What is due. A row that was done is due no more."""

    def __init__(self, tenant: str, count: int) -> None:
        self.rows = [Row(uuid4(), tenant) for _ in range(count)]
        self.tried: list[UUID] = []
        self.faults: dict[UUID, Exception] = {}

    def find(self, _: Any, __: datetime, passed: Sequence[UUID], limit: int) -> list[Row]:
        return [row for row in self.rows if row.id not in passed][:limit]

    def do(self, _: JobTools, row: jobs.Due) -> bool:
        self.tried.append(row.id)
        if row.id in self.faults:
            raise self.faults[row.id]
        self.end(row.id)
        return True

    def end(self, row_id: UUID) -> None:
        self.rows = [row for row in self.rows if row.id != row_id]


@pytest.fixture
def kit(make_kit: MakeKit) -> ServiceKit:
    return make_kit()


@pytest.fixture
def tools(kit: ServiceKit) -> JobTools:
    return JobTools(kit.database, kit.relay, kit.config, "alpha")


@pytest.mark.parametrize(
    "fault",
    [
        KeyError("Sara"),
        AssertionError("Sara"),
        DBAPIError("Sara", None, Exception("Sara")),
        OperationalError("Sara", None, type("Timeout", (Exception,), {"sqlstate": "55P03"})("Sara")),
    ],
)
def test_whatever_a_row_raises_the_rows_behind_it_are_done(
    tools: JobTools, tenant: str, logs: Logs, fault: Exception
) -> None:
    table = Table(tenant, 4)
    bad = table.rows[0]
    table.faults[bad.id] = fault
    counted = metrics.DUE_FAILURES.labels("alpha", "blink")._value.get

    before = counted()
    assert run_due(tools, "blink", table.find, table.do) == 3

    assert table.rows == [bad]
    assert counted() == before + 1
    [failed] = [entry for entry in logs if entry["event"] == "due-work-failed"]
    assert (failed["work"], failed["row_id"], failed["tenant"]) == ("blink", str(bad.id), tenant)
    assert "Sara" not in str(logs)


def test_rows_that_fail_do_not_fill_the_page_before_those_behind_them(tools: JobTools, tenant: str) -> None:
    table = Table(tenant, 2 * jobs.PAGE + 3)
    table.faults = {row.id: RuntimeError() for row in table.rows[: jobs.PAGE + 1]}
    assert run_due(tools, "blink", table.find, table.do) == jobs.PAGE + 2
    assert {row.id for row in table.rows} == set(table.faults)


def test_a_row_that_failed_rests_longer_each_time_and_is_tried_again(
    tools: JobTools, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = Table(tenant, 1)
    [bad] = table.rows
    table.faults[bad.id] = RuntimeError()
    elapsed = 0.0
    real = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: real() + elapsed)
    tried = []
    for _ in range(16):
        run_due(tools, "blink", table.find, table.do)
        tried.append(len(table.tried))
        elapsed += 1
    assert 3 <= tried[-1] <= 4, "after 0, 2, 6 and 14 seconds"
    table.faults.clear()
    elapsed += jobs.LONGEST_REST
    assert run_due(tools, "blink", table.find, table.do) == 1
    assert not tools.resting.of("blink")


def test_a_row_that_another_has_is_passed_over_once_a_turn_and_is_no_failure(tools: JobTools, tenant: str) -> None:
    table = Table(tenant, jobs.PAGE + 5)
    locked = table.rows[0].id

    def do(tools: JobTools, row: jobs.Due) -> bool:
        if row.id == locked:
            table.tried.append(row.id)
            return False
        return table.do(tools, row)

    assert run_due(tools, "blink", table.find, do) == jobs.PAGE + 4
    assert table.tried.count(locked) == 1
    assert not tools.resting.of("blink")


def test_a_database_that_is_away_ends_the_turn_and_is_no_rows_fault(tools: JobTools, tenant: str) -> None:
    table = Table(tenant, 3)
    away = OperationalError("", None, type("Away", (Exception,), {"sqlstate": "57P01"})())
    table.faults[table.rows[0].id] = away
    with pytest.raises(OperationalError):
        run_due(tools, "blink", table.find, table.do)
    assert len(table.tried) == 1
    assert not tools.resting.of("blink")


def test_a_row_can_be_given_up_instead(tools: JobTools, tenant: str) -> None:
    table = Table(tenant, 2)
    bad = table.rows[0].id
    table.faults[bad] = RuntimeError()

    def give_up(_: JobTools, row: jobs.Due) -> bool:
        table.end(row.id)
        return True

    assert run_due(tools, "blink", table.find, table.do, give_up=give_up) == 2
    assert table.rows == []
    assert not tools.resting.of("blink")


def test_rows_side_by_side_do_not_keep_each_other_and_log_with_service_and_tenant(
    tools: JobTools, tenant: str, logs: Logs
) -> None:
    table = Table(tenant, 4)
    meet = threading.Barrier(4, timeout=10)
    table.faults[table.rows[0].id] = RuntimeError()

    def do(tools: JobTools, row: jobs.Due) -> bool:
        meet.wait()
        return table.do(tools, row)

    with structlog.contextvars.bound_contextvars(service="alpha", loop="blink"):
        assert run_due(tools, "blink", table.find, do, at_once=4) == 3
    [failed] = [entry for entry in logs if entry["event"] == "due-work-failed"]
    assert (failed["service"], failed["loop"], failed["tenant"]) == ("alpha", "blink", tenant)


def test_a_turn_ends_between_two_rows_when_the_worker_is_told_to_stop(tools: JobTools, tenant: str) -> None:
    table = Table(tenant, 3)
    stop = threading.Event()

    def do(tools: JobTools, row: jobs.Due) -> bool:
        stop.set()
        return table.do(tools, row)

    assert run_due(replace(tools, stop=stop), "blink", table.find, do) == 1


def test_workers_side_by_side_do_a_row_once_and_none_waits_for_the_other(tools: JobTools, tenant: str) -> None:
    table = Table(tenant, 1)
    [row] = table.rows
    begun, go_on = threading.Event(), threading.Event()
    done: list[UUID] = []

    def operation(db: Any, row_id: UUID, *, now: datetime) -> bool:
        begun.set()
        assert go_on.wait(10)
        done.append(row_id)
        return True

    do = in_transaction(operation, "blinker")
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(do, tools, row)
        assert begun.wait(10)
        assert do(tools, row) is False
        go_on.set()
        assert first.result(10) is True
    assert done == [row.id]


def test_a_rows_operation_acts_as_the_system_for_its_tenant(tools: JobTools, tenant: str) -> None:
    actors = []

    def operation(db: Any, row_id: UUID, *, now: datetime) -> bool:
        actors.append(tuple(db.execute(_WHO).one()))
        return True

    assert in_transaction(operation, "blinker")(tools, Row(uuid4(), tenant))
    assert actors == [("system:blinker", tenant)]


def test_a_leap_of_this_machines_clock_makes_nothing_due(
    tools: JobTools, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[datetime] = []

    def find(_: Any, now: datetime, __: Sequence[UUID], ___: int) -> list[Row]:
        seen.append(now)
        return [] if len(seen) > 1 else [Row(uuid4(), tenant)]

    def operation(db: Any, row_id: UUID, *, now: datetime) -> bool:
        seen.append(now)
        return True

    real = datetime.now(UTC)
    monkeypatch.setattr(clock, "now", lambda: real + timedelta(days=3))
    assert run_due(tools, "blink", find, in_transaction(operation, "blinker")) == 1
    assert len(seen) == 2
    assert all(abs(moment - real) < timedelta(minutes=1) for moment in seen)


def test_how_late_the_oldest_row_is_can_be_measured(tools: JobTools, tenant: str) -> None:
    table = Table(tenant, 2)
    table.rows[0] = replace(table.rows[0], due_at=datetime.now(UTC) - timedelta(seconds=90))
    late = metrics.DUE_LATE.labels("alpha", "measured")._value.get
    run_due(tools, "measured", table.find, table.do)
    assert 85 < late() < 120
    run_due(tools, "measured", table.find, table.do)
    assert late() == 0
