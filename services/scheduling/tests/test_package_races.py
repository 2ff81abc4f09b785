"""Changes of packages at once, with real commits.

They come one after the other or are refused, and are never half done or stuck.
"""

import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from jalsa.dev.kit import eventually

from .factories import EARLY, Desk, at, ok
from .test_package_changes import create, of, read, starts
from .test_package_progress import OUT_OF_STEP
from .test_races import Post, at_once, deadlocks, overlaps

WAITS = text("""
    SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')
""")


def post(desk: Desk, package: dict[str, Any], what: str, **given: Any) -> Post:
    return Post(desk.centre.client(), f"/packages/{package['id']}/{what}", given)


def waits(desk: Desk) -> bool:
    """Whether a request of this service waits for a lock, looked for in a transaction that has not looked before."""
    with desk.centre.kit.transaction("looking") as db:
        return bool(db.execute(WAITS).scalar_one())


def out_of_step(desk: Desk) -> int:
    with desk.centre.kit.transaction(desk.centre.tenant) as db:
        return int(db.execute(OUT_OF_STEP).scalar_one())


def test_two_shifts_at_once_happen_one_after_the_other(desk: Desk) -> None:
    package = create(desk)
    shifts = [post(desk, package, "shift", from_session_number=1, days=days) for days in (1, 2)]
    assert at_once(*shifts) == {(200, None): 2}
    assert starts(read(desk, package)) == [start + timedelta(days=3) for start in starts(package)]


def test_a_shift_and_a_booking_do_not_both_get_the_same_time(desk: Desk) -> None:
    for _ in range(5):
        provider = desk.centre.create_provider(desk.clinic)["id"]
        package = create(desk, total_sessions=2, provider_id=provider)
        target = starts(package)[1] + timedelta(days=2)
        shift = post(desk, package, "shift", from_session_number=2, days=2)
        place = desk.placement(starts_at=target, patient_id=desk.centre.create_patient(), provider_id=provider)
        answers = at_once(shift, Post(desk.centre.client(), "/appointments", place))
        assert answers in (
            {(200, None): 1, (409, "provider-busy"): 1},
            {(201, None): 1, (409, "package-conflicts"): 1},
        )
        assert (starts(read(desk, package))[1] == target) == bool(answers[200, None])
    assert overlaps(desk) == 0


def test_a_patient_who_attends_while_the_package_is_cancelled_has_attended(desk: Desk) -> None:
    package = create(desk)
    participant = {"id": package["sessions"][0]["appointment_id"]}
    ok(desk.do(participant, "check-in", override={"reason": "Long before the day"}))
    attend = Post(desk.centre.client(), f"/participants/{participant['id']}/attend")
    assert at_once(attend, post(desk, package, "cancel")) == {(200, None): 2}
    after = read(desk, package)
    assert (after["status"], of(after, "status")) == ("CANCELLED", ["COMPLETED", *["CANCELLED"] * 3])


def test_who_arrives_while_the_package_is_cancelled_is_there_or_is_refused(desk: Desk) -> None:
    for _ in range(5):
        package = create(desk, total_sessions=2)
        override = {"override": {"reason": "Long before the day"}}
        path = f"/participants/{package['sessions'][0]['appointment_id']}/check-in"
        answers = at_once(Post(desk.centre.client(), path, override), post(desk, package, "cancel"))
        after = read(desk, package)
        assert (answers[200, None], of(after, "status")) in ((2, ["SCHEDULED", "CANCELLED"]), (1, ["CANCELLED"] * 2))
        assert set(answers) <= {(200, None), (409, "invalid-transition")}
        assert after["status"] == "CANCELLED"


def test_sessions_that_end_while_the_package_is_cancelled_end_before_or_after(desk: Desk) -> None:
    before = deadlocks(desk.centre.kit)
    for _ in range(6):
        package = create(desk, total_sessions=8)
        begun = of(package, "session_id")[1:]
        for session in begun:
            ok(desk.centre.post(f"/sessions/{session}/start", EARLY))
        ends = [Post(desk.centre.client(), f"/sessions/{session}/complete", EARLY) for session in begun]
        assert at_once(post(desk, package, "cancel"), *ends) == {(200, None): 8}
        assert set(of(read(desk, package), "status")) == {"CANCELLED"}
    assert deadlocks(desk.centre.kit) == before
    assert out_of_step(desk) == 0


