"""Series. Every occurrence is checked before any is stored, and the wall time outlasts a change of the clocks."""

from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from jalsa.dev.kit import ServiceKit
from scheduling.models import ClinicalSession, SessionSeries

from .factories import Centre, Desk, at, created, hours_on, ok, problem
from .test_races import Post, at_once, overlaps

NOBODY = "01a1f000-0000-7000-8000-00000000dead"  # the same in every process that collects these tests

WEEK = timedelta(weeks=1)


def start(week: int = 0, hour: int = 10) -> datetime:
    """The start of the desk's series in some week: 10:00 in Riyadh, which has no clock changes."""
    return datetime.combine(at().date(), time(hour), ZoneInfo("Asia/Riyadh")) + week * WEEK


def clock_change(month: int) -> date:
    """The next day in March or October on which Europe's clocks change and that leaves room before it."""
    this_year = at().year
    for year in (this_year, this_year + 1):
        last = date(year, month, 31)
        sunday = last - timedelta(days=last.isoweekday() % 7)
        if sunday > at(30).date():
            return sunday
    raise AssertionError("unreachable")


def conflicts(answer: Any) -> list[tuple[str, str]]:
    """The day and the code of each conflict in the answer."""
    return [(c["occurs_on"], c["code"]) for c in problem(answer, 409, "series-conflicts")["conflicts"]]


def day(week: int) -> str:
    return (at().date() + week * WEEK).isoformat()


def test_a_series_has_an_ordinary_session_for_every_occurrence(desk: Desk) -> None:
    series = desk.create_series(room_id=desk.room["id"], min_participants=2, group_notes="Bring water.")
    assert series["rrule"].startswith("FREQ=WEEKLY;INTERVAL=1;BYDAY=")
    assert series["rrule"].endswith(";COUNT=4;WKST=SU")
    assert [o["occurs_on"] for o in series["occurrences"]] == [day(week) for week in range(4)]
    assert series["sessions"] == {"scheduled": 4, "in_progress": 0, "completed": 0, "cancelled": 0}
    assert (series["skipped"], series["exceptions"], series["start_time"]) == ([], [], "10:00")
    sessions = desk.series_sessions(series)
    assert [s["id"] for s in sessions] == [o["session_id"] for o in series["occurrences"]]
    assert [datetime.fromisoformat(s["starts_at"]) for s in sessions] == [start(week) for week in range(4)]
    assert len({s["session_number"] for s in sessions}) == 4
    for session in sessions:
        assert session["series_id"] == series["id"]
        assert (session["session_type"], session["max_capacity"], session["min_participants"]) == ("GROUP", 3, 2)
        assert (session["room_id"], session["group_notes"]) == (desk.room["id"], "Bring water.")
        assert session["decision_at"] is not None
    published = desk.centre.kit.events(desk.centre.tenant, "SessionScheduled")
    assert [e.data["session_id"] for e in published] == [s["id"] for s in sessions]


def test_a_series_reads_as_it_was_answered(desk: Desk) -> None:
    answer = desk.centre.post("/series", desk.series_body())
    made = created(answer)
    read = desk.centre.get(f"/series/{made['id']}")
    assert ok(read) == {k: v for k, v in made.items() if k not in ("occurrences", "skipped")}
    assert read.headers["ETag"] == answer.headers["ETag"]
    ok(desk.centre.post(f"/sessions/{made['occurrences'][1]['session_id']}/cancel"))
    assert ok(desk.centre.get(f"/series/{made['id']}"))["sessions"]["cancelled"] == 1


