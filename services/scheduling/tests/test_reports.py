"""Reports: what is counted, on which days, and how it is written."""

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from jalsa.http.sheets import SEPARATORS
from jalsa.service import clock

from .factories import EARLY, Centre, Desk, at, created, hours_on, ok, problem

DAY = at(1).date()
REPORTS = ("utilisation", "no-shows", "capacity", "lead-time")
SINCE = {"override": {"reason": "known at the desk"}}


def report(centre: Centre, name: str, **query: Any) -> list[dict[str, Any]]:
    """The rows of a report on the day of `at()`, unless said otherwise."""
    answer = ok(centre.get(f"/reports/{name}", **{"from": DAY, "to": DAY, **query}))
    return list(answer["items"])


def sheet(centre: Centre, name: str, **query: Any) -> list[dict[str, str]]:
    """The same as a spreadsheet reads it."""
    answer = centre.get(f"/reports/{name}", **{"from": DAY, "to": DAY, "format": "csv", **query})
    assert answer.status_code == 200, answer.text
    assert answer.content_type == "text/csv; charset=utf-8"
    assert answer.data.startswith(b"\xef\xbb\xbf")
    delimiter = SEPARATORS[query.get("separator", "comma")]
    return list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig")), delimiter=delimiter))


def worked(desk: Desk, start: str = "09:00", end: str = "17:00") -> dict[str, Any]:
    """A provider of the desk's clinic with these hours on every day."""
    week = [hours_on(day, desk.clinic, start, end) for day in range(7)]
    return desk.centre.create_provider(desk.clinic, hours=week)


def only(rows: list[dict[str, Any]], key: str) -> dict[str, Any]:
    [row] = [row for row in rows if row["key"] == key]
    return row


def test_a_providers_utilisation_is_what_is_booked_of_the_hours_that_are_left(desk: Desk) -> None:
    provider = worked(desk)  # 06:00 to 14:00 UTC
    for hour in (6, 8):
        desk.create_session(provider_id=provider["id"], starts_at=at(1, hour), duration_minutes=90)
    cancelled = desk.create_session(provider_id=provider["id"], starts_at=at(1, 10))
    ok(desk.centre.post(f"/sessions/{cancelled['id']}/cancel"))
    assert only(report(desk.centre, "utilisation"), provider["id"]) == {
        "key": provider["id"],
        "name_en": "Layla Haddad",
        "name_ar": "ليلى حداد",
        "sessions": 2,
        "booked_minutes": 180,
        "available_minutes": 480,
        "utilisation_percent": 37.5,
    }
    away = {"starts_at": at(1, 12).isoformat(), "ends_at": at(1, 20).isoformat()}
    created(desk.centre.post(f"/providers/{provider['id']}/time-off", away))
    assert only(report(desk.centre, "utilisation"), provider["id"])["available_minutes"] == 360
    names = {"name_en": "Eid", "name_ar": "عيد", "clinic_id": desk.clinic["id"]}
    created(desk.centre.post("/closures", {**names, "starts_on": str(DAY), "ends_on": str(DAY)}))
    closed = only(report(desk.centre, "utilisation"), provider["id"])
    assert (closed["booked_minutes"], closed["available_minutes"], closed["utilisation_percent"]) == (180, 0, None)
    assert (
        only(report(desk.centre, "utilisation", to=DAY + timedelta(days=2)), provider["id"])["available_minutes"] == 960
    )


def test_a_rooms_utilisation_is_what_is_booked_of_the_time_in_which_anybody_works_there(desk: Desk) -> None:
    clinic = desk.centre.create_clinic()
    room, empty = desk.centre.create_room(clinic, name="A"), desk.centre.create_room(clinic, name="B")
    first, second = (
        desk.centre.create_provider(clinic, hours=[hours_on(day, clinic, *hours) for day in range(7)])
        for hours in (("09:00", "13:00"), ("12:00", "17:00"))
    )
    placement = {"clinic_id": clinic["id"], "room_id": room["id"]}
    desk.create_session(provider_id=first["id"], starts_at=at(1, 6), duration_minutes=60, **placement)
    desk.create_session(provider_id=second["id"], starts_at=at(1, 10), duration_minutes=60, **placement)
    rows = report(desk.centre, "utilisation", by="room", clinic_id=clinic["id"])
    assert [(r["key"], r["name_en"], r["booked_minutes"], r["available_minutes"]) for r in rows] == [
        (room["id"], "A", 120, 480),
        (empty["id"], "B", 0, 480),
    ]
    of_one = report(desk.centre, "utilisation", by="room", clinic_id=clinic["id"], provider_id=first["id"])
    assert only(of_one, room["id"])["booked_minutes"] == 60


