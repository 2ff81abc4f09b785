"""The report on packages: what is counted of which packages, on which days, and how it is written."""

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, text

from jalsa.dev.kit import ServiceKit
from jalsa.service import clock

from .factories import EARLY, Centre, Desk, at, hours_on, ok, problem

NOBODY = "01a1f000-0000-7000-8000-00000000dead"  # the same in every process that collects these tests
SINCE = {"override": {"reason": "known at the desk"}}
NONE = {
    "packages": 0,
    "completed_percent": None,
    "sessions": 0,
    "completed_sessions": 0,
    "completed_sessions_percent": None,
    "mean_sessions": None,
    "mean_completed_sessions": None,
    "tried_sessions": 0,
    "placed_sessions": 0,
    "placed_percent": None,
    "placed_at_first_attempt_sessions": 0,
    "placed_at_first_attempt_percent": None,
}
EMPTY = {
    "totals": NONE,
    "by_status": [
        {"key": status, "packages": 0} for status in ("DRAFT", "SCHEDULED", "IN_PROGRESS", "COMPLETED", "CANCELLED")
    ],
    "failures": [],
    "service_types": [],
    "providers": [],
}


def report(centre: Centre, **query: Any) -> dict[str, Any]:
    """The report on yesterday, today and tomorrow by UTC, within which packages are made unless said otherwise."""
    today = clock.now().date()
    bounds = {"from": today - timedelta(days=1), "to": today + timedelta(days=1)}
    return ok(centre.get("/reports/packages", **{**bounds, **query}))


def rows(centre: Centre, part: str, *figures: str, **query: Any) -> dict[str, Any]:
    """The figures of a part by key, in its order."""
    return {row["key"]: tuple(row[name] for name in figures) for row in report(centre, **query)[part]}


def schedule(desk: Desk, package: dict[str, Any], **asked: Any) -> dict[str, Any]:
    return ok(desk.centre.post(f"/packages/{package['id']}/schedule", asked))


def appointments(package: dict[str, Any]) -> list[dict[str, Any]]:
    """The participants of a package's sessions, by number."""
    return [{"id": session["appointment_id"]} for session in package["sessions"] if session.get("appointment_id")]


def attend(desk: Desk, *participants: dict[str, Any]) -> None:
    for participant in participants:
        ok(desk.do(participant, "check-in", **SINCE))
        ok(desk.do(participant, "attend"))


def cancel(desk: Desk, package: dict[str, Any]) -> None:
    """The package with its appointments, and with what has none."""
    for participant in appointments(package):
        ok(desk.do(participant, "cancel"))
    with desk.centre.kit.transaction(desk.centre.tenant) as db:
        values = {"id": package["id"], "now": clock.now()}
        db.execute(text("UPDATE packages SET status = 'CANCELLED', cancelled_at = :now WHERE id = :id"), values)
        db.execute(
            text("""
                UPDATE package_sessions SET status = 'CANCELLED', owed = false, scheduling_error_code = NULL,
                                            scheduling_error = NULL, scheduling_error_ar = NULL
                WHERE package_id = :id
            """),
            {"id": package["id"]},
        )


@contextmanager
def statements(kit: ServiceKit) -> Iterator[list[str]]:
    """What is sent to the database meanwhile."""
    sent: list[str] = []

    def note(*args: Any) -> None:
        sent.append(args[2])

    engine = kit.database.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(engine, "before_cursor_execute", note)


def test_without_packages_the_counts_are_zero_and_the_quotients_are_null(calm: Desk) -> None:
    today = clock.now().date()
    shown = report(calm.centre, **{"from": today, "to": today})
    assert shown == {"from": str(today), "to": str(today), **EMPTY}


def test_packages_are_counted_by_status_and_completed_ones_of_those_that_are_over(desk: Desk) -> None:
    desk.create_package(auto_schedule=False)
    desk.create_package()
    begun, *completed = (desk.create_package(total_sessions=number) for number in (5, 2, 2))
    attend(desk, *appointments(begun)[:2])
    for package in completed:
        attend(desk, *appointments(package))
    assert rows(desk.centre, "by_status", "packages") == {
        "DRAFT": (1,),
        "SCHEDULED": (1,),
        "IN_PROGRESS": (1,),
        "COMPLETED": (2,),
        "CANCELLED": (0,),
    }
    assert report(desk.centre)["totals"]["completed_percent"] == 100.0
    cancel(desk, desk.create_package(total_sessions=3))
    totals = report(desk.centre)["totals"]
    assert rows(desk.centre, "by_status", "packages")["CANCELLED"] == (1,)
    assert (totals["packages"], totals["completed_percent"]) == (6, 66.7)
    assert (totals["sessions"], totals["completed_sessions"], totals["completed_sessions_percent"]) == (20, 6, 30.0)
    assert (totals["mean_sessions"], totals["mean_completed_sessions"]) == (3.33, 1.0)


