"""Free times. What is offered can be booked, and what can be booked is offered."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from jalsa.service import clock

from .factories import Centre, Desk, as_json, at, created, hours_on, ok, problem

RIYADH = ZoneInfo("Asia/Riyadh")
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


def asked(desk: Desk, day: int = 1, **query: Any) -> dict[str, Any]:
    """A search of one local day of the desk's clinic, unless said otherwise. `...` takes a parameter away."""
    local = at(day).date().isoformat()
    query = {
        "service_type": desk.service_type["code"],
        "clinic_id": desk.clinic["id"],
        "from": local,
        "to": local,
        "limit": 200,
        **query,
    }
    return as_json(query)


def slots(desk: Desk, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ok(desk.centre.get("/availability", **asked(desk, **query)))["items"]
    return found


def times(desk: Desk, **query: Any) -> list[str]:
    """The local times that are offered."""
    return [slot["local_time"] for slot in slots(desk, **query)]


def office_hours(desk: Desk, start: str = "09:00", end: str = "12:00", clinic: Any = None) -> list[dict[str, Any]]:
    return [hours_on(day, clinic or desk.clinic, start, end) for day in range(7)]


def set_hours(desk: Desk, *stretches: dict[str, Any], provider: Any = None) -> None:
    path = f"/providers/{(provider or desk.provider)['id']}/working-hours"
    ok(desk.centre.client().put(path, {"items": list(stretches)}))


@pytest.fixture
def office(desk: Desk) -> Desk:
    """A desk whose provider works from nine to twelve."""
    set_hours(desk, *office_hours(desk))
    return desk


def test_a_slot_says_when_where_and_with_whom(office: Desk) -> None:
    first = slots(office, room_required=True)[0]
    day = at(1).date()
    nine = datetime.combine(day, time(9), RIYADH).astimezone(UTC)
    assert first == {
        "starts_at": nine.isoformat().replace("+00:00", "Z"),
        "ends_at": (nine + 60 * MINUTE).isoformat().replace("+00:00", "Z"),
        "local_date": day.isoformat(),
        "local_time": "09:00",
        "timezone": "Asia/Riyadh",
        "duration_minutes": 60,
        "service_type": office.service_type["code"],
        "clinic_id": office.clinic["id"],
        "provider_id": office.provider["id"],
        "provider": {name: office.provider[name] for name in ("id", "name_en", "name_ar")},
        "room_id": office.room["id"],
        "room": {"id": office.room["id"], "name": office.room["name"]},
    }
    assert slots(office)[0] == {**first, "room_id": None, "room": None}


def test_slots_stand_on_a_grid_of_the_hours(office: Desk) -> None:
    assert times(office, step_minutes=60) == ["09:00", "10:00", "11:00"]
    assert times(office, step_minutes=50, duration_minutes=30) == ["09:10", "10:00", "10:50"]
    assert times(office, step_minutes=30, duration_minutes=180) == ["09:00"]
    assert times(office, duration_minutes=181) == []
    assert len(times(office)) == 9


def test_what_is_booked_away_or_closed_is_not_offered(office: Desk) -> None:
    office.create_session(starts_at=at(1, 7))  # from ten to eleven
    assert times(office, step_minutes=30) == ["09:00", "11:00"]
    away = {"starts_at": at(2, 6), "ends_at": at(2, 7, 30)}
    created(office.centre.post(f"/providers/{office.provider['id']}/time-off", as_json(away)))
    assert times(office, day=2, step_minutes=30) == ["10:30", "11:00"]
    for day, clinic in ((3, office.clinic["id"]), (4, None)):
        local = at(day).date().isoformat()
        closure = {"clinic_id": clinic, "name_en": "Closed", "name_ar": "مغلق", "starts_on": local, "ends_on": local}
        created(office.centre.post("/closures", closure))
        assert times(office, day=day) == []
    assert len(times(office, day=5)) == 9


def test_a_session_fits_exactly_between_two_others(office: Desk) -> None:
    for hour in (6, 8):  # nine to ten, eleven to twelve
        office.create_session(starts_at=at(1, hour))
    assert times(office) == ["10:00"]
    assert times(office, duration_minutes=61) == []


def test_a_cancelled_session_frees_its_time(office: Desk) -> None:
    session = office.create_session(starts_at=at(1, 6), duration_minutes=180)
    assert times(office) == []
    ok(office.centre.post(f"/sessions/{session['id']}/cancel"))
    assert len(times(office)) == 9


def test_the_buffers_of_both_sessions_keep_them_apart(office: Desk) -> None:
    long = office.centre.create_service_type(buffer_before_minutes=15, buffer_after_minutes=20)
    office.create_session(starts_at=at(1, 7), duration_minutes=15, service_type=long["code"])  # 09:45–10:35 with them
    half = {"duration_minutes": 30}
    assert times(office, **half) == ["09:00", "09:15", "10:45", "11:00", "11:15", "11:30"]
    office.create_session(starts_at=at(2, 7), duration_minutes=15)
    assert times(office, day=2, service_type=long["code"], **half) == [
        "09:00",
        "10:30",
        "10:45",
        "11:00",
        "11:15",
        "11:30",
    ]


def test_a_session_elsewhere_takes_the_provider_here(desk: Desk) -> None:
    elsewhere = desk.centre.create_clinic(timezone="Europe/Berlin")
    provider = desk.centre.create_provider(desk.clinic, elsewhere, hours=office_hours(desk))
    set_hours(desk, *office_hours(desk), *office_hours(desk, "12:00", "14:00", elsewhere), provider=provider)
    query = {"provider_id": provider["id"], "step_minutes": 60}
    assert times(desk, **query) == ["09:00", "10:00", "11:00"]
    anywhere = slots(desk, clinic_id=..., **query)
    assert [slot["clinic_id"] for slot in anywhere] == [desk.clinic["id"]] * 3 + [elsewhere["id"]] * 2
    assert {slot["timezone"] for slot in anywhere} == {"Asia/Riyadh", "Europe/Berlin"}
    desk.create_session(
        starts_at=at(1, 7), provider_id=provider["id"], override={"reason": "moved"}, clinic_id=elsewhere["id"]
    )
    assert times(desk, **query) == ["09:00", "11:00"]


def test_a_patients_own_sessions_are_left_out(office: Desk) -> None:
    patient = office.centre.create_patient()
    other = office.centre.create_provider(office.clinic)
    booked = office.create_appointment(patient_id=patient, provider_id=other["id"], starts_at=at(1, 7))
    query = {"patient_id": patient, "provider_id": office.provider["id"], "step_minutes": 30}
    assert times(office, **query) == ["09:00", "11:00"]
    assert len(times(office, **{**query, "patient_id": str(uuid4())})) == 5
    ok(office.centre.post(f"/participants/{booked['id']}/cancel"))
    assert len(times(office, **query)) == 5


def test_the_first_free_room_by_name_is_offered(office: Desk) -> None:
    last, first = (office.centre.create_room(office.clinic, name=name) for name in ("Zeal", "Amber"))
    hour = {"step_minutes": 60}
    others = office.centre.create_provider(office.clinic)
    office.create_session(provider_id=others["id"], room_id=first["id"], starts_at=at(1, 7))

    def rooms(**query: Any) -> list[str]:
        found = slots(office, provider_id=office.provider["id"], **hour, **query)
        return [f"{slot['local_time']} {slot['room']['name']}" for slot in found]

    assert rooms(room_required=True) == ["09:00 Amber", f"10:00 {office.room['name']}", "11:00 Amber"]
    assert rooms(room_id=first["id"]) == ["09:00 Amber", "11:00 Amber"]
    assert rooms(room_id=last["id"], clinic_id=...) == ["09:00 Zeal", "10:00 Zeal", "11:00 Zeal"]


def test_without_a_room_there_is_nothing_where_one_is_required(centre: Centre) -> None:
    desk = Desk(centre)
    elsewhere = centre.create_clinic()
    provider = centre.create_provider(elsewhere)
    query = {"clinic_id": elsewhere["id"], "provider_id": provider["id"]}
    assert slots(desk, **query)
    assert slots(desk, room_required=True, **query) == []


def test_only_qualified_providers_of_the_clinic_are_offered(office: Desk) -> None:
    colleague = office.centre.create_provider(office.clinic, hours=office_hours(office), name_en="Aisha")
    elsewhere = office.centre.create_clinic()
    office.centre.create_provider(elsewhere)
    office.centre.create_provider(office.clinic, discipline="SLP")
    gone = office.centre.create_provider(office.clinic)
    path = f"/providers/{gone['id']}"
    ok(office.centre.client().patch(path, {"active": False}, office.centre.get(path).headers["ETag"]))
    offered = [(slot["local_time"], slot["provider"]["id"]) for slot in slots(office, step_minutes=60)]
    both = (colleague["id"], office.provider["id"])  # by name
    assert offered == [(hour, provider) for hour in ("09:00", "10:00", "11:00") for provider in both]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"part_of_day": "MORNING"}, ["11:00", "11:30"]),
        ({"part_of_day": "AFTERNOON"}, ["12:00", "12:30"]),
        ({"part_of_day": "EVENING"}, ["17:00", "17:30"]),
    ],
)
def test_a_slot_begins_in_the_part_of_the_day(desk: Desk, query: dict[str, Any], expected: list[str]) -> None:
    set_hours(desk, *office_hours(desk, "11:00", "13:00"), *office_hours(desk, "16:45", "18:30"))
    found = [one for one in times(desk, step_minutes=30, duration_minutes=30, **query) if not one.startswith("18")]
    assert found == expected


