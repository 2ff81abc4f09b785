"""The calendar: all that a view of some days needs, in one answer."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from jalsa.service.ids import new_id

from .factories import Centre, Desk, at, created, hours_on, ok, problem

NOBODY = "01a1f000-0000-7000-8000-00000000dead"  # the same in every process that collects these tests

DAY = at(1).date()


def calendar(desk: Desk, **query: Any) -> dict[str, Any]:
    """The calendar of the desk's clinic on the day of `at()`, unless said otherwise."""
    asked = {"from": DAY, "to": DAY, "clinic_id": desk.clinic["id"], **query}
    return ok(desk.centre.get("/calendar", **{name: value for name, value in asked.items() if value is not ...}))


def ids(answer: dict[str, Any]) -> list[str]:
    return [session["id"] for session in answer["sessions"]]


def test_a_day_shows_its_sessions_as_they_are_and_who_takes_part(desk: Desk) -> None:
    late = desk.create_individual(starts_at=at(1, 12), room_id=desk.room["id"])
    early = desk.create_session(starts_at=at(1, 8))
    booked, confirmed = desk.create_participant(early), desk.create_participant(early)
    ok(desk.centre.post(f"/participants/{confirmed['id']}/confirm"))
    shown = calendar(desk)["sessions"]
    assert [session["id"] for session in shown] == [early["id"], late["id"]]
    for session in shown:
        participants = session.pop("participants")
        assert session.items() <= desk.session(session["id"]).items()
        if session["id"] == early["id"]:
            assert participants == [
                {
                    name: desk.participant(one["id"])[name]
                    for name in ("id", "patient_id", "appointment_number", "status", "package")
                }
                for one in (booked, confirmed)
            ]
        else:
            assert participants == []


def test_a_place_that_an_offer_holds_is_not_available(desk: Desk) -> None:
    session = desk.create_session(max_capacity=2)
    with desk.centre.kit.transaction(desk.centre.tenant) as db:
        keys = {
            "entry": new_id(),
            "session": UUID(session["id"]),
            "type": UUID(desk.service_type["id"]),
            "id": new_id(),
        }
        db.execute(
            text("""
                INSERT INTO waitlist_entries (id, patient_id, session_id, service_type_id, weekdays, priority, status,
                                              created_at, created_by)
                VALUES (:entry, :entry, :session, :type, '{}', 3, 'OFFERED', now(), 'test')
            """),
            {name: keys[name] for name in ("entry", "session", "type")},
        )
        db.execute(
            text("""
                INSERT INTO waitlist_offers (id, entry_id, session_id, patient_id, status, offered_at, expires_at)
                VALUES (:id, :entry, :session, :entry, 'OPEN', now(), now() + interval '1 hour')
            """),
            {name: keys[name] for name in ("id", "entry", "session")},
        )
    [shown] = calendar(desk)["sessions"]
    assert (shown["held_spots"], shown["available_spots"], shown["is_full"]) == (1, 1, False)


def test_a_day_is_the_clinics_and_holds_what_is_there_in_part(desk: Desk) -> None:
    """In Riyadh, three hours ahead of UTC, a day begins at 21:00 UTC."""
    before = desk.create_session(starts_at=at(0, 19), duration_minutes=120)
    into = desk.create_session(starts_at=at(0, 21), duration_minutes=30)
    last = desk.create_session(starts_at=at(1, 20), duration_minutes=120)
    after = desk.create_session(starts_at=at(1, 22), duration_minutes=30)
    answer = calendar(desk)
    assert (answer["from"], answer["to"]) == (f"{at(0).date()}T21:00:00Z", f"{DAY}T21:00:00Z")
    assert ids(answer) == [into["id"], last["id"]]
    assert ids(calendar(desk, to=DAY + timedelta(days=1))) == [into["id"], last["id"], after["id"]]
    instants = {"from": (at(0, 20)).isoformat(), "to": at(0, 21).isoformat()}
    assert ids(calendar(desk, **instants)) == [before["id"]]


