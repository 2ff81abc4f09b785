"""Packages through HTTP: what a plan shows, what becomes of it, what is tried again, and what others are told."""

import random
import time as stopwatch
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from jalsa import clock
from jalsa.testing.kit import ServiceKit
from scheduling import queries
from scheduling.models import Clinic, Provider, Room
from scheduling.operations.placing import Place, conflicts

from .factories import Centre, Desk, as_json, at, created, hours_on, ok, problem

RIYADH = ZoneInfo("Asia/Riyadh")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
START = at().date()
WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
#: A session of a package as a plan tells it, and as the package does.
PLACE = ("session_number", "starts_at", "ends_at", "scheduled_date", "scheduled_time", "provider_id", "room_id")
REASON = ("session_number", "scheduling_error_code", "scheduling_error", "scheduling_error_ar")


def nine(day: int, hour: int = 9) -> datetime:
    """Nine o'clock by the clinic's clock, so many days after the start."""
    return datetime.combine(START + day * DAY, time(hour), RIYADH).astimezone(UTC)


def week(clinic: dict[str, Any], start: str = "09:00", end: str = "17:00") -> list[dict[str, Any]]:
    return [hours_on(day, clinic, start, end) for day in range(7)]


def weekday(day: date) -> int:
    """0 = Sunday."""
    return day.isoweekday() % 7


@pytest.fixture
def office(desk: Desk) -> Desk:
    """A desk whose provider works from nine to five."""
    path = f"/providers/{desk.provider['id']}/working-hours"
    ok(desk.centre.client().put(path, {"items": week(desk.clinic)}))
    return desk


def colleague(desk: Desk, name: str = "Zaid Omar", **overrides: Any) -> dict[str, Any]:
    """Another provider with the same hours; last by name unless said otherwise."""
    return desk.centre.create_provider(desk.clinic, **{"hours": week(desk.clinic), "name_en": name, **overrides})


def shown(desk: Desk, **overrides: Any) -> dict[str, Any]:
    """A plan."""
    return ok(desk.centre.post("/packages/plan", desk.package_body(**overrides)))


def schedule(desk: Desk, package: dict[str, Any], **body: Any) -> dict[str, Any]:
    return ok(desk.centre.post(f"/packages/{package['id']}/schedule", as_json(body)))


def block(desk: Desk, *days: int, hour: int = 9, hours: int = 8, **overrides: Any) -> list[dict[str, Any]]:
    """Sessions of others that take the provider's time on some days."""
    taken = {"duration_minutes": 60 * hours, **overrides}
    return [desk.create_session(starts_at=nine(day, hour), **taken) for day in days]


def when(answer: dict[str, Any]) -> list[str | None]:
    """Each session's day after the start and its local time, or what stands against it."""
    return [
        f"{(date.fromisoformat(s['scheduled_date']) - START).days} {s['scheduled_time']}"
        if s["scheduled_date"]
        else s["scheduling_error_code"]
        for s in answer["sessions"]
    ]


def picked(session: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: session[name] for name in names}


def of(answer: dict[str, Any], *names: str) -> list[Any]:
    rows = [tuple(session[name] for name in names) for session in answer["sessions"]]
    return [row[0] for row in rows] if len(names) == 1 else rows


# What a plan shows


@pytest.mark.parametrize(
    "wishes",
    [
        {},
        {"preferred_time": "AFTERNOON", "tolerance_days": 3},
        {"preferred_time": "11:30", "gap_days": 3, "room_required": True},
        {"end_date": START + 2 * DAY},
        {"preferred_days": [weekday(START), weekday(START + 2 * DAY)], "end_date": START + 5 * DAY},
        {"use_multiple_providers": True, "provider_id": None, "total_sessions": 6},
        {"provider_id": None, "session_duration_minutes": 480},
    ],
    ids=["plain", "part of the day", "time, gap, room", "too short", "weekdays", "anybody", "whoever fits best"],
)
def test_a_plan_stores_nothing_and_is_what_creating_then_does(office: Desk, wishes: dict[str, Any]) -> None:
    colleague(office)
    block(office, 1, hours=3)
    wishes = {**wishes, "patient_id": office.centre.create_patient()}
    before = office.centre.state()
    plan = shown(office, **wishes)
    assert office.centre.state() == before
    package = office.create_package(**wishes)
    assert of(package, "session_number", "status") == of(plan, "session_number", "status")
    for planned, made in zip(plan["sessions"], package["sessions"], strict=True):
        assert picked(made, *PLACE) == {**dict.fromkeys(PLACE), **picked(planned, *PLACE)}
        if planned["status"] == "FAILED":
            assert picked(made, *REASON) == picked(planned, *REASON)
    counted = Counter(of(plan, "status"))
    assert plan["scheduled_sessions_count"] == counted["SCHEDULED"] == package["scheduled_sessions_count"]
    assert plan["failed_sessions_count"] == counted["FAILED"] == package["failed_sessions_count"]