def test_a_slot_begins_on_one_of_the_weekdays(office: Desk) -> None:
    last = at(14).date().isoformat()
    found = slots(office, step_minutes=60, weekdays=[1, 3], to=last)
    assert {date.fromisoformat(slot["local_date"]).isoweekday() for slot in found} == {1, 3}
    assert len(found) == 12
    assert len(slots(office, step_minutes=60, to=last)) == 42


def test_days_are_the_clinics_and_the_last_is_included(desk: Desk) -> None:
    first, last = at(1).date(), at(2).date()
    found = slots(desk, step_minutes=120, **{"from": first.isoformat(), "to": last.isoformat()})
    assert (found[0]["local_date"], found[0]["local_time"]) == (first.isoformat(), "00:00")
    assert (found[-1]["local_date"], found[-1]["local_time"]) == (last.isoformat(), "22:00")
    assert len(found) == 24


def test_nothing_is_lost_where_a_long_search_is_read_in_pieces(desk: Desk) -> None:
    found = slots(desk, step_minutes=120, duration_minutes=480, to=at(12).date().isoformat())
    starts = [datetime.fromisoformat(slot["starts_at"]) for slot in found]
    assert len(starts) == 12 * 12
    assert {later - earlier for earlier, later in pairwise(starts)} == {120 * MINUTE}


