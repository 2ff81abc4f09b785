"""Substituting, moving, cancelling and keeping the sessions that an absence hits: all of a list, or nothing."""

import random
from typing import Any
from uuid import uuid4

import pytest

from .absences import apply, away, item, proposed, provider, refused, start_of
from .factories import Centre, Desk, at, ok, problem
from .test_package_changes import create, of, read
from .test_races import overlaps

OVERRIDE = {"override": {"reason": "Agreed with the family"}}


def test_everything_that_is_asked_for_is_done_at_once(desk: Desk) -> None:
    other = provider(desk)
    sessions = [desk.create_session(starts_at=at(1, 9 + n)) for n in range(4)]
    places = [desk.create_participant(session) for session in sessions]
    absence = away(desk, at(1, 8), at(1, 14))
    actions = ["SUBSTITUTE", "MOVE", "CANCEL", "KEEP"]
    asked = [item(session, action) for session, action in zip(sessions, actions, strict=True)]
    answer = apply(desk, absence, *asked, reason="Ill")
    told, read = ok(answer), desk.centre.get(absence["path"])
    applied = told.pop("applied")
    assert (told, answer.headers["ETag"]) == (ok(read), read.headers["ETag"])
    assert [hit["id"] for hit in told["affected_sessions"]] == [sessions[3]["id"]]
    now = [desk.session(session["id"]) for session in sessions]
    assert applied == [{"action": action, "session": session} for action, session in zip(actions, now, strict=True)]
    new_start = proposed(absence)[1]["new_slot"]["starts_at"]
    assert [(s["provider_id"], s["starts_at"]) for s in now] == [
        (other["id"], sessions[0]["starts_at"]),
        (desk.provider["id"], new_start),
        (desk.provider["id"], sessions[2]["starts_at"]),
        (desk.provider["id"], sessions[3]["starts_at"]),
    ]
    assert [s["status"] for s in now] == ["SCHEDULED", "SCHEDULED", "CANCELLED", "SCHEDULED"]
    assert [s["change_reason"] or s["cancel_reason"] for s in now] == ["Ill", "Ill", "Ill", None]
    statuses = [desk.participant(place["id"])["status"] for place in places]
    assert statuses == ["BOOKED", "BOOKED", "CANCELLED", "BOOKED"]
    events = {name: desk.centre.kit.events(desk.centre.tenant, name) for name in EVENTS}
    assert {name: len(told) for name, told in events.items()} == EVENTS
    subjects = [event.data["session_id"] for event in events["SessionCancelled"]]
    assert subjects == [sessions[2]["id"]]


EVENTS = {"SessionRescheduled": 2, "AppointmentRescheduled": 2, "SessionCancelled": 1, "AppointmentCancelled": 1}


def test_what_an_item_names_is_taken_and_the_rest_stays_or_is_as_proposed(desk: Desk) -> None:
    first, second = provider(desk, "Amal"), provider(desk, "Basma")
    room = desk.centre.create_room(desk.clinic)
    sessions = [desk.create_session(starts_at=at(1, 9 + n), room_id=desk.room["id"]) for n in range(5)]
    absence = away(desk, at(1, 8), at(1, 15))
    ok(
        apply(
            desk,
            absence,
            item(sessions[0], "SUBSTITUTE", provider_id=second["id"]),
            item(sessions[1], "SUBSTITUTE", room_id=room["id"]),
            item(sessions[2], "MOVE", starts_at=at(4, 15)),
            item(sessions[3], "MOVE", starts_at=at(4, 17), provider_id=second["id"], room_id=None),
            item(sessions[4], "MOVE", room_id=room["id"]),
        )
    )
    now = [desk.session(session["id"]) for session in sessions]
    assert [(s["provider_id"], start_of(s), s["room_id"]) for s in now] == [
        (second["id"], at(1, 9), desk.room["id"]),
        (proposed(absence)[1]["substitute"]["provider_id"], at(1, 10), room["id"]),
        (desk.provider["id"], at(4, 15), desk.room["id"]),
        (second["id"], at(4, 17), None),
        (desk.provider["id"], start_of(proposed(absence)[4]["new_slot"]), room["id"]),
    ]
    assert first["id"] in {p["substitute"]["provider_id"] for p in proposed(absence)}


