"""Packages through HTTP: what a plan shows, what becomes of it, and what is tried again."""

import time as stopwatch
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from jalsa.service import clock

from . import courses
from .courses import (
    DAY,
    HOUR,
    PLACE,
    REASON,
    START,
    WEEKDAYS,
    block,
    colleague,
    nine,
    of,
    picked,
    schedule,
    shown,
    weekday,
    when,
)
from .factories import Desk, created, ok, problem

office = courses.office


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
        f"No free time of 60 minutes was found for the assigned provider on a {WEEKDAYS[day]} "
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
    placements, failed = [], 0
    for session in plan["sessions"]:
        offers = [one for one in session["alternatives"] if one["kind"] == kind]
        assert len(offers) == (session["status"] == "FAILED")
        failed += len(offers)
        placements.append(picked((offers or [session])[0], "starts_at", "provider_id", "room_id"))
        placements[-1]["session_number"] = session["session_number"]
    assert failed > 1
    package = created(office.centre.post("/packages", {**body, "sessions": placements, "all_or_nothing": True}))
    assert [picked(s, *placements[0]) for s in package["sessions"]] == placements
    assert set(of(package, "status")) == {"SCHEDULED"}


def test_no_alternative_is_offered_where_there_is_none(office: Desk) -> None:
    plan = shown(office, end_date=START + DAY, preferred_days=[])
    assert when(plan) == ["0 09:00", "1 09:00", "period-over", "period-over"]
    for session in plan["sessions"][2:]:
        assert {one["kind"] for one in session["alternatives"]} == {"LATER"}
    assert [s["alternatives"] for s in plan["sessions"][:2]] == [[], []]


def test_a_plan_is_committed_as_it_is(office: Desk) -> None:
    body = office.package_body(room_required=True, preferred_time="14:00")
    plan = ok(office.centre.post("/packages/plan", body))
    package = created(office.centre.post("/packages", {**body, "sessions": plan["sessions"], "all_or_nothing": True}))
    assert of(package, *PLACE) == of(plan, *PLACE)
    assert set(of(package, "status", "scheduling_attempts")) == {("SCHEDULED", 1)}


TAKEN: dict[str, Callable[[Desk, dict[str, Any], str], Any]] = {
    "provider-busy": lambda desk, placement, _: desk.create_session(
        **picked(placement, "starts_at", "provider_id"), duration_minutes=15
    ),
    "room-busy": lambda desk, placement, _: desk.create_session(
        **picked(placement, "starts_at", "room_id"), provider_id=colleague(desk)["id"]
    ),
    "patient-busy": lambda desk, placement, patient: desk.create_appointment(
        starts_at=placement["starts_at"], patient_id=patient, provider_id=colleague(desk)["id"]
    ),
    "outside-working-hours": lambda desk, placement, _: created(
        desk.centre.post(
            "/closures",
            {
                "clinic_id": desk.clinic["id"],
                "name_en": "Closed",
                "name_ar": "مغلق",
                "starts_on": placement["scheduled_date"],
                "ends_on": placement["scheduled_date"],
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


def test_a_chosen_time_fails_in_the_past_but_not_on_a_day_that_is_not_preferred(office: Desk) -> None:
    other = (weekday(START) + 1) % 7
    placements = [
        {"session_number": 1, "starts_at": (clock.now() - HOUR).isoformat(), "provider_id": office.provider["id"]},
        {"session_number": 2, "starts_at": nine(-1).isoformat(), "provider_id": office.provider["id"]},
        {"session_number": 3, "starts_at": nine(0).isoformat(), "provider_id": office.provider["id"]},
    ]
    package = office.create_package(sessions=placements, preferred_days=[other])
    assert when(package) == ["past", "-1 09:00", "0 09:00", None]
    assert of(package, "status") == ["FAILED", "SCHEDULED", "SCHEDULED", "PENDING"]


def test_a_place_without_a_room_gets_the_packages_own_or_a_free_one(office: Desk) -> None:
    second = office.centre.create_room(office.clinic, name="A room that comes first")
    placements = [
        {"session_number": n, "starts_at": nine(n).isoformat(), "provider_id": office.provider["id"], **room}
        for n, room in ((1, {}), (2, {"room_id": second["id"]}), (3, {}), (4, {"room_id": None}))
    ]
    package = office.create_package(sessions=placements, room_id=office.room["id"])
    assert of(package, "room_id") == [office.room["id"], second["id"], office.room["id"], office.room["id"]]
    package = office.create_package(sessions=placements[:3], room_required=True, start_date=START)
    assert of(package, "status")[:3] == ["FAILED"] * 3  # the provider has them already
    block(office, 5, room_id=second["id"], provider_id=colleague(office)["id"])
    placements = [{**placements[0], "session_number": 4, "starts_at": nine(5).isoformat()}]
    assert schedule(office, package, sessions=placements)["sessions"][3]["room_id"] == office.room["id"]


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
    placement = {"session_number": 4, "starts_at": nine(3, 16).isoformat(), "provider_id": office.provider["id"]}
    package = schedule(office, package, sessions=[placement])
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
