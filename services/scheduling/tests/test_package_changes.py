"""What becomes of a package. Every change keeps appointments, package sessions, numbers and events together."""

from collections import Counter
from datetime import datetime
from typing import Any

import pytest
from werkzeug.test import TestResponse

from .factories import Desk, as_json, at, hours_on, ok, problem

STALE = '"0123456789abcdef"'


def create(desk: Desk, **overrides: Any) -> dict[str, Any]:
    """Four sessions at 10:00 in Riyadh, 07:00 UTC, from `at(1)` on, one each day, unless said otherwise."""
    return desk.create_package(**{"preferred_time": "10:00", **overrides})


def change(desk: Desk, package: dict[str, Any], what: str, **given: Any) -> TestResponse:
    """POST /packages/{id}/<what>."""
    return desk.centre.post(f"/packages/{package['id']}/{what}", as_json(given))


def read(desk: Desk, package: dict[str, Any]) -> dict[str, Any]:
    return ok(desk.centre.get(f"/packages/{package['id']}"))


def changed(desk: Desk, package: dict[str, Any], what: str, **given: Any) -> dict[str, Any]:
    """The answer to a change, which must be what is read afterwards. Without the warnings."""
    answer = ok(change(desk, package, what, **given))
    answer.pop("warnings", None)
    assert answer == read(desk, package)
    return answer


def refused(desk: Desk, package: dict[str, Any], what: str, status: int, code: str, **given: Any) -> dict[str, Any]:
    """The problem, after checking that nothing changed."""
    before = desk.centre.state()
    told = problem(change(desk, package, what, **given), status, code)
    assert desk.centre.state() == before
    return told


def of(package: dict[str, Any], name: str) -> list[Any]:
    """A field of all sessions by their number."""
    return [session[name] for session in package["sessions"]]


def starts(package: dict[str, Any]) -> list[datetime]:
    return [datetime.fromisoformat(s["starts_at"]) for s in package["sessions"] if s["starts_at"]]


def events(desk: Desk, name: str) -> list[Any]:
    return [event.data for event in desk.centre.kit.events(desk.centre.tenant, name)]


def given_to(package: dict[str, Any], provider: dict[str, Any]) -> list[int]:
    return [s["session_number"] for s in package["sessions"] if s["provider_id"] == provider["id"]]


def attended(desk: Desk, package: dict[str, Any], number: int) -> None:
    participant = {"id": package["sessions"][number - 1]["appointment_id"]}
    ok(desk.do(participant, "check-in", override={"reason": "Long before the day"}))
    ok(desk.do(participant, "attend"))


def test_one_session_moves_with_its_appointment_and_is_told_as_any_appointment(desk: Desk) -> None:
    package = create(desk)
    after = changed(desk, package, "sessions/2/reschedule", starts_at=at(9, 7), reason="A visit")
    assert starts(after) == [at(1, 7), at(9, 7), at(3, 7), at(4, 7)]
    for name in ("appointment_id", "appointment_number", "session_id", "scheduling_attempts"):
        assert of(after, name) == of(package, name)
    assert desk.participant(after["sessions"][1]["appointment_id"])["change_reason"] == "A visit"
    [moved] = events(desk, "AppointmentRescheduled")
    assert (moved["announced_with_package"], moved["package"]["session_number"]) == (False, 2)
    assert len(events(desk, "PackageScheduled")) == 1


def test_order_and_gap_of_what_a_person_places_are_warned_of(desk: Desk) -> None:
    package = create(desk, gap_days=2)
    told = ok(change(desk, package, "sessions/1/reschedule", starts_at=at(4, 7)))["warnings"]
    assert [(w["session_number"], w["code"]) for w in told] == [(1, "out-of-order"), (1, "gap"), (3, "gap")]
    assert told[1]["detail"] == "It takes place less than 2 days after the session before it."
    assert all(warning["detail_ar"] for warning in told)
    assert ok(change(desk, package, "sessions/1/reschedule", starts_at=at(1, 7)))["warnings"] == []


