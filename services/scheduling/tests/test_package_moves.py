"""What becomes of the rest of a package. It moves, is given to another provider, cancelled, paused and resumed."""

from datetime import date, timedelta

import pytest

from jalsa.service import clock

from .factories import Desk, at, created, ok
from .test_package_changes import attended, changed, create, events, given_to, of, read, refused, starts


def test_the_rest_moves_by_days_to_the_same_wall_times_across_a_clock_change(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    berlin = Desk(desk.centre, timezone="Europe/Berlin")
    start = date(2027, 3, 25)  # summer time begins on the 28th
    package = create(berlin, start_date=start.isoformat(), end_date="2027-03-31")
    attended(berlin, package, 1)
    after = changed(berlin, package, "shift", from_session_number=2, days=7, reason="Easter")
    days = [session["scheduled_date"] for session in after["sessions"]]
    assert days == ["2027-03-25", "2027-04-02", "2027-04-03", "2027-04-04"]
    assert set(of(after, "scheduled_time")) == {"10:00"}
    assert [start.hour for start in starts(after)] == [9, 8, 8, 8]
    for name in ("appointment_id", "appointment_number", "session_id", "provider_id", "scheduling_attempts"):
        assert of(after, name) == of(package, name)
    assert after["end_date"] == "2027-04-04"
    assert desk.participant(after["sessions"][3]["appointment_id"])["change_reason"] == "Easter"
    moved = events(desk, "AppointmentRescheduled")
    assert [m["announced_with_package"] for m in moved] == [True] * 3
    [_, told] = events(desk, "PackageScheduled")
    assert (told["cause"], told["changed"], told["unscheduled"]) == ("RESCHEDULED", [2, 3, 4], [])
    assert [s["starts_at"] for s in told["sessions"]] == of(after, "starts_at")[1:]


@pytest.mark.parametrize("days", [-1, 1])
def test_sessions_move_onto_places_that_others_of_them_leave(desk: Desk, days: int) -> None:
    package = create(desk)
    after = changed(desk, package, "shift", from_session_number=1, days=days)
    assert starts(after) == [start + timedelta(days=days) for start in starts(package)]


def test_a_shift_that_meets_others_tells_all_conflicts_and_changes_nothing(desk: Desk) -> None:
    package = create(desk)
    desk.create_session(starts_at=at(12, 7))
    desk.create_appointment(
        starts_at=at(13, 7),
        patient_id=package["patient_id"],
        provider_id=desk.centre.create_provider(desk.clinic)["id"],
    )
    given = {"from_session_number": 2, "days": 10}
    conflicts = refused(desk, package, "shift", 409, "package-conflicts", **given)["conflicts"]
    assert [(c["session_number"], c["code"]) for c in conflicts] == [(2, "provider-busy"), (3, "patient-busy")]
    assert "provider is not free" in conflicts[0]["detail"]
    after = changed(desk, package, "shift", **given, all_or_nothing=False, reason="Travel")
    assert of(after, "status") == ["SCHEDULED", "FAILED", "FAILED", "SCHEDULED"]
    assert of(after, "scheduling_attempts") == [1, 2, 2, 1]
    assert [e["session_number"] for e in after["scheduling_errors"]] == [2, 3]
    assert starts(after) == [at(1, 7), at(14, 7)]
    gone = desk.participant(package["sessions"][1]["appointment_id"])
    assert (gone["status"], gone["cancel_reason"], gone["session"]["status"]) == ("CANCELLED", "Travel", "CANCELLED")
    assert [c["announced_with_package"] for c in events(desk, "AppointmentCancelled")] == [True, True]
    [*_, told] = events(desk, "PackageScheduled")
    assert (told["changed"], told["unscheduled"]) == ([2, 3, 4], [2, 3])
    assert of(changed(desk, package, "schedule"), "status") == ["SCHEDULED"] * 4


def test_a_shift_into_the_past_is_a_conflict(desk: Desk) -> None:
    told = refused(desk, create(desk), "shift", 409, "package-conflicts", from_session_number=1, days=-9)
    assert {c["code"] for c in told["conflicts"]} == {"past"}


def test_a_place_that_finds_no_new_one_is_taken_by_another_and_offered_to_nobody(desk: Desk) -> None:
    package = create(desk)
    waiting = {"patient_id": desk.centre.create_patient(), "service_type": desk.service_type["code"]}
    created(desk.centre.post("/waitlist", waiting))
    desk.create_session(starts_at=at(5, 7))
    after = changed(desk, package, "shift", from_session_number=1, days=1, all_or_nothing=False)
    assert of(after, "status") == ["SCHEDULED"] * 3 + ["FAILED"]
    assert starts(after) == [at(2, 7), at(3, 7), at(4, 7)]
    assert events(desk, "WaitlistOffered") == []


def test_the_rest_is_planned_again_from_a_day_on(desk: Desk) -> None:
    weekdays = [at(2).isoweekday() % 7, at(5).isoweekday() % 7]
    end = at(8 + 7).date()
    package = create(desk, preferred_days=weekdays, end_date=end.isoformat())
    assert starts(package) == [at(2, 7), at(5, 7), at(9, 7), at(12, 7)]
    desk.create_session(starts_at=at(9 + 7, 7))
    after = changed(desk, package, "shift", from_session_number=2, start_date=at(9).date().isoformat())
    assert starts(after) == [at(2, 7), at(9, 7), at(12, 7), at(16, 6)]
    assert after["end_date"] == at(16).date().isoformat()
    assert of(after, "appointment_number") == of(package, "appointment_number")
    again = refused(
        desk, package, "shift", 422, "validation-error", from_session_number=2, start_date=at(9).date().isoformat()
    )
    assert list(again["errors"]) == ["start_date"]


def test_sessions_that_would_change_places_with_each_other_find_other_places(desk: Desk) -> None:
    package = create(desk, start_date=at(3).date().isoformat())
    changed(desk, package, "sessions/3/reschedule", starts_at=at(1, 7))
    after = changed(desk, package, "shift", from_session_number=1, start_date=at(1).date().isoformat())
    assert of(after, "status") == ["SCHEDULED"] * 4
    assert starts(after) == sorted(starts(after))
    assert of(after, "appointment_number") == of(package, "appointment_number")


def test_what_was_changed_alone_moves_as_it_is(desk: Desk) -> None:
    package, other = create(desk), desk.centre.create_provider(desk.clinic)
    given = {"starts_at": at(2, 12), "duration_minutes": 30, "provider_id": other["id"], "room_id": desk.room["id"]}
    changed(desk, package, "sessions/2/reschedule", **given)
    after = changed(desk, package, "shift", from_session_number=1, days=7)
    session = desk.session(after["sessions"][1]["session_id"])
    assert starts(after)[1] == at(9, 12)
    assert (session["duration_minutes"], session["provider_id"], session["room_id"]) == (
        30,
        other["id"],
        desk.room["id"],
    )


def test_a_substitute_takes_over_at_the_same_time_or_at_the_nearest(desk: Desk) -> None:
    package, other = create(desk, total_sessions=6), desk.centre.create_provider(desk.clinic)
    attended(desk, package, 1)
    changed(desk, package, "sessions/5/cancel", owed=True)
    desk.create_session(starts_at=at(3, 6, 30), provider_id=other["id"])
    given = {"from_session_number": 1, "provider_id": other["id"], "reason": "On leave"}
    after = changed(desk, package, "substitute", **given)
    assert starts(after) == [at(1, 7), at(2, 7), at(3, 7, 30), at(4, 7), at(6, 7)]
    assert given_to(after, other) == [2, 3, 4, 5, 6]
    for name in ("appointment_id", "appointment_number", "status"):
        assert of(after, name) == of(read(desk, package), name)
    last = {a["session_number"]: a for a in after["provider_assignments"]}
    assert {(a["kind"], a["reason"]) for n, a in last.items() if n > 1} == {("SUBSTITUTE", "On leave")}
    assert last[1]["kind"] == "REQUESTED"
    [*_, told] = events(desk, "PackageScheduled")
    assert (told["cause"], told["changed"], told["unscheduled"]) == ("SUBSTITUTED", [2, 3, 4, 6], [5])
    assert {s["provider"]["id"] for s in told["sessions"]} == {other["id"]}
    assert {m["announced_with_package"] for m in events(desk, "AppointmentRescheduled")} == {True}
    refused(desk, package, "substitute", 409, "invalid-transition", **given)


def test_a_substitute_for_one_session_is_for_that_one(desk: Desk) -> None:
    package, other = create(desk), desk.centre.create_provider(desk.clinic)
    given = {"from_session_number": 2, "to_session_number": 2, "provider_id": other["id"]}
    assert given_to(changed(desk, package, "substitute", **given), other) == [2]


def test_a_substitute_who_has_no_time_takes_over_nothing_or_only_the_name(desk: Desk) -> None:
    package, other = create(desk), desk.centre.create_provider(desk.clinic, hours=[])
    given = {"from_session_number": 3, "provider_id": other["id"]}
    told = refused(desk, package, "substitute", 409, "package-conflicts", **given)
    assert [(c["session_number"], c["code"]) for c in told["conflicts"]] == [(3, "no-provider"), (4, "no-provider")]
    after = changed(desk, package, "substitute", **given, all_or_nothing=False)
    assert of(after, "status") == ["SCHEDULED", "SCHEDULED", "FAILED", "FAILED"]
    assert given_to(after, other) == [3, 4]


def test_sessions_without_a_place_are_given_to_another_and_nobody_is_told(desk: Desk) -> None:
    package, other = create(desk, auto_schedule=False), desk.centre.create_provider(desk.clinic)
    after = changed(desk, package, "substitute", from_session_number=3, provider_id=other["id"])
    assert (given_to(after, other), after["status"]) == ([3, 4], "DRAFT")
    assert events(desk, "PackageScheduled") == []
    assert given_to(changed(desk, package, "schedule"), other) == [3, 4]


def test_a_substitute_fits_clinic_and_discipline(desk: Desk) -> None:
    package = create(desk)
    elsewhere = desk.centre.create_provider(desk.centre.create_clinic())
    speech = desk.centre.create_provider(desk.clinic, discipline="SLP")
    for one in (elsewhere, speech):
        given = {"from_session_number": 1, "provider_id": one["id"]}
        told = refused(desk, package, "substitute", 422, "validation-error", **given)
        assert list(told["errors"]) == ["provider_id"]


def test_a_cancelled_package_gives_up_all_that_is_to_come_and_keeps_the_past(desk: Desk) -> None:
    package = create(desk, total_sessions=6, end_date=at(5).date().isoformat())
    attended(desk, package, 1)
    here = {"id": package["sessions"][1]["appointment_id"]}
    ok(desk.do(here, "check-in", override={"reason": "Long before the day"}))
    after = changed(desk, package, "cancel", reason="Moves away")
    assert of(after, "status") == ["COMPLETED", "SCHEDULED", *["CANCELLED"] * 4]
    assert of(after, "owed")[2:] == [False] * 4
    assert (after["status"], after["cancelled_by"], after["cancel_reason"]) == ("CANCELLED", "tester", "Moves away")
    for session in package["sessions"][2:5]:
        gone = desk.participant(session["appointment_id"])
        assert (gone["status"], gone["cancelled_by"], gone["cancel_reason"]) == ("CANCELLED", "tester", "Moves away")
        assert gone["session"]["status"] == "CANCELLED"
    assert [c["announced_with_package"] for c in events(desk, "AppointmentCancelled")] == [True] * 3
    [told] = events(desk, "PackageCancelled")
    assert (told["completed_sessions"], told["cancelled_appointments"]) == (1, 3)
    ok(desk.do(here, "attend"))
    late = read(desk, package)
    assert (late["status"], late["completed_sessions_count"], late["progress_percentage"]) == ("CANCELLED", 2, 33.3)


def test_what_begins_before_a_package_is_cancelled_stays_and_is_not_owed_if_it_is_missed(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = ok(desk.centre.get("/settings"))
    ok(desk.centre.client().put("/settings", {**settings, "make_up_no_shows": True}))
    package = create(desk)
    begun = at(1, 7) + timedelta(minutes=10)
    monkeypatch.setattr(clock, "now", lambda: begun)
    assert of(changed(desk, package, "cancel"), "status") == ["SCHEDULED", *["CANCELLED"] * 3]
    ok(desk.do({"id": package["sessions"][0]["appointment_id"]}, "no-show"))
    assert (of(read(desk, package), "status")[0], of(read(desk, package), "owed")[0]) == ("CANCELLED", False)


def test_a_pause_gives_up_what_is_to_come_and_resuming_plans_it_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, end = desk.centre.create_provider(desk.clinic), at(5).date()
    package = create(desk, end_date=end.isoformat())
    changed(desk, package, "substitute", from_session_number=4, provider_id=other["id"])
    attended(desk, package, 1)
    monkeypatch.setattr(clock, "now", lambda: at(1, 12))
    paused = changed(desk, package, "pause", reason="Surgery", from_date=at(3).date().isoformat())
    assert of(paused, "status") == ["COMPLETED", "SCHEDULED", "PENDING", "PENDING"]
    assert (paused["is_paused"], paused["paused_by"], paused["pause_reason"]) == (True, "tester", "Surgery")
    assert [c["announced_with_package"] for c in events(desk, "AppointmentCancelled")] == [True] * 2
    [*_, told] = events(desk, "PackageScheduled")
    assert (told["cause"], told["changed"], told["unscheduled"]) == ("PAUSED", [3, 4], [3, 4])
    refused(desk, package, "schedule", 409, "package-paused")

    monkeypatch.setattr(clock, "now", lambda: at(11, 20, 50))  # ten minutes before midnight
    after = changed(desk, package, "resume")
    assert (after["is_paused"], after["paused_at"]) == (False, None)
    assert (after["start_date"], after["end_date"]) == (str(at(11).date()), str(end + timedelta(days=10)))
    assert starts(after) == [at(1, 7), at(2, 7), at(12, 7), at(13, 7)]
    assert given_to(after, other) == [4]
    [*_, told] = events(desk, "PackageScheduled")
    assert (told["cause"], told["changed"], told["unscheduled"]) == ("RESUMED", [3, 4], [])
    refused(desk, package, "resume", 409, "invalid-transition")


def test_a_package_is_resumed_as_the_caller_says(desk: Desk) -> None:
    package = create(desk)
    changed(desk, package, "pause")
    given = {"start_date": at(20).date().isoformat(), "end_date": at(22).date().isoformat()}
    told = refused(desk, package, "resume", 409, "package-conflicts", **given, all_or_nothing=True)
    assert [(c["session_number"], c["code"]) for c in told["conflicts"]] == [(4, "period-over")]
    waits = changed(desk, package, "resume", **given, auto_schedule=False)
    assert (waits["pending_sessions_count"], waits["start_date"], waits["is_paused"]) == (4, given["start_date"], False)
    changed(desk, package, "pause")
    after = changed(desk, package, "resume", **given)
    assert of(after, "status") == ["SCHEDULED"] * 3 + ["FAILED"]


def test_a_package_that_is_complete_is_paused_no_more(desk: Desk) -> None:
    package = create(desk, total_sessions=2)
    changed(desk, package, "pause", from_date=at(5).date().isoformat())
    for number in (1, 2):
        attended(desk, package, number)
    after = read(desk, package)
    assert (after["status"], after["is_paused"]) == ("COMPLETED", False)