def test_what_could_not_be_placed_is_told_by_its_reason_and_what_was_placed_later_was_not_at_the_first_attempt(
    desk: Desk,
) -> None:
    first = at().date()
    two_days = {"start_date": str(first), "end_date": str(first + timedelta(days=1))}
    package = desk.create_package(**two_days)
    desk.create_package(auto_schedule=False)  # never tried
    assert rows(desk.centre, "failures", "sessions") == {"period-over": (2,)}
    totals = report(desk.centre)["totals"]
    assert (totals["sessions"], totals["tried_sessions"]) == (8, 4)
    assert (totals["placed_sessions"], totals["placed_percent"]) == (2, 50.0)
    assert totals["placed_at_first_attempt_sessions"] == 2
    schedule(desk, package, end_date=str(first + timedelta(days=9)))
    totals = report(desk.centre)["totals"]
    assert (totals["placed_sessions"], totals["placed_percent"]) == (4, 100.0)
    assert (totals["placed_at_first_attempt_sessions"], totals["placed_at_first_attempt_percent"]) == (2, 50.0)
    assert report(desk.centre)["failures"] == []
    other_day = hours_on((first + timedelta(days=2)).isoweekday() % 7, desk.clinic)
    unable = desk.centre.create_provider(desk.clinic, hours=[other_day])
    desk.create_package(**two_days, total_sessions=3, provider_id=unable["id"])
    given_up = desk.create_package(**two_days)
    assert list(rows(desk.centre, "failures", "sessions").items()) == [
        ("outside-working-hours", (3,)),
        ("period-over", (2,)),
    ]
    before = report(desk.centre)["totals"]
    cancel(desk, given_up)
    after = report(desk.centre)["totals"]
    assert rows(desk.centre, "failures", "sessions") == {"outside-working-hours": (3,)}
    for name in ("tried_sessions", "placed_sessions", "placed_at_first_attempt_sessions"):
        assert after[name] == before[name], name


def test_an_appointment_that_was_cancelled_was_placed_and_when_placed_again_no_attempt_has_failed(desk: Desk) -> None:
    package = desk.create_package()
    ok(desk.do(appointments(package)[0], "cancel"))
    placed = ("placed_sessions", "placed_at_first_attempt_sessions")
    totals = report(desk.centre)["totals"]
    assert [totals[name] for name in placed] == [4, 4]
    assert schedule(desk, package)["sessions"][0]["scheduling_attempts"] == 2
    totals = report(desk.centre)["totals"]
    assert [totals[name] for name in placed] == [4, 4]


def test_the_commonest_services_come_first_by_packages_and_then_by_sessions(desk: Desk) -> None:
    kinds = [desk.centre.create_service_type(code=f"{letter}{desk.service_type['code'][1:]}") for letter in "ABC"]
    for kind, sizes in zip(kinds, ([3], [2, 2], [5]), strict=True):
        for size in sizes:
            desk.create_package(service_type=kind["code"], total_sessions=size)
    rare, often, long = (kind["code"] for kind in kinds)
    assert list(rows(desk.centre, "service_types", "packages", "sessions").items()) == [
        (often, (2, 4)),
        (long, (1, 5)),
        (rare, (1, 3)),
    ]
    [alone] = report(desk.centre, service_type=rare)["service_types"]
    assert (alone["name_en"], alone["name_ar"]) == ("Occupational therapy", "علاج وظيفي")


def test_only_the_twenty_commonest_services_are_told(desk: Desk) -> None:
    codes = [desk.centre.create_service_type()["code"] for _ in range(21)]
    for code in codes:
        desk.create_package(service_type=code, total_sessions=2, auto_schedule=False)
    often = codes[-1]
    desk.create_package(service_type=often, total_sessions=2, auto_schedule=False)
    told = rows(desk.centre, "service_types", "packages")
    assert len(told) == 20
    assert next(iter(told.items())) == (often, (2,))
    assert report(desk.centre)["totals"]["packages"] == 22


