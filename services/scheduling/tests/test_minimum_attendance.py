"""What the clock brings. Sessions with too few participants are decided upon, and who does not come is a no-show."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from jalsa.dev.kit import set_clock
from jalsa.service import clock
from jalsa.work.jobs import JobTools
from scheduling import jobs
from scheduling.appointments.operations import attendance
from scheduling.timetable.spots import spots_of
from scheduling.use_cases import minimum_attendance

from .factories import Centre, Desk, as_json, at, noon_zone, ok, problem


def tools(desk: Desk) -> JobTools:
    kit = desk.centre.kit
    return JobTools(kit.database, kit.relay, kit.config)


def run_at(desk: Desk, monkeypatch: pytest.MonkeyPatch, job: Any, moment: Any) -> None:
    """Run a job as if it were later."""
    with monkeypatch.context() as patched:
        set_clock(patched, moment)
        job(tools(desk))


@pytest.fixture
def thin(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A session that wants two, has one, and is flagged."""
    session = desk.create_session(min_participants=2, decision_at=at(0), starts_at=at(2))
    desk.create_participant(session)
    run_at(desk, monkeypatch, jobs.flag_decisions, at(0))
    return desk.session(session["id"])


@pytest.mark.parametrize(("taken", "decision"), [(0, "NEEDED"), (1, "NEEDED"), (2, "MET"), (3, "MET")])
def test_a_session_is_flagged_at_its_time_of_decision(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, taken: int, decision: str
) -> None:
    session = desk.create_session(min_participants=2, decision_at=at(0), starts_at=at(2))
    for _ in range(taken):
        desk.create_participant(session)
    run_at(desk, monkeypatch, jobs.flag_decisions, at(0) - timedelta(seconds=1))
    assert desk.session(session["id"])["decision"] is None
    run_at(desk, monkeypatch, jobs.flag_decisions, at(0))
    assert desk.session(session["id"])["decision"] == decision
    needed = ok(desk.centre.get("/sessions", decision="NEEDED"))["items"]
    assert [s["id"] for s in needed] == ([session["id"]] if decision == "NEEDED" else [])


def test_the_time_of_decision_is_a_day_before_unless_said_otherwise(desk: Desk) -> None:
    session = desk.create_session(min_participants=2)
    assert session["decision_at"] == (at() - timedelta(hours=24)).isoformat().replace("+00:00", "Z")
    assert desk.create_session(starts_at=at(2))["decision_at"] is None
    rules = {"no_show_grace_minutes": 30, "offer_minutes": 120, "decision_lead_hours": 48}
    ok(desk.centre.client().put("/settings", rules))
    later = desk.create_session(min_participants=2, starts_at=at(3))
    assert later["decision_at"] == (at(3) - timedelta(hours=48)).isoformat().replace("+00:00", "Z")


def test_a_moved_session_needs_a_new_decision(desk: Desk, thin: dict[str, Any]) -> None:
    moved = ok(desk.move(thin, "reschedule", starts_at=at(5)))
    assert moved["decision"] is None
    assert moved["decision_at"] == at(3).isoformat().replace("+00:00", "Z")


def test_a_thin_session_may_run_as_it_is(desk: Desk, thin: dict[str, Any]) -> None:
    decided = ok(desk.move(thin, "decision", action="RUN", reason="They know each other"))
    assert (decided["decision"], decided["status"]) == ("RUN", "SCHEDULED")
    problem(desk.move(thin, "decision", action="RUN"), 409, "invalid-transition")


def test_a_thin_session_may_be_cancelled(desk: Desk, thin: dict[str, Any]) -> None:
    decided = ok(desk.move(thin, "decision", action="CANCEL", reason="Too few"))
    assert (decided["decision"], decided["status"], decided["cancel_reason"]) == ("CANCELLED", "CANCELLED", "Too few")


def test_a_thin_session_is_merged_into_another_with_everybody_in_it(desk: Desk, thin: dict[str, Any]) -> None:
    into = desk.create_session(starts_at=at(4), max_capacity=2)
    [mine] = ok(desk.centre.get(f"/sessions/{thin['id']}/participants"))["items"]
    decided = ok(desk.move(thin, "decision", action="MERGE", into_session_id=into["id"]))
    assert (decided["decision"], decided["status"]) == ("MERGED", "CANCELLED")
    moved = desk.participant(mine["id"])
    assert (moved["session"]["id"], moved["status"], moved["reschedule_count"]) == (into["id"], "BOOKED", 1)
    names = [e.event.split(".")[0] for e in desk.centre.kit.events(desk.centre.tenant)]
    assert "AppointmentRescheduled" in names
    assert "AppointmentCancelled" not in names


def test_a_merge_names_everybody_who_has_no_place_and_moves_nobody(desk: Desk, thin: dict[str, Any]) -> None:
    full = desk.create_session(starts_at=at(4), max_capacity=1)
    desk.create_participant(thin)
    before = desk.centre.state()
    refusal = problem(desk.move(thin, "decision", action="MERGE", into_session_id=full["id"]), 409, "merge-refused")
    assert [r["code"] for r in refusal["refusals"]] == ["session-full"]
    assert desk.centre.state() == before