def test_a_failed_session_says_what_was_looked_for(office: Desk) -> None:
    day = weekday(START)
    block(office, 0, 7)
    plan = shown(office, preferred_days=[day], end_date=START + 13 * DAY)
    first, last = START, START + 13 * DAY
    assert set(of(plan, "scheduling_error")) == {
        f"No free 60 minutes of the assigned provider on a {WEEKDAYS[day]} "
        f"from {first.day} {first:%B} {first.year} to {last.day} {last:%B} {last.year}."
    }


@pytest.mark.parametrize(
    ("kind", "wishes"),
    [
        ("OTHER_DAY", {"preferred_days": [weekday(START)], "end_date": START + 9 * DAY}),
        ("LATER", {"end_date": START + DAY}),
        ("LATER", {"end_date": START + DAY, "room_required": True, "gap_days": 5}),
        ("OTHER_PROVIDER", {"end_date": START + 4 * DAY, "total_sessions": 5}),
        ("OTHER_PROVIDER", {"end_date": START + 4 * DAY, "total_sessions": 5, "provider_id": None}),
    ],
)
def test_alternatives_of_a_kind_can_be_had_together(office: Desk, kind: str, wishes: dict[str, Any]) -> None:
    zaid = colleague(office)
    if kind == "OTHER_PROVIDER":
        block(office, 3, 4)
        block(office, 0, 2, provider_id=zaid["id"])
    body = office.package_body(**wishes)
    plan = ok(office.centre.post("/packages/plan", body))
    places, failed = [], 0
    for session in plan["sessions"]:
        offers = [one for one in session["alternatives"] if one["kind"] == kind]
        assert len(offers) == (session["status"] == "FAILED")
        failed += len(offers)
        places.append(picked((offers or [session])[0], "starts_at", "provider_id", "room_id"))
        places[-1]["session_number"] = session["session_number"]
    assert failed > 1
    package = created(office.centre.post("/packages", {**body, "sessions": places, "all_or_nothing": True}))
    assert [picked(s, *places[0]) for s in package["sessions"]] == places
    assert set(of(package, "status")) == {"SCHEDULED"}


def test_no_alternative_is_offered_where_there_is_none(office: Desk) -> None:
    plan = shown(office, end_date=START + DAY, preferred_days=[])
    assert when(plan) == ["0 09:00", "1 09:00", "period-over", "period-over"]
    for session in plan["sessions"][2:]:
        assert {one["kind"] for one in session["alternatives"]} == {"LATER"}
    assert [s["alternatives"] for s in plan["sessions"][:2]] == [[], []]


# What becomes of it


def test_a_plan_is_committed_as_it_is(office: Desk) -> None:
    body = office.package_body(room_required=True, preferred_time="14:00")
    plan = ok(office.centre.post("/packages/plan", body))
    package = created(office.centre.post("/packages", {**body, "sessions": plan["sessions"], "all_or_nothing": True}))
    assert of(package, *PLACE) == of(plan, *PLACE)
    assert set(of(package, "status", "scheduling_attempts")) == {("SCHEDULED", 1)}


TAKEN: dict[str, Callable[[Desk, dict[str, Any], str], Any]] = {
    "provider-busy": lambda desk, place, _: desk.create_session(
        **picked(place, "starts_at", "provider_id"), duration_minutes=15
    ),
    "room-busy": lambda desk, place, _: desk.create_session(
        **picked(place, "starts_at", "room_id"), provider_id=colleague(desk)["id"]
    ),
    "patient-busy": lambda desk, place, patient: desk.create_appointment(
        starts_at=place["starts_at"], patient_id=patient, provider_id=colleague(desk)["id"]
    ),
    "outside-working-hours": lambda desk, place, _: created(
        desk.centre.post(
            "/closures",
            {
                "clinic_id": desk.clinic["id"],
                "name_en": "Closed",
                "name_ar": "مغلق",
                "starts_on": place["scheduled_date"],
                "ends_on": place["scheduled_date"],
            },
        )
    ),
}


