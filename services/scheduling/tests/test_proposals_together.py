"""All proposals of an answer hold together, whoever else books, and however many there are."""

import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from jalsa.service.ids import new_id
from scheduling.timetable.conflicts import conflicts
from scheduling.timetable.ledger import ReservationLedger
from scheduling.use_cases import proposals as operations

from .absences import apply, away, item, office, proposed, provider, refused, set_hours, start_of
from .factories import Desk, as_json, at, created, ok
from .test_package_changes import create, of
from .test_races import Post, at_once, deadlocks, overlaps

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)

Rival = Callable[[], Any]


def a_busy_week(desk: Desk, seed: int) -> dict[str, Any]:
    """A random schedule of three providers, two rooms and six patients. The desk's provider is away in the midst."""
    chance = random.Random(seed)
    providers = [
        desk.provider,
        provider(desk, hours=office(desk, "08:00", "16:00")),
        provider(desk, hours=office(desk)),
    ]
    set_hours(desk, office(desk, "08:00", "16:00"))
    rooms = [desk.room["id"], desk.centre.create_room(desk.clinic)["id"], None]
    kinds = [desk.service_type, desk.centre.create_service_type(buffer_before_minutes=5, buffer_after_minutes=15)]
    patients = desk.centre.create_patients(6)
    for _ in range(45):
        body = desk.session_body(
            provider_id=chance.choice([desk.provider, *providers])["id"],
            room_id=chance.choice(rooms),
            service_type=chance.choice(kinds)["code"],
            starts_at=at(chance.randint(1, 3), 5) + 15 * MINUTE * chance.randrange(32),
            duration_minutes=chance.choice([30, 45, 60, 90]),
        )
        answer = desk.centre.post("/sessions", body)
        if answer.status_code == 201:
            for patient in chance.sample(patients, 2):
                desk.book(answer.get_json(), patient)
    return away(desk, at(1, 7, 20), at(2, 10, 40))


def choices(absence: dict[str, Any], seed: int) -> list[dict[str, Any]]:
    """For each session one of the things that are proposed for it, or nothing."""
    chance, chosen = random.Random(seed), []
    for hit in absence["affected_sessions"]:
        slot = {name: hit["proposal"][name] for name in ("substitute", "new_slot")}
        open_to = ["KEEP", *(["SUBSTITUTE"] if slot["substitute"] else []), *(["MOVE"] * 3 if slot["new_slot"] else [])]
        action = chance.choice(open_to)
        taken = {"SUBSTITUTE": slot["substitute"], "MOVE": slot["new_slot"], "KEEP": None}[action]
        names = {"SUBSTITUTE": ["provider_id"], "MOVE": ["starts_at", "room_id"], "KEEP": []}[action]
        chosen.append(item(hit, action, **{name: taken[name] for name in names if taken}))
    return chosen


SEEDS = range(5)


@pytest.mark.parametrize("seed", SEEDS)
def test_whichever_of_all_proposals_are_chosen_they_can_be_applied_together(desk: Desk, seed: int) -> None:
    absence = a_busy_week(desk, seed)
    assert len(absence["affected_sessions"]) > 3
    asked = choices(absence, seed)
    assert {"MOVE", "SUBSTITUTE"} & {each["action"] for each in asked}
    ok(apply(desk, absence, *asked))
    assert overlaps(desk) == 0
    left = {hit["id"] for hit in ok(desk.centre.get(absence["path"]))["affected_sessions"]}
    assert left == {each["session_id"] for each in asked if each["action"] == "KEEP"}


def test_what_is_taken_as_proposed_is_what_was_shown(desk: Desk) -> None:
    absence = a_busy_week(desk, 1)
    some = absence["affected_sessions"][1::2]  # the others keep what is proposed for them
    told = ok(apply(desk, absence, *(item(hit, "MOVE") for hit in some)))["applied"]
    names = ("starts_at", "room_id")
    assert [[each["session"][n] for n in names] for each in told] == [
        [hit["proposal"]["new_slot"][n] for n in names] for hit in some
    ]


def test_control_proposals_that_are_not_reserved_conflict(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ReservationLedger, "reserve", lambda *_: None)
    absence = a_busy_week(desk, 0)
    moves = [
        item(hit, "MOVE", starts_at=hit["proposal"]["new_slot"]["starts_at"]) for hit in absence["affected_sessions"]
    ]
    assert "provider-busy" in {code for _, code in refused(apply(desk, absence, *moves))}


