"""Packages as lists show them, and appointments that say which session of which package they are."""

from typing import Any
from zoneinfo import ZoneInfo

import pytest

from jalsa.service import clock

from .factories import Centre, Desk, at, created, noon_zone, ok, problem
from .test_lists import ids, pages
from .test_package_reports import appointments, attend, statements

NOBODY = "01a1f000-0000-7000-8000-00000000dead"  # the same in every process that collects these tests


def test_where_nothing_is_the_list_is_empty(desk: Desk) -> None:
    assert ok(desk.centre.get("/packages")) == {"items": [], "next_cursor": None}


def test_packages_are_in_the_order_in_which_they_were_made_or_the_other_way_and_paged_without_loss(desk: Desk) -> None:
    made = [desk.create_package(start_date=str(at(9 - number).date()), total_sessions=2)["id"] for number in range(5)]
    backwards = made[::-1]
    assert pages(desk.centre, "/packages", 2) == [made[:2], made[2:4], made[4:]]
    assert pages(desk.centre, "/packages", 2, order="desc") == [backwards[:2], backwards[2:4], backwards[4:]]
    assert pages(desk.centre, "/packages", 5) == [made]


def test_a_page_goes_on_where_it_ended_though_packages_are_made_meanwhile(desk: Desk) -> None:
    made = [desk.create_package(total_sessions=2, auto_schedule=False)["id"] for _ in range(2)]
    first = ok(desk.centre.get("/packages", limit=1))
    made.append(desk.create_package(total_sessions=2, auto_schedule=False)["id"])
    rest = ok(desk.centre.get("/packages", cursor=first["next_cursor"]))
    assert [item["id"] for item in [*first["items"], *rest["items"]]] == made


def test_a_listed_package_is_what_a_single_read_shows_but_for_its_parts(desk: Desk) -> None:
    package = desk.create_package()
    attend(desk, appointments(package)[0])
    [listed] = ok(desk.centre.get("/packages"))["items"]
    whole = ok(desk.centre.get(f"/packages/{package['id']}"))
    assert {*whole} - {*listed} == {"sessions", "scheduling_errors", "provider_assignments"}
    assert listed.items() <= whole.items()
    assert (listed["progress_percentage"], listed["completed_sessions_count"]) == (25.0, 1)


def test_progress_is_each_packages_own(desk: Desk) -> None:
    begun, scheduled = desk.create_package(), desk.create_package(total_sessions=2)
    attend(desk, appointments(begun)[0])
    shown = {item["id"]: item for item in ok(desk.centre.get("/packages"))["items"]}
    counts = ("completed_sessions_count", "scheduled_sessions_count", "total_sessions")
    assert [shown[begun["id"]][name] for name in counts] == [1, 3, 4]
    assert [shown[scheduled["id"]][name] for name in counts] == [0, 2, 2]


def test_packages_are_filtered_by_each_of_their_parts_and_by_all_together(desk: Desk) -> None:
    clinic, kind = desk.centre.create_clinic(), desk.centre.create_service_type()
    provider = desk.centre.create_provider(clinic)
    plain = desk.create_package()
    parts = {"clinic_id": clinic["id"], "service_type": kind["code"], "provider_id": provider["id"]}
    other = desk.create_package(**parts, auto_schedule=False)
    filters = {
        **parts,
        "patient_id": other["patient_id"],
        "status": "DRAFT",
        "package_number": other["package_number"],
    }
    for name, value in filters.items():
        assert ids(desk.centre, "/packages", **{name: value}) == [other["id"]], name
        assert ids(desk.centre, "/packages", **{**filters, name: plain.get(name)}) == [], name
    assert ids(desk.centre, "/packages", **filters) == [other["id"]]
    assert ids(desk.centre, "/packages", status="SCHEDULED") == [plain["id"]]


def test_a_provider_is_found_by_any_session_also_where_the_plan_has_chosen_them(desk: Desk) -> None:
    second = desk.centre.create_provider(desk.clinic, name_en="Maryam")
    shared = desk.create_package(
        provider_id=...,
        use_multiple_providers=True,
        provider_assignments=[{"session_number": 3, "provider_id": second["id"]}],
    )
    alone = desk.create_package()
    undecided = desk.create_package(provider_id=..., auto_schedule=False)
    assert ids(desk.centre, "/packages", provider_id=second["id"]) == [shared["id"]]
    assert ids(desk.centre, "/packages", provider_id=desk.provider["id"]) == [shared["id"], alone["id"]]
    chosen = ok(desk.centre.post(f"/packages/{undecided['id']}/schedule", {}))["sessions"][0]["provider_id"]
    assert undecided["id"] in ids(desk.centre, "/packages", provider_id=chosen)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("patient_id", NOBODY),
        ("clinic_id", NOBODY),
        ("provider_id", NOBODY),
        ("service_type", "NO-SUCH"),
        ("package_number", "PKG-20200101-0001"),
        ("status", "COMPLETED"),
    ],
)
def test_a_filter_that_fits_nothing_gives_an_empty_list(desk: Desk, name: str, value: str) -> None:
    desk.create_package(total_sessions=2, auto_schedule=False)
    assert ids(desk.centre, "/packages", **{name: value}) == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"order": "up"}, "order"),
        ({"status": "BOOKED"}, "status"),
        ({"patient_id": "x"}, "patient_id"),
        ({"clinic_id": "x"}, "clinic_id"),
        ({"provider_id": "x"}, "provider_id"),
        ({"service_type": "X" * 21}, "service_type"),
        ({"package_number": "X" * 31}, "package_number"),
        ({"limit": 0}, "limit"),
        ({"limit": 201}, "limit"),
        ({"cursor": "bm9uc2Vuc2U"}, "cursor"),
    ],
)
def test_a_bad_query_names_its_field(calm: Desk, query: dict[str, Any], field: str) -> None:
    assert list(problem(calm.centre.get("/packages", **query), 422, "validation-error")["errors"]) == [field]


