"""Packages under races, with real commits on real threads (P1). Each control takes a mechanism away."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from . import courses, test_races
from .courses import DAY, HOUR, START, colleague, nine, week
from .factories import Desk, ok
from .test_races import NO_ADVISORY_LOCKS, NO_EXCLUSION, Post, Weakened, at_once, deadlocks, overlaps

weakened = test_races.weakened
office = courses.office

PACKAGES, SESSIONS, DAYS = 10, 8, 9
QUARTER = timedelta(minutes=15)


def wishes(desk: Desk, count: int, patients: Sequence[str] | None = None, **overrides: Any) -> list[Post]:
    """Requests for packages, each of another patient unless they are named."""
    return [
        Post(desk.centre.client(), "/packages", desk.package_body(patient_id=patient, **overrides))
        for patient in patients or desk.centre.create_patients(count)
    ]


def packages(desk: Desk) -> list[dict[str, Any]]:
    rows = ok(desk.centre.get("/packages", limit=200))["items"]
    return [desk.package(row["id"]) for row in rows]


_CALENDAR = text("SELECT provider_id::text, starts_at, ends_at FROM sessions WHERE status <> 'CANCELLED'")


def times(first: date, last: date) -> Iterator[datetime]:
    """Every quarter of an hour at which an hour of three hours' work from nine o'clock begins."""
    for day in range((first - START).days, (last - START).days + 1):
        for n in range(9):
            yield nine(day) + n * QUARTER


def untrue(desk: Desk, made: Sequence[dict[str, Any]]) -> list[Any]:
    """The failures of packages of the whole office whose reason is not true now."""
    with desk.centre.kit.transaction(desk.centre.tenant) as db:
        calendar = [tuple(row) for row in db.execute(_CALENDAR)]
    providers = {provider for provider, _, _ in calendar}
    found = []
    for package in made:
        placed = [date.fromisoformat(s["scheduled_date"]) for s in package["sessions"] if s["scheduled_date"]]
        for session in (s for s in package["sessions"] if s["status"] == "FAILED"):
            first, last = max([START, *(day + DAY for day in placed)]), date.fromisoformat(package["end_date"])
            free = [
                start
                for start in times(first, last)
                for provider in providers
                if not any(p == provider and a < start + HOUR and start < b for p, a, b in calendar)
            ]
            code = "period-over" if first > last else "provider-busy"
            if free or session["scheduling_error_code"] != code:
                found.append((session, free[:1]))
    return found


def test_many_packages_for_the_same_providers_at_once_are_placed_or_fail_for_a_true_reason(desk: Desk) -> None:
    """There are 81 hours of three providers for 80 sessions, but no package may have two on one day."""
    manager, hours = desk.centre.client(), week(desk.clinic, "09:00", "12:00")
    ok(manager.put(f"/providers/{desk.provider['id']}/working-hours", {"items": hours}))
    for _ in range(2):
        colleague(desk, hours=hours)
    before = deadlocks(desk.centre.kit)
    asked: dict[str, Any] = {"total_sessions": SESSIONS, "end_date": START + (DAYS - 1) * DAY}
    answers = at_once(*wishes(desk, PACKAGES, provider_id=None, use_multiple_providers=True, **asked))
    assert answers == {(201, None): PACKAGES}
    assert overlaps(desk) == 0
    made = packages(desk)
    states = Counter(session["status"] for package in made for session in package["sessions"])
    assert set(states) == {"SCHEDULED", "FAILED"}
    assert states["SCHEDULED"] > PACKAGES * SESSIONS // 2
    assert untrue(desk, made) == []
    assert len(desk.centre.kit.events(desk.centre.tenant, "AppointmentBooked")) == states["SCHEDULED"]
    numbers = sorted(int(package["package_number"][-4:]) for package in made)
    assert numbers == list(range(1, PACKAGES + 1))
    assert deadlocks(desk.centre.kit) == before


def test_a_package_and_single_bookings_for_the_same_times_share_them(office: Desk) -> None:
    package = wishes(office, 2, total_sessions=5)
    patients = office.centre.create_patients(10)
    singles = [
        Post(office.centre.client(), "/appointments", office.placement(starts_at=nine(n % 5), patient_id=patient))
        for n, patient in enumerate(patients)
    ]
    answers = at_once(*package, *singles)
    assert set(answers) <= {(201, None), (409, "provider-busy")}
    assert overlaps(office) == 0
    assert [s["status"] for made in packages(office) for s in made["sessions"]] == ["SCHEDULED"] * 10


def test_two_packages_for_one_patient_at_once_leave_each_other_room(office: Desk) -> None:
    """Each with a provider of its own, because it is the patient who is not in two places."""
    patient, zaid = office.centre.create_patient(), colleague(office)["id"]
    asked: dict[str, Any] = {"total_sessions": 6, "preferred_time": "09:00"}
    both = [
        one for who in (office.provider["id"], zaid) for one in wishes(office, 1, [patient], provider_id=who, **asked)
    ]
    assert at_once(*both * 2) == {(201, None): 4}
    assert overlaps(office) == 0
    starts = [s["starts_at"] for made in packages(office) for s in made["sessions"]]
    assert len(set(starts)) == 24


def test_the_same_package_is_tried_again_by_many_at_once_and_booked_once(office: Desk) -> None:
    draft = office.create_package(auto_schedule=False)
    again = Post(office.centre.client(), f"/packages/{draft['id']}/schedule")
    assert at_once(*[again] * 6) == {(200, None): 6}
    package = office.package(draft["id"])
    assert [s["scheduling_attempts"] for s in package["sessions"]] == [1] * 4
    assert len(office.centre.kit.events(office.centre.tenant, "AppointmentBooked")) == 4


def one_plan(desk: Desk, shared: str) -> list[Post]:
    """The same places for several packages at the same moment: of one provider, or of one patient."""
    patients = desk.centre.create_patients(3)
    wanted = []
    for n in range(3):
        provider = desk.provider if shared == "provider" else desk.centre.create_provider(desk.clinic)
        places = [
            {"session_number": day + 1, "starts_at": nine(day).isoformat(), "provider_id": provider["id"]}
            for day in range(2)
        ]
        patient = patients[0 if shared == "patient" else n]
        wanted += wishes(desk, 1, [patient], total_sessions=2, sessions=places, all_or_nothing=True)
    return wanted


SHARED = ("provider", "patient")


@pytest.mark.parametrize("shared", SHARED)
def test_of_the_same_plan_committed_by_many_at_once_one_is_booked(weakened: Weakened, shared: str) -> None:
    for statements in ((), (NO_EXCLUSION,)):  # the locks alone are enough
        with weakened(*statements) as desk:
            assert at_once(*one_plan(desk, shared)) == {(201, None): 1, (409, "package-conflicts"): 2}
            assert overlaps(desk) == 0


@pytest.mark.parametrize("shared", SHARED)
def test_without_the_locks_the_constraints_still_hold_for_packages(weakened: Weakened, shared: str) -> None:
    with weakened(NO_ADVISORY_LOCKS) as desk:
        answers = at_once(*one_plan(desk, shared))
        assert answers[201, None] <= 1
        assert sum(answers.values()) == 3
        assert overlaps(desk) == 0


@pytest.mark.parametrize("shared", SHARED)
def test_control_without_locks_and_constraints_packages_are_double_booked(weakened: Weakened, shared: str) -> None:
    with weakened(NO_ADVISORY_LOCKS, NO_EXCLUSION) as desk:
        assert at_once(*one_plan(desk, shared))[201, None] > 1
        assert overlaps(desk) > 0


def test_planning_itself_keeps_to_the_locks(weakened: Weakened) -> None:
    """The same as above, where each looks for its own places instead of being told them."""
    for statements, double in (((NO_EXCLUSION,), False), ((NO_ADVISORY_LOCKS, NO_EXCLUSION), True)):
        with weakened(*statements) as desk:
            assert at_once(*wishes(desk, 3, total_sessions=2)) == {(201, None): 3}
            assert (overlaps(desk) > 0) is double