def test_the_proposed_slot_is_the_first_day_that_a_search_finds(desk: Desk) -> None:
    a_busy_week(desk, 3)
    desk.create_session(starts_at=at(4, 6))
    for seed in range(6):
        absence = away(desk, at(4, 5), at(4, 6) + 10 * MINUTE * seed)
        query = {"service_type": desk.service_type["code"], "provider_id": desk.provider["id"]}
        bounds = {"from": absence["ends_at"], "to": at(20).isoformat()}
        first = ok(desk.centre.get("/availability", **query, **bounds, limit=1))["items"][0]
        for hit in proposed(absence):
            assert start_of(hit["new_slot"]).date() == start_of(first).date()


def test_of_two_requests_that_apply_the_same_items_at_the_same_time_one_succeeds(desk: Desk) -> None:
    provider(desk)
    sessions = [desk.create_session(starts_at=at(1, 9 + n)) for n in range(3)]
    for session in sessions:
        desk.create_participant(session)
    absence = away(desk, at(1, 8), at(1, 14))
    caller, before = desk.centre.client(), deadlocks(desk.centre.kit)
    one = {"items": [item(session, "SUBSTITUTE") for session in sessions]}
    other = {"items": [item(session, "MOVE") for session in reversed(sessions)]}
    answers = at_once(*(Post(caller, f"{absence['path']}/apply", body) for body in (one, other)))
    assert answers == {(200, None): 1, (409, "absence-conflicts"): 1}
    assert {desk.session(session["id"])["reschedule_count"] for session in sessions} == {1}
    assert deadlocks(desk.centre.kit) == before


def test_a_slot_that_was_booked_meanwhile_is_named_and_nothing_moves(desk: Desk) -> None:
    provider(desk)
    sessions = [desk.create_session(starts_at=at(1, 9 + n)) for n in range(2)]
    absence = away(desk, at(1, 8), at(1, 14))
    asked = [
        item(s, "MOVE", starts_at=p["new_slot"]["starts_at"]) for s, p in zip(sessions, proposed(absence), strict=True)
    ]
    desk.create_session(starts_at=start_of(proposed(absence)[1]["new_slot"]))
    state = desk.centre.state()
    assert refused(apply(desk, absence, *asked)) == [(sessions[1]["id"], "provider-busy")]
    assert desk.centre.state() == state
    ok(apply(desk, absence, *(item(session, "MOVE") for session in sessions)))  # as proposed now


def test_a_slot_that_is_booked_and_applied_at_the_same_time_goes_to_one(desk: Desk) -> None:
    session = desk.create_session()
    absence = away(desk, at(1, 8), at(1, 14))
    slot = proposed(absence)[0]["new_slot"]["starts_at"]
    caller, before = desk.centre.client(), deadlocks(desk.centre.kit)
    answers = at_once(
        Post(caller, f"{absence['path']}/apply", {"items": [item(session, "MOVE", starts_at=slot)]}),
        *(Post(caller, "/sessions", desk.session_body(starts_at=slot)) for _ in range(3)),
    )
    assert sum(n for (status, _), n in answers.items() if status < 300) == 1
    assert set(answers) <= {(200, None), (201, None), (409, "absence-conflicts"), (409, "provider-busy")}
    assert overlaps(desk) == 0
    assert deadlocks(desk.centre.kit) == before


def rivals(desk: Desk, absence: dict[str, Any], moved: dict[str, Any], lost: dict[str, Any]) -> dict[str, Rival]:
    """What others could want of that which is being applied, by what it has in common with it."""
    far = {"starts_at": at(20)}
    elsewhere = desk.create_session(provider_id=provider(desk)["id"], **far)
    in_the_room = desk.session_body(provider_id=provider(desk)["id"], room_id=desk.room["id"], **far)
    tag = desk.centre.get(absence["path"]).headers["ETag"]
    sharing_nothing = desk.session_body(provider_id=provider(desk)["id"], **far)
    return {
        "session": lambda: desk.move(moved["session"], "cancel"),
        "patient": lambda: desk.book(elsewhere, moved["patient_id"]),
        "package": lambda: desk.move(lost["session"], "cancel"),
        "provider": lambda: desk.centre.post("/sessions", desk.session_body(**far)),
        "room": lambda: desk.centre.post("/sessions", in_the_room),
        "absence": lambda: desk.centre.client().call("DELETE", absence["path"], headers={"If-Match": tag}),
        "nothing": lambda: desk.centre.post("/sessions", sharing_nothing),
    }


SHARED = ["session", "patient", "package", "provider", "room", "absence", "nothing"]