def test_instants_include_the_first_and_exclude_the_last(office: Desk) -> None:
    bounds = {"from": at(1, 6).isoformat(), "to": at(1, 8).isoformat()}
    assert times(office, step_minutes=60, **bounds) == ["09:00", "10:00"]
    assert times(office, step_minutes=60, **{**bounds, "to": at(1).date().isoformat()}) == ["09:00", "10:00", "11:00"]


def test_the_past_is_never_offered(office: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    ten = at(1, 7)
    monkeypatch.setattr(clock, "now", lambda: ten)
    assert times(office, step_minutes=30) == ["10:30", "11:00"]
    monkeypatch.setattr(clock, "now", lambda: ten - timedelta(microseconds=1))
    assert times(office, step_minutes=30) == ["10:00", "10:30", "11:00"]
    assert times(office, **{"from": "2020-01-01", "to": "2020-01-31"}) == []


@pytest.mark.parametrize(
    ("day", "offered"),
    [
        ("2027-03-28", ["00:00", "00:30", "01:00", "01:30", "03:00", "03:30", "04:00"]),
        (
            "2027-10-31",
            ["00:00", "00:30", "01:00", "01:30", "02:00", "02:30", "02:00", "02:30", "03:00", "03:30", "04:00"],
        ),
        ("2027-03-27", [f"{n // 2:02}:{n % 2 * 30:02}" for n in range(9)]),
    ],
)
def test_a_clock_change_leaves_times_out_or_offers_them_twice(
    centre: Centre, monkeypatch: pytest.MonkeyPatch, day: str, offered: list[str]
) -> None:
    desk = Desk(centre, timezone="Europe/Berlin")
    set_hours(desk, *office_hours(desk, "00:00", "05:00"))
    new_year = datetime(2027, 1, 1, tzinfo=UTC)
    monkeypatch.setattr(clock, "now", lambda: new_year)
    found = slots(desk, step_minutes=30, **{"from": day, "to": day})
    assert [slot["local_time"] for slot in found] == offered
    starts = [datetime.fromisoformat(slot["starts_at"]) for slot in found]
    assert {later - earlier for earlier, later in pairwise(starts)} == {30 * MINUTE}
    created(desk.centre.post("/sessions", desk.session_body(starts_at=found[-1]["starts_at"])))
    created(desk.centre.post("/sessions", desk.session_body(starts_at=found[2]["starts_at"])))


def test_pages_are_the_whole_list_without_loss_or_repeat(office: Desk) -> None:
    for name in ("Basma", "Aisha", "Layla Haddad"):  # the last has a namesake
        office.centre.create_provider(office.clinic, hours=office_hours(office), name_en=name)
    query: dict[str, Any] = {"step_minutes": 60, "to": at(6).date().isoformat()}
    whole = slots(office, **query)
    assert len(whole) == 4 * 3 * 6
    order = [(slot["starts_at"], slot["provider"]["name_en"], slot["provider"]["id"]) for slot in whole]
    assert order == sorted(order)
    for limit in (1, 7, 72):
        found, cursor = [], None
        while True:
            page = ok(
                office.centre.get(
                    "/availability",
                    **asked(office, **{**query, "limit": limit}, **({"cursor": cursor} if cursor else {})),
                )
            )
            found += page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert found == whole


def test_a_page_goes_on_where_the_one_before_ended_whatever_was_booked_meanwhile(office: Desk) -> None:
    query = {"step_minutes": 60, "limit": 1}
    first = ok(office.centre.get("/availability", **asked(office, **query)))
    office.create_session(starts_at=first["items"][0]["starts_at"])
    second = ok(office.centre.get("/availability", **asked(office, **query, cursor=first["next_cursor"])))
    assert [slot["local_time"] for slot in second["items"]] == ["10:00"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"service_type": "NO-SUCH"}, "service_type"),
        ({"service_type": ...}, "service_type"),
        ({"clinic_id": str(uuid4())}, "clinic_id"),
        ({"provider_id": str(uuid4())}, "provider_id"),
        ({"room_id": str(uuid4())}, "room_id"),
        ({"patient_id": "Zahra"}, "patient_id"),
        ({"from": ...}, "from"),
        ({"to": ...}, "to"),
        ({"from": "2026-11-23T09:00:00"}, "from"),
        ({"from": "2026-02-30"}, "from"),
        ({"from": "9999-12-31"}, "from"),
        ({"to": "tomorrow"}, "to"),
        ({"from": "2027-01-02", "to": "2027-01-01"}, "to"),
        ({"from": "2027-01-02T00:00:00Z", "to": "2027-01-01T23:59:59Z"}, "to"),
        ({"from": "2027-01-10T00:00:00Z", "to": "2027-01-01"}, "to"),
        ({"from": "2027-01-01", "to": "2027-04-04"}, "to"),
        ({"from": "2027-01-01T00:00:00Z", "to": "2027-04-03T00:00:01Z"}, "to"),
        ({"duration_minutes": 0}, "duration_minutes"),
        ({"duration_minutes": 481}, "duration_minutes"),
        ({"step_minutes": 4}, "step_minutes"),
        ({"step_minutes": 121}, "step_minutes"),
        ({"part_of_day": "NIGHT"}, "part_of_day"),
        ({"weekdays": [7]}, "weekdays"),
        ({"room_required": "perhaps"}, "room_required"),
        ({"limit": 201}, "limit"),
        ({"cursor": "nonsense!"}, "cursor"),
        ({"cursor": "bm9uc2Vuc2U"}, "cursor"),
        ({"cursor": "MjAyNy0wMS0wMSBhIGI"}, "cursor"),
    ],
)
def test_a_search_names_the_field_that_is_wrong(calm: Desk, query: dict[str, Any], field: str) -> None:
    refused = problem(calm.centre.get("/availability", **asked(calm, **query)), 422, "validation-error")
    assert list(refused["errors"]) == [field]