def test_another_provider_than_the_assigned_one_is_recorded_as_a_substitute(desk: Desk) -> None:
    package, other = create(desk), desk.centre.create_provider(desk.clinic)
    given = {"starts_at": at(2, 9), "provider_id": other["id"], "reason": "Ill"}
    after = changed(desk, package, "sessions/2/reschedule", **given)
    [*requested, substitute] = sorted(after["provider_assignments"], key=lambda a: a["assigned_at"])
    assert {a["kind"] for a in requested} == {"REQUESTED"}
    assert (substitute["session_number"], substitute["provider_id"]) == (2, other["id"])
    assert (substitute["kind"], substitute["reason"], substitute["assigned_by"]) == ("SUBSTITUTE", "Ill", "tester")
    assert given_to(after, other) == [2]


@pytest.mark.parametrize(
    "code", ["provider-busy", "room-busy", "patient-busy", "outside-working-hours", "invalid-transition"]
)
def test_a_session_of_a_package_cannot_move_to_where_no_appointment_could_be(desk: Desk, code: str) -> None:
    week = [hours_on(day, desk.clinic, "06:00", "20:00") for day in range(7)]
    other = desk.centre.create_provider(desk.clinic, hours=week)
    package = create(desk, provider_id=other["id"], room_id=desk.room["id"])
    given: dict[str, Any] = {"starts_at": at(9, 7)}
    if code == "provider-busy":
        desk.create_session(starts_at=at(9, 7), provider_id=other["id"])
    elif code == "room-busy":
        desk.create_session(starts_at=at(9, 7), room_id=desk.room["id"])
    elif code == "patient-busy":
        desk.create_appointment(starts_at=at(9, 7), patient_id=package["patient_id"])
    elif code == "outside-working-hours":
        given["starts_at"] = at(9, 18)
    else:
        changed(desk, package, "sessions/2/cancel", owed=True)
    refused(desk, package, "sessions/2/reschedule", 409, code, **given)


def test_a_session_of_a_package_can_become_a_place_in_a_group_which_then_stays(desk: Desk) -> None:
    package = create(desk)
    group = desk.create_session(starts_at=at(9, 7))
    after = changed(desk, package, "sessions/4/reschedule", session_id=group["id"])
    assert after["sessions"][3]["session_id"] == group["id"]
    assert desk.session(package["sessions"][3]["session_id"])["status"] == "CANCELLED"
    other = desk.centre.create_provider(desk.clinic)
    shifted = changed(desk, package, "shift", from_session_number=1, days=1)
    assert starts(shifted) == [at(2, 7), at(3, 7), at(4, 7), at(9, 7)]
    assert given_to(changed(desk, package, "substitute", from_session_number=1, provider_id=other["id"]), other) == [
        1,
        2,
        3,
    ]
    changed(desk, package, "cancel")
    assert desk.session(group["id"])["status"] == "SCHEDULED"
    assert desk.session(group["id"])["current_capacity"] == 0


def test_only_a_manager_overrides_rules(desk: Desk) -> None:
    week = [hours_on(day, desk.clinic, "06:00", "20:00") for day in range(7)]
    provider = desk.centre.create_provider(desk.clinic, hours=week)
    package = create(desk, provider_id=provider["id"])
    given = {"starts_at": at(9, 18).isoformat(), "override": {"reason": "Agreed"}}
    path = f"/packages/{package['id']}/sessions"
    changed(desk, package, "sessions/1/cancel", owed=True)
    for verb in ("1/schedule", "2/reschedule"):
        problem(desk.centre.client("front-desk").post(f"{path}/{verb}", given), 403, "forbidden")
        given["starts_at"] = at(9 if verb == "1/schedule" else 10, 18).isoformat()
        after = ok(desk.centre.post(f"{path}/{verb}", given))
        number = int(verb[0])
        assert desk.session(after["sessions"][number - 1]["session_id"])["overridden"] == ["working-hours"]


CHANGES: dict[str, dict[str, Any]] = {
    "sessions/2/reschedule": {"starts_at": at(9, 7).isoformat()},
    "sessions/2/schedule": {"starts_at": at(9, 7).isoformat()},
    "sessions/2/cancel": {},
    "shift": {"from_session_number": 1, "days": 1},
    "substitute": {"from_session_number": 1},
    "cancel": {},
    "pause": {},
    "resume": {},
}