def test_working_hours_are_instants_and_a_changed_clock_shortens_or_lengthens_the_day(centre: Centre) -> None:
    clinic = centre.create_clinic(timezone="Europe/Berlin")
    provider = centre.create_provider(clinic, hours=[hours_on(0, clinic, "00:00", "06:00")])
    hours = {}
    for sunday in ("2027-03-28", "2027-10-31", "2027-11-07"):
        [shown] = ok(centre.get("/calendar", **{"from": sunday, "to": sunday, "clinic_id": clinic["id"]}))["providers"]
        assert shown["id"] == provider["id"]
        [stretch] = shown["working_hours"]
        assert stretch["clinic_id"] == clinic["id"]
        start, end = (datetime.fromisoformat(stretch[name]) for name in ("starts_at", "ends_at"))
        hours[sunday] = (end - start) / timedelta(hours=1)
    assert hours == {"2027-03-28": 5, "2027-10-31": 7, "2027-11-07": 6}


def test_hours_are_cut_at_the_windows_ends_and_hold_only_while_they_are_valid(desk: Desk) -> None:
    asked = {"from": at(1, 8).isoformat(), "to": at(1, 10).isoformat()}
    [provider] = calendar(desk, **asked)["providers"]
    assert [(h["starts_at"], h["ends_at"]) for h in provider["working_hours"]] == [
        (f"{DAY}T08:00:00Z", f"{DAY}T10:00:00Z")
    ]
    ended = [{**hours_on(day, desk.clinic), "valid_to": str(DAY - timedelta(days=1))} for day in range(7)]
    ok(desk.centre.client().put(f"/providers/{desk.provider['id']}/working-hours", {"items": ended}))
    assert calendar(desk, **asked)["providers"][0]["working_hours"] == []


def test_absences_closures_and_rooms_of_the_days_are_shown(desk: Desk) -> None:
    other = desk.centre.create_clinic()
    away = {"starts_at": at(1, 6).isoformat(), "ends_at": at(3).isoformat(), "reason": "illness"}
    path = f"/providers/{desk.provider['id']}/time-off"
    absence = created(desk.centre.post(path, away))
    created(desk.centre.post(path, {"starts_at": at(5).isoformat(), "ends_at": at(6).isoformat()}))

    def close(day: date, clinic: dict[str, Any] | None) -> dict[str, Any]:
        names = {"name_en": "Eid", "name_ar": "عيد", "clinic_id": clinic and clinic["id"]}
        return created(desk.centre.post("/closures", {**names, "starts_on": str(day), "ends_on": str(day)}))

    everywhere, here = close(DAY, None), close(DAY, desk.clinic)
    close(DAY, other)
    close(DAY + timedelta(days=1), desk.clinic)
    answer = calendar(desk)
    [provider] = answer["providers"]
    [shown] = provider["time_off"]
    assert shown == {name: absence[name] for name in ("id", "provider_id", "starts_at", "ends_at")}
    assert [c["id"] for c in answer["closures"]] == [everywhere["id"], here["id"]]
    assert answer["closures"][0].items() <= everywhere.items()
    assert answer["rooms"] == [desk.room]
    assert answer["clinics"][0].items() <= desk.clinic.items()


def test_what_was_cancelled_is_shown_only_to_who_asks_for_it(desk: Desk) -> None:
    session, cancelled = desk.create_session(), desk.create_session(starts_at=at(1, 14))
    left = desk.create_participant(session)
    ok(desk.centre.post(f"/participants/{left['id']}/cancel"))
    ok(desk.centre.post(f"/sessions/{cancelled['id']}/cancel"))
    assert [(s["id"], s["participants"]) for s in calendar(desk)["sessions"]] == [(session["id"], [])]
    for of in ({}, {"clinic_id": ..., "provider_id": desk.provider["id"]}):
        both = calendar(desk, cancelled="true", **of)["sessions"]
        assert {(s["id"], s["status"]) for s in both} == {(session["id"], "SCHEDULED"), (cancelled["id"], "CANCELLED")}
        [still] = next(s["participants"] for s in both if s["id"] == session["id"])
        assert (still["id"], still["status"]) == (left["id"], "CANCELLED")