@pytest.mark.parametrize("code", TAKEN)
def test_of_a_plan_of_which_one_place_was_taken_meanwhile_the_rest_is_booked_or_nothing(
    office: Desk, code: str
) -> None:
    body = office.package_body(room_required=True)
    plan = ok(office.centre.post("/packages/plan", body))
    TAKEN[code](office, plan["sessions"][2], body["patient_id"])
    body["sessions"] = plan["sessions"]
    before = office.centre.state()
    refused = problem(office.centre.post("/packages", {**body, "all_or_nothing": True}), 409, "package-conflicts")
    [conflict] = refused["conflicts"]
    assert (conflict["session_number"], conflict["code"]) == (3, code)
    assert f"09:00 on {(START + 2 * DAY).day} " in conflict["detail"]
    assert office.centre.state() == before

    package = created(office.centre.post("/packages", body))
    assert of(package, "status") == ["SCHEDULED", "SCHEDULED", "FAILED", "SCHEDULED"]
    assert set(of(package, "scheduling_attempts")) == {1}
    [error] = package["scheduling_errors"]
    assert error == conflict
    assert package["status"] == "SCHEDULED"


def test_places_in_each_others_way_are_not_both_taken(office: Desk) -> None:
    wanted = [
        {"session_number": n, "starts_at": start.isoformat(), "provider_id": provider}
        for n, start, provider in (
            (1, nine(0), office.provider["id"]),
            (2, nine(0) + HOUR / 2, office.provider["id"]),
            (3, nine(0) + HOUR / 2, colleague(office)["id"]),
            (4, nine(0) + HOUR, office.provider["id"]),
        )
    ]
    package = office.create_package(sessions=wanted)
    assert when(package) == ["0 09:00", "package-overlap", "package-overlap", "0 10:00"]


def test_a_place_that_is_past_or_on_a_day_nobody_asked_for(office: Desk) -> None:
    other = (weekday(START) + 1) % 7
    places = [
        {"session_number": 1, "starts_at": (clock.now() - HOUR).isoformat(), "provider_id": office.provider["id"]},
        {"session_number": 2, "starts_at": nine(-1).isoformat(), "provider_id": office.provider["id"]},
        {"session_number": 3, "starts_at": nine(0).isoformat(), "provider_id": office.provider["id"]},
    ]
    package = office.create_package(sessions=places, preferred_days=[other])
    assert when(package) == ["past", "-1 09:00", "0 09:00", None]
    assert of(package, "status") == ["FAILED", "SCHEDULED", "SCHEDULED", "PENDING"]


def test_a_place_without_a_room_gets_the_packages_own_or_a_free_one(office: Desk) -> None:
    second = office.centre.create_room(office.clinic, name="A room that comes first")
    places = [
        {"session_number": n, "starts_at": nine(n).isoformat(), "provider_id": office.provider["id"], **room}
        for n, room in ((1, {}), (2, {"room_id": second["id"]}), (3, {}), (4, {"room_id": None}))
    ]
    package = office.create_package(sessions=places, room_id=office.room["id"])
    assert of(package, "room_id") == [office.room["id"], second["id"], office.room["id"], office.room["id"]]
    package = office.create_package(sessions=places[:3], room_required=True, start_date=START)
    assert of(package, "status")[:3] == ["FAILED"] * 3  # the provider has them already
    block(office, 5, room_id=second["id"], provider_id=colleague(office)["id"])
    places = [{**places[0], "session_number": 4, "starts_at": nine(5).isoformat()}]
    assert schedule(office, package, sessions=places)["sessions"][3]["room_id"] == office.room["id"]


def test_a_package_that_is_not_to_be_scheduled_yet_is_a_draft(office: Desk) -> None:
    draft = office.create_package(auto_schedule=False)
    assert draft["status"] == "DRAFT"
    assert set(of(draft, "status", "scheduling_attempts")) == {("PENDING", 0)}
    assert draft["pending_sessions_count"] == 4
    events = [e.event.split(".")[0] for e in office.centre.kit.events(office.centre.tenant)]
    assert events[-1] == "PackageCreated"
    package = schedule(office, draft)
    assert when(package) == ["0 09:00", "1 09:00", "2 09:00", "3 09:00"]
    assert package["status"] == "SCHEDULED"
    assert schedule(office, package) == package  # nothing is left to be placed


# What is tried again