@pytest.mark.parametrize("what", CHANGES)
def test_each_change_honours_the_tag_of_what_was_read(desk: Desk, what: str) -> None:
    package, given = create(desk), dict(CHANGES[what])
    if what == "substitute":
        given["provider_id"] = desk.centre.create_provider(desk.clinic)["id"]
    if what == "sessions/2/schedule":
        changed(desk, package, "sessions/2/cancel", owed=True)
    if what == "resume":
        changed(desk, package, "pause")
    path = f"/packages/{package['id']}"
    before = desk.centre.state()
    problem(desk.centre.post(f"{path}/{what}", given, If_Match=STALE), 412, "precondition-failed")
    assert desk.centre.state() == before
    answer = desk.centre.post(f"{path}/{what}", given, If_Match=desk.centre.get(path).headers["ETag"])
    assert ok(answer)
    assert answer.headers["ETag"] == desk.centre.get(path).headers["ETag"]


@pytest.mark.parametrize("what", CHANGES)
@pytest.mark.parametrize("status", ["CANCELLED", "COMPLETED"])
def test_a_package_that_is_over_does_not_change_any_more(desk: Desk, what: str, status: str) -> None:
    package = create(desk, total_sessions=2)
    if status == "CANCELLED":
        changed(desk, package, "cancel")
    else:
        attended(desk, package, 1)
        changed(desk, package, "sessions/2/cancel")
    given = {"provider_id": desk.provider["id"]} if what == "substitute" else {}
    assert read(desk, package)["status"] == status
    refused(desk, package, what, 409, "invalid-transition", **CHANGES[what], **given)


@pytest.mark.parametrize("what", ["sessions/2/reschedule", "sessions/2/schedule", "shift", "pause"])
def test_a_paused_package_is_resumed_first(desk: Desk, what: str) -> None:
    package = create(desk)
    changed(desk, package, "pause", from_date=at(3).date().isoformat())
    refused(desk, package, what, 409, "package-paused", **CHANGES[what])


@pytest.mark.parametrize("what", CHANGES)
def test_a_package_or_a_session_that_does_not_exist_is_not_found(desk: Desk, what: str) -> None:
    package = create(desk)
    given = {"provider_id": desk.provider["id"]} if what == "substitute" else {}
    unknown = {"id": "01a1f000-0000-7000-8000-000000000091"}
    refused(desk, unknown, what, 404, "not-found", **CHANGES[what], **given)
    if "2" in what:
        refused(desk, package, what.replace("2", "5"), 404, "not-found", **CHANGES[what])
        refused(desk, package, what.replace("2", "0"), 404, "not-found", **CHANGES[what])


def test_what_failed_is_placed_by_hand_and_told_as_any_booking(desk: Desk) -> None:
    package = create(desk, end_date=at(3).date().isoformat())
    assert (of(package, "status")[3], of(package, "scheduling_attempts")[3]) == ("FAILED", 1)
    desk.create_session(starts_at=at(9, 7))
    refused(desk, package, "sessions/4/schedule", 409, "provider-busy", starts_at=at(9, 7))
    after = changed(desk, package, "sessions/4/schedule", starts_at=at(9, 8), reason="By hand")
    session = after["sessions"][3]
    assert (session["status"], session["scheduling_attempts"], session["scheduling_error"]) == ("SCHEDULED", 2, None)
    assert desk.session(session["session_id"])["duration_minutes"] == 60
    [*_, booked] = events(desk, "AppointmentBooked")
    assert (booked["announced_with_package"], booked["package"]["session_number"]) == (False, 4)
    assert len(events(desk, "PackageScheduled")) == 1
    refused(desk, package, "sessions/4/schedule", 409, "invalid-transition", starts_at=at(12, 7))


