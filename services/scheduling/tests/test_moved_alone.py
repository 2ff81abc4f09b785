"""Sessions of a series that were moved alone: what a change of the series does to them, and what it does not."""

from datetime import timedelta

import pytest

from .factories import Desk, ok, problem
from .test_series import WEEK, conflicts
from .test_series_edits import DAY, EVERY_DAY, HOUR, moved, patch, reschedule, starts


@pytest.mark.parametrize("scope", ["FOLLOWING", "ALL"])
def test_a_change_of_the_room_alone_leaves_each_its_own_time(desk: Desk, scope: str) -> None:
    """Row 1. What was moved alone got the series' time again, and its patients were told."""
    series = desk.create_series()
    _, second, third, fourth = desk.series_sessions(series)
    ok(reschedule(desk, third, 2 * DAY + 5 * HOUR, "THIS"))
    seats = [desk.create_participant(session) for session in (second, third, fourth)]
    ok(patch(desk, fourth, max_capacity=5))
    before = starts(desk, series)
    body = {"room_id": desk.room["id"], "scope": scope}
    answer = ok(desk.centre.post(f"/sessions/{second['id']}/reschedule", body))
    moved_alone = desk.session(third["id"])
    assert answer["kept"] == [{name: moved_alone[name] for name in ("id", "session_number", "starts_at")}]
    assert starts(desk, series) == before
    shown = desk.series_sessions(series)
    assert {s["room_id"] for s in shown if s["id"] != shown[0]["id"]} == {desk.room["id"]}
    assert [s["max_capacity"] for s in shown] == [3, 3, 3, 5]
    told = desk.centre.kit.events(desk.centre.tenant, "AppointmentRescheduled")[-3:]
    assert {event.data["appointment_id"] for event in told} == {seat["id"] for seat in seats}
    assert all(event.data["previous"]["starts_at"] == event.data["session"]["starts_at"] for event in told)


def test_a_new_time_of_the_series_passes_over_what_was_moved_alone(desk: Desk) -> None:
    series = desk.create_series()
    _, second, third, _ = desk.series_sessions(series)
    before = starts(desk, series)
    ok(reschedule(desk, third, 2 * DAY + 5 * HOUR, "THIS"))
    desk.create_participant(third)
    told = len(desk.centre.kit.events(desk.centre.tenant, "AppointmentRescheduled"))
    answer = ok(reschedule(desk, second, HOUR, "FOLLOWING"))
    assert (answer["changed_sessions"], [kept["id"] for kept in answer["kept"]]) == (2, [third["id"]])
    assert moved(desk, series, before) == [timedelta(), HOUR, 2 * DAY + 5 * HOUR, HOUR]
    assert len(desk.centre.kit.events(desk.centre.tenant, "AppointmentRescheduled")) == told
    # the next change takes it along, as far as the others have gone since
    answer = ok(reschedule(desk, desk.session(second["id"]), HOUR, "FOLLOWING", include_moved=True))
    assert (answer["changed_sessions"], answer["kept"]) == (3, [])
    assert moved(desk, series, before) == [timedelta(), 2 * HOUR, 2 * HOUR, 2 * HOUR]


def test_the_named_session_moves_also_where_it_was_moved_alone_and_the_series_with_it(desk: Desk) -> None:
    series = desk.create_series()
    before, third = starts(desk, series), desk.series_sessions(series)[2]
    ok(reschedule(desk, third, 2 * DAY, "THIS"))
    now = desk.session(third["id"])
    body = {"scope": "FOLLOWING", "starts_at": now["starts_at"], "duration_minutes": 90}
    shown = ok(desk.centre.post(f"/sessions/{third['id']}/reschedule", body))
    assert (shown["changed_sessions"], len(shown["kept"])) == (2, 1)
    assert moved(desk, series, before) == [timedelta(), timedelta(), 2 * DAY, timedelta()]
    shown = ok(reschedule(desk, now, HOUR, "FOLLOWING"))
    assert (shown["changed_sessions"], shown["kept"]) == (2, [])
    assert moved(desk, series, before) == [timedelta(), timedelta(), 2 * DAY + HOUR, 2 * DAY + HOUR]


@pytest.mark.parametrize("verb", ["reschedule", "cancel", "patch"])
def test_the_following_are_those_that_the_rule_has_later(desk: Desk, verb: str) -> None:
    """The third was moved before the second, and the first behind it."""
    series = desk.create_series()
    first, second, third, fourth = desk.series_sessions(series)
    ok(reschedule(desk, third, -WEEK - DAY, "THIS"))
    ok(reschedule(desk, first, WEEK + DAY, "THIS"))
    path = f"/sessions/{second['id']}"
    if verb == "patch":
        shown = ok(patch(desk, second, max_capacity=9, scope="FOLLOWING"))
        assert [kept["id"] for kept in shown["kept"]] == [third["id"]]
    else:
        body = {"room_id": desk.room["id"]} if verb == "reschedule" else {}
        shown = ok(desk.centre.post(f"{path}/{verb}", {**body, "scope": "FOLLOWING"}))
    assert shown["changed_sessions"] == 3
    reached = {
        s["id"]
        for s in desk.series_sessions(series)
        if s["status"] == "CANCELLED" or s["room_id"] == desk.room["id"] or s["max_capacity"] == 9
    }
    assert reached == {second["id"], third["id"], fourth["id"]}


def test_sessions_that_would_change_places_are_refused(desk: Desk) -> None:
    series = desk.create_series(rrule=f"{EVERY_DAY};COUNT=2")
    first, second = desk.series_sessions(series)
    ok(reschedule(desk, second, -2 * DAY, "THIS"))  # to the day before the first
    state = desk.centre.state()
    answer = reschedule(desk, first, -DAY, "ALL", include_moved=True)
    assert sorted(conflicts(answer)) == [
        (first["occurs_on"], "change-of-places"),
        (second["occurs_on"], "change-of-places"),
    ]
    assert desk.centre.state() == state


@pytest.mark.parametrize("scope", [None, "THIS", "FOLLOWING", "ALL"])
def test_a_change_without_a_change_is_refused(desk: Desk, scope: str | None) -> None:
    first = desk.series_sessions(desk.create_series())[0]
    body = {"scope": scope} if scope else {}
    refused = problem(desk.centre.post(f"/sessions/{first['id']}/reschedule", body), 422, "validation-error")
    assert list(refused["errors"]) == ["starts_at"]
