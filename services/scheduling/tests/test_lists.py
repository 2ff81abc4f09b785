"""Lists: stable order, cursors, filters, and the sessions that can still be booked."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from jalsa.dev.kit import ServiceKit
from jalsa.dev.surface import assert_each_role_is_told_its_permissions, assert_no_read_takes_an_unknown_parameter
from jalsa.service import clock

from .factories import Centre, Desk, at, ok, problem


def pages(centre: Centre, path: str, limit: int, **query: Any) -> list[list[str]]:
    """The ids of every page, followed by its cursor to the end."""
    found, cursor = [], None
    while True:
        page = ok(centre.get(path, limit=limit, **query, **({"cursor": cursor} if cursor else {})))
        found.append([item["id"] for item in page["items"]])
        cursor = page["next_cursor"]
        if cursor is None:
            return found


def ids(centre: Centre, path: str, **query: Any) -> list[str]:
    return [item["id"] for item in ok(centre.get(path, **query))["items"]]


@pytest.mark.parametrize("path", ["/clinics", "/rooms", "/providers", "/service-types"])
def test_lists_are_in_the_order_of_creation_and_paged_without_loss(desk: Desk, path: str) -> None:
    create: dict[str, Callable[[], dict[str, Any]]] = {
        "/clinics": desk.centre.create_clinic,
        "/rooms": lambda: desk.centre.create_room(desk.clinic),
        "/providers": lambda: desk.centre.create_provider(desk.clinic, hours=[]),
        "/service-types": desk.centre.create_service_type,
    }
    first = {
        "/clinics": desk.clinic,
        "/rooms": desk.room,
        "/providers": desk.provider,
        "/service-types": desk.service_type,
    }[path]
    made = [first["id"], *(create[path]()["id"] for _ in range(4))]
    assert pages(desk.centre, path, 2) == [made[:2], made[2:4], made[4:]]
    assert pages(desk.centre, path, 5) == [made]
    whole = ok(desk.centre.get(path))
    assert whole["items"][0] == ok(desk.centre.get(f"{path}/{made[0]}"))


def test_rooms_are_listed_by_clinic(desk: Desk) -> None:
    other = desk.centre.create_clinic()
    room = desk.centre.create_room(other)
    assert ids(desk.centre, "/rooms", clinic_id=other["id"]) == [room["id"]]
    assert ids(desk.centre, "/rooms") == [desk.room["id"], room["id"]]


def test_sessions_are_listed_by_their_start_whatever_the_order_of_booking(desk: Desk) -> None:
    other = desk.centre.create_provider(desk.clinic)
    third = desk.create_session(starts_at=at(3))
    first = desk.create_session(starts_at=at(1))
    second = desk.create_session(starts_at=at(2))
    at_the_same_time = desk.create_session(starts_at=at(2), provider_id=other["id"])
    order = [first["id"], *sorted([second["id"], at_the_same_time["id"]]), third["id"]]
    assert ids(desk.centre, "/sessions") == order
    assert pages(desk.centre, "/sessions", 1) == [[one] for one in order]
    assert pages(desk.centre, "/sessions", 3) == [order[:3], order[3:]]


def test_a_listed_session_is_what_a_single_read_shows(desk: Desk) -> None:
    session = desk.create_session(room_id=desk.room["id"])
    desk.create_participant(session)
    assert ok(desk.centre.get("/sessions"))["items"] == [desk.session(session["id"])]


def test_a_listed_participant_is_what_a_single_read_shows(desk: Desk) -> None:
    session = desk.create_session()
    made = [desk.create_participant(session)["id"] for _ in range(3)]
    path = f"/sessions/{session['id']}/participants"
    assert ok(desk.centre.get(path))["items"] == [desk.participant(one) for one in made]
    assert pages(desk.centre, path, 2) == [made[:2], made[2:]]


def test_sessions_are_filtered_by_each_of_their_parts(desk: Desk) -> None:
    clinic = desk.centre.create_clinic()
    provider = desk.centre.create_provider(clinic)
    service_type = desk.centre.create_service_type()
    plain = desk.create_session(starts_at=at(1))
    other = desk.create_individual(
        starts_at=at(2), clinic_id=clinic["id"], provider_id=provider["id"], service_type=service_type["code"]
    )
    ok(desk.centre.post(f"/sessions/{other['id']}/cancel"))
    for query in (
        {"clinic_id": clinic["id"]},
        {"provider_id": provider["id"]},
        {"service_type": service_type["code"]},
        {"session_type": "INDIVIDUAL"},
        {"status": "CANCELLED"},
        {"from": at(2).isoformat()},
    ):
        assert ids(desk.centre, "/sessions", **query) == [other["id"]], query
    assert ids(desk.centre, "/sessions", to=at(2).isoformat()) == [plain["id"]]
    assert ids(desk.centre, "/sessions", service_type="NO-SUCH") == []


def test_the_bounds_of_a_list_include_the_first_instant_and_exclude_the_last(desk: Desk) -> None:
    session = desk.create_session(starts_at=at(1))
    bounds = {"from": at(1).isoformat(), "to": (at(1) + timedelta(seconds=1)).isoformat()}
    assert ids(desk.centre, "/sessions", **bounds) == [session["id"]]
    assert ids(desk.centre, "/sessions", to=at(1).isoformat()) == []


def test_available_sessions_have_a_free_place_and_have_neither_begun_nor_been_cancelled(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = desk.create_individual(starts_at=at(1, 8))
    participant = desk.create_participant(full)
    cancelled = desk.create_session(starts_at=at(1, 10))
    ok(desk.centre.post(f"/sessions/{cancelled['id']}/cancel"))
    soon = desk.create_session(starts_at=at(1, 12))
    late = desk.create_session(starts_at=at(1, 14))
    assert ids(desk.centre, "/sessions/available") == [soon["id"], late["id"]]
    assert pages(desk.centre, "/sessions/available", 1) == [[soon["id"]], [late["id"]]]
    assert ids(desk.centre, "/sessions/available", session_type="INDIVIDUAL") == []
    ok(desk.centre.post(f"/participants/{participant['id']}/cancel"))
    assert ids(desk.centre, "/sessions/available") == [full["id"], soon["id"], late["id"]]
    moment: datetime = at(1, 12)
    monkeypatch.setattr(clock, "now", lambda: moment)
    assert ids(desk.centre, "/sessions/available") == [late["id"]]


@pytest.mark.parametrize(
    ("path", "query", "field"),
    [
        ("/clinics", {"cursor": "nonsense!"}, "cursor"),
        ("/clinics", {"cursor": "bm9uc2Vuc2U"}, "cursor"),
        ("/clinics", {"cursor": "ü"}, "cursor"),
        ("/clinics", {"cursor": "A" * 401}, "cursor"),
        ("/sessions", {"cursor": "bm9uc2Vuc2U"}, "cursor"),
        ("/sessions/available", {"cursor": "AAAA"}, "cursor"),
        ("/clinics", {"limit": 0}, "limit"),
        ("/clinics", {"limit": 201}, "limit"),
        ("/clinics", {"limit": "many"}, "limit"),
        ("/rooms", {"clinic_id": "x"}, "clinic_id"),
        ("/sessions", {"status": "GONE"}, "status"),
        ("/sessions", {"session_type": "PAIR"}, "session_type"),
        ("/sessions", {"service_type": "A\x00B"}, "service_type"),
        ("/sessions", {"service_type": "X" * 21}, "service_type"),
        ("/sessions", {"from": "2026-11-23T09:00:00"}, "from"),
        ("/sessions", {"to": "yesterday"}, "to"),
    ],
)
def test_a_bad_query_names_its_field(centre: Centre, path: str, query: dict[str, Any], field: str) -> None:
    refused = problem(centre.get(path, **query), 422, "validation-error")
    assert list(refused["errors"]) == [field]


def test_the_cursor_of_one_list_does_not_open_another(desk: Desk) -> None:
    desk.centre.create_clinic()
    cursor = ok(desk.centre.get("/clinics", limit=1))["next_cursor"]
    problem(desk.centre.get("/sessions", cursor=cursor), 422, "validation-error")


@pytest.mark.parametrize("path", ["/sessions", "/appointments"])
def test_days_are_local_days_of_each_clinic_and_both_are_included(desk: Desk, path: str) -> None:
    riyadh, west = desk, Desk(desk.centre, timezone="America/Los_Angeles")
    late = at(3, 21, 30)  # the next day in Riyadh, the same day in Los Angeles
    before = desk.create_appointment(starts_at=at(2, 20))
    made = {name: which.create_appointment(starts_at=late) for name, which in (("riyadh", riyadh), ("west", west))}

    def found(first: Any, last: Any) -> list[str]:
        bounds = {"from": first.isoformat(), "to": last.isoformat()}
        return sorted(ids(desk.centre, path, **bounds))

    own = {name: a["id"] if path == "/appointments" else a["session"]["id"] for name, a in made.items()}
    first = before["id"] if path == "/appointments" else before["session"]["id"]
    third, fourth = at(3).date(), at(4).date()
    assert found(third, third) == [own["west"]]
    assert found(fourth, fourth) == [own["riyadh"]]
    assert found(third, fourth) == sorted(own.values())
    assert found(at(2).date(), fourth) == sorted([first, *own.values()])
    assert found(at(3), late) == []  # an instant is exact, and the last is not included
    assert found(late, at(4)) == sorted(own.values())


def test_no_read_takes_a_parameter_that_does_not_exist(kit: ServiceKit, tenant: str) -> None:
    assert_no_read_takes_an_unknown_parameter(kit, tenant)


def test_each_role_is_told_its_permissions(kit: ServiceKit, tenant: str) -> None:
    assert_each_role_is_told_its_permissions(kit, tenant)
