"""Moving, substituting, cancelling and keeping the sessions that a closure hits: all of a list, or nothing."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from werkzeug.test import TestResponse

from .absences import apply, item, proposed, refused, start_of
from .factories import Desk, as_json, at, ok, problem
from .test_closure_proposals import HOUR, close, morning
from .test_races import Post, at_once, deadlocks, overlaps

OVERRIDE = {"override": {"reason": "The back door is open"}}
SIX = at(1, 6)  # nine in Riyadh


def closed(desk: Desk, **overrides: Any) -> dict[str, Any]:
    closure = close(desk, **overrides)
    return {**closure, "path": f"/closures/{closure['id']}"}


def hit(desk: Desk, count: int) -> list[dict[str, Any]]:
    """Sessions of as many providers at one time, each with a patient."""
    sessions = [desk.create_session(provider_id=morning(desk)["id"], starts_at=SIX) for _ in range(count)]
    for session in sessions:
        desk.create_participant(session)
    return sessions


def test_everything_that_is_asked_for_is_done_at_once(desk: Desk) -> None:
    moved, named, cancelled, kept = sessions = hit(desk, 4)
    closure = closed(desk)
    answer = apply(
        desk,
        closure,
        item(moved, "MOVE"),
        item(named, "MOVE", starts_at=at(3, 7)),
        item(cancelled, "CANCEL"),
        item(kept, "KEEP"),
        reason="Painting",
    )
    told, read = ok(answer), desk.centre.get(closure["path"])
    applied = told.pop("applied")
    assert (told, answer.headers["ETag"]) == (ok(read), read.headers["ETag"])
    assert [one["id"] for one in told["affected_sessions"]] == [kept["id"]]
    now = [desk.session(session["id"]) for session in sessions]
    actions = ["MOVE", "MOVE", "CANCEL", "KEEP"]
    assert applied == [{"action": action, "session": session} for action, session in zip(actions, now, strict=True)]
    assert [start_of(s) for s in now] == [start_of(proposed(closure)[0]["new_slot"]), at(3, 7), SIX, SIX]
    assert [s["provider_id"] for s in now] == [s["provider_id"] for s in sessions]
    assert [s["status"] for s in now] == ["SCHEDULED", "SCHEDULED", "CANCELLED", "SCHEDULED"]
    assert [s["change_reason"] or s["cancel_reason"] for s in now] == ["Painting", "Painting", "Painting", None]
    told_of = {name: len(desk.centre.kit.events(desk.centre.tenant, name)) for name in EVENTS}
    assert told_of == EVENTS


EVENTS = {"SessionRescheduled": 2, "AppointmentRescheduled": 2, "SessionCancelled": 1, "AppointmentCancelled": 1}


def test_all_that_is_proposed_can_be_applied_together_in_every_clinic(desk: Desk) -> None:
    there = Desk(desk.centre)
    sessions = [*hit(desk, 2), *hit(there, 2), desk.create_session(starts_at=SIX + HOUR, room_id=desk.room["id"])]
    closure = closed(desk, clinic_id=None)
    told = ok(apply(desk, closure, *(item(session, "MOVE") for session in sessions)))
    slots = {one["id"]: one["proposal"]["new_slot"] for one in closure["affected_sessions"]}
    assert [start_of(one["session"]) for one in told["applied"]] == [start_of(slots[s["id"]]) for s in sessions]
    assert told["affected_sessions"] == []


def test_a_slot_that_was_booked_meanwhile_is_named_and_nothing_moves(desk: Desk) -> None:
    first, second = sessions = hit(desk, 2)
    closure = closed(desk)
    slots = [told["new_slot"]["starts_at"] for told in proposed(closure)]
    desk.create_session(provider_id=second["provider_id"], starts_at=slots[1])
    asked = [item(session, "MOVE", starts_at=slot) for session, slot in zip(sessions, slots, strict=True)]
    before = desk.centre.state()
    assert refused(apply(desk, closure, *asked)) == [(second["id"], "provider-busy")]
    assert desk.centre.state() == before
    assert start_of(desk.session(first["id"])) == SIX
    ok(apply(desk, closure, *(item(session, "MOVE") for session in sessions)))  # as proposed now


def test_what_the_closure_does_not_hit_or_not_any_more_is_refused(desk: Desk) -> None:
    there = Desk(desk.centre)
    elsewhere, later = there.create_session(), desk.create_session(starts_at=at(2))
    moved, cancelled = hit(desk, 2)
    closure = closed(desk)
    ok(desk.move(moved, "reschedule", starts_at=at(2, 6)))
    ok(desk.move(cancelled, "cancel"))
    before = desk.centre.state()
    asked = (item(one, "KEEP") for one in (elsewhere, later, moved, cancelled))
    assert refused(apply(desk, closure, *asked)) == [
        (elsewhere["id"], "not-affected"),
        (later["id"], "not-affected"),
        (moved["id"], "not-affected"),
        (cancelled["id"], "invalid-transition"),
    ]
    assert desk.centre.state() == before


def test_nobody_substitutes_while_the_clinic_is_closed_but_for_a_managers_reason(desk: Desk) -> None:
    [session], other = hit(desk, 1), morning(desk)
    closure = closed(desk)
    assert refused(apply(desk, closure, item(session, "SUBSTITUTE"))) == [(session["id"], "no-proposal")]
    asked = item(session, "SUBSTITUTE", provider_id=other["id"])
    assert refused(apply(desk, closure, asked)) == [(session["id"], "outside-working-hours")]
    still_closed = item(session, "MOVE", starts_at=SIX + HOUR)
    assert refused(apply(desk, closure, still_closed)) == [(session["id"], "outside-working-hours")]
    body = {"items": [asked], **OVERRIDE}
    problem(desk.centre.client("front-desk").post(f"{closure['path']}/apply", body), 403, "forbidden")
    ok(desk.centre.post(f"{closure['path']}/apply", body))
    assert desk.session(session["id"])["overridden"] == ["closure"]


@pytest.mark.parametrize(("role", "answer"), [("front-desk", 200), ("integration", 200), ("biller", 403)])
def test_the_desk_deals_with_a_closure_and_a_clinician_does_not(desk: Desk, role: str, answer: int) -> None:
    session = desk.create_session()
    closure, body = closed(desk), {"items": [item(session, "CANCEL")]}
    path = f"{closure['path']}/apply"
    clinician = desk.centre.kit.client(desk.centre.tenant, "clinician", provider_id=desk.provider["id"])
    problem(clinician.post(path, body), 403, "forbidden")
    assert desk.session(session["id"])["status"] == "SCHEDULED"
    assert desk.centre.client(role).post(path, body).status_code == answer


def test_a_stale_tag_an_unknown_closure_and_a_repeated_key_move_nothing(desk: Desk) -> None:
    session = desk.create_session()
    closure = closed(desk)
    path, body = f"{closure['path']}/apply", {"items": [item(session, "MOVE")]}
    tag = desk.centre.get(closure["path"]).headers["ETag"]
    desk.create_session(starts_at=at(1, 11), **OVERRIDE)
    problem(desk.centre.post(path, body, If_Match=tag), 412, "precondition-failed")
    problem(desk.centre.post(f"/closures/{session['id']}/apply", body), 404, "not-found")
    assert desk.session(session["id"])["reschedule_count"] == 0
    answers = [desk.centre.post(path, body, Idempotency_Key="once") for _ in range(2)]
    assert ok(answers[0]) == ok(answers[1])
    assert desk.session(session["id"])["reschedule_count"] == 1


def test_of_two_requests_that_apply_the_same_items_at_the_same_time_one_succeeds(desk: Desk) -> None:
    sessions = hit(desk, 3)
    closure = closed(desk)
    caller, before = desk.centre.client(), deadlocks(desk.centre.kit)
    bodies = [{"items": [item(session, "MOVE") for session in order]} for order in (sessions, sessions[::-1])]
    answers = at_once(*(Post(caller, f"{closure['path']}/apply", body) for body in bodies))
    assert answers == {(200, None): 1, (409, "absence-conflicts"): 1}
    assert {desk.session(session["id"])["reschedule_count"] for session in sessions} == {1}
    assert deadlocks(desk.centre.kit) == before


def test_a_slot_that_is_booked_and_applied_at_the_same_time_goes_to_one(desk: Desk) -> None:
    """Whoever is late with what was shown is refused as a whole."""
    first, second = hit(desk, 2)
    closure = closed(desk)
    slots = [told["new_slot"]["starts_at"] for told in proposed(closure)]
    asked = [item(s, "MOVE", starts_at=slot) for s, slot in zip((first, second), slots, strict=True)]
    booking = desk.session_body(provider_id=second["provider_id"], starts_at=slots[1])
    caller, before = desk.centre.client(), deadlocks(desk.centre.kit)
    answers = at_once(
        Post(caller, f"{closure['path']}/apply", {"items": asked}),
        *(Post(caller, "/sessions", as_json(booking)) for _ in range(3)),
    )
    assert sum(n for (status, _), n in answers.items() if status < 300) == 1
    assert set(answers) <= {(200, None), (201, None), (409, "absence-conflicts"), (409, "provider-busy")}
    counts = {desk.session(session["id"])["reschedule_count"] for session in (first, second)}
    assert counts == {int((200, None) in answers)}
    assert overlaps(desk) == 0
    assert deadlocks(desk.centre.kit) == before


def test_a_closure_is_not_removed_while_it_is_applied(desk: Desk) -> None:
    session, closure = desk.create_session(), closed(desk)
    caller, start = desk.centre.client(), Barrier(2)

    def at_the_same_moment(request: Callable[[], TestResponse]) -> int:
        start.wait(10)
        return request().status_code

    with ThreadPoolExecutor(2) as pool:
        apply = Post(caller, f"{closure['path']}/apply", {"items": [item(session, "MOVE")]})
        applied = pool.submit(at_the_same_moment, apply)
        removed = pool.submit(
            at_the_same_moment, lambda: caller.call("DELETE", closure["path"], headers={"If-Match": "*"})
        )
        statuses = applied.result(), removed.result()
    assert (statuses, desk.session(session["id"])["reschedule_count"]) in (((200, 204), 1), ((404, 204), 0))
