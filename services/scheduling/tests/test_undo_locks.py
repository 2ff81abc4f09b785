"""Who gets a place back may be offered another. All sessions are locked in one order, so that nobody deadlocks."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier, BrokenBarrierError
from typing import Any

import pytest
from sqlalchemy import text
from werkzeug.test import TestResponse

from jalsa.dev.kit import eventually
from scheduling.appointments.queries import session_records
from scheduling.use_cases import appointments as use_cases
from scheduling.use_cases import corrections

from .factories import EARLY, Centre, at, ok
from .test_package_races import waits
from .test_races import Post, at_once, deadlocks
from .test_waitlist_races import broken, check_events
from .waiting import WaitingDesk, travel

ROUNDS = 5
_FREE_ROW = text("SELECT id FROM sessions WHERE id = :id FOR UPDATE SKIP LOCKED")


@pytest.fixture
def desk(centre: Centre) -> WaitingDesk:
    return WaitingDesk(centre, timezone="UTC")


def crossed(desk: WaitingDesk) -> list[dict[str, Any]]:
    """Two who were missed by mistake, each with a place to get back, and with an offer of a place in the other's."""
    other = desk.centre.create_provider(desk.clinic)["id"]
    pair = [desk.full(2), desk.full(2, starts_at=at(1, 12), provider_id=other)]
    missed = [inside[0] for _, inside in pair]
    entries = [
        desk.wait(session_id=session["id"], patient_id=one["patient_id"])
        for one, (session, _) in zip(missed, reversed(pair), strict=True)
    ]
    for one, (_, inside) in zip(missed, pair, strict=True):
        desk.clear(one)
        ok(desk.do(one, "no-show", **EARLY))
        desk.give_up(inside[1])
    assert desk.statuses(*entries) == ["OFFERED", "OFFERED"]
    return missed


def meet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever regains a place waits for the other to come as far, if it can while it is waited for."""
    regain, both = use_cases.regain_spot, Barrier(2)

    def together(*args: Any, **named: Any) -> None:
        with suppress(BrokenBarrierError):
            both.wait(0.3)
        regain(*args, **named)

    monkeypatch.setattr(use_cases, "regain_spot", together)


def forget_offers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sessions in which a spot is offered are locked where they are met."""
    monkeypatch.setattr(session_records, "sessions_offered_to", lambda *_: set())
    monkeypatch.setattr(corrections, "sessions_offered_to", lambda *_: set())


def back_at_once(
    desk: WaitingDesk, verbs: tuple[str, str], patch: pytest.MonkeyPatch
) -> Counter[tuple[int, str | None]]:
    caller, missed, override = desk.centre.client(), crossed(desk), {"check-in": EARLY}
    requests = [
        Post(caller, f"/participants/{one['id']}/{verb}", override.get(verb, {}))
        for one, verb in zip(missed, verbs, strict=True)
    ]
    with patch.context() as for_now:
        meet(for_now)
        return at_once(*requests)


@pytest.mark.parametrize("verbs", [("undo", "undo"), ("undo", "check-in")])
def test_two_who_get_their_places_back_and_are_offered_each_others_do_not_deadlock(
    desk: WaitingDesk, verbs: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before, answers = deadlocks(desk.centre.kit), Counter[tuple[int, str | None]]()
    for _ in range(ROUNDS):
        answers += back_at_once(WaitingDesk(desk.centre, timezone="UTC"), verbs, monkeypatch)
    assert answers == {(200, None): 2 * ROUNDS}
    assert deadlocks(desk.centre.kit) == before
    assert broken(desk) == []
    check_events(desk)


def test_control_without_the_offers_among_the_first_locks_they_deadlock(
    desk: WaitingDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = deadlocks(desk.centre.kit)
    forget_offers(monkeypatch)
    assert back_at_once(desk, ("undo", "undo"), monkeypatch) == {(200, None): 2}
    assert deadlocks(desk.centre.kit) > before


def own_row_is_free(desk: WaitingDesk, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether a session's row is free while the undo of its completion waits for an earlier one that is offered."""
    other = desk.centre.create_provider(desk.clinic)["id"]
    earlier, [inside] = desk.full(starts_at=at(1, 15), provider_id=other)
    session, [missed] = desk.full()
    desk.wait(session_id=earlier["id"], patient_id=missed["patient_id"])
    travel(monkeypatch, at())
    ok(desk.move(session, "start"))
    ok(desk.move(session, "complete"))
    desk.give_up(inside)
    with ThreadPoolExecutor(1) as pool:
        with desk.centre.kit.transaction(desk.centre.tenant) as db:
            db.execute(_FREE_ROW, {"id": earlier["id"]}).one()
            undo = pool.submit(desk.move, session, "undo")
            eventually(lambda: waits(desk))
            free = db.execute(_FREE_ROW, {"id": session["id"]}).first() is not None
        answer: TestResponse = undo.result()
    assert ok(answer)["status"] == "IN_PROGRESS"
    assert desk.participant(missed["id"])["status"] == "BOOKED"
    return free


Change = Callable[[pytest.MonkeyPatch], None]


@pytest.mark.parametrize(("change", "free"), [(None, True), (forget_offers, False)], ids=["locked", "control"])
def test_the_undo_of_a_completion_locks_what_is_offered_with_the_session_in_the_one_order(
    desk: WaitingDesk, monkeypatch: pytest.MonkeyPatch, change: Change | None, free: bool
) -> None:
    if change:
        change(monkeypatch)
    assert own_row_is_free(desk, monkeypatch) is free


def test_a_no_show_of_a_package_is_checked_in_with_the_package_locked_before_the_waitlist(desk: WaitingDesk) -> None:
    """Others who change the package take the waitlist's lock while they hold the package's row."""
    package = desk.create_package()
    participant = desk.participant(package["sessions"][0]["appointment_id"])
    ok(desk.do(participant, "no-show", **EARLY))
    entry = desk.wait(patient_id=participant["patient_id"])
    with ThreadPoolExecutor(1) as pool:
        with desk.centre.kit.transaction(desk.centre.tenant) as db:
            db.execute(text("SELECT FROM packages WHERE id = :id FOR UPDATE"), {"id": package["id"]})
            check_in = pool.submit(lambda: desk.do(participant, "check-in", **EARLY))
            eventually(lambda: waits(desk))
            free = text("SELECT pg_try_advisory_xact_lock(hashtextextended(:key, 0))")
            assert db.execute(free, {"key": f"waitlist:{desk.centre.tenant}"}).scalar_one()
        assert ok(check_in.result())["status"] == "ARRIVED"
    assert desk.statuses(entry) == ["FULFILLED"]