def test_what_failed_is_tried_again_alone_all_together_or_by_hand(office: Desk) -> None:
    taken = block(office, 1, 2, 3)
    package = office.create_package(end_date=START + 3 * DAY)
    assert when(package) == ["0 09:00", *["provider-busy"] * 3]
    ok(office.move(taken[1], "cancel"))
    package = schedule(office, package, session_numbers=[3])
    assert when(package) == ["0 09:00", "provider-busy", "2 09:00", "provider-busy"]
    assert of(package, "scheduling_attempts") == [1, 1, 2, 1]
    for session in (taken[0], taken[2]):
        ok(office.move(session, "cancel"))
    place = {"session_number": 4, "starts_at": nine(3, 16).isoformat(), "provider_id": office.provider["id"]}
    package = schedule(office, package, sessions=[place])
    assert when(package) == ["0 09:00", "provider-busy", "2 09:00", "3 16:00"]
    package = schedule(office, package)
    assert when(package) == ["0 09:00", "1 09:00", "2 09:00", "3 16:00"]
    assert of(package, "scheduling_attempts") == [1, 2, 2, 2]
    assert set(of(package, "scheduling_error", "scheduling_error_code")) == {(None, None)}
    assert package["scheduling_errors"] == []


def test_trying_in_vain_counts_too_and_keeps_the_latest_reason(office: Desk) -> None:
    taken = block(office, 0, 1)
    package = office.create_package(total_sessions=2, end_date=START + DAY)
    ok(office.move(taken[0], "cancel"))
    office.create_appointment(
        starts_at=nine(0),
        duration_minutes=480,
        patient_id=package["patient_id"],
        provider_id=colleague(office)["id"],
    )
    package = schedule(office, package, session_numbers=[2])
    assert of(package, "scheduling_error_code", "scheduling_attempts") == [("provider-busy", 1), ("patient-busy", 2)]
    assert package["status"] == "DRAFT"
    before = office.centre.state()
    path = f"/packages/{package['id']}/schedule"
    refused = problem(office.centre.post(path, {"all_or_nothing": True}), 409, "package-conflicts")
    assert [c["session_number"] for c in refused["conflicts"]] == [1, 2]
    assert office.centre.state() == before


def test_a_session_is_tried_again_in_another_period_with_other_wishes_which_hold_from_then_on(office: Desk) -> None:
    package = office.create_package(end_date=START + DAY)
    assert when(package) == ["0 09:00", "1 09:00", "period-over", "period-over"]
    package = schedule(office, package, end_date=None, preferred_time="15:00", gap_days=7)
    assert when(package)[2:] == ["8 15:00", "15 15:00"]
    assert (package["end_date"], package["preferred_time"], package["gap_days"]) == (None, "15:00", 7)


def test_a_session_in_the_middle_comes_between_the_others_at_their_distance(office: Desk) -> None:
    package = office.create_package(gap_days=2, preferred_time="10:00")
    assert when(package) == ["0 10:00", "2 10:00", "4 10:00", "6 10:00"]
    ok(office.centre.post(f"/participants/{package['sessions'][1]['appointment_id']}/cancel"))
    package = office.package(package["id"])
    assert (package["sessions"][1]["status"], package["sessions"][1]["owed"]) == ("CANCELLED", True)
    block(office, 2)
    assert when(schedule(office, package, end_date=START + 7 * DAY))[1] == "provider-busy"
    assert when(schedule(office, package, end_date=None))[1] == "8 10:00"


def test_what_has_its_place_is_not_placed_again(office: Desk) -> None:
    package = office.create_package()
    path = f"/packages/{package['id']}/schedule"
    problem(office.centre.post(path, {"session_numbers": [2]}), 409, "invalid-transition")
    problem(office.centre.post(path, {"session_numbers": [5]}), 404, "not-found")


# Providers


def test_one_provider_holds_all_the_one_who_fits_best(office: Desk) -> None:
    block(office, 0, 2)
    zaid = colleague(office)
    block(office, 2, provider_id=zaid["id"])
    plan = shown(office, provider_id=None, end_date=START + 3 * DAY)
    assert when(plan) == ["0 09:00", "1 09:00", "3 09:00", "period-over"]
    assert of(plan, "provider_id") == [zaid["id"]] * 3 + [None]
    plan = shown(office, provider_id=None, total_sessions=2)  # Layla is as good from the second day on, Zaid is sooner
    assert of(plan, "provider_id") == [zaid["id"]] * 2
    plan = shown(office, provider_id=None, total_sessions=2, start_date=START + 3 * DAY)
    assert of(plan, "provider_id") == [office.provider["id"]] * 2  # of equals the first by name