def test_series_are_listed_in_pages_and_by_what_they_are_of(desk: Desk) -> None:
    other = desk.centre.create_provider(desk.clinic)
    made = [desk.create_series(), desk.create_series(provider_id=other["id"])]
    ids = [series["id"] for series in made]
    first = ok(desk.centre.get("/series", limit=1))
    second = ok(desk.centre.get("/series", limit=1, cursor=first["next_cursor"]))
    assert [item["id"] for page in (first, second) for item in page["items"]] == ids
    assert second["next_cursor"] is None
    for query, found in (
        ({"provider_id": other["id"]}, ids[1:]),
        ({"clinic_id": desk.clinic["id"]}, ids),
        ({"clinic_id": NOBODY}, []),
        ({"service_type": desk.service_type["code"]}, ids),
        ({"service_type": "NO-SUCH"}, []),
    ):
        assert [item["id"] for item in ok(desk.centre.get("/series", **query))["items"]] == found, query
    path = f"/series/{ids[0]}/sessions"
    page = ok(desk.centre.get(path, limit=3))
    rest = ok(desk.centre.get(path, limit=3, cursor=page["next_cursor"]))
    assert page["items"] + rest["items"] == desk.series_sessions(made[0])


def test_the_third_occurrences_conflict_is_found_and_nothing_is_stored(desk: Desk) -> None:
    desk.create_session(starts_at=start(2) + timedelta(minutes=30))
    before = desk.centre.state()
    refused = desk.centre.post("/series", desk.series_body())
    assert conflicts(refused) == [(day(2), "provider-busy")]
    [told] = refused.get_json()["conflicts"]
    assert datetime.fromisoformat(told["starts_at"]) == start(2)
    assert (told["rule"], told["overridable"]) == ("overlap", False)
    assert desk.centre.state() == before


def test_every_conflict_of_every_occurrence_is_told_at_once(desk: Desk) -> None:
    other = desk.centre.create_provider(desk.clinic)
    desk.create_session(starts_at=start(0))
    desk.create_session(starts_at=start(1), provider_id=other["id"], room_id=desk.room["id"])
    desk.create_session(starts_at=start(3), room_id=desk.room["id"])
    closure = {"clinic_id": desk.clinic["id"], "kind": "CLOSURE", "name_en": "Works", "name_ar": "أعمال"}
    created(desk.centre.post("/closures", {**closure, "starts_on": day(2), "ends_on": day(2)}))
    assert conflicts(desk.centre.post("/series", desk.series_body(room_id=desk.room["id"]))) == [
        (day(0), "provider-busy"),
        (day(1), "room-busy"),
        (day(2), "outside-working-hours"),
        (day(3), "provider-busy"),
        (day(3), "room-busy"),
    ]


def test_occurrences_with_conflicts_become_exceptions_where_that_is_asked_for(desk: Desk) -> None:
    desk.create_session(starts_at=start(2))
    series = desk.create_series(skip_conflicts=True, exceptions=[day(1), day(1), "2000-01-01"])
    assert [o["occurs_on"] for o in series["occurrences"]] == [day(0), day(3)]
    assert [(s["occurs_on"], s["code"]) for s in series["skipped"]] == [(day(2), "provider-busy")]
    assert series["exceptions"] == [day(1), day(2)]
    assert len(desk.series_sessions(series)) == 2


def test_a_series_of_which_nothing_is_left_is_refused_even_then(desk: Desk) -> None:
    for week in range(4):
        desk.create_session(starts_at=start(week))
    assert len(conflicts(desk.centre.post("/series", desk.series_body(skip_conflicts=True)))) == 4
    assert desk.centre.kit.count(desk.centre.tenant, SessionSeries) == 0


def test_the_plan_tells_all_that_would_be_and_stores_nothing(desk: Desk) -> None:
    desk.create_session(starts_at=start(2))
    before = desk.centre.state()
    planned = ok(desk.centre.post("/series/plan", desk.series_body(exceptions=[day(1)])))["occurrences"]
    assert [(p["occurs_on"], p["shifted"], [c["code"] for c in p["conflicts"]]) for p in planned] == [
        (day(0), False, []),
        (day(2), False, ["provider-busy"]),
        (day(3), False, []),
    ]
    assert datetime.fromisoformat(planned[0]["starts_at"]) == start()
    assert datetime.fromisoformat(planned[0]["ends_at"]) == start() + timedelta(hours=1)
    assert desk.centre.state() == before


