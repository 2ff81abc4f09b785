"""How far a reader walks who follows a request: the modules of scheduling in the order in which it enters them.

Each function counts once, when it is first entered. A stop is a run of such functions in one module, so that coming
back to a module is a stop of its own. `pytest -s` prints the walks.
"""

import sys
from collections.abc import Callable, Iterable
from itertools import groupby
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import scheduling

from .absences import apply, away, item, provider
from .factories import Desk, at, ok

ROOT = Path(scheduling.__file__).parent
#: The stops and the modules of each walk as measured. A change that makes one of them longer says why.
BOOKING, PACKAGE, ABSENCE = (46, 25), (62, 31), (104, 41)
#: Arithmetic that other tests of the process have cached is not entered, and its neighbours are met in another order.
CACHES = 3


class Walk:
    """Where a call went: the module of each function that it entered, when it was first entered."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], None] = {}

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(str(ROOT)) and not code.co_name.startswith("<"):
            self._seen.setdefault((code.co_filename, code.co_qualname), None)

    @property
    def modules(self) -> list[str]:
        """The module of each function, relative to the service's package."""
        return [Path(file).relative_to(ROOT).as_posix() for file, _ in self._seen]


def walked(call: Callable[[], object]) -> Walk:
    """The walk of the second call: the first fills caches."""
    call()
    walk = Walk()
    sys.setprofile(walk)
    try:
        call()
    finally:
        sys.setprofile(None)
    return walk


def stops(places: Iterable[str]) -> tuple[int, int]:
    """How many stops a walk has, and in how many places."""
    visited = [place for place, _ in groupby(places)]
    return len(visited), len(set(visited))


def booking(desk: Desk) -> Callable[[], object]:
    """One appointment, on another day each time."""
    patients, days = iter(desk.centre.create_patients(2)), iter((1, 2))
    return lambda: desk.create_appointment(starts_at=at(day=next(days)), patient_id=next(patients))


def package(desk: Desk) -> Callable[[], object]:
    """A package of four that is planned and booked."""
    patients, days = iter(desk.centre.create_patients(2)), iter((1, 21))
    return lambda: desk.create_package(start_date=at(day=next(days)).date(), patient_id=next(patients))


def absence(desk: Desk) -> Callable[[], object]:
    """An absence over four sessions: one gets a substitute, one moves, one is cancelled, one stays."""
    provider(desk)
    asked = iter([_hit(desk, 1), _hit(desk, 2)])

    def applied() -> object:
        made, items = next(asked)
        return ok(apply(desk, made, *items))

    return applied


def _hit(desk: Desk, day: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    sessions = [desk.create_session(starts_at=at(day, 9 + n)) for n in range(4)]
    for session in sessions:
        desk.create_participant(session)
    actions = ("SUBSTITUTE", "MOVE", "CANCEL", "KEEP")
    chosen = [item(session, action) for session, action in zip(sessions, actions, strict=True)]
    return away(desk, at(day, 8), at(day, 14)), chosen


@pytest.mark.parametrize(
    ("prepare", "most_stops", "most_modules"),
    [(booking, *BOOKING), (package, *PACKAGE), (absence, *ABSENCE)],
    ids=["booking", "package", "absence"],
)
def test_a_request_walks_no_further_than_it_did(
    desk: Desk, prepare: Callable[[Desk], Callable[[], object]], most_stops: int, most_modules: int
) -> None:
    modules = walked(prepare(desk)).modules
    subjects = [module.split("/")[0].removesuffix(".py") for module in modules]
    print(f"\n{prepare.__name__}: {stops(modules)} modules, {stops(subjects)} subjects")
    for module, _ in groupby(modules):
        print(f"  {module}")
    found, where = stops(modules)
    assert found <= most_stops + CACHES
    assert where <= most_modules + 1


def test_a_return_to_a_module_counts_as_another_stop() -> None:
    assert stops(["a", "a", "b", "a"]) == (3, 2)
