"""No session is placed further ahead than 732 local days from today, in whatever way. Absences may be."""

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from werkzeug.test import TestResponse

from jalsa.service import clock
from scheduling.timetable.hours import MAX_DAYS_AHEAD

from .absences import apply, away, item
from .factories import Centre, Desk, as_json, at, created, ok, problem

DAY = timedelta(days=1)
RIYADH = ZoneInfo("Asia/Riyadh")


def last() -> date:
    """The last local day on which a session may begin. No test runs within a minute of midnight for long."""
    return clock.now().astimezone(RIYADH).date() + MAX_DAYS_AHEAD * DAY


def moment(day: date, hour: int = 9) -> datetime:
    return datetime.combine(day, time(hour), RIYADH)


def _appointment(desk: Desk, day: date) -> TestResponse:
    body = desk.placement(patient_id=desk.centre.create_patient(), starts_at=moment(day))
    return desk.centre.post("/appointments", body)


def _session(desk: Desk, day: date) -> TestResponse:
    return desk.centre.post("/sessions", desk.session_body(starts_at=moment(day)))


def _moved_session(desk: Desk, day: date) -> TestResponse:
    return desk.move(desk.create_session(), "reschedule", starts_at=moment(day))


def _moved_appointment(desk: Desk, day: date) -> TestResponse:
    return desk.do(desk.create_appointment(), "reschedule", starts_at=moment(day))


def _moved_series(desk: Desk, day: date) -> TestResponse:
    first, *_ = desk.series_sessions(desk.create_series())
    return desk.move(first, "reschedule", starts_at=moment(day - 21 * DAY), scope="ALL")


def _moved_by_an_absence(desk: Desk, day: date) -> TestResponse:
    session = desk.create_session()
    absence = away(desk, at(), at(2))
    return apply(desk, absence, item(session, "MOVE", starts_at=moment(day)))


def _package_session(desk: Desk, day: date) -> TestResponse:
    package = desk.create_package(auto_schedule=False)
    path = f"/packages/{package['id']}/sessions/1/schedule"
    return desk.centre.post(path, as_json({"starts_at": moment(day)}))


def _moved_package_session(desk: Desk, day: date) -> TestResponse:
    package = desk.create_package()
    path = f"/packages/{package['id']}/sessions/1/reschedule"
    return desk.centre.post(path, as_json({"starts_at": moment(day)}))


def _places_of_a_package(desk: Desk, day: date) -> TestResponse:
    placement = {"session_number": 1, "starts_at": moment(day).isoformat(), "provider_id": desk.provider["id"]}
    package = desk.create_package(auto_schedule=False)
    return desk.centre.post(f"/packages/{package['id']}/schedule", {"sessions": [placement]})


WAYS: list[tuple[Callable[[Desk, date], TestResponse], str]] = [
    (_appointment, "starts_at"),
    (_session, "starts_at"),
    (_moved_session, "starts_at"),
    (_moved_appointment, "starts_at"),
    (_moved_series, "starts_at"),
    (_moved_by_an_absence, "items"),
    (_package_session, "starts_at"),
    (_moved_package_session, "starts_at"),
    (_places_of_a_package, "sessions"),
]


@pytest.mark.parametrize(("way", "field"), WAYS)
def test_a_session_is_placed_on_the_last_day_and_not_on_the_next(
    centre: Centre, way: Callable[[Desk, date], TestResponse], field: str
) -> None:
    """Row 12: 201 in 2062."""
    for far in (last() + DAY, date(2062, 1, 2)):
        refused = problem(way(Desk(centre), far), 422, "validation-error")
        assert list(refused["errors"]) == [field]
        assert "Must be at most 732 days from today." in str(refused["errors"])
    assert way(Desk(centre), last()).status_code in (200, 201)


@pytest.mark.parametrize(
    ("starts_on", "rrule", "field"),
    [
        (DAY, "FREQ=WEEKLY;COUNT=2", "starts_on"),
        (-3 * DAY, "FREQ=WEEKLY;COUNT=2", "rrule"),
        (-7 * DAY, "FREQ=WEEKLY;COUNT=2", None),
    ],
)
@pytest.mark.parametrize("path", ["/series", "/series/plan"])
def test_a_series_begins_and_ends_by_then(
    desk: Desk, path: str, starts_on: timedelta, rrule: str, field: str | None
) -> None:
    answer = desk.centre.post(path, desk.series_body(starts_on=(last() + starts_on).isoformat(), rrule=rrule))
    if field is None:
        assert answer.status_code in (200, 201)
    else:
        refused = problem(answer, 422, "validation-error")
        assert refused["errors"] == {field: ["Must be at most 732 days from today."]}


def test_a_package_is_planned_and_shifted_up_to_the_last_day(desk: Desk) -> None:
    package = desk.create_package(start_date=last() - 2 * DAY)
    failed = [s["session_number"] for s in package["sessions"] if s["status"] == "FAILED"]
    assert failed == [4]  # there are three days
    ok(desk.centre.post(f"/packages/{package['id']}/sessions/4/cancel"))
    shift = {"from_session_number": 1, "days": 1}
    refused = problem(desk.centre.post(f"/packages/{package['id']}/shift", shift), 422, "validation-error")
    assert refused["errors"] == {"days": ["Must be at most 732 days from today."]}
    plan = ok(desk.centre.post("/packages/plan", desk.package_body(start_date=last() - DAY, total_sessions=4)))
    days = [placement["scheduled_date"] for s in plan["sessions"] for placement in (s, *s.get("alternatives", ()))]
    assert max(filter(None, days)) == last().isoformat()


def test_free_times_end_where_bookings_do(desk: Desk) -> None:
    def first_free(start: date) -> list[dict[str, Any]]:
        query = {"service_type": desk.service_type["code"], "provider_id": desk.provider["id"], "step_minutes": 120}
        found = ok(desk.centre.get("/availability", **query, **{"from": start, "to": start + 30 * DAY}, limit=200))
        return list(found["items"])

    assert {slot["local_date"] for slot in first_free(last())} == {last().isoformat()}
    assert first_free(last() + DAY) == []


def test_what_an_absence_proposes_can_be_had(desk: Desk) -> None:
    session = desk.create_session(starts_at=moment(last()))
    path = f"/providers/{desk.provider['id']}/time-off"
    body = {"starts_at": moment(last(), 0), "ends_at": moment(last() + DAY, 0)}
    [hit] = created(desk.centre.post(path, as_json(body)))["affected_sessions"]
    assert (hit["id"], hit["proposal"]["new_slot"]) == (session["id"], None)