@pytest.mark.parametrize("days", [0, 92])
@pytest.mark.parametrize("as_dates", [True, False])
def test_ninety_two_days_can_be_searched(calm: Desk, days: int, as_dates: bool) -> None:
    first, last = at(1), at(1 + days, minute=9 if days == 0 else 0)
    bounds = [(bound.date() if as_dates else bound).isoformat() for bound in (first, last)]
    assert slots(calm, step_minutes=5, limit=1, **{"from": bounds[0], "to": bounds[1]})


def test_what_does_not_belong_together_is_refused_by_field(desk: Desk) -> None:
    elsewhere = desk.centre.create_clinic()
    other_room = desk.centre.create_room(elsewhere)
    other_provider = desk.centre.create_provider(elsewhere)
    speech = desk.centre.create_service_type(discipline="SLP")
    for query, field in (
        ({"provider_id": other_provider["id"]}, "provider_id"),
        ({"room_id": other_room["id"]}, "room_id"),
        ({"room_id": other_room["id"], "clinic_id": ..., "provider_id": desk.provider["id"]}, "provider_id"),
        ({"provider_id": desk.provider["id"], "service_type": speech["code"]}, "provider_id"),
    ):
        refused = problem(desk.centre.get("/availability", **asked(desk, **query)), 422, "validation-error")
        assert list(refused["errors"]) == [field]
    assert slots(desk, service_type=speech["code"]) == []


