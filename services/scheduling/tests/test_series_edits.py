"""A change made to this session of a series, to this and the following, or to all that have not begun."""

from collections import Counter
from datetime import datetime, time, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from .factories import EARLY, Desk, at, created, ok, problem
from .test_races import Post, at_once, deadlocks, overlaps
from .test_series import WEEK, clock_change, conflicts, day

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
EVERY_DAY = "FREQ=WEEKLY;BYDAY=SU,MO,TU,WE,TH,FR,SA"


def reschedule(desk: Desk, session: dict[str, Any], by: timedelta, scope: str, **body: Any) -> TestResponse:
    starts_at = (datetime.fromisoformat(session["starts_at"]) + by).isoformat()
    path = f"/sessions/{session['id']}/reschedule"
    return desk.centre.post(path, {"starts_at": starts_at, "scope": scope, **body})


def starts(desk: Desk, series: dict[str, Any]) -> list[datetime]:
    """The starts of a series' sessions, in the order of its rule's days."""
    by_day = sorted(desk.series_sessions(series), key=lambda session: session["occurs_on"])
    return [datetime.fromisoformat(session["starts_at"]) for session in by_day]


def moved(desk: Desk, series: dict[str, Any], before: list[datetime]) -> list[timedelta]:
    return [now - then for now, then in zip(starts(desk, series), before, strict=True)]


@pytest.mark.parametrize(
    ("scope", "hours"),
    [(None, [0, 25, 0, 0]), ("THIS", [0, 25, 0, 0]), ("FOLLOWING", [0, 25, 25, 25]), ("ALL", [25] * 4)],
)
def test_this_the_following_or_all_are_moved(desk: Desk, scope: str | None, hours: list[int]) -> None:
    series = desk.create_series()
    sessions, before = desk.series_sessions(series), starts(desk, series)
    seats = [desk.create_participant(session) for session in sessions]
    body = {"starts_at": (before[1] + 25 * HOUR).isoformat(), "reason": "Room works"}
    answer = desk.centre.post(
        f"/sessions/{sessions[1]['id']}/reschedule", {**body, **({"scope": scope} if scope else {})}
    )
    told = ok(answer)
    assert (told.pop("changed_sessions"), told.pop("kept")) == (sum(map(bool, hours)), [])
    read = desk.centre.get(f"/sessions/{sessions[1]['id']}")
    assert (told, answer.headers["ETag"]) == (ok(read), read.headers["ETag"])
    assert moved(desk, series, before) == [n * HOUR for n in hours]
    for session, seat, n in zip(sessions, seats, hours, strict=True):
        now, place = desk.session(session["id"]), desk.participant(seat["id"])
        assert now["session_number"] == session["session_number"]
        assert (now["reschedule_count"], place["reschedule_count"]) == (bool(n), bool(n))
        assert (now["change_reason"], place["change_reason"]) == (("Room works",) * 2 if n else (None, None))
        assert place["session"]["starts_at"] == now["starts_at"]
    for name in ("SessionRescheduled", "AppointmentRescheduled"):
        assert len(desk.centre.kit.events(desk.centre.tenant, name)) == sum(map(bool, hours))


@pytest.mark.parametrize("scope", ["FOLLOWING", "ALL"])
def test_what_has_begun_or_is_cancelled_stays_as_it_is(desk: Desk, scope: str) -> None:
    series = desk.create_series()
    begun, cancelled, third, _ = desk.series_sessions(series)
    ok(desk.centre.post(f"/sessions/{begun['id']}/start", EARLY))
    ok(desk.centre.post(f"/sessions/{cancelled['id']}/cancel", {"reason": "Holiday"}))
    history = [desk.session(session["id"]) for session in (begun, cancelled)]
    assert ok(reschedule(desk, third, HOUR, scope))["changed_sessions"] == 2
    assert ok(patch(desk, third, max_capacity=9, scope=scope))["changed_sessions"] == 2
    assert ok(desk.centre.post(f"/sessions/{third['id']}/cancel", {"scope": scope}))["changed_sessions"] == 2
    assert [desk.session(session["id"]) for session in (begun, cancelled)] == history
    for gone in (begun, cancelled):
        problem(reschedule(desk, gone, HOUR, scope), 409, "invalid-transition")
        problem(patch(desk, gone, scope=scope), 409, "invalid-transition")
        problem(desk.centre.post(f"/sessions/{gone['id']}/cancel", {"scope": scope}), 409, "invalid-transition")