def test_where_one_is_to_hold_all_and_can_not_the_reason_speaks_of_that_one(office: Desk) -> None:
    zaid = colleague(office)
    block(office, 1)
    block(office, 0, 2, provider_id=zaid["id"])
    plan = shown(office, provider_id=None, total_sessions=3, end_date=START + 2 * DAY)
    assert when(plan) == ["0 09:00", "2 09:00", "period-over"]
    package = office.create_package(provider_id=None, total_sessions=3, end_date=START + 2 * DAY)
    assert of(package, "provider_id") == [office.provider["id"]] * 2 + [None]
    block(office, 3)
    again = schedule(office, package, end_date=START + 3 * DAY)
    assert again["sessions"][2]["scheduling_error"].startswith(
        "No free 60 minutes of the provider of the other sessions on "
    )
    assert schedule(office, package, end_date=START + 4 * DAY)["sessions"][2]["provider_id"] == office.provider["id"]


def test_where_nobody_can_hold_any_the_reason_speaks_of_all(office: Desk) -> None:
    block(office, 0)
    colleague(office, "Abel", hours=week(office.clinic, "09:00", "09:30"))  # the first by name
    plan = shown(office, provider_id=None, total_sessions=2, end_date=START)
    assert of(plan, "scheduling_error_code") == ["provider-busy"] * 2
    assert "of any provider of this clinic" in plan["sessions"][0]["scheduling_error"]


def test_any_provider_holds_any_session_where_they_may_differ(office: Desk) -> None:
    zaid = colleague(office)
    block(office, 1)
    body = {"provider_id": None, "use_multiple_providers": True, "total_sessions": 3}
    package = office.create_package(**body)
    assert when(package) == ["0 09:00", "1 09:00", "2 09:00"]
    layla = office.provider["id"]
    assert of(package, "provider_id") == [layla, zaid["id"], layla]
    assigned = [(a["session_number"], a["provider_id"], a["kind"]) for a in package["provider_assignments"]]
    assert assigned == [(1, layla, "CHOSEN"), (2, zaid["id"], "CHOSEN"), (3, layla, "CHOSEN")]


def test_each_session_is_held_by_whom_it_is_assigned_to(office: Desk) -> None:
    zaid = colleague(office)
    block(office, 1, provider_id=zaid["id"])
    named = [{"session_number": 2, "provider_id": zaid["id"]}]
    package = office.create_package(use_multiple_providers=True, provider_assignments=named, total_sessions=3)
    assert when(package) == ["0 09:00", "2 09:00", "3 09:00"]
    layla = office.provider["id"]
    assert of(package, "provider_id") == [layla, zaid["id"], layla]
    assigned = [(a["session_number"], a["provider_id"], a["kind"]) for a in package["provider_assignments"]]
    assert assigned == [(1, layla, "REQUESTED"), (2, zaid["id"], "REQUESTED"), (3, layla, "REQUESTED")]


def test_whoever_is_placed_by_hand_for_another_is_recorded_as_the_substitute(office: Desk) -> None:
    zaid = colleague(office)
    places = [{"session_number": 1, "starts_at": nine(0).isoformat(), "provider_id": zaid["id"]}]
    package = office.create_package(sessions=places)
    assert [(a["provider_id"], a["kind"]) for a in package["provider_assignments"] if a["session_number"] == 1] == [
        (office.provider["id"], "REQUESTED"),
        (zaid["id"], "SUBSTITUTE"),
    ]
    assert package["sessions"][0]["provider_id"] == zaid["id"]


def test_a_provider_who_has_left_is_not_planned_with(office: Desk) -> None:
    package = office.create_package(end_date=START + DAY)
    path = f"/providers/{office.provider['id']}"
    ok(office.centre.client().patch(path, {"active": False}, office.centre.get(path).headers["ETag"]))
    package = schedule(office, package, end_date=None)
    assert set(of(package, "scheduling_error_code")[2:]) == {"no-provider"}
    reason = "The assigned provider is not active any more, or has no working hours in this clinic."
    assert set(of(package, "scheduling_error")[2:]) == {reason}


# What a plan respects