@pytest.mark.parametrize(
    "body", [{}, {"action": "WAIT"}, {"action": "MERGE"}, {"action": "RUN", "into_session_id": "self"}]
)
def test_a_decision_names_what_is_wrong_with_it(desk: Desk, thin: dict[str, Any], body: dict[str, Any]) -> None:
    body = {name: thin["id"] if value == "self" else value for name, value in body.items()}
    problem(desk.move(thin, "decision", **body), 422, "validation-error")


def test_a_session_can_not_be_merged_into_itself(desk: Desk, thin: dict[str, Any]) -> None:
    problem(desk.move(thin, "decision", action="MERGE", into_session_id=thin["id"]), 422, "validation-error")


def test_a_decision_is_refused_where_none_is_needed(desk: Desk) -> None:
    problem(desk.move(desk.create_session(), "decision", action="CANCEL"), 409, "invalid-transition")


@pytest.mark.parametrize(
    "body",
    [{"decision_at": at(0)}, {"min_participants": 2, "decision_at": at(9)}],
    ids=["no minimum", "after the start"],
)
def test_a_time_of_decision_belongs_to_a_minimum_and_comes_before_the_start(calm: Desk, body: dict[str, Any]) -> None:
    answer = calm.centre.post("/sessions", as_json(calm.session_body(**body)))
    assert "decision_at" in problem(answer, 422, "validation-error")["errors"]


@pytest.fixture
def today(centre: Centre) -> Desk:
    return Desk(centre, timezone=noon_zone())


def test_who_has_not_come_within_the_grace_is_a_no_show(today: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    missing, confirmed, here = (today.create_today(n) for n in (30, 90, 150))
    ok(today.do(confirmed, "confirm"))
    today.clear(here)
    ok(today.do(here, "check-in"))
    start = clock.now() + timedelta(minutes=30)
    run_at(today, monkeypatch, jobs.mark_no_shows, start + timedelta(minutes=29))
    assert today.participant(missing["id"])["status"] == "BOOKED"
    run_at(today, monkeypatch, jobs.mark_no_shows, start + timedelta(minutes=31))
    missed = today.participant(missing["id"])
    assert (missed["status"], missed["no_show_reason"]) == ("NO_SHOW", "not arrived 30 minutes after the start")
    assert today.participant(confirmed["id"])["status"] == "CONFIRMED"
    run_at(today, monkeypatch, jobs.mark_no_shows, start + timedelta(days=9))  # a long downtime
    assert today.participant(confirmed["id"])["status"] == "NO_SHOW"
    assert today.participant(here["id"])["status"] == "ARRIVED"
    told = today.centre.kit.events(today.centre.tenant, "AppointmentNoShow")
    assert [e.data["automatic"] for e in told] == [True, True]


@pytest.mark.parametrize("fault", [KeyError("Sara"), AssertionError("Sara")])
def test_a_no_show_that_cannot_be_marked_keeps_no_other(
    today: Desk, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    first, second = (today.create_today(n) for n in (30, 90))
    mark = attendance.mark_missed

    def fail_for_the_first(db: Any, participant: Any, *args: Any, **kwargs: Any) -> Any:
        if str(participant.id) == first["id"]:
            raise fault
        return mark(db, participant, *args, **kwargs)

    monkeypatch.setattr(attendance, "mark_missed", fail_for_the_first)
    run_at(today, monkeypatch, jobs.mark_no_shows, clock.now() + timedelta(days=1))
    assert today.participant(first["id"])["status"] == "BOOKED"
    assert today.participant(second["id"])["status"] == "NO_SHOW"


def test_a_session_that_cannot_be_flagged_keeps_no_other(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = (
        desk.create_session(min_participants=2, decision_at=at(0) + timedelta(seconds=n), starts_at=at(2 + n))
        for n in range(2)
    )

    def fail_for_the_first(db: Any, ids: Any) -> Any:
        if [str(row_id) for row_id in ids] == [first["id"]]:
            raise LookupError
        return spots_of(db, ids)

    monkeypatch.setattr(minimum_attendance, "spots_of", fail_for_the_first)
    run_at(desk, monkeypatch, jobs.flag_decisions, at(1))
    monkeypatch.undo()
    assert [desk.session(s["id"])["decision"] for s in (first, second)] == [None, "NEEDED"]


def test_each_tenant_has_its_own_grace(today: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    ok(today.centre.client().put(
        "/settings", {"no_show_grace_minutes": 5, "offer_minutes": 120, "decision_lead_hours": 24}
    ))  # fmt: skip
    missing = today.create_today(30)
    run_at(today, monkeypatch, jobs.mark_no_shows, clock.now() + timedelta(minutes=36))
    assert today.participant(missing["id"])["no_show_reason"] == "not arrived 5 minutes after the start"


def test_several_workers_mark_each_no_show_once(today: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = [today.create_today(30 + 60 * n) for n in range(8)]
    end = clock.now() + timedelta(days=1)
    set_clock(monkeypatch, end)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: jobs.mark_no_shows(tools(today)), range(4)))
    told = [e.data["appointment_id"] for e in today.centre.kit.events(today.centre.tenant, "AppointmentNoShow")]
    assert sorted(told) == sorted(m["id"] for m in missing)