def test_the_first_session_placed_by_hand_makes_a_draft_scheduled_and_names_who_holds_it(desk: Desk) -> None:
    package = create(desk, auto_schedule=False, provider_id=None)
    errors = refused(desk, package, "sessions/1/schedule", 422, "validation-error", starts_at=at(1, 7))["errors"]
    assert list(errors) == ["provider_id"]
    given = {"starts_at": at(1, 7), "provider_id": desk.provider["id"]}
    after = changed(desk, package, "sessions/1/schedule", **given)
    assert (after["status"], after["scheduled_sessions_count"], after["pending_sessions_count"]) == ("SCHEDULED", 1, 3)
    assert [(a["session_number"], a["kind"]) for a in after["provider_assignments"]] == [(1, "REQUESTED")]


def test_a_package_that_needs_a_room_names_it_for_what_is_placed_by_hand(desk: Desk) -> None:
    package = create(desk, room_required=True)
    changed(desk, package, "sessions/1/cancel", owed=True)
    errors = refused(desk, package, "sessions/1/schedule", 422, "validation-error", starts_at=at(9, 7))["errors"]
    assert list(errors) == ["room_id"]
    after = changed(desk, package, "sessions/1/schedule", starts_at=at(9, 7), room_id=desk.room["id"])
    assert after["sessions"][0]["room_id"] == desk.room["id"]


@pytest.mark.parametrize("owed", [True, False])
def test_one_session_is_given_up_for_good_or_to_be_made_up(desk: Desk, owed: bool) -> None:
    package = create(desk)
    after = changed(desk, package, "sessions/2/cancel", owed=owed, reason="Away")
    assert (of(after, "status")[1], of(after, "owed")[1]) == ("CANCELLED", owed)
    assert (after["cancelled_sessions_count"], after["owed_sessions_count"]) == (1, int(owed))
    gone = desk.participant(package["sessions"][1]["appointment_id"])
    assert (gone["status"], gone["cancelled_by"], gone["cancel_reason"]) == ("CANCELLED", "tester", "Away")
    assert desk.session(gone["session"]["id"])["status"] == "CANCELLED"
    [told] = events(desk, "AppointmentCancelled")
    assert told["announced_with_package"] is False
    placed = changed(desk, package, "schedule")
    assert of(placed, "status")[1] == ("SCHEDULED" if owed else "CANCELLED")


def test_what_has_no_place_is_given_up_too(desk: Desk) -> None:
    package = create(desk, end_date=at(2).date().isoformat())
    assert of(package, "status") == ["SCHEDULED", "SCHEDULED", "FAILED", "FAILED"]
    after = changed(desk, package, "sessions/3/cancel")
    assert (after["sessions"][2]["status"], after["sessions"][2]["owed"]) == ("CANCELLED", False)
    refused(desk, package, "sessions/3/cancel", 409, "invalid-transition")
    refused(desk, package, "sessions/4/cancel", 409, "invalid-transition", owed=True)


def test_the_last_session_of_a_package_of_which_none_took_place_is_not_given_up(desk: Desk) -> None:
    package = create(desk, total_sessions=2)
    changed(desk, package, "sessions/1/cancel")
    refused(desk, package, "sessions/2/cancel", 409, "invalid-transition")
    changed(desk, package, "sessions/2/cancel", owed=True)
    refused(desk, package, "sessions/2/cancel", 409, "invalid-transition")


def test_a_package_is_complete_when_its_last_session_is_given_up(desk: Desk) -> None:
    package = create(desk, total_sessions=3)
    attended(desk, package, 1)
    changed(desk, package, "pause")
    changed(desk, package, "sessions/2/cancel")
    after = changed(desk, package, "sessions/3/cancel")
    assert (after["status"], after["is_paused"], after["completed_sessions_count"]) == ("COMPLETED", False, 1)
    [told] = events(desk, "PackageCompleted")
    assert told["completed_sessions"] == 1