def test_a_provider_is_shown_with_all_clinics_or_in_one(desk: Desk) -> None:
    berlin = desk.centre.create_clinic(timezone="Europe/Berlin")
    provider = desk.centre.create_provider(
        desk.clinic,
        berlin,
        hours=[
            *(hours_on(d, desk.clinic, "08:00", "12:00") for d in range(7)),
            *(hours_on(d, berlin, "14:00", "18:00") for d in range(7)),
        ],
    )
    here = desk.create_session(provider_id=provider["id"], starts_at=at(1, 6))
    there = desk.create_session(provider_id=provider["id"], clinic_id=berlin["id"], starts_at=at(1, 14))
    of_another = desk.create_session(starts_at=at(1, 6))
    everywhere = calendar(desk, clinic_id=..., provider_id=provider["id"])
    assert ids(everywhere) == [here["id"], there["id"]]
    assert [p["id"] for p in everywhere["providers"]] == [provider["id"]]
    assert {c["id"] for c in everywhere["clinics"]} == {desk.clinic["id"], berlin["id"]}
    # the day begins in Riyadh first, and ends in Berlin last
    assert everywhere["from"] == f"{at(0).date()}T21:00:00Z"
    assert everywhere["to"] in (f"{DAY}T22:00:00Z", f"{DAY}T23:00:00Z")
    assert ids(calendar(desk, provider_id=provider["id"])) == [here["id"]]
    assert {of_another["id"], here["id"]} == set(ids(calendar(desk)))


def test_one_room_can_be_looked_at(desk: Desk) -> None:
    desk.create_session(starts_at=at(1, 6))
    inside = desk.create_session(starts_at=at(1, 8), room_id=desk.room["id"])
    assert ids(calendar(desk, room_id=desk.room["id"])) == [inside["id"]]


def test_who_has_left_is_shown_where_a_session_is_left(desk: Desk) -> None:
    desk.create_session()
    path = f"/providers/{desk.provider['id']}"
    ok(desk.centre.client().patch(path, {"active": False}, desk.centre.get(path).headers["ETag"]))
    assert [(p["id"], p["active"]) for p in calendar(desk)["providers"]] == [(desk.provider["id"], False)]
    assert calendar(desk, **{"from": DAY + timedelta(days=1), "to": DAY + timedelta(days=1)})["providers"] == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"from": ...}, "from"),
        ({"to": ...}, "to"),
        ({"from": "2026-02-30"}, "from"),
        ({"from": "9999-12-31"}, "from"),
        ({"to": "0001-01-01"}, "to"),
        ({"from": "2026-11-20T09:00:00"}, "from"),
        ({"from": "yesterday"}, "from"),
        ({"to": DAY - timedelta(days=1)}, "to"),
        ({"to": DAY + timedelta(days=42)}, "to"),
        ({"clinic_id": ...}, "clinic_id"),
        ({"clinic_id": "x"}, "clinic_id"),
        ({"clinic_id": NOBODY}, "clinic_id"),
        ({"provider_id": NOBODY}, "provider_id"),
        ({"cancelled": "perhaps"}, "cancelled"),
    ],
)
def test_a_question_that_can_not_be_answered_names_its_field(calm: Desk, query: dict[str, Any], field: str) -> None:
    asked = {"from": DAY, "to": DAY, "clinic_id": calm.clinic["id"], **query}
    answer = calm.centre.get("/calendar", **{name: value for name, value in asked.items() if value is not ...})
    assert list(problem(answer, 422, "validation-error")["errors"]) == [field]


def test_six_weeks_are_shown_at_once_also_when_they_have_an_hour_more(centre: Centre) -> None:
    clinic = centre.create_clinic(timezone="Europe/Berlin")
    answer = ok(centre.get("/calendar", **{"from": "2027-10-01", "to": "2027-11-11", "clinic_id": clinic["id"]}))
    start, end = (datetime.fromisoformat(answer[name]).astimezone(UTC) for name in ("from", "to"))
    assert end - start == timedelta(days=42, hours=1)


def test_another_tenants_calendar_reads_like_one_that_is_not_there(desk: Desk) -> None:
    desk.create_session(room_id=desk.room["id"])
    stranger = Desk(Centre(desk.centre.kit, f"{desk.centre.tenant}x"))
    for query in ({"clinic_id": desk.clinic["id"]}, {"clinic_id": ..., "provider_id": desk.provider["id"]}):
        asked = {"from": DAY, "to": DAY, **{k: v for k, v in query.items() if v is not ...}}
        refused = problem(stranger.centre.get("/calendar", **asked), 422, "validation-error")
        unknown = problem(
            stranger.centre.get("/calendar", **{k: uuid4() if k.endswith("_id") else v for k, v in asked.items()}),
            422,
            "validation-error",
        )
        assert refused == unknown
    assert calendar(stranger, room_id=desk.room["id"])["sessions"] == []