@pytest.mark.parametrize("by", [DAY, -DAY, 2 * DAY, 7 * HOUR, -7 * HOUR, DAY + 7 * HOUR])
def test_sessions_move_onto_each_others_old_places(desk: Desk, by: timedelta) -> None:
    series = desk.create_series(
        rrule=f"{EVERY_DAY};COUNT=5", start_time="12:00", duration_minutes=480, room_id=desk.room["id"]
    )
    patient, before = desk.centre.create_patient(), starts(desk, series)
    created(desk.centre.post(f"/series/{series['id']}/members", {"patient_id": patient}))
    assert ok(reschedule(desk, desk.series_sessions(series)[0], by, "ALL"))["changed_sessions"] == 5
    assert moved(desk, series, before) == [by] * 5
    assert overlaps(desk) == 0


@pytest.mark.parametrize("month", [3, 10])
def test_sessions_move_by_wall_time_across_a_change_of_the_clocks(desk: Desk, month: int) -> None:
    berlin, zone = Desk(desk.centre, timezone="Europe/Berlin"), ZoneInfo("Europe/Berlin")
    starts_on = clock_change(month) - 13 * DAY  # a Monday. The third occurrence is after the change
    series = berlin.create_series(starts_on=starts_on.isoformat())
    first = berlin.series_sessions(series)[0]
    ok(reschedule(berlin, first, DAY + 90 * timedelta(minutes=1), "ALL"))
    local = [start.astimezone(zone) for start in starts(berlin, series)]
    assert [start.time() for start in local] == [time(11, 30)] * 4
    assert [start.date() for start in local] == [starts_on + n * WEEK + DAY for n in range(4)]
    # moved as a whole from one side of the change to the other, they keep their time of day, too
    sixth_week = datetime.combine(starts_on + 6 * WEEK, time(11, 30), zone)
    body = {"starts_at": sixth_week.isoformat(), "scope": "ALL"}
    ok(berlin.centre.post(f"/sessions/{first['id']}/reschedule", body))
    assert {start.astimezone(zone).time() for start in starts(berlin, series)} == {time(11, 30)}


def test_another_provider_room_and_length_are_of_all(desk: Desk) -> None:
    series, other = desk.create_series(), desk.centre.create_provider(desk.clinic)
    change = {"provider_id": other["id"], "room_id": desk.room["id"], "duration_minutes": 90}
    assert ok(reschedule(desk, desk.series_sessions(series)[1], timedelta(), "FOLLOWING", **change))
    shown = [(s["provider_id"], s["room_id"], s["duration_minutes"]) for s in desk.series_sessions(series)]
    assert shown == [(desk.provider["id"], None, 60)] + [(other["id"], desk.room["id"], 90)] * 3


def test_a_session_that_already_has_the_placement_is_not_counted(desk: Desk) -> None:
    series = desk.create_series()
    sessions = desk.series_sessions(series)
    ok(reschedule(desk, sessions[2], HOUR, "THIS"))
    assert ok(reschedule(desk, sessions[0], HOUR, "ALL"))["changed_sessions"] == 3
    assert [s["reschedule_count"] for s in desk.series_sessions(series)] == [1] * 4
    refused = problem(reschedule(desk, desk.series_sessions(series)[0], timedelta(), "ALL"), 422, "validation-error")
    assert list(refused["errors"]) == ["starts_at"]