def test_time_off_closures_other_sessions_their_buffers_and_the_patients_own_are_left_out(office: Desk) -> None:
    away = {"starts_at": nine(0, 0), "ends_at": nine(1, 0)}
    created(office.centre.post(f"/providers/{office.provider['id']}/time-off", as_json(away)))
    for day, clinic in ((1, office.clinic["id"]), (2, None)):
        on = (START + day * DAY).isoformat()
        closure = {"clinic_id": clinic, "name_en": "Closed", "name_ar": "مغلق", "starts_on": on, "ends_on": on}
        created(office.centre.post("/closures", closure))
    buffered = office.centre.create_service_type(buffer_before_minutes=15, buffer_after_minutes=30)["code"]
    block(office, 3, hours=1, service_type=buffered)  # until 10:30 with its buffer
    patient = office.centre.create_patient()
    for day in (3, 4):
        office.create_appointment(
            starts_at=nine(day, 11), patient_id=patient, provider_id=colleague(office)["id"], duration_minutes=300
        )
    plan = shown(office, patient_id=patient, total_sessions=2)
    assert when(plan) == ["3 16:00", "4 16:00"]
    plan = shown(office, patient_id=patient, total_sessions=2, service_type=buffered)
    assert when(plan) == ["3 16:00", "4 16:00"]
    assert when(shown(office, total_sessions=2)) == ["3 10:30", "4 10:30"]
    assert when(shown(office, total_sessions=2, service_type=buffered)) == ["3 10:45", "4 10:45"]


def test_rooms_are_the_same_where_they_can_be_and_never_another_clinics(office: Desk) -> None:
    office.centre.create_room(office.centre.create_clinic(), name="A")
    first = office.centre.create_room(office.clinic, name="B")
    assert set(of(shown(office, room_required=True), "room_id")) == {first["id"]}
    assert set(of(shown(office), "room_id")) == {None}
    taker = colleague(office)["id"]
    block(office, 1, room_id=first["id"], provider_id=taker)
    plan = shown(office, room_required=True, end_date=START + 3 * DAY)
    assert of(plan, "room_id") == [first["id"], office.room["id"], first["id"], first["id"]]
    plan = shown(office, room_id=first["id"], end_date=START + 3 * DAY)
    assert when(plan) == ["0 09:00", "2 09:00", "3 09:00", "period-over"]
    block(office, 2, 3, room_id=first["id"], provider_id=taker)
    plan = shown(office, room_id=first["id"], end_date=START + 3 * DAY)
    assert when(plan) == ["0 09:00", *["room-busy"] * 3]


@pytest.mark.parametrize("wanted", [[0], [6, 0], [3]])
def test_preferred_days_are_counted_from_sunday(desk: Desk, wanted: list[int]) -> None:
    plan = shown(desk, preferred_days=wanted, total_sessions=10)
    days = [date.fromisoformat(day) for day in of(plan, "scheduled_date")]
    assert {day.strftime("%A") for day in days} == {WEEKDAYS[day] for day in wanted}


def test_without_an_end_the_horizon_is_ninety_days_of_which_the_last_is_one(office: Desk) -> None:
    closed = {"name_en": "Works", "name_ar": "أعمال", "starts_on": START.isoformat()}
    created(office.centre.post("/closures", {**closed, "ends_on": (START + 88 * DAY).isoformat()}))
    plan = shown(office)
    assert when(plan) == ["89 09:00", *["period-over"] * 3]
    assert [one["kind"] for one in plan["sessions"][1]["alternatives"]] == ["LATER"]
    assert when(shown(office, end_date=START + 88 * DAY)) == ["outside-working-hours"] * 4


def test_what_begins_today_begins_later_than_now(desk: Desk) -> None:
    today = clock.now().astimezone(RIYADH).date()
    first = shown(desk, start_date=today, end_date=today + DAY, total_sessions=2)["sessions"][0]
    assert datetime.fromisoformat(first["starts_at"]) > clock.now()


def test_of_a_hundred_sessions_where_three_fit_ninety_seven_fail_for_a_reason_and_at_once(office: Desk) -> None:
    for _ in range(5):
        colleague(office)
    block(office, 1, 3, 4, 5)
    began = stopwatch.monotonic()
    plan = shown(office, total_sessions=100, end_date=START + 6 * DAY)
    package = office.create_package(total_sessions=100, end_date=START + 6 * DAY)
    assert stopwatch.monotonic() - began < 10
    for answer in (plan, package):
        assert Counter(when(answer)) == {"0 09:00": 1, "2 09:00": 1, "6 09:00": 1, "period-over": 97}
        assert all(s["scheduling_error"] for s in answer["sessions"] if s["status"] == "FAILED")
    assert package["failed_sessions_count"] == len(package["scheduling_errors"]) == 97
    assert [s["session_number"] for s in package["sessions"]] == list(range(1, 101))