def test_a_manager_overrides_hours_for_all_but_never_an_overlap(desk: Desk) -> None:
    provider = desk.centre.create_provider(desk.clinic, hours=[hours_on(n, desk.clinic, "12:00") for n in range(7)])
    body = desk.series_body(provider_id=provider["id"])
    assert conflicts(desk.centre.post("/series", body)) == [(day(n), "outside-working-hours") for n in range(4)]
    body["override"] = {"reason": "The hall is free only then."}
    refused = desk.centre.client("front-desk").post("/series", body)
    problem(refused, 403, "forbidden")
    problem(desk.centre.client("front-desk").post("/series/plan", body), 403, "forbidden")
    taken = desk.create_session(starts_at=start(1), provider_id=provider["id"], override=body["override"])
    assert conflicts(desk.centre.post("/series", body)) == [(day(1), "provider-busy")]
    ok(desk.centre.post(f"/sessions/{taken['id']}/cancel"))
    for session in desk.series_sessions(created(desk.centre.post("/series", body))):
        assert (session["overridden"], session["override_reason"]) == (["working-hours"], body["override"]["reason"])


def test_occurrences_keep_the_buffers_from_each_other(desk: Desk) -> None:
    """Eight hours with eight before and after fill a day exactly: an hour less when the clocks go forward."""
    berlin = Desk(desk.centre, timezone="Europe/Berlin")
    long = desk.centre.create_service_type(buffer_before_minutes=480, buffer_after_minutes=480)
    sunday = clock_change(3)
    body = berlin.series_body(
        service_type=long["code"],
        duration_minutes=480,
        start_time="08:00",
        starts_on=(sunday - timedelta(days=2)).isoformat(),
        rrule="FREQ=WEEKLY;BYDAY=FR,SA,SU,MO;COUNT=4",
    )
    assert conflicts(desk.centre.post("/series", body)) == [(sunday.isoformat(), "series-overlap")]
    skipped = created(desk.centre.post("/series", {**body, "skip_conflicts": True}))
    assert len(skipped["occurrences"]) == 3
    assert [s["rule"] for s in skipped["skipped"]] == ["buffer"]


@pytest.mark.parametrize(("month", "before", "after"), [(3, "09:00", "08:00"), (10, "08:00", "09:00")])
def test_the_wall_time_stays_when_the_clocks_change(desk: Desk, month: int, before: str, after: str) -> None:
    berlin = Desk(desk.centre, timezone="Europe/Berlin")
    starts_on = clock_change(month) - timedelta(days=13)  # a Monday
    series = berlin.create_series(starts_on=starts_on.isoformat(), rrule="FREQ=WEEKLY;COUNT=4")
    starts = [s["starts_at"] for s in berlin.series_sessions(series)]
    assert [s[11:16] for s in starts] == [before, before, after, after]
    zone = ZoneInfo("Europe/Berlin")
    assert {datetime.fromisoformat(s).astimezone(zone).time() for s in starts} == {time(10)}


def test_a_time_that_the_clock_leaves_out_is_shifted_and_one_that_comes_twice_is_the_first(desk: Desk) -> None:
    berlin = Desk(desk.centre, timezone="Europe/Berlin")
    spring, autumn = clock_change(3), clock_change(10)
    body = {"start_time": "02:30", "rrule": "FREQ=WEEKLY;COUNT=2"}
    planned = berlin.series_body(**body, starts_on=(spring - WEEK).isoformat())
    occurrences = ok(desk.centre.post("/series/plan", planned))["occurrences"]
    assert [(o["starts_at"][11:16], o["shifted"]) for o in occurrences] == [("01:30", False), ("01:30", True)]
    series = berlin.create_series(**body, starts_on=autumn.isoformat())
    assert [(o["starts_at"][11:16], o["shifted"]) for o in series["occurrences"]] == [
        ("00:30", False),
        ("01:30", False),
    ]