def test_every_conflict_of_every_item_is_told_and_nothing_changes(desk: Desk) -> None:
    other = provider(desk)
    sessions = [desk.create_session(starts_at=at(1, 9 + n), room_id=desk.room["id"]) for n in range(6)]
    patient = desk.centre.create_patient()
    seat = desk.create_participant(sessions[3], patient)
    arrived = desk.create_participant(sessions[4])
    ok(desk.do(arrived, "check-in", override={"reason": "Early"}))
    desk.create_session(provider_id=other["id"], starts_at=at(1, 9))
    desk.create_participant(desk.create_session(provider_id=other["id"], starts_at=at(4, 9)), patient)
    elsewhere = desk.create_session(starts_at=at(6))
    absence = away(desk, at(1, 8), at(1, 15))
    away(desk, at(5, 8), at(5, 12))
    state = desk.centre.state()
    answer = apply(
        desk,
        absence,
        item(sessions[0], "SUBSTITUTE", provider_id=other["id"]),
        item(sessions[1], "MOVE", starts_at=at(5)),
        item(sessions[2], "MOVE", starts_at=at(4, 9)),
        item(sessions[3], "MOVE", starts_at=at(4, 9, 30)),
        item(sessions[4], "CANCEL"),
        item(elsewhere, "KEEP"),
    )
    codes = [
        "not-affected",
        "provider-busy",
        "outside-working-hours",
        "provider-busy",
        "room-busy",
        "patient-busy",
        "invalid-transition",
    ]
    ids = [elsewhere["id"], *(sessions[n]["id"] for n in (0, 1, 3, 3, 3, 4))]
    assert refused(answer) == list(zip(ids, codes, strict=True))
    told = answer.get_json()["conflicts"]
    assert [c["overridable"] for c in told] == [False, False, True, False, False, False, False]
    assert (told[2]["rule"], told[5]["participants"]) == ("time-off", [seat["id"]])
    assert start_of(told[3]) == at(4, 9, 30)
    assert desk.centre.state() == state


def test_two_that_would_meet_each_other_are_refused_by_what_they_share(desk: Desk) -> None:
    others = [provider(desk), provider(desk)]
    patient = desk.centre.create_patient()
    sessions = [desk.create_session(starts_at=at(1, 9 + n)) for n in range(2)]
    for session in sessions:
        desk.create_participant(session, patient)
    absence = away(desk, at(1, 8), at(1, 12))
    moves = [item(s, "MOVE", starts_at=at(3, 9), provider_id=o["id"]) for s, o in zip(sessions, others, strict=True)]
    assert refused(apply(desk, absence, *moves)) == [(sessions[1]["id"], "patient-busy")]
    moves[1]["starts_at"] = at(3, 10)
    ok(apply(desk, absence, *moves))


def test_a_session_that_moves_away_does_not_conflict_in_any_order(desk: Desk) -> None:
    """Each goes where the next still is, because only the last one's new place is free."""
    patient = desk.centre.create_patient()
    sessions = [desk.create_session(starts_at=at(1, 9 + n), room_id=desk.room["id"]) for n in range(5)]
    for session in sessions:
        desk.create_participant(session, patient)
    absence = away(desk, at(1, 8), at(1, 12, 30))
    other = provider(desk)
    asked = [
        item(sessions[0], "MOVE", starts_at=at(1, 10), provider_id=other["id"]),
        item(sessions[1], "MOVE", starts_at=at(1, 11), provider_id=other["id"]),
        item(sessions[2], "MOVE", starts_at=at(1, 12, 30)),
        item(sessions[3], "CANCEL"),
    ]
    assert refused(apply(desk, absence, *asked)) == [(sessions[2]["id"], code) for code in BUSY]
    asked[2]["starts_at"] = at(1, 12)
    asked[2]["provider_id"] = other["id"]
    random.Random(4).shuffle(asked)
    ok(apply(desk, absence, *asked))
    assert [start_of(desk.session(s["id"])) for s in sessions[:3]] == [at(1, 10), at(1, 11), at(1, 12)]
    assert overlaps(desk) == 0


BUSY = ("provider-busy", "room-busy", "patient-busy")


def test_a_session_that_is_kept_still_conflicts(desk: Desk) -> None:
    kept, moved = (desk.create_session(starts_at=at(1, 9 + n), room_id=desk.room["id"]) for n in range(2))
    absence = away(desk, at(1, 8), at(1, 12))
    onto = item(moved, "MOVE", starts_at=at(1, 9), provider_id=provider(desk)["id"])
    assert refused(apply(desk, absence, onto, item(kept, "KEEP"))) == [(moved["id"], "room-busy")]
    ok(apply(desk, absence, onto, item(kept, "CANCEL")))