def random_centre(kit: ServiceKit, tenant: str, seed: int) -> tuple[Desk, dict[str, Any]]:
    """A clinic with random hours, absences, closures, sessions and buffers; and what is asked of a plan there."""
    chance = random.Random(seed)
    desk = Desk(Centre(kit, tenant), timezone=chance.choice(["Asia/Riyadh", "Europe/Berlin", "Asia/Kathmandu"]))
    centre = desk.centre

    def start() -> datetime:
        return at(chance.randrange(10), 0) + chance.randrange(96) * timedelta(minutes=15)

    def buffers() -> dict[str, int]:
        return {f"buffer_{side}_minutes": chance.choice([0, 0, 10, 45]) for side in ("before", "after")}

    def hours() -> list[dict[str, Any]]:
        some_days = [day for day in range(7) if chance.random() < 0.8]
        return [
            hours_on(day, desk.clinic, *chance.choice([("00:00", "00:00"), ("07:10", "15:00"), ("13:00", "00:00")]))
            for day in some_days
        ]

    services = [centre.create_service_type(**buffers())["code"] for _ in range(3)]
    providers = [centre.create_provider(desk.clinic, hours=hours(), name_en=name) for name in ("Ada", "Ben", "Cem")]
    rooms = [desk.room, centre.create_room(desk.clinic)]
    patient = centre.create_patient()
    for _ in range(40):  # what does not fit is refused
        body = desk.place(
            starts_at=start(),
            duration_minutes=chance.choice([15, 60, 150]),
            service_type=chance.choice(services),
            provider_id=chance.choice(providers)["id"],
            room_id=chance.choice([None, *(room["id"] for room in rooms)]),
            patient_id=patient if chance.random() < 0.3 else centre.create_patient(),
            override={"reason": "However it fits"},
        )
        centre.post("/appointments", body)
    for provider in providers:
        away = start()
        body = {"starts_at": away, "ends_at": away + chance.randrange(1, 30) * HOUR}
        created(centre.post(f"/providers/{provider['id']}/time-off", as_json(body)))
    closed = (START + chance.randrange(8) * DAY).isoformat()
    closure = {"name_en": "Closed", "name_ar": "مغلق", "starts_on": closed, "ends_on": closed}
    created(centre.post("/closures", {**closure, "clinic_id": chance.choice([None, desk.clinic["id"]])}))
    return desk, {
        "patient_id": patient,
        "service_type": chance.choice(services),
        "provider_id": None,
        "use_multiple_providers": chance.random() < 0.7,
        "session_duration_minutes": chance.choice([30, 60, 200]),
        "total_sessions": 8,
        "end_date": START + 9 * DAY,
        "preferred_time": chance.choice([None, "23:45", "MORNING", "14:00"]),
        "tolerance_days": chance.choice([0, 2]),
        "room_required": chance.random() < 0.5,
    }


@pytest.mark.parametrize("seed", range(8))
def test_whatever_is_planned_the_rule_of_a_booking_has_nothing_against(kit: ServiceKit, tenant: str, seed: int) -> None:
    desk, wishes = random_centre(kit, tenant, seed)
    planned = [s for s in shown(desk, **wishes)["sessions"] if s["status"] == "SCHEDULED"]
    assert len(planned) > 2
    with kit.transaction(tenant) as db:
        service = queries.find_service_type(db, wishes["service_type"])
        assert service
        for session in planned:
            place = Place(
                clinic=db.get_one(Clinic, UUID(desk.clinic["id"])),
                provider=db.get_one(Provider, UUID(session["provider_id"])),
                room=db.get_one(Room, UUID(session["room_id"])) if session["room_id"] else None,
                service_type=service,
                starts_at=datetime.fromisoformat(session["starts_at"]),
                ends_at=datetime.fromisoformat(session["ends_at"]),
                buffer_before_minutes=service.buffer_before_minutes,
                buffer_after_minutes=service.buffer_after_minutes,
            )
            assert conflicts(db, place) == []
    for session in planned:  # and beside each other, and the patient's own
        desk.create_appointment(
            **picked(session, "starts_at", "provider_id", "room_id"),
            duration_minutes=wishes["session_duration_minutes"],
            **{name: wishes[name] for name in ("patient_id", "service_type")},
        )


# Numbers, and what others are told