def test_every_change_is_one_message_of_the_package_or_one_of_the_appointment(desk: Desk) -> None:
    package, other = create(desk), desk.centre.create_provider(desk.clinic)
    changed(desk, package, "shift", from_session_number=1, days=1)
    changed(desk, package, "substitute", from_session_number=1, provider_id=other["id"])
    changed(desk, package, "pause")
    changed(desk, package, "resume")
    changed(desk, package, "cancel")
    told = Counter(event["cause"] for event in events(desk, "PackageScheduled"))
    assert told == dict.fromkeys(("SCHEDULED", "RESCHEDULED", "SUBSTITUTED", "PAUSED", "RESUMED"), 1)
    assert len(events(desk, "PackageCancelled")) == 1
    for name in ("AppointmentBooked", "AppointmentRescheduled", "AppointmentCancelled"):
        assert len(events(desk, name)) == 8
        assert all(event["announced_with_package"] for event in events(desk, name))


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("shift", {"from_session_number": 1}, "days"),
    ("shift", {"from_session_number": 1, "days": 1, "start_date": "2030-01-01"}, "days"),
    ("shift", {"from_session_number": 1, "days": 0}, "days"),
    ("shift", {"from_session_number": 1, "days": 367}, "days"),
    ("shift", {"from_session_number": 1, "days": 1.5}, "days"),
    ("shift", {"from_session_number": 1, "start_date": "2020-01-01"}, "start_date"),
    ("shift", {"from_session_number": 1, "start_date": "2030-02-30"}, "start_date"),
    ("shift", {"from_session_number": 1, "start_date": "2199-01-01"}, "start_date"),
    ("shift", {"from_session_number": 0, "days": 1}, "from_session_number"),
    ("shift", {"from_session_number": 5, "days": 1}, "from_session_number"),
    ("shift", {"from_session_number": 101, "days": 1}, "from_session_number"),
    ("shift", {"days": 1}, "from_session_number"),
    ("shift", {"from_session_number": 1, "days": 1, "reason": "x" * 501}, "reason"),
    ("substitute", {"from_session_number": 1}, "provider_id"),
    ("substitute", {"from_session_number": 3, "to_session_number": 2, "provider_id": ...}, "to_session_number"),
    ("substitute", {"from_session_number": 3, "to_session_number": 5, "provider_id": ...}, "to_session_number"),
    ("substitute", {"from_session_number": 5, "provider_id": ...}, "from_session_number"),
    ("sessions/1/reschedule", {}, "session_id"),
    ("sessions/1/reschedule", {"starts_at": "2020-01-01T10:00:00Z"}, "starts_at"),
    ("sessions/1/reschedule", {"starts_at": "2030-01-01T10:00:00"}, "starts_at"),
    ("sessions/1/reschedule", {"starts_at": "2030-01-01T10:00:00Z", "duration_minutes": 0}, "duration_minutes"),
    ("sessions/1/schedule", {}, "starts_at"),
    ("sessions/1/schedule", {"starts_at": "2030-01-01T10:00:00Z", "duration_minutes": 30}, "duration_minutes"),
    ("sessions/1/cancel", {"owed": "perhaps"}, "owed"),
    ("cancel", {"reason": "Lay\u0000la"}, "reason"),
    ("pause", {"from_date": "tomorrow"}, "from_date"),
    ("resume", {"start_date": "2030-01-01", "end_date": 7}, "end_date"),
]


@pytest.mark.parametrize(("what", "given", "field"), REFUSED)
def test_a_change_names_the_field_that_is_wrong(desk: Desk, what: str, given: dict[str, Any], field: str) -> None:
    package = create(desk)
    sent = {name: desk.provider["id"] if value is ... else value for name, value in given.items()}
    assert list(refused(desk, package, what, 422, "validation-error", **sent)["errors"]) == [field]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"start_date": "2020-01-01"}, "start_date"),
        ({"start_date": at(30).date().isoformat(), "end_date": at(29).date().isoformat()}, "end_date"),
        ({"end_date": "2099-01-01"}, "end_date"),
    ],
    ids=["past", "ends before it starts", "too long"],
)
def test_a_package_is_resumed_within_a_period_that_can_be(desk: Desk, given: dict[str, Any], field: str) -> None:
    package = create(desk)
    changed(desk, package, "pause")
    assert list(refused(desk, package, "resume", 422, "validation-error", **given)["errors"]) == [field]