def test_every_conflict_of_a_move_is_told_and_nothing_moves(desk: Desk) -> None:
    series = desk.create_series()
    sessions, before = desk.series_sessions(series), starts(desk, series)
    other = desk.centre.create_provider(desk.clinic)
    desk.create_session(starts_at=before[2] + HOUR)
    elsewhere = desk.create_session(starts_at=before[3] + HOUR, provider_id=other["id"])
    patient = desk.centre.create_patient()
    seat = desk.create_participant(sessions[3], patient)
    desk.create_participant(elsewhere, patient)
    state = desk.centre.state()
    refused = reschedule(desk, sessions[1], HOUR, "FOLLOWING")
    assert conflicts(refused) == [(day(2), "provider-busy"), (day(3), "patient-busy")]
    told = refused.get_json()["conflicts"]
    assert [item["session_id"] for item in told] == [sessions[2]["id"], sessions[3]["id"]]
    assert datetime.fromisoformat(told[0]["starts_at"]) == before[2] + HOUR
    assert told[1]["participants"] == [seat["id"]]
    assert desk.centre.state() == state
    assert ok(reschedule(desk, sessions[1], HOUR, "THIS"))["changed_sessions"] == 1


def test_sessions_that_would_meet_each_other_are_refused(desk: Desk) -> None:
    series, other = desk.create_series(), desk.centre.create_provider(desk.clinic)
    sessions = desk.series_sessions(series)
    ok(reschedule(desk, sessions[1], 5 * HOUR - WEEK, "FOLLOWING", provider_id=other["id"]))
    state = desk.centre.state()
    assert conflicts(reschedule(desk, sessions[0], HOUR, "ALL")) == [(day(1), "series-overlap")]
    assert desk.centre.state() == state


def test_a_manager_overrides_the_hours_of_a_move(desk: Desk) -> None:
    series = desk.create_series()
    first = desk.series_sessions(series)[0]
    closure = {"kind": "CLOSURE", "name_en": "Works", "name_ar": "أعمال", "starts_on": day(2), "ends_on": day(2)}
    created(desk.centre.post("/closures", closure))
    refused = reschedule(desk, first, HOUR, "ALL")
    assert conflicts(refused) == [(day(2), "outside-working-hours")]
    assert (refused.get_json()["conflicts"][0]["rule"], refused.get_json()["conflicts"][0]["overridable"]) == (
        "closure",
        True,
    )
    override = {"override": {"reason": "Agreed"}}
    body = {"starts_at": at(9).isoformat(), "scope": "ALL", **override}
    problem(desk.centre.client("front-desk").post(f"/sessions/{first['id']}/reschedule", body), 403, "forbidden")
    ok(reschedule(desk, first, HOUR, "ALL", **override))
    assert [s["overridden"] for s in desk.series_sessions(series)] == [[], [], ["closure"], []]


def patch(desk: Desk, session: dict[str, Any], **body: Any) -> TestResponse:
    path = f"/sessions/{session['id']}"
    return desk.centre.client().patch(path, body, desk.centre.get(path).headers["ETag"])


@pytest.mark.parametrize(("scope", "changed"), [("THIS", [1]), ("FOLLOWING", [1, 2, 3]), ("ALL", [0, 1, 2, 3])])
def test_this_the_following_or_all_are_changed(desk: Desk, scope: str, changed: list[int]) -> None:
    series = desk.create_series()
    second = desk.series_sessions(series)[1]
    answer = patch(desk, second, max_capacity=5, group_notes="Bring water.", scope=scope)
    assert ok(answer)["changed_sessions"] == len(changed)
    assert answer.headers["ETag"] == desk.centre.get(f"/sessions/{second['id']}").headers["ETag"]
    shown = [(s["max_capacity"], s["group_notes"]) for s in desk.series_sessions(series)]
    assert shown == [(5, "Bring water.") if n in changed else (3, None) for n in range(4)]


def test_a_capacity_that_one_session_can_not_have_is_refused_for_all(desk: Desk) -> None:
    series = desk.create_series()
    sessions = desk.series_sessions(series)
    for _ in range(2):
        desk.create_participant(sessions[2])
    state = desk.centre.state()
    assert conflicts(patch(desk, sessions[0], max_capacity=1, scope="ALL")) == [(day(2), "capacity-below-participants")]
    assert desk.centre.state() == state