def test_another_tenants_sessions_and_records_do_not_matter(office: Desk) -> None:
    stranger = Desk(Centre(office.centre.kit, f"{office.centre.tenant}x"))
    for field, value in (("clinic_id", stranger.clinic["id"]), ("provider_id", stranger.provider["id"])):
        refused = problem(
            office.centre.get("/availability", **asked(office, **{field: value})), 422, "validation-error"
        )
        assert list(refused["errors"]) == [field]


def test_every_slot_that_is_offered_can_be_booked(desk: Desk) -> None:
    set_hours(desk, *office_hours(desk, "08:00", "12:30"), *office_hours(desk, "13:10", "00:00"))
    kind = desk.centre.create_service_type(buffer_before_minutes=5, buffer_after_minutes=10)
    patient, other = desk.centre.create_patient(), desk.centre.create_provider(desk.clinic)
    desk.create_session(starts_at=at(1, 6, 20), duration_minutes=45, service_type=kind["code"])
    desk.create_session(starts_at=at(1, 11), provider_id=other["id"], room_id=desk.room["id"])
    desk.create_appointment(patient_id=patient, starts_at=at(1, 14), provider_id=other["id"])
    away = {"starts_at": at(1, 16), "ends_at": at(1, 17)}
    created(desk.centre.post(f"/providers/{desk.provider['id']}/time-off", as_json(away)))
    found = slots(
        desk, service_type=kind["code"], patient_id=patient, provider_id=desk.provider["id"], room_required=True
    )
    assert len(found) > 15
    for slot in found:
        named = ("clinic_id", "provider_id", "room_id", "service_type", "starts_at", "duration_minutes")
        body = {"patient_id": patient, **{name: slot[name] for name in named}}
        assert (slot["provider_id"], slot["room_id"]) == (slot["provider"]["id"], slot["room"]["id"])
        booked = created(desk.centre.post("/appointments", body))
        assert booked["session"]["ends_at"] == slot["ends_at"]
        ok(desk.centre.post(f"/participants/{booked['id']}/cancel"))