def test_a_package_is_locked_after_the_rows_of_its_sessions(desk: Desk) -> None:
    package, centre = create(desk), desk.centre
    with ThreadPoolExecutor(1) as pool, centre.kit.transaction(centre.tenant) as db:
        session = {"id": package["sessions"][2]["session_id"]}
        db.execute(text("SELECT FROM sessions WHERE id = :id FOR UPDATE"), session)
        cancelled = pool.submit(post(desk, package, "cancel"))
        eventually(lambda: waits(desk))
        db.execute(text("SELECT FROM packages WHERE id = :id FOR UPDATE NOWAIT"), {"id": package["id"]})
        db.commit()
        ok(cancelled.result())


def test_what_is_tried_again_while_the_package_is_cancelled_is_not_booked_in_the_end(desk: Desk) -> None:
    for _ in range(5):
        package = create(desk, auto_schedule=False)
        answers = at_once(post(desk, package, "schedule"), post(desk, package, "cancel"))
        assert answers in ({(200, None): 2}, {(200, None): 1, (409, "invalid-transition"): 1})
        assert of(read(desk, package), "status") == ["CANCELLED"] * 4
    assert out_of_step(desk) == 0


@pytest.mark.timeout(180)
def test_whatever_is_done_to_packages_at_once_nobody_deadlocks_and_all_stay_in_step(desk: Desk) -> None:
    seconds = 6.0
    providers = [desk.provider["id"], desk.centre.create_provider(desk.clinic)["id"]]
    patient = desk.centre.create_patient()
    packages = [
        create(desk, patient_id=patient, total_sessions=5, provider_id=providers[0]),
        create(desk, total_sessions=5, provider_id=providers[1], preferred_time="11:00"),
        create(desk, total_sessions=5, use_multiple_providers=True, provider_id=None),
    ]
    deadline = time.monotonic() + seconds

    def work(seed: int) -> Counter[tuple[str, int]]:
        chance, caller = random.Random(seed), desk.centre.client()
        answers: Counter[tuple[str, int]] = Counter()
        while time.monotonic() < deadline:
            package = chance.choice(packages)
            number = chance.randint(1, 5)
            changes: list[tuple[str, dict[str, Any]]] = [
                ("schedule", {}),
                (f"sessions/{number}/reschedule", {"starts_at": some_time(chance)}),
                (f"sessions/{number}/schedule", {"starts_at": some_time(chance)}),
                (f"sessions/{number}/cancel", {"owed": True}),
                ("shift", {"from_session_number": number, "days": chance.choice([-1, 1])}),
                ("shift", {"from_session_number": number, "start_date": str(at(chance.randint(1, 5)).date())}),
                ("substitute", {"from_session_number": number, "provider_id": chance.choice(providers)}),
                ("pause", {}),
                ("resume", {}),
                ("participant", {"step": chance.choice(["cancel", "confirm", "no-show", "undo"])}),
            ]
            what, given = chance.choice(changes)
            if what == "participant":
                seat = read(desk, package)["sessions"][number - 1].get("appointment_id")
                answer = (
                    caller.post(f"/participants/{seat}/{given['step']}", EARLY if given["step"] == "no-show" else {})
                    if seat
                    else caller.get("/packages")
                )
            else:
                loosely = {"all_or_nothing": False} if what in ("shift", "substitute") else {}
                answer = caller.post(f"/packages/{package['id']}/{what}", {**given, **loosely})
            answers[what.split("/")[-1], answer.status_code] += 1
        return answers

    before = deadlocks(desk.centre.kit)
    with ThreadPoolExecutor(6) as pool:
        answers = sum(pool.map(work, range(6)), Counter())
    assert {status for _, status in answers} <= {200, 409, 422}  # 422, because it is there already
    assert {what for what, status in answers if status == 200} >= {"schedule", "cancel", "shift", "pause", "resume"}
    assert deadlocks(desk.centre.kit) == before
    assert overlaps(desk) == 0
    assert out_of_step(desk) == 0


def some_time(chance: random.Random) -> str:
    return datetime.isoformat(at(chance.randint(1, 9), chance.randint(6, 9)))