@pytest.mark.parametrize(("scope", "changed"), [("THIS", [1]), ("FOLLOWING", [1, 2, 3]), ("ALL", [0, 1, 2, 3])])
def test_this_the_following_or_all_are_cancelled(desk: Desk, scope: str, changed: list[int]) -> None:
    series = desk.create_series()
    sessions = desk.series_sessions(series)
    seats = [desk.create_participant(session) for session in sessions]
    answer = desk.centre.post(f"/sessions/{sessions[1]['id']}/cancel", {"scope": scope, "reason": "Closed"})
    assert ok(answer)["changed_sessions"] == len(changed)
    assert [s["status"] == "CANCELLED" for s in desk.series_sessions(series)] == [n in changed for n in range(4)]
    assert [desk.participant(s["id"])["cancel_reason"] for s in seats] == [
        "Closed" if n in changed else None for n in range(4)
    ]
    assert len(desk.centre.kit.events(desk.centre.tenant, "SessionCancelled")) == len(changed)
    assert len(desk.centre.kit.events(desk.centre.tenant, "AppointmentCancelled")) == len(changed)


def test_where_somebody_has_arrived_nothing_is_cancelled(desk: Desk) -> None:
    series = desk.create_series()
    sessions = desk.series_sessions(series)
    seat = desk.create_participant(sessions[1])
    ok(desk.centre.post(f"/participants/{seat['id']}/check-in", {"override": {"reason": "Early"}}))
    state = desk.centre.state()
    answer = desk.centre.post(f"/sessions/{sessions[0]['id']}/cancel", {"scope": "ALL"})
    assert conflicts(answer) == [(day(1), "invalid-transition")]
    assert desk.centre.state() == state


@pytest.mark.parametrize("scope", ["FOLLOWING", "ALL"])
def test_a_session_of_no_series_has_no_others(desk: Desk, scope: str) -> None:
    session = desk.create_session()
    for answer in (
        patch(desk, session, scope=scope),
        reschedule(desk, session, HOUR, scope),
        desk.centre.post(f"/sessions/{session['id']}/cancel", {"scope": scope}),
    ):
        assert list(problem(answer, 422, "validation-error")["errors"]) == ["scope"]


def test_a_scope_is_known_and_a_time_of_decision_is_of_one_session(desk: Desk) -> None:
    series = desk.create_series(min_participants=1)
    first = desk.series_sessions(series)[0]
    refused = problem(reschedule(desk, first, HOUR, "SOME"), 422, "validation-error")
    assert list(refused["errors"]) == ["scope"]
    refused = problem(patch(desk, first, decision_at=at(0).isoformat(), scope="ALL"), 422, "validation-error")
    assert list(refused["errors"]) == ["decision_at"]
    assert ok(patch(desk, first, decision_at=at(0).isoformat()))["changed_sessions"] == 1


def test_a_stale_tag_stops_the_change_of_all(desk: Desk) -> None:
    first = desk.series_sessions(desk.create_series())[0]
    tag = desk.centre.get(f"/sessions/{first['id']}").headers["ETag"]
    desk.create_participant(first)
    state = desk.centre.state()
    answer = desk.centre.post(f"/sessions/{first['id']}/cancel", {"scope": "ALL"}, If_Match=tag)
    problem(answer, 412, "precondition-failed")
    assert desk.centre.state() == state


def test_of_two_series_that_move_to_one_time_at_once_one_gets_it(desk: Desk) -> None:
    firsts = [desk.series_sessions(desk.create_series(start_time=wall))[0] for wall in ("10:00", "14:00")]
    target = (datetime.fromisoformat(firsts[0]["starts_at"]) + 2 * HOUR).isoformat()
    body = {"starts_at": target, "scope": "ALL"}
    caller, before = desk.centre.client(), deadlocks(desk.centre.kit)
    answers = at_once(*(Post(caller, f"/sessions/{first['id']}/reschedule", body) for first in firsts))
    assert answers == {(200, None): 1, (409, "series-conflicts"): 1}
    assert overlaps(desk) == 0
    assert deadlocks(desk.centre.kit) == before


