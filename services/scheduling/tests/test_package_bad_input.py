"""Bad input to packages. Each refusal names its field, and leaves every row as it was."""

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from jalsa.dev.kit import ServiceKit
from jalsa.service import clock

from .factories import Centre, Desk, as_json, at, ok, problem
from .test_bad_input import refused

DAY = timedelta(days=1)
START = at().date()
UNKNOWN = str(UUID(int=7))
PLAN, CREATE = "/packages/plan", "/packages"
NUL = "OT\u0000"

FIELDS: list[tuple[str, Any]] = [
    ("total_sessions", 1),
    ("total_sessions", 101),
    ("total_sessions", 0),
    ("total_sessions", -4),
    ("total_sessions", 2.5),
    ("total_sessions", "4"),
    ("total_sessions", True),
    ("total_sessions", None),
    ("total_sessions", ...),
    ("session_duration_minutes", 0),
    ("session_duration_minutes", -60),
    ("session_duration_minutes", 481),
    ("session_duration_minutes", 30.5),
    ("start_date", ...),
    ("start_date", None),
    ("start_date", "soon"),
    ("start_date", "2026-02-30"),
    ("start_date", "2027-01-01T09:00:00Z"),
    ("start_date", "9999-12-31"),
    ("end_date", START - DAY),
    ("end_date", START + 733 * DAY),
    ("end_date", "9999-12-31"),
    ("end_date", "never"),
    ("preferred_days", [7]),
    ("preferred_days", [-1]),
    ("preferred_days", ["0"]),
    ("preferred_days", [1.5]),
    ("preferred_days", 0),
    ("preferred_days", None),
    ("preferred_days", [0, 1, 2, 3, 4, 5, 6, 0]),
    ("preferred_time", "25:00"),
    ("preferred_time", "9"),
    ("preferred_time", "NIGHT"),
    ("preferred_time", "morning"),
    ("preferred_time", "10:00+03:00"),
    ("preferred_time", "10:00:30"),
    ("preferred_time", ""),
    ("preferred_time", 10),
    ("gap_days", 0),
    ("gap_days", 31),
    ("gap_days", "1"),
    ("tolerance_days", -1),
    ("tolerance_days", 31),
    ("use_multiple_providers", "perhaps"),
    ("auto_schedule", 7),
    ("room_required", "perhaps"),
    ("patient_id", "x"),
    ("patient_id", ...),
    ("clinic_id", "x"),
    ("clinic_id", ...),
    ("clinic_id", UNKNOWN),
    ("provider_id", "x"),
    ("provider_id", UNKNOWN),
    ("room_id", 7),
    ("room_id", UNKNOWN),
    ("service_type", ...),
    ("service_type", NUL),
    ("service_type", "NO-SUCH"),
    ("provider_assignments", {}),
    ("colour", "blue"),
    ("status", "COMPLETED"),
    ("package_number", "PKG-20261120-0001"),
]


@pytest.mark.parametrize(("field", "value"), FIELDS)
@pytest.mark.parametrize("path", [PLAN, CREATE])
def test_a_package_names_the_field_that_is_wrong(calm: Desk, path: str, field: str, value: Any) -> None:
    assert list(refused(calm, path, {**calm.package_body(), field: value})) == [field]


@pytest.mark.parametrize("path", [PLAN, CREATE])
def test_a_package_begins_today_at_the_earliest_by_the_clinics_clock(calm: Desk, path: str) -> None:
    today = clock.now().astimezone(ZoneInfo(calm.clinic["timezone"])).date()
    body = calm.package_body(start_date=today - DAY)
    assert refused(calm, path, body) == {"start_date": ["Must not be before today."]}
    body = calm.package_body(start_date=today + 733 * DAY)
    assert refused(calm, path, body) == {"start_date": ["Must be at most 732 days from today."]}
    ok(calm.centre.post(PLAN, calm.package_body(start_date=today, end_date=today + 732 * DAY)))
    ok(calm.centre.post(PLAN, calm.package_body(start_date=today + 732 * DAY)))
    body = calm.package_body(start_date=today + DAY, end_date=today + 733 * DAY)
    assert refused(calm, path, body) == {"end_date": ["Must be at most 732 days from today."]}


def assigned(*numbers: int, provider: str | None = None) -> list[dict[str, Any]]:
    return [{"session_number": number, "provider_id": provider or UNKNOWN} for number in numbers]