def test_a_session_is_counted_on_its_clinics_day_and_a_changed_clock_changes_the_hours(centre: Centre) -> None:
    desk = Desk(centre, timezone="Europe/Berlin")
    desk.create_session(starts_at=datetime(2027, 10, 30, 22, 30, tzinfo=UTC), duration_minutes=30)  # 00:30 on the 31st
    rows = {day: report(centre, "utilisation", **{"from": day, "to": day}) for day in ("2027-10-30", "2027-10-31")}
    assert [(r[0]["booked_minutes"], r[0]["available_minutes"]) for r in rows.values()] == [(0, 1440), (30, 1500)]


def test_no_shows_are_counted_of_those_whose_place_came_to_an_outcome(desk: Desk) -> None:
    group, single = desk.create_session(max_capacity=6), desk.create_individual(starts_at=at(1, 12))
    attended, arrived, missed, gone, _coming = (desk.create_participant(group) for _ in range(5))
    also_missed = desk.create_participant(single)
    for participant in (attended, arrived):
        ok(desk.centre.post(f"/participants/{participant['id']}/check-in", SINCE))
    ok(desk.centre.post(f"/participants/{attended['id']}/attend"))
    for participant in (missed, also_missed):
        ok(desk.centre.post(f"/participants/{participant['id']}/no-show", EARLY))
    ok(desk.centre.post(f"/participants/{gone['id']}/cancel"))
    counted = {"attended": 1, "arrived": 1, "no_shows": 2, "expected": 4, "no_show_percent": 50.0}
    weekday = DAY.isoweekday() % 7
    for by, key in (
        ("provider", desk.provider["id"]),
        ("service_type", desk.service_type["code"]),
        ("weekday", str(weekday)),
    ):
        [row] = report(desk.centre, "no-shows", by=by)
        assert row["key"] == key
        assert row.items() >= counted.items()
        assert row["name_en"] == {"weekday": DAY.strftime("%A"), "provider": "Layla Haddad"}.get(
            by, "Occupational therapy"
        )
        assert row["name_ar"]
    assert report(desk.centre, "no-shows", **{"from": DAY + timedelta(days=1), "to": DAY + timedelta(days=1)}) == []


def test_capacity_is_of_group_sessions_and_of_the_places_that_are_taken(desk: Desk) -> None:
    full, half = desk.create_session(max_capacity=2), desk.create_session(starts_at=at(1, 12), max_capacity=6)
    desk.create_appointment(starts_at=at(1, 15))
    cancelled = desk.create_session(starts_at=at(1, 18))
    ok(desk.centre.post(f"/sessions/{cancelled['id']}/cancel"))
    left = [desk.create_participant(session) for session in (full, full, half, half)][-1]
    ok(desk.centre.post(f"/participants/{left['id']}/cancel"))
    for by in ("provider", "service_type", "weekday"):
        [row] = report(desk.centre, "capacity", by=by)
        assert {name: row[name] for name in ("sessions", "places_offered", "places_used", "used_percent")} == {
            "sessions": 2,
            "places_offered": 8,
            "places_used": 3,
            "used_percent": 37.5,
        }