def test_changes_of_one_series_at_once_wait_for_each_other(desk: Desk) -> None:
    series = desk.create_series(rrule="FREQ=WEEKLY;COUNT=8", max_capacity=4)
    first, *_, last = desk.series_sessions(series)
    caller, before = desk.centre.client(), deadlocks(desk.centre.kit)
    later = [datetime.fromisoformat(s["starts_at"]) + DAY for s in (first, last)]
    join = f"/series/{series['id']}/members"
    answers = at_once(
        Post(caller, f"/sessions/{first['id']}/reschedule", {"starts_at": later[0].isoformat(), "scope": "ALL"}),
        Post(caller, f"/sessions/{last['id']}/reschedule", {"starts_at": later[1].isoformat(), "scope": "ALL"}),
        *(Post(caller, join, {"patient_id": patient}) for patient in desk.centre.create_patients(6)),
    )
    assert answers[201, None] == 4
    assert answers[409, "series-conflicts"] == 2
    assert set(answers) <= {(200, None), (201, None), (409, "series-conflicts"), (422, "validation-error")}
    assert [s["current_capacity"] for s in desk.series_sessions(series)] == [4] * 8
    assert deadlocks(desk.centre.kit) == before


def test_whatever_moves_it_is_as_the_local_clock_says_or_refused_for_an_overlap(desk: Desk) -> None:
    """No order of the moves ever meets the exclusion constraints. Only what overlaps in the end is refused."""
    answered: Counter[int] = Counter()
    zone = ZoneInfo("Asia/Riyadh")

    @settings(
        max_examples=60, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
    )
    @given(
        apart=st.tuples(st.integers(0, 4), st.integers(-2, 2), st.integers(0, 23)),
        named=st.integers(0, 4),
        by_days=st.integers(-3, 3),
        hour=st.integers(0, 23),
        minutes=st.sampled_from([60, 300, 480]),
        following=st.booleans(),
        include=st.booleans(),
    )
    def move(
        apart: tuple[int, int, int], named: int, by_days: int, hour: int, minutes: int, following: bool, include: bool
    ) -> None:
        series = desk.create_series(starts_on=at(10).date().isoformat(), rrule=f"{EVERY_DAY};COUNT=5")
        sessions = desk.series_sessions(series)
        regular = [start.astimezone(zone) for start in starts(desk, series)]
        alone = regular[apart[0]] + apart[1] * DAY
        body: dict[str, Any] = {"starts_at": alone.replace(hour=apart[2]).isoformat()}
        desk.centre.post(f"/sessions/{sessions[apart[0]]['id']}/reschedule", body)  # or it stays where it is
        before = [start.astimezone(zone) for start in starts(desk, series)]
        target = (before[named] + by_days * DAY).replace(hour=hour)
        by = target.date() - regular[named].date()

        def wanted_of(n: int) -> datetime:
            keeps = n != named and before[n] != regular[n] and not include
            if target == before[named] or keeps or (following and n < named):
                return before[n]
            return target if n == named else (regular[n] + by).replace(hour=hour)

        wanted = [wanted_of(n) for n in range(5)]
        length = [timedelta(minutes=60 if following and n < named else minutes) for n in range(5)]
        body = {"starts_at": target.isoformat(), "duration_minutes": minutes, "include_moved": include}
        body["scope"] = "FOLLOWING" if following else "ALL"
        answer = desk.centre.post(f"/sessions/{sessions[named]['id']}/reschedule", body)
        answered[answer.status_code] += 1
        ends = sorted(zip(wanted, length, strict=True))
        if any(start + long > following_start for (start, long), (following_start, _) in pairwise(ends)):
            assert {code for _, code in conflicts(answer)} <= {"series-overlap", "provider-busy"}
        elif answer.status_code == 422:
            assert (wanted, minutes) == (before, 60)
        elif answer.status_code == 409:
            assert {code for _, code in conflicts(answer)} == {"change-of-places"}
        else:
            shown = ok(answer)
            assert starts(desk, series) == wanted
            in_scope = [n for n in range(5) if not following or n >= named]
            place = [target if n == named else (regular[n] + by).replace(hour=hour) for n in range(5)]
            place = regular if target == before[named] else place
            assert {k["id"] for k in shown["kept"]} == {sessions[n]["id"] for n in in_scope if wanted[n] != place[n]}
        ok(desk.centre.post(f"/sessions/{sessions[0]['id']}/cancel", {"scope": "ALL"}))

    move()
    assert answered[200] > 5
    assert answered[409] > 0