def test_two_that_only_change_places_are_refused_and_nothing_changes(desk: Desk) -> None:
    others = [provider(desk), provider(desk)]
    sessions = [desk.create_session(starts_at=at(1, 9 + n), room_id=desk.room["id"]) for n in range(2)]
    absence = away(desk, at(1, 8), at(1, 12))
    state = desk.centre.state()
    asked = [item(sessions[n], "MOVE", starts_at=at(1, 10 - n), provider_id=others[n]["id"]) for n in range(2)]
    assert refused(apply(desk, absence, *asked)) == [(s["id"], "change-of-places") for s in sessions]
    assert desk.centre.state() == state


def test_a_cancelled_session_of_a_package_is_owed_and_the_others_are_substituted_or_moved(desk: Desk) -> None:
    other, package = provider(desk), create(desk)
    sessions = [desk.participant(appointment)["session"] for appointment in of(package, "appointment_id")]
    absence = away(desk, at(1, 6), at(4, 6))
    actions = ("CANCEL", "SUBSTITUTE", "MOVE")
    ok(apply(desk, absence, *(item(s, action) for s, action in zip(sessions, actions, strict=False))))
    now = read(desk, package)
    assert of(now, "status") == ["CANCELLED", "SCHEDULED", "SCHEDULED", "SCHEDULED"]
    assert (now["owed_sessions_count"], now["scheduled_sessions_count"]) == (1, 3)
    told = [event.data for event in desk.centre.kit.events(desk.centre.tenant, "AppointmentRescheduled")]
    assert [(data["package"]["session_number"], data["announced_with_package"]) for data in told] == [
        (2, True),
        (3, True),
    ]
    assert told[0]["provider"]["id"] == other["id"]
    _, scheduled = desk.centre.kit.events(desk.centre.tenant, "PackageScheduled")
    assert (scheduled.data["cause"], scheduled.data["changed"]) == ("RESCHEDULED", [1, 2, 3])
    assert [s["session_number"] for s in scheduled.data["sessions"]] == [2, 4, 3]
    assert scheduled.data["unscheduled"] == [1]


def test_a_package_whose_sessions_keep_their_time_tells_of_the_substitute(desk: Desk) -> None:
    other, package = provider(desk), create(desk)
    sessions = [desk.participant(appointment)["session"] for appointment in of(package, "appointment_id")]
    absence = away(desk, at(1, 6), at(3, 6))
    ok(apply(desk, absence, *(item(s, "SUBSTITUTE", provider_id=other["id"]) for s in sessions[:2])))
    _, scheduled = desk.centre.kit.events(desk.centre.tenant, "PackageScheduled")
    assert (scheduled.data["cause"], scheduled.data["changed"]) == ("SUBSTITUTED", [1, 2])


def test_one_session_of_a_package_is_told_as_any_appointment(desk: Desk) -> None:
    package = create(desk)
    session = desk.participant(package["sessions"][0]["appointment_id"])["session"]
    absence = away(desk, at(1, 6), at(2, 6))
    ok(apply(desk, absence, item(session, "MOVE")))
    [moved] = desk.centre.kit.events(desk.centre.tenant, "AppointmentRescheduled")
    assert moved.data["announced_with_package"] is False
    assert len(desk.centre.kit.events(desk.centre.tenant, "PackageScheduled")) == 1


def test_a_manager_overrides_rules_for_all_sessions(desk: Desk) -> None:
    other = provider(desk, hours=[])
    session = desk.create_session()
    absence = away(desk, at(1, 8), at(1, 12))
    asked = item(session, "SUBSTITUTE", provider_id=other["id"])
    assert refused(apply(desk, absence, asked)) == [(session["id"], "outside-working-hours")]
    path, body = f"{absence['path']}/apply", {"items": [asked], **OVERRIDE}
    problem(desk.centre.client("front-desk").post(path, body), 403, "forbidden")
    ok(desk.centre.post(path, body))
    assert desk.session(session["id"])["overridden"] == ["working-hours"]


def test_what_was_dealt_with_meanwhile_is_not_hit_any_more(desk: Desk) -> None:
    other = provider(desk)
    substituted, cancelled = desk.create_session(), desk.create_session(starts_at=at(1, 10))
    absence = away(desk, at(1, 8), at(1, 12))
    ok(desk.move(substituted, "reschedule", starts_at=at(), provider_id=other["id"]))
    ok(desk.move(cancelled, "cancel"))
    answer = apply(desk, absence, item(substituted, "MOVE"), item(cancelled, "KEEP"))
    assert refused(answer) == [(substituted["id"], "not-affected"), (cancelled["id"], "invalid-transition")]