@pytest.mark.parametrize("shared", SHARED)
def test_other_bookings_wait_until_all_items_are_applied(
    desk: Desk, shared: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, *_ = (
        desk.participant(n) for n in of(create(desk, start_date=at(3).date().isoformat()), "appointment_id")
    )
    moved = desk.create_participant(desk.create_session(room_id=desk.room["id"]))
    absence = away(desk, at(1), start_of(first["session"]) + HOUR)
    rival = rivals(desk, absence, moved, second)[shared]
    finished: list[bool] = []

    def check(*args: Any) -> Any:
        answered = wait([pool.submit(rival)], timeout=10 if shared == "nothing" else 0.5)
        finished.append(bool(answered.done))
        return conflicts(*args)

    monkeypatch.setattr(operations, "conflicts", check)
    with ThreadPoolExecutor(1) as pool:
        ok(apply(desk, absence, item(moved["session"], "MOVE"), item(first["session"], "CANCEL")))
    assert finished == [shared == "nothing"]


def test_absences_of_several_are_dealt_with_at_once_without_a_deadlock(desk: Desk) -> None:
    """Each is the other's substitute, and they share their patients and rooms."""
    others = [provider(desk, name) for name in ("Amal", "Basma")]
    patients, requests, caller = desk.centre.create_patients(3), [], desk.centre.client()
    for n, holder in enumerate([desk.provider, *others]):
        sessions = [
            desk.create_session(provider_id=holder["id"], starts_at=at(1 + n, 9 + k), room_id=desk.room["id"])
            for k in range(3)
        ]
        for session, patient in zip(sessions, patients[n:] + patients[:n], strict=True):
            desk.create_participant(session, patient)
        path = f"/providers/{holder['id']}/time-off"
        absence = created(caller.post(path, as_json({"starts_at": at(1 + n, 8), "ends_at": at(1 + n, 13)})))
        items = [
            item(session, action) for session, action in zip(sessions, ("MOVE", "SUBSTITUTE", "MOVE"), strict=True)
        ]
        requests.append(Post(caller, f"{path}/{absence['id']}/apply", {"items": items}))
        starts_at = as_json({"starts_at": at(1 + n, 18)})
        requests += [Post(caller, f"/sessions/{session['id']}/reschedule", starts_at) for session in sessions]
    before = deadlocks(desk.centre.kit)
    answers = at_once(*requests)
    assert {status for status, _ in answers} <= {200, 409}
    assert overlaps(desk) == 0
    assert deadlocks(desk.centre.kit) == before


FILL = text("""
    WITH booked AS (
      INSERT INTO sessions (id, session_number, session_type, clinic_id, provider_id, room_id, service_type_id,
                            starts_at, ends_at, max_capacity, status, created_at, created_by)
      SELECT gen_random_uuid(), gen_random_uuid(), 'INDIVIDUAL', :clinic, provider, room, :kind, starts,
             starts + interval '45 minutes', 1, 'SCHEDULED', now(), 'x'
      FROM unnest(CAST(:providers AS uuid[]), CAST(:rooms AS uuid[])) AS pair (provider, room),
           generate_series(0, :days - 1) AS day, generate_series(0, 7) AS hour,
           LATERAL (SELECT CAST(:first AS timestamptz) + make_interval(days => day, hours => hour) AS starts) AS t
      RETURNING id, starts_at, ends_at
    ), numbered AS (SELECT *, row_number() OVER (ORDER BY starts_at, id) AS n FROM booked)
    INSERT INTO participants (id, appointment_number, session_id, patient_id, status, starts_at, ends_at, booked_at,
                              booked_by)
    SELECT gen_random_uuid(), gen_random_uuid(), id, (CAST(:patients AS uuid[]))[1 + n % 60], 'BOOKED', starts_at,
           ends_at, now(), 'x' FROM numbered
""")


def test_an_absence_over_two_hundred_sessions_in_a_full_clinic_is_answered_at_once(desk: Desk) -> None:
    """Twelve colleagues whose hours are full, too, and sixty patients: 2,600 sessions in 25 days."""
    colleagues = [provider(desk, f"Provider {n}", hours=office(desk, "08:00", "18:00")) for n in range(12)]
    set_hours(desk, office(desk, "08:00", "18:00"))
    holders = [desk.provider, *colleagues]
    filled = {
        "clinic": desk.clinic["id"],
        "kind": desk.service_type["id"],
        "providers": [UUID(p["id"]) for p in holders],
        "rooms": [UUID(desk.centre.create_room(desk.clinic)["id"]) for _ in holders],
        "patients": [new_id() for _ in range(60)],
        "days": 25,
        "first": at(1, 5),
    }
    with desk.centre.kit.transaction(desk.centre.tenant) as db:
        db.execute(FILL, filled)
    began = time.process_time()  # seconds of our own, because a busy machine does not count
    absence = away(desk, at(1, 0), at(25, 23))
    took = time.process_time() - began
    assert len(absence["affected_sessions"]) == 200
    found = proposed(absence)
    assert all(p["new_slot"] for p in found)
    assert took < 3, took
    began = time.process_time()
    ok(apply(desk, absence, *(item(hit, "MOVE") for hit in absence["affected_sessions"])))
    applied = time.process_time() - began
    assert applied < 20, applied
    assert overlaps(desk) == 0
