"""The gate: who gets a place at once, who waits for one, and who is refused so that nobody else is held up."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import pytest

from jalsa.dev.kit import eventually
from jalsa.http import gate as module
from jalsa.http.gate import Gate, NoPlace

LONG = 30.0


@contextmanager
def inside(gate: Gate, *routes: str) -> Iterator[None]:
    with ExitStack() as stack:
        for route in routes:
            stack.enter_context(gate.place(route))
        yield


def wait(gate: Gate, route: str) -> str:
    """Returns the route when it had its place."""
    with gate.place(route):
        return route


@contextmanager
def waiting(gate: Gate, *routes: str) -> Iterator[list["Future[str]"]]:
    """Requests that wait in the order in which they are named. Each returns its route when it had its place."""
    with ThreadPoolExecutor(max(1, len(routes))) as pool:
        futures = []
        for number, route in enumerate(routes):
            futures.append(pool.submit(wait, gate, route))
            eventually(lambda number=number: len(gate._queue) > number)  # type: ignore[misc]
        yield futures


def test_there_are_as_many_places_as_the_database_has_connections() -> None:
    with inside(gate := Gate(4, waiting=0, patience=LONG), "a", "a", "a", "b"):
        for route in ("a", "b", "c"):
            with pytest.raises(NoPlace), gate.place(route):
                raise AssertionError
    with inside(gate, "a", "b", "c", "d"):
        assert gate._inside.total() == 4
    assert not gate._inside


def test_one_route_cannot_take_the_last_places() -> None:
    with inside(gate := Gate(8, waiting=0, patience=LONG), *["a"] * 6):
        with pytest.raises(NoPlace), gate.place("a"):
            raise AssertionError
        with inside(gate, "b", "c"):
            pass


def test_a_single_place_is_everybodys() -> None:
    for route in ("a", "b"):
        with inside(Gate(1, waiting=0, patience=LONG), route):
            pass


def test_who_waits_gets_the_next_place_in_the_order_of_coming() -> None:
    gate, order = Gate(1, waiting=10, patience=LONG), list[str]()
    with ExitStack() as stack:
        stack.enter_context(gate.place("a"))
        with waiting(gate, "b", "c", "d") as futures:
            for future in futures:
                future.add_done_callback(lambda done: order.append(done.result()))
            stack.close()
    assert order == ["b", "c", "d"]


def test_who_waits_too_long_is_refused_and_leaves_no_trace() -> None:
    with inside(gate := Gate(1, waiting=10, patience=0.1), "a"):
        with pytest.raises(NoPlace), gate.place("b"):
            raise AssertionError
        assert not gate._queue
    with inside(gate, "b"):
        pass


def test_no_more_wait_than_may() -> None:
    gate = Gate(1, waiting=2, patience=LONG)
    with ExitStack() as stack:
        stack.enter_context(gate.place("a"))
        with waiting(gate, "b", "c") as futures:
            with pytest.raises(NoPlace), gate.place("d"):
                raise AssertionError
            stack.close()
            assert [future.result(10) for future in futures] == ["b", "c"]


def test_a_route_with_a_long_line_cannot_keep_others_from_waiting() -> None:
    gate = Gate(4, waiting=4, patience=LONG)
    with ExitStack() as stack:
        stack.enter_context(inside(gate, "a", "a", "a", "b"))
        with waiting(gate, "a", "a", "a", "a") as crowd, ThreadPoolExecutor(3) as pool:
            others = []
            for route, displaced in zip("bcd", reversed(crowd), strict=False):
                others.append(pool.submit(wait, gate, route))
                with pytest.raises(NoPlace):
                    displaced.result(10)
            for route in "abe":
                with pytest.raises(NoPlace), gate.place(route):
                    raise AssertionError
            stack.close()
            assert [future.result(10) for future in (crowd[0], *others)] == ["a", "b", "c", "d"]
    assert not gate._inside


def test_of_a_route_that_hung_one_at_a_time_is_let_in_and_whoever_waits_for_it_is_refused() -> None:
    gate = Gate(2, waiting=10, patience=LONG)
    with ExitStack() as stack:
        stack.enter_context(inside(gate, "a", "b"))
        with waiting(gate, "a", "c", "a") as (one, other, third):
            gate.hung("a")
            for future in (one, third):
                with pytest.raises(NoPlace):
                    future.result(10)
            assert not other.done()
            stack.close()
            assert other.result(10) == "c"
    with inside(gate, "a"):
        with pytest.raises(NoPlace), gate.place("a"):
            raise AssertionError
        with inside(gate, "b"):
            pass


def test_routes_that_hung_have_half_of_the_places_together() -> None:
    gate = Gate(4, waiting=10, patience=LONG)
    for route in "abcd":
        gate.hung(route)
    with inside(gate, "a", "b"):
        for route in ("c", "d"):
            with pytest.raises(NoPlace), gate.place(route):
                raise AssertionError
        with inside(gate, "e", "f"):
            pass


def test_a_route_that_goes_through_again_is_as_every_other_one() -> None:
    gate = Gate(8, waiting=0, patience=LONG)
    gate.hung("a")
    with inside(gate, "a"), pytest.raises(NoPlace), gate.place("a"):
        raise AssertionError
    gate.went_through("a")
    with inside(gate, *["a"] * 6):
        pass


def test_a_route_that_hung_is_forgotten_after_some_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STUCK_FOR", 0.05)
    gate = Gate(8, waiting=0, patience=LONG)
    gate.hung("a")
    eventually(lambda: not gate._is_stuck("a"))
    with inside(gate, *["a"] * 6):
        pass


def test_under_a_crowd_nobody_is_lost_and_nobody_is_counted_twice() -> None:
    gate, most, lock = Gate(4, waiting=200, patience=LONG), 0, threading.Lock()

    def come(number: int) -> bool:
        nonlocal most
        with gate.place(f"route {number % 5}"):
            with lock:
                most = max(most, gate._inside.total())
            time.sleep(0.001)
        return True

    with ThreadPoolExecutor(64) as pool:
        assert all(pool.map(come, range(400)))
    assert most == 4
    assert not gate._inside
    assert not gate._queue