def test_a_stale_tag_stops_all_of_it(desk: Desk) -> None:
    session = desk.create_session()
    absence = away(desk, at(1, 8), at(1, 12))
    tag = desk.centre.get(absence["path"]).headers["ETag"]
    desk.create_session(starts_at=at(1, 10), **OVERRIDE)
    body = {"items": [item(session, "CANCEL")]}
    problem(desk.centre.post(f"{absence['path']}/apply", body, If_Match=tag), 412, "precondition-failed")
    tag = desk.centre.get(absence["path"]).headers["ETag"]
    ok(desk.centre.post(f"{absence['path']}/apply", body, If_Match=tag))


def test_a_repeated_key_answers_the_same_and_moves_nothing_twice(desk: Desk) -> None:
    session = desk.create_session()
    absence = away(desk, at(1, 8), at(1, 12))
    body = {"items": [item(session, "MOVE")]}
    answers = [desk.centre.post(f"{absence['path']}/apply", body, Idempotency_Key="once") for _ in range(2)]
    assert ok(answers[0]) == ok(answers[1])
    assert desk.session(session["id"])["reschedule_count"] == 1


UNKNOWN = "01900000-0000-7000-8000-000000000000"
BAD_ITEMS: list[tuple[dict[str, Any], str]] = [
    ({"action": "SWAP"}, "action"),
    ({"action": ...}, "action"),
    ({"session_id": "x"}, "session_id"),
    ({"session_id": ...}, "session_id"),
    ({"session_id": UNKNOWN}, "session_id"),
    ({"action": "CANCEL", "provider_id": UNKNOWN}, "provider_id"),
    ({"action": "KEEP", "room_id": None}, "room_id"),
    ({"action": "SUBSTITUTE", "starts_at": "2099-01-01T09:00:00Z"}, "starts_at"),
    ({"action": "SUBSTITUTE", "provider_id": UNKNOWN}, "provider_id"),
    ({"action": "MOVE", "starts_at": "2099-01-01"}, "starts_at"),
    ({"action": "MOVE", "starts_at": "2020-01-01T09:00:00Z"}, "starts_at"),
    ({"action": "MOVE", "room_id": UNKNOWN}, "room_id"),
    ({"colour": "blue"}, "colour"),
]


@pytest.mark.parametrize(("fields", "field"), BAD_ITEMS)
def test_a_bad_item_is_named_with_its_field(desk: Desk, fields: dict[str, Any], field: str) -> None:
    good, bad = desk.create_session(), desk.create_session(starts_at=at(1, 10))
    absence = away(desk, at(1, 8), at(1, 12))
    state = desk.centre.state()
    answer = apply(desk, absence, item(good, "KEEP"), {**item(bad, "KEEP"), **fields})
    assert list(problem(answer, 422, "validation-error")["errors"]["items"]["1"]) == [field]
    assert desk.centre.state() == state


def test_a_session_that_would_stay_where_it_is_is_refused(desk: Desk) -> None:
    session = desk.create_session()
    absence = away(desk, at(1, 8), at(1, 12))
    for named in ({"action": "SUBSTITUTE", "provider_id": desk.provider["id"]}, {"action": "MOVE", "starts_at": at()}):
        answer = apply(desk, absence, {"session_id": session["id"], **named})
        assert list(problem(answer, 422, "validation-error")["errors"]["items"]["0"]) == [list(named)[1]]


def test_a_list_has_each_session_once_and_is_neither_empty_nor_endless(desk: Desk) -> None:
    session = desk.create_session()
    absence = away(desk, at(1, 8), at(1, 12))
    for items in ([], [item(session, "KEEP"), item(session, "CANCEL")], [item({"id": str(uuid4())}, "KEEP")] * 201):
        assert list(problem(apply(desk, absence, *items), 422, "validation-error")["errors"]) == ["items"]


def test_an_absence_of_another_provider_or_tenant_is_not_found(desk: Desk) -> None:
    session = desk.create_session()
    absence = away(desk, at(1, 8), at(1, 12))
    wrong = absence["path"].replace(desk.provider["id"], provider(desk)["id"])
    stranger = Centre(desk.centre.kit, f"{desk.centre.tenant}x")
    body = {"items": [item(session, "CANCEL")]}
    for caller, path in ((desk.centre.client(), wrong), (stranger.client(), absence["path"])):
        problem(caller.get(f"{path}/proposals"), 404, "not-found")
        problem(caller.post(f"{path}/apply", body), 404, "not-found")
    assert desk.session(session["id"])["status"] == "SCHEDULED"