@pytest.mark.parametrize(
    ("numbers", "place"), [((0,), "0"), ((5,), "0"), ((1, 4, 1), "2"), ((101,), "0"), ((-1,), "0"), ((2, 5), "1")]
)
@pytest.mark.parametrize("path", [PLAN, CREATE])
def test_each_assignment_is_of_a_session_that_there_is_and_of_each_there_is_one(
    calm: Desk, path: str, numbers: tuple[int, ...], place: str
) -> None:
    named = assigned(*numbers, provider=calm.provider["id"])
    errors = refused(calm, path, calm.package_body(use_multiple_providers=True, provider_assignments=named))
    assert list(errors) == ["provider_assignments"]
    assert list(errors["provider_assignments"]) == [place]
    assert list(errors["provider_assignments"][place]) == ["session_number"]


def test_assignments_are_for_packages_of_several_providers(calm: Desk) -> None:
    body = calm.package_body(provider_assignments=assigned(1, provider=calm.provider["id"]))
    assert refused(calm, CREATE, body) == {"provider_assignments": ["Requires use_multiple_providers."]}


def misfit(desk: Desk, kind: str) -> str:
    """A provider who cannot hold the desk's packages."""
    if kind == "of another clinic":
        return str(desk.centre.create_provider(desk.centre.create_clinic())["id"])
    if kind == "of another discipline":
        return str(desk.centre.create_provider(desk.clinic, discipline="SLP")["id"])
    if kind == "of another tenant":
        return str(Desk(Centre(desk.centre.kit, f"{desk.centre.tenant}x")).provider["id"])
    if kind == "inactive":
        provider = desk.centre.create_provider(desk.clinic)
        path = f"/providers/{provider['id']}"
        ok(desk.centre.client().patch(path, {"active": False}, desk.centre.get(path).headers["ETag"]))
        return str(provider["id"])
    return UNKNOWN


@pytest.mark.parametrize(
    "kind", ["of another clinic", "of another discipline", "of another tenant", "inactive", "unknown"]
)
def test_only_a_provider_of_the_clinic_and_of_the_discipline_holds_a_package(desk: Desk, kind: str) -> None:
    provider = misfit(desk, kind)
    named = {"use_multiple_providers": True, "provider_assignments": assigned(1, provider=provider)}
    for path in (PLAN, CREATE):
        assert list(refused(desk, path, desk.package_body(provider_id=provider))) == ["provider_id"]
        assert list(refused(desk, path, desk.package_body(**named))) == ["provider_assignments"]
    assert list(refused(desk, CREATE, desk.package_body(sessions=[place(desk, provider_id=provider)]))) == ["sessions"]
    draft = desk.create_package(auto_schedule=False)
    path = f"/packages/{draft['id']}/schedule"
    assert list(refused(desk, path, {"sessions": [place(desk, provider_id=provider)]})) == ["sessions"]


@pytest.mark.parametrize("kind", ["of another clinic", "of another tenant", "unknown"])
def test_only_a_room_of_the_clinic_is_a_packages(desk: Desk, kind: str) -> None:
    room = UNKNOWN
    if kind == "of another clinic":
        room = desk.centre.create_room(desk.centre.create_clinic())["id"]
    if kind == "of another tenant":
        room = Desk(Centre(desk.centre.kit, f"{desk.centre.tenant}x")).room["id"]
    for path in (PLAN, CREATE):
        assert list(refused(desk, path, desk.package_body(room_id=room))) == ["room_id"]
    assert list(refused(desk, CREATE, desk.package_body(sessions=[place(desk, room_id=room)]))) == ["sessions"]