def test_another_tenant_finds_no_package_whatever_it_asks_for(desk: Desk) -> None:
    package = desk.create_package()
    stranger = Centre(desk.centre.kit, f"{desk.centre.tenant}x")
    for name in ("patient_id", "clinic_id", "provider_id", "service_type", "status", "package_number"):
        assert ids(desk.centre, "/packages", **{name: package[name]}) == [package["id"]]
        assert ids(stranger, "/packages", **{name: package[name]}) == []
    assert ids(stranger, "/packages") == ids(stranger, "/appointments", package_id=package["id"]) == []
    problem(stranger.get(f"/packages/{package['id']}"), 404, "not-found")


def test_an_appointment_says_which_session_of_which_package_it_is_wherever_it_is_shown(desk: Desk) -> None:
    package = desk.create_package()
    single = desk.create_appointment(starts_at=at(9), patient_id=package["patient_id"])
    assert single["package"] is None
    expected = [
        {"id": package["id"], "number": package["package_number"], "session_number": number, "total_sessions": 4}
        for number in (1, 2, 3, 4)
    ]
    own = appointments(package)
    assert [desk.participant(one["id"])["package"] for one in own] == expected
    assert ok(desk.do(own[0], "confirm"))["package"] == expected[0]
    assert ok(desk.do(own[3], "cancel"))["package"] == expected[3]
    listed = ok(desk.centre.get("/appointments", patient_id=package["patient_id"]))["items"]
    assert [item["package"] for item in listed] == [*expected, None]
    session = package["sessions"][1]["session_id"]
    [participant] = ok(desk.centre.get(f"/sessions/{session}/participants"))["items"]
    assert participant["package"] == expected[1]


def test_the_queue_says_of_which_package_an_appointment_is(centre: Centre) -> None:
    desk = Desk(centre, timezone=noon_zone())
    today = clock.now().astimezone(ZoneInfo(noon_zone())).date()
    package = desk.create_package(start_date=str(today))
    ok(desk.do(appointments(package)[0], "check-in", override={"reason": "known at the desk"}))
    [waiting] = ok(centre.get("/queue", clinic_id=desk.clinic["id"]))["items"]
    assert waiting["package"]["number"] == package["package_number"]
    assert waiting["package"]["session_number"] == 1


def test_the_appointments_of_a_package_are_listed_by_it_with_those_it_has_lost(desk: Desk) -> None:
    package, _ = desk.create_package(), desk.create_package()
    own = [one["id"] for one in appointments(package)]
    ok(desk.do({"id": own[0]}, "cancel"))
    found = pages(desk.centre, "/appointments", 3, package_id=package["id"])
    assert found == [own[:3], own[3:]]
    assert ids(desk.centre, "/appointments", package_id=package["id"], status="CANCELLED") == own[:1]
    placed = ok(desk.centre.post(f"/packages/{package['id']}/schedule", {}))
    again = placed["sessions"][0]["appointment_id"]
    assert again not in own
    assert set(ids(desk.centre, "/appointments", package_id=package["id"])) == {*own, again}
    assert ids(desk.centre, "/appointments", package_id=NOBODY) == []
    refused = desk.centre.get("/appointments", package_id="x")
    assert list(problem(refused, 422, "validation-error")["errors"]) == ["package_id"]


def test_a_participants_answer_takes_as_many_statements_with_a_package_as_without(desk: Desk) -> None:
    single, [of_package, *_] = desk.create_appointment(starts_at=at(9)), appointments(desk.create_package())
    counted = []
    for participant in (single, of_package):
        with statements(desk.centre.kit) as sent:
            desk.participant(participant["id"])
        counted.append(len(sent))
    assert counted[0] == counted[1]


def test_a_booking_reads_nothing_of_packages(desk: Desk) -> None:
    asked = desk.placement(patient_id=desk.centre.create_patient())
    with statements(desk.centre.kit) as sent:
        created(desk.centre.post("/appointments", asked))
    assert sent
    assert [statement for statement in sent if "package" in statement.replace("package_session_id", "")] == []


def test_the_calendar_says_which_appointments_are_of_a_package(desk: Desk) -> None:
    package = desk.create_package(total_sessions=2)
    desk.create_appointment(starts_at=at(3))
    days = {"from": at(0).date(), "to": at(4).date()}
    shown = ok(desk.centre.get("/calendar", **days, clinic_id=desk.clinic["id"]))
    participants = [one for session in shown["sessions"] for one in session["participants"]]
    assert len(participants) == 3
    for one in participants:
        assert one["package"] == desk.participant(one["id"])["package"]
    assert sorted(one["package"]["session_number"] for one in participants if one["package"]) == [1, 2]
    assert {one["package"]["number"] for one in participants if one["package"]} == {package["package_number"]}