def test_a_session_counts_for_the_provider_who_holds_it_and_a_missed_one_in_addition_to_its_make_up(
    desk: Desk,
) -> None:
    rules = ok(desk.centre.get("/settings"))
    ok(desk.centre.client().put("/settings", {**rules, "make_up_no_shows": True}))
    package = desk.create_package()
    attended, missed, moved, cancelled = appointments(package)
    attend(desk, attended)
    ok(desk.do(missed, "no-show", **EARLY))
    ok(desk.do(cancelled, "cancel"))
    substitute = desk.centre.create_provider(desk.clinic, name_en="Maryam")
    ok(desk.do(moved, "reschedule", starts_at=at(6), provider_id=substitute["id"]))
    figures = ("scheduled_sessions", "completed_sessions", "missed_sessions")
    assert list(rows(desk.centre, "providers", *figures).items()) == [
        (desk.provider["id"], (0, 1, 1)),
        (substitute["id"], (1, 0, 0)),
    ]
    schedule(desk, package, session_numbers=[2])
    assert rows(desk.centre, "providers", *figures)[desk.provider["id"]] == (1, 1, 1)
    assert report(desk.centre)["totals"]["completed_sessions"] == 1


def test_a_report_is_of_one_clinic_service_type_or_provider_and_of_one_tenant(desk: Desk) -> None:
    clinic, kind = desk.centre.create_clinic(), desk.centre.create_service_type()
    provider = desk.centre.create_provider(clinic)
    theirs = {"clinic_id": clinic["id"], "service_type": kind["code"], "provider_id": provider["id"]}
    desk.create_package()
    package = desk.create_package(**theirs, total_sessions=3)
    assert report(desk.centre)["totals"]["packages"] == 2
    part = report(desk.centre, **theirs)
    assert (part["totals"]["packages"], part["totals"]["sessions"], part["totals"]["placed_sessions"]) == (1, 3, 3)
    assert [row["key"] for row in part["service_types"]] == [kind["code"]]
    assert [row["key"] for row in part["providers"]] == [provider["id"]]
    for name, value in theirs.items():
        assert report(desk.centre, **{name: value}) == part
    for name, value in {"clinic_id": NOBODY, "service_type": "NO-SUCH", "provider_id": NOBODY}.items():
        assert report(desk.centre, **{name: value}).items() >= EMPTY.items()
    stranger = Centre(desk.centre.kit, f"{desk.centre.tenant}x")
    for query in ({}, theirs, {"clinic_id": package["clinic_id"]}):
        assert report(stranger, **query).items() >= EMPTY.items()


@pytest.mark.parametrize(
    ("zone", "instant", "day"),
    [
        ("Asia/Riyadh", "2027-03-10T20:59:59.999999", "2027-03-10"),
        ("Asia/Riyadh", "2027-03-10T21:00:00", "2027-03-11"),
        ("America/Los_Angeles", "2027-03-11T07:59:59", "2027-03-10"),
        ("America/Los_Angeles", "2027-03-11T08:00:00", "2027-03-11"),
        ("Pacific/Kiritimati", "2027-03-10T10:00:00", "2027-03-11"),
        ("Pacific/Pago_Pago", "2027-03-12T10:59:59", "2027-03-11"),
        ("Europe/Berlin", "2027-10-31T22:59:59", "2027-10-31"),  # this day has 25 hours
        ("Europe/Berlin", "2027-10-31T23:00:00", "2027-11-01"),
    ],
)
def test_a_package_is_of_the_local_day_of_its_clinic_on_which_it_was_created(
    centre: Centre, monkeypatch: pytest.MonkeyPatch, zone: str, instant: str, day: str
) -> None:
    desk, moment = Desk(centre, timezone=zone), datetime.fromisoformat(instant).replace(tzinfo=UTC)
    with monkeypatch.context() as patched:
        patched.setattr(clock, "now", lambda: moment)
        desk.create_package(start_date=day)
    own = datetime.fromisoformat(day).date()
    counted = [
        report(centre, **{"from": own + timedelta(days=n), "to": own + timedelta(days=n)})["totals"]["packages"]
        for n in (-1, 0, 1)
    ]
    assert counted == [0, 1, 0]