def test_packages_are_numbered_by_the_clinics_own_day(desk: Desk) -> None:
    ahead, behind = (Desk(desk.centre, timezone=zone) for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago"))
    made = [one.create_package() for one in (ahead, behind, ahead, ahead, behind)]
    days = [clock.now().astimezone(ZoneInfo(one.clinic["timezone"])).strftime("%Y%m%d") for one in (ahead, behind)]
    assert days[0] > days[1]
    numbers = [package["package_number"] for package in made]
    assert numbers == [f"PKG-{days[i]}-{n:04}" for i, n in ((0, 1), (1, 1), (0, 2), (0, 3), (1, 2))]


def test_a_refused_package_takes_no_number(office: Desk) -> None:
    first = office.create_package()["package_number"]
    body = office.package_body(end_date=START + DAY, all_or_nothing=True)
    problem(office.centre.post("/packages", body), 409, "package-conflicts")
    assert int(office.create_package()["package_number"][-4:]) == int(first[-4:]) + 1


def test_others_are_told_of_the_package_once_and_of_each_appointment_as_of_any(office: Desk) -> None:
    package = office.create_package(end_date=START + 2 * DAY, room_required=True)
    tenant, kit = office.centre.tenant, office.centre.kit
    [made] = kit.events(tenant, "PackageCreated")
    assert (made.data["status"], made.data["package_number"]) == ("DRAFT", package["package_number"])
    [scheduled] = kit.events(tenant, "PackageScheduled")
    assert [e.subject for e in (made, scheduled)] == [f"package/{package['id']}"] * 2
    told = [(one["session_number"], one["appointment_id"], one["starts_at"]) for one in scheduled.data["sessions"]]
    assert told == of(package, "session_number", "appointment_id", "starts_at")[:3]
    assert (scheduled.data["cause"], scheduled.data["changed"], scheduled.data["unscheduled"]) == (
        "SCHEDULED",
        [1, 2, 3],
        [4],
    )
    booked = kit.events(tenant, "AppointmentBooked")
    assert [e.data["appointment_id"] for e in booked] == of(package, "appointment_id")[:3]
    assert [e.data["package"] for e in booked] == [
        {"id": package["id"], "number": package["package_number"], "session_number": n, "total_sessions": 4}
        for n in (1, 2, 3)
    ]
    assert {e.data["announced_with_package"] for e in booked} == {True}
    assert len(kit.events(tenant, "SessionScheduled")) == 3

    again = schedule(office, package, end_date=None)
    _, scheduled = kit.events(tenant, "PackageScheduled")
    assert [one["session_number"] for one in scheduled.data["sessions"]] == [1, 2, 3, 4]
    assert (scheduled.data["changed"], scheduled.data["unscheduled"]) == ([4], [])
    assert scheduled.data["sessions"][3]["appointment_id"] == again["sessions"][3]["appointment_id"]


def test_where_no_session_has_a_place_nobody_is_told_of_dates(office: Desk) -> None:
    block(office, 0)
    package = office.create_package(end_date=START)
    assert package["status"] == "DRAFT"
    names = [e.event.split(".")[0] for e in office.centre.kit.events(office.centre.tenant)]
    assert names[-1] == "PackageCreated"


def test_a_single_appointment_is_of_no_package(office: Desk) -> None:
    office.create_package(total_sessions=2)
    appointment = office.create_appointment(starts_at=nine(0, 12))
    told = office.centre.kit.events(office.centre.tenant, "AppointmentBooked")[-1].data
    assert told["appointment_id"] == appointment["id"]
    assert (told["package"], told["announced_with_package"]) == (None, False)
    for verb in ("confirm", "cancel"):
        ok(office.do(appointment, verb))


def test_the_same_request_sent_again_makes_no_second_package(office: Desk) -> None:
    body = office.package_body()
    answers = [created(office.centre.post("/packages", body, Idempotency_Key="k1")) for _ in range(2)]
    assert answers[0] == answers[1]
    assert len(ok(office.centre.get("/packages"))["items"]) == 1
    other = {**body, "total_sessions": 5}
    problem(office.centre.post("/packages", other, Idempotency_Key="k1"), 422, "idempotency-key-reused")


def test_a_package_is_scheduled_only_as_the_caller_saw_it(office: Desk) -> None:
    draft = office.create_package(auto_schedule=False)
    path = f"/packages/{draft['id']}"
    seen = office.centre.get(path).headers["ETag"]
    schedule(office, draft, session_numbers=[1])
    before = office.centre.state()
    problem(office.centre.post(f"{path}/schedule", {}, If_Match=seen), 412, "precondition-failed")
    assert office.centre.state() == before
    ok(office.centre.post(f"{path}/schedule", {}, If_Match=office.centre.get(path).headers["ETag"]))