@pytest.mark.parametrize("kind", ["unknown", "of another tenant", "inactive"])
@pytest.mark.parametrize("path", [PLAN, CREATE])
def test_only_an_active_patient_of_the_tenant_has_a_package(
    desk: Desk, path: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jalsa.http.edge.KNOWN_WITHIN", 0.1)
    patient = UNKNOWN
    if kind == "of another tenant":
        patient = Centre(desk.centre.kit, f"{desk.centre.tenant}x").create_patient()
    if kind == "inactive":
        patient = desk.centre.create_patient(active=False)
    refused(desk, path, desk.package_body(patient_id=patient), code="unknown-patient")


@pytest.mark.parametrize("field", ["clinic_id", "service_type"])
def test_the_clinic_and_the_service_type_are_the_tenants_own(desk: Desk, field: str) -> None:
    other = Desk(Centre(desk.centre.kit, f"{desk.centre.tenant}x"))
    body = {**desk.package_body(), field: other.placement()[field]}
    for path in (PLAN, CREATE):
        assert list(refused(desk, path, body)) == [field]


def place(desk: Desk, **overrides: Any) -> dict[str, Any]:
    asked = {"session_number": 1, "starts_at": at(), "provider_id": desk.provider["id"]}
    return as_json({**asked, **overrides})


PLACES: list[dict[str, Any]] = [
    {"session_number": 0},
    {"session_number": 5},
    {"session_number": 101},
    {"session_number": "1"},
    {"session_number": ...},
    {"starts_at": "2030-01-01T09:00:00"},
    {"starts_at": "tomorrow"},
    {"starts_at": ...},
    {"provider_id": None},
    {"provider_id": "x"},
    {"provider_id": ...},
    {"room_id": "x"},
]


@pytest.mark.parametrize("wrong", PLACES)
def test_a_place_by_hand_names_the_field_that_is_wrong(calm: Desk, wrong: dict[str, Any]) -> None:
    errors = refused(calm, CREATE, calm.package_body(sessions=[place(calm, session_number=2), place(calm, **wrong)]))
    assert {at: list(error) for at, error in errors["sessions"].items()} == {"1": list(wrong)}


def test_a_plan_that_has_failures_is_not_committed_as_a_whole(calm: Desk) -> None:
    sessions = [place(calm), place(calm, session_number=2, starts_at=None, provider_id=None)]
    body = calm.package_body(sessions=sessions, all_or_nothing=True)
    assert refused(calm, CREATE, body) == {"sessions": {"1": {"starts_at": ["Required with all_or_nothing."]}}}


def test_places_by_hand_are_of_different_sessions_and_not_years_away(calm: Desk) -> None:
    assert list(refused(calm, CREATE, calm.package_body(sessions=[]))) == ["sessions"]
    twice = [place(calm), place(calm, starts_at=at(2))]
    assert refused(calm, CREATE, calm.package_body(sessions=twice)) == {
        "sessions": {"1": {"session_number": ["This number occurs twice."]}}
    }
    for far in (at() + 733 * DAY, at().replace(year=2190)):
        errors = refused(calm, CREATE, calm.package_body(sessions=[place(calm, starts_at=far)]))
        assert errors == {"sessions": ["Must be at most 732 days from today."]}


SCHEDULE: list[tuple[dict[str, Any], str]] = [
    ({"session_numbers": []}, "session_numbers"),
    ({"session_numbers": [0]}, "session_numbers"),
    ({"session_numbers": [101]}, "session_numbers"),
    ({"session_numbers": [2, 2]}, "session_numbers"),
    ({"session_numbers": ["2"]}, "session_numbers"),
    ({"session_numbers": None}, "session_numbers"),
    ({"start_date": None}, "start_date"),
    ({"start_date": START + 2000 * DAY}, "start_date"),
    ({"end_date": START - DAY}, "end_date"),
    ({"end_date": START + 733 * DAY}, "end_date"),
    ({"start_date": START + DAY, "end_date": START}, "end_date"),
    ({"preferred_days": [7]}, "preferred_days"),
    ({"preferred_time": "24:30"}, "preferred_time"),
    ({"gap_days": 0}, "gap_days"),
    ({"gap_days": 31}, "gap_days"),
    ({"tolerance_days": 31}, "tolerance_days"),
    ({"all_or_nothing": "perhaps"}, "all_or_nothing"),
    ({"total_sessions": 5}, "total_sessions"),
    ({"provider_id": UNKNOWN}, "provider_id"),
]


@dataclass(frozen=True)
class Drafted:
    """A desk with a package with which nothing ever happens."""

    desk: Desk
    path: str


@pytest.fixture(scope="session")
def drafted(kit: ServiceKit) -> Drafted:
    desk = Desk(Centre(kit, f"drafts{secrets.token_hex(4)}"))
    return Drafted(desk, f"/packages/{desk.create_package(auto_schedule=False)['id']}/schedule")


@pytest.mark.parametrize(("body", "field"), SCHEDULE)
def test_trying_again_names_the_field_that_is_wrong(drafted: Drafted, body: dict[str, Any], field: str) -> None:
    assert list(refused(drafted.desk, drafted.path, body)) == [field]


def test_trying_again_is_by_number_or_by_hand(drafted: Drafted) -> None:
    desk, path = drafted.desk, drafted.path
    both = {"session_numbers": [1], "sessions": [place(desk)]}
    assert refused(desk, path, both) == {
        "session_numbers": ["Must be absent when sessions is given, because each item there has its number."]
    }
    refused(desk, path, {"session_numbers": [5]}, 404, "not-found")
    refused(desk, path, {"sessions": [place(desk, session_number=5)]}, 404, "not-found")


@pytest.mark.parametrize("verb", ["", "/schedule"])
def test_a_package_of_another_tenant_is_not_there(desk: Desk, verb: str) -> None:
    package = Desk(Centre(desk.centre.kit, f"{desk.centre.tenant}x")).create_package()
    path = f"/packages/{package['id']}{verb}"
    answer = desk.centre.post(path) if verb else desk.centre.get(path)
    problem(answer, 404, "not-found")