def test_one_instant_is_of_two_days_in_two_clinics_and_a_period_holds_both_its_ends(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    west = Desk(desk.centre, timezone="America/Los_Angeles")
    third, fourth = at(3).date(), at(4).date()
    with monkeypatch.context() as patched:
        patched.setattr(clock, "now", lambda: at(3, 21, 30))  # the next day in Riyadh, the same day in Los Angeles
        for one in (desk, west):
            one.create_package(start_date=str(fourth))

    def kinds(first: Any, last: Any) -> set[str]:
        return set(rows(desk.centre, "service_types", "packages", **{"from": first, "to": last}))

    east, other = desk.service_type["code"], west.service_type["code"]
    assert (kinds(third, third), kinds(fourth, fourth)) == ({other}, {east})
    assert kinds(third, fourth) == {east, other}
    assert kinds(third - timedelta(days=9), third - timedelta(days=1)) == set()


def test_a_report_takes_the_same_statements_for_one_package_and_for_many(desk: Desk) -> None:
    counted = []
    for _ in range(2):
        desk.create_package(total_sessions=2, auto_schedule=False)
        with statements(desk.centre.kit) as sent:
            report(desk.centre)
        counted.append(len(sent))
    assert counted == [6, 6]  # one of them begins the transaction, and one asks for clinics of unknown zones


def test_a_spreadsheet_has_a_row_for_every_figure(desk: Desk) -> None:
    desk.centre.create_provider(desk.clinic)
    provider = desk.centre.create_provider(desk.clinic, name_en="=1+1", name_ar="ليلى حداد")
    desk.create_package(provider_id=provider["id"], end_date=str(at(1).date()))
    today = clock.now().date()
    bounds = {"from": today - timedelta(days=1), "to": today + timedelta(days=1)}
    answer = desk.centre.get("/reports/packages", **bounds, format="csv")
    assert (answer.status_code, answer.content_type) == (200, "text/csv; charset=utf-8")
    named = f'attachment; filename="packages-{bounds["from"]}-{bounds["to"]}.csv"'
    assert answer.headers["Content-Disposition"] == named
    assert answer.data.startswith(b"\xef\xbb\xbf")
    sheet = list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"))))
    assert list(sheet[0]) == ["part", "key", "name_en", "name_ar", "figure", "value"]
    found = {(row["part"], row["key"], row["figure"]): row["value"] for row in sheet}
    shown = report(desk.centre)
    expected = {("totals", "", name): value for name, value in shown["totals"].items()}
    for part in ("by_status", "failures", "service_types", "providers"):
        for row in shown[part]:
            figures = {name: value for name, value in row.items() if name not in ("key", "name_en", "name_ar")}
            expected |= {(part, row["key"], name): value for name, value in figures.items()}
    assert found == {key: "" if value is None else str(value) for key, value in expected.items()}
    assert {row["part"] for row in sheet} == set(EMPTY)
    assert {(row["name_en"], row["name_ar"]) for row in sheet if row["part"] == "providers"} == {("'=1+1", "ليلى حداد")}
    assert desk.centre.client().call(
        "GET", "/reports/packages", query_string=bounds, headers={"Accept": "text/csv"}
    ).data == (answer.data)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"from": ...}, "from"),
        ({"to": ...}, "to"),
        ({"from": "2026-11-20T00:00:00Z"}, "from"),
        ({"to": at(0).date() - timedelta(days=1)}, "to"),
        ({"to": at(0).date() + timedelta(days=366)}, "to"),
        ({"clinic_id": "x"}, "clinic_id"),
        ({"provider_id": "x"}, "provider_id"),
        ({"service_type": "X" * 21}, "service_type"),
        ({"service_type": "A\x00B"}, "service_type"),
        ({"format": "pdf"}, "format"),
    ],
)
def test_a_bad_query_names_its_field(calm: Desk, query: dict[str, Any], field: str) -> None:
    asked = {"from": at(0).date(), "to": at(0).date(), **query}
    answer = calm.centre.get("/reports/packages", **{k: v for k, v in asked.items() if v is not ...})
    assert list(problem(answer, 422, "validation-error")["errors"]) == [field]