def test_where_the_clocks_do_not_change_neither_do_the_instants(desk: Desk) -> None:
    series = desk.create_series(starts_on=(clock_change(3) - WEEK).isoformat(), rrule="FREQ=WEEKLY;COUNT=40")
    assert {o["starts_at"][11:16] for o in series["occurrences"]} == {"07:00"}
    assert not any(o["shifted"] for o in series["occurrences"])


def test_of_two_overlapping_series_at_once_one_is_made_and_the_other_refused(desk: Desk) -> None:
    caller = desk.centre.client()
    bodies = [desk.series_body(start_time=f"10:{minute:02}", rrule="FREQ=WEEKLY;COUNT=12") for minute in (0, 20, 40)]
    answers = at_once(*(Post(caller, "/series", body) for body in bodies))
    assert answers == {(201, None): 1, (409, "series-conflicts"): 2}
    assert desk.centre.kit.count(desk.centre.tenant, ClinicalSession) == 12
    assert overlaps(desk) == 0


UNKNOWN = "00000000-0000-7000-8000-000000000000"
BAD = [
    ("rrule", "FREQ=WEEKLY;COUNT=101"),
    ("rrule", "FREQ=WEEKLY;UNTIL=20000101"),
    ("rrule", "FREQ=WEEKLY;INTERVAL=4;COUNT=100"),
    ("rrule", "FREQ=DAILY;COUNT=2"),
    ("rrule", "FREQ=WEEKLY"),
    ("rrule", "FREQ=WEEKLY;COUNT=2;UNTIL=20300101"),
    ("rrule", "weekly"),
    ("rrule", ""),
    ("rrule", ...),
    ("starts_on", "2000-01-01"),
    ("starts_on", "9999-12-31"),
    ("starts_on", "0001-01-01"),
    ("starts_on", "31.12.2030"),
    ("starts_on", ...),
    ("start_time", "25:00"),
    ("start_time", ...),
    ("starts_at", at().isoformat()),
    ("exceptions", ["tomorrow"]),
    ("exceptions", [day(n) for n in range(4)]),
    ("exceptions", [day(0)] * 101),
    ("max_capacity", 21),
    ("max_capacity", ...),
    ("min_participants", 4),
    ("duration_minutes", 481),
    ("skip_conflicts", "perhaps"),
    ("session_type", "GROUP"),
    ("clinic_id", UNKNOWN),
    ("provider_id", UNKNOWN),
    ("room_id", UNKNOWN),
    ("service_type", "NO-SUCH"),
]


@pytest.mark.parametrize(("field", "value"), BAD)
@pytest.mark.parametrize("path", ["/series", "/series/plan"])
def test_a_series_names_the_field_that_is_wrong(calm: Desk, path: str, field: str, value: Any) -> None:
    before = calm.centre.state()
    refused = problem(calm.centre.post(path, calm.series_body(**{field: value})), 422, "validation-error")
    assert list(refused["errors"]) == [field]
    assert calm.centre.state() == before


def test_what_is_not_there_is_not_found(desk: Desk) -> None:
    series, unknown = desk.create_series(), str(uuid4())
    stranger = Centre(desk.centre.kit, f"{desk.centre.tenant}x")
    for path in ("", "/sessions", "/members"):
        problem(desk.centre.get(f"/series/{unknown}{path}"), 404, "not-found")
        problem(stranger.get(f"/series/{series['id']}{path}"), 404, "not-found")
    problem(desk.centre.get(f"/series/{series['id']}/members/{unknown}"), 404, "not-found")
    problem(stranger.post(f"/series/{series['id']}/members", {"patient_id": unknown}), 404, "not-found")


def test_a_series_and_its_sessions_are_audited(desk: Desk, kit: ServiceKit) -> None:
    series = desk.create_series()
    counted = text("SELECT count(*) FROM audit_log WHERE table_name = :name AND action = 'INSERT' AND actor = 'tester'")
    with kit.transaction(desk.centre.tenant) as db:
        told = {name: db.execute(counted, {"name": name}).scalar_one() for name in ("session_series", "sessions")}
    assert told == {"session_series": 1, "sessions": 4}
    assert series["created_by"] == "tester"