def test_lead_time_is_from_booking_to_start_in_days(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    session = desk.create_session(max_capacity=5)
    for days in (1, 2, 3, 6, 7):
        with monkeypatch.context() as patched:
            moment = at(1, 9) - timedelta(days=days)
            patched.setattr(clock, "now", lambda moment=moment: moment)
            last = desk.create_participant(session)
    ok(desk.centre.post(f"/participants/{last['id']}/cancel"))
    [row] = report(desk.centre, "lead-time")
    assert row == {
        "key": desk.service_type["code"],
        "name_en": "Occupational therapy",
        "name_ar": "علاج وظيفي",
        "appointments": 4,
        "median_days": 2.5,
        "mean_days": 3.0,
        "percentile_90_days": 5.1,
    }


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_is_of_one_clinic_or_provider_and_of_one_tenant(desk: Desk, name: str) -> None:
    clinic = desk.centre.create_clinic()
    provider = desk.centre.create_provider(clinic, hours=[hours_on(day, clinic, "00:00", "14:00") for day in range(7)])
    placement = {"clinic_id": clinic["id"], "provider_id": provider["id"]}
    for session in (desk.create_session(), desk.create_session(**placement)):
        ok(desk.centre.post(f"/participants/{desk.create_participant(session)['id']}/no-show", EARLY))
        desk.create_participant(session)
    whole = report(desk.centre, name)
    part = report(desk.centre, name, clinic_id=clinic["id"])
    assert part == report(desk.centre, name, provider_id=provider["id"])
    assert part == report(desk.centre, name, provider_id=provider["id"], clinic_id=clinic["id"])
    assert len(part) == 1
    assert part != whole
    assert report(desk.centre, name, clinic_id=uuid4()) == []
    stranger = Centre(desk.centre.kit, f"{desk.centre.tenant}x")
    assert report(stranger, name) == []
    assert report(stranger, name, clinic_id=desk.clinic["id"], provider_id=desk.provider["id"]) == []
    assert sheet(stranger, name) == []


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_is_the_same_in_a_spreadsheet_also_in_arabic(desk: Desk, name: str) -> None:
    session = desk.create_session()
    ok(desk.centre.post(f"/participants/{desk.create_participant(session)['id']}/no-show", EARLY))
    desk.create_participant(session)
    [row] = report(desk.centre, name)
    [written] = sheet(desk.centre, name)
    assert written == {column: str(value) for column, value in row.items()}
    assert written["name_ar"] in ("ليلى حداد", "علاج وظيفي")


def test_a_name_that_a_spreadsheet_would_run_is_only_text(desk: Desk) -> None:
    names = ('=HYPERLINK("http://x.example")', "+1", "-1", "@SUM(1)", "＝1+1", "＋1", "－1", "＠A1", "−1", '"=1')
    for name in names:
        desk.centre.create_provider(desk.clinic, name_en=name, name_ar=name)
    desk.centre.create_provider(desk.clinic, name_en="a;=1, -2 b-c", name_ar="س؛=1")
    for separator in SEPARATORS:
        found = {row["name_en"] for row in sheet(desk.centre, "utilisation", separator=separator)}
        assert found == {"Layla Haddad", "a;'=1,' -2 b-c", *(f"'{name}" for name in names)}
    assert {row["name_en"] for row in report(desk.centre, "utilisation")} == {"Layla Haddad", "a;=1, -2 b-c", *names}


@pytest.mark.parametrize(("name", "character"), SEPARATORS.items())
@pytest.mark.parametrize("which", [*REPORTS, "packages"])
def test_cells_are_separated_as_asked_and_texts_alone_are_quoted(
    desk: Desk, name: str, character: str, which: str
) -> None:
    desk.create_participant(desk.create_session())
    asked = {"from": DAY, "to": DAY, "format": "csv", "separator": name}
    lines = desk.centre.get(f"/reports/{which}", **asked).data.decode("utf-8-sig").splitlines()
    columns = lines[0].split(character)
    assert all(column == f'"{column.strip(chr(34))}"' for column in columns)
    assert len(columns) > 3
    for line in lines[1:]:
        cells = line.split(character)
        assert len(cells) == len(columns)
        assert all((cell.startswith('"') and cell.endswith('"')) or float(cell) >= 0 for cell in cells)


@pytest.mark.parametrize("which", [*REPORTS, "packages"])
def test_an_unknown_separator_is_refused(calm: Desk, which: str) -> None:
    for separator in (",", ";", "pipe", ""):
        answer = calm.centre.get(f"/reports/{which}", **{"from": DAY, "to": DAY, "separator": separator})
        assert list(problem(answer, 422, "validation-error")["errors"]) == ["separator"]


@pytest.mark.parametrize(
    ("accept", "query", "kind"),
    [
        ("text/csv", {}, "text/csv; charset=utf-8"),
        ("text/csv;q=0.5, application/json", {}, "application/json"),
        ("*/*", {}, "application/json"),
        ("application/xml", {}, "application/json"),
        ("text/csv", {"format": "json"}, "application/json"),
        ("application/json", {"format": "csv"}, "text/csv; charset=utf-8"),
    ],
)
def test_a_report_has_the_requested_form(calm: Desk, accept: str, query: dict[str, str], kind: str) -> None:
    asked = {"from": DAY, "to": DAY, **query}
    answer = calm.centre.client().call("GET", "/reports/lead-time", query_string=asked, headers={"Accept": accept})
    assert (answer.status_code, answer.content_type) == (200, kind)
    if kind.startswith("text/csv"):
        name = f"lead-time-{DAY}-{DAY}.csv"
        assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}"'


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"from": ...}, "from"),
        ({"to": ...}, "to"),
        ({"from": "2026-02-30"}, "from"),
        ({"from": "2026-11-20T00:00:00Z"}, "from"),
        ({"to": "9999-12-31"}, "to"),
        ({"from": "0001-01-01"}, "from"),
        ({"to": DAY - timedelta(days=1)}, "to"),
        ({"to": DAY + timedelta(days=366)}, "to"),
        ({"clinic_id": "x"}, "clinic_id"),
        ({"provider_id": "x"}, "provider_id"),
        ({"format": "pdf"}, "format"),
        ({"by": "moon"}, "by"),
    ],
)
@pytest.mark.parametrize("name", ["utilisation", "no-shows", "capacity"])
def test_a_bad_query_names_its_field(calm: Desk, name: str, query: dict[str, Any], field: str) -> None:
    asked = {"from": DAY, "to": DAY, **query}
    answer = calm.centre.get(f"/reports/{name}", **{k: v for k, v in asked.items() if v is not ...})
    assert list(problem(answer, 422, "validation-error")["errors"]) == [field]


def test_a_leap_years_days_are_reported_at_once(calm: Desk) -> None:
    for name in REPORTS:
        ok(calm.centre.get(f"/reports/{name}", **{"from": "2028-01-01", "to": "2028-12-31"}))
