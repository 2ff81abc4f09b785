"""The standing roster of a series. Joining gives the later spots, leaving frees them, and history stays."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text
from werkzeug.test import TestResponse

from scheduling.models import Participant, SeriesMember

from .factories import EARLY, Desk, at, created, ok, problem
from .test_races import Post, at_once, deadlocks
from .test_series import conflicts, day


def join(desk: Desk, series: dict[str, Any], patient: str | None = None, **body: Any) -> TestResponse:
    path = f"/series/{series['id']}/members"
    return desk.centre.post(path, {"patient_id": patient or desk.centre.create_patient(), **body})


def leave(desk: Desk, member: dict[str, Any], **body: Any) -> TestResponse:
    return desk.centre.post(f"{address(member)}/leave", body)


def address(member: dict[str, Any]) -> str:
    return f"/series/{member['series_id']}/members/{member['id']}"


def taken(desk: Desk, series: dict[str, Any]) -> list[int]:
    """How many places are taken in each session."""
    return [session["current_capacity"] for session in desk.series_sessions(series)]


def test_who_joins_has_a_seat_in_every_later_session(desk: Desk) -> None:
    series = desk.create_series()
    answer = join(desk, series, notes="Window seat")
    member = created(answer)
    sessions = desk.series_sessions(series)
    assert [(a["session_id"], a["starts_at"]) for a in member["appointments"]] == [
        (s["id"], s["starts_at"]) for s in sessions
    ]
    assert len({a["appointment_number"] for a in member["appointments"]}) == 4
    assert (member["skipped"], member["left_on"], member["joined_by"]) == ([], None, "tester")
    seat = desk.participant(member["appointments"][0]["participant_id"])
    assert (seat["patient_id"], seat["notes"], seat["status"]) == (member["patient_id"], "Window seat", "BOOKED")
    booked = desk.centre.kit.events(desk.centre.tenant, "AppointmentBooked")
    assert [e.data["session"]["id"] for e in booked] == [s["id"] for s in sessions]
    read = desk.centre.get(address(member))
    assert ok(read) == {k: v for k, v in member.items() if k != "skipped"}
    assert read.headers["ETag"] == answer.headers["ETag"]


def test_a_patient_joins_and_leaves_on_a_local_day_and_the_days_before_stay(desk: Desk) -> None:
    series = desk.create_series(start_time="01:00")  # on the day before in UTC
    member = created(join(desk, series, from_date=day(1)))
    assert member["joined_on"] == day(1)
    assert taken(desk, series) == [0, 1, 1, 1]
    left = ok(leave(desk, member, from_date=day(3), reason="Moved away"))
    assert (left["left_on"], left["left_by"], left["leave_reason"]) == (day(3), "tester", "Moved away")
    assert [a["starts_at"] for a in left["appointments"]] == [a["starts_at"] for a in member["appointments"][:2]]
    assert taken(desk, series) == [0, 1, 1, 0]
    gone = desk.participant(member["appointments"][2]["participant_id"])
    assert (gone["status"], gone["cancel_reason"]) == ("CANCELLED", "Moved away")
    assert len(desk.centre.kit.events(desk.centre.tenant, "AppointmentCancelled")) == 1


def test_joining_and_leaving_do_not_change_past_sessions(desk: Desk) -> None:
    series = desk.create_series()
    begun, cancelled, third, _ = desk.series_sessions(series)
    first = created(join(desk, series))
    arrived = first["appointments"][2]["participant_id"]
    ok(desk.centre.post(f"/participants/{arrived}/check-in", {"override": {"reason": "Early"}}))
    ok(desk.centre.post(f"/sessions/{begun['id']}/start", EARLY))
    ok(desk.centre.post(f"/sessions/{cancelled['id']}/cancel"))
    second = created(join(desk, series, from_date="2000-01-01"))
    assert [a["session_id"] for a in second["appointments"]] == [s["id"] for s in desk.series_sessions(series)[2:]]
    ok(leave(desk, first, from_date="2000-01-01"))
    status = [desk.participant(a["participant_id"])["status"] for a in first["appointments"]]
    assert status[1:] == ["CANCELLED", "ARRIVED", "CANCELLED"]
    assert desk.session(third["id"])["current_capacity"] == 2


def test_every_session_without_a_seat_is_told_and_none_is_booked(desk: Desk) -> None:
    series, other = desk.create_series(max_capacity=1), desk.centre.create_provider(desk.clinic)
    sessions, patient = desk.series_sessions(series), desk.centre.create_patient()
    desk.create_participant(sessions[0], patient)
    desk.create_participant(sessions[2])
    elsewhere = desk.create_session(starts_at=sessions[3]["starts_at"], provider_id=other["id"])
    desk.create_participant(elsewhere, patient)
    state = desk.centre.state()
    refused = join(desk, series, patient)
    told = [(day(0), "already-enrolled"), (day(2), "session-full"), (day(3), "patient-busy")]
    assert conflicts(refused) == told
    assert [c["session_id"] for c in refused.get_json()["conflicts"]] == [sessions[n]["id"] for n in (0, 2, 3)]
    assert desk.centre.state() == state
    member = created(join(desk, series, patient, skip_conflicts=True))
    assert [(s["occurs_on"], s["code"]) for s in member["skipped"]] == told
    assert taken(desk, series) == [1, 1, 1, 0]


def test_a_patient_who_gets_no_spot_at_all_does_not_join(desk: Desk) -> None:
    series = desk.create_series(max_capacity=1)
    created(join(desk, series))
    assert len(conflicts(join(desk, series, skip_conflicts=True))) == 4
    assert desk.centre.kit.count(desk.centre.tenant, SeriesMember) == 1


def test_nobody_joins_twice_but_may_come_back(desk: Desk) -> None:
    series, patient = desk.create_series(), desk.centre.create_patient()
    member = created(join(desk, series, patient))
    problem(join(desk, series, patient, skip_conflicts=True), 409, "already-enrolled")
    ok(leave(desk, member))
    problem(leave(desk, member), 409, "invalid-transition")
    back = created(join(desk, series, patient))
    assert back["id"] != member["id"]
    assert ok(desk.centre.get(address(member)))["appointments"] == []
    first = ok(desk.centre.get(f"/series/{series['id']}/members", limit=1))
    second = ok(desk.centre.get(f"/series/{series['id']}/members", limit=1, cursor=first["next_cursor"]))
    assert [m["id"] for page in (first, second) for m in page["items"]] == [member["id"], back["id"]]
    assert second["items"] == [ok(desk.centre.get(address(back)))]
    assert second["next_cursor"] is None


def test_freed_seats_go_on_to_others(desk: Desk) -> None:
    series = desk.create_series(max_capacity=1)
    member = created(join(desk, series))
    assert len(desk.centre.kit.events(desk.centre.tenant, "SessionFilled")) == 4
    ok(leave(desk, member, from_date=day(1)))
    assert len(desk.centre.kit.events(desk.centre.tenant, "SessionSpotsOpened")) == 3
    created(join(desk, series, from_date=day(1)))


def test_leaving_honours_a_tag(desk: Desk) -> None:
    member = created(join(desk, desk.create_series()))
    tag = desk.centre.get(address(member)).headers["ETag"]
    ok(desk.centre.post(f"/participants/{member['appointments'][0]['participant_id']}/confirm"))
    problem(desk.centre.post(f"{address(member)}/leave", {}, If_Match=tag), 412, "precondition-failed")
    tag = desk.centre.get(address(member)).headers["ETag"]
    ok(desk.centre.post(f"{address(member)}/leave", {}, If_Match=tag))


@pytest.mark.parametrize("body", [{"from_date": day(4)}, {"from_date": "9999-12-31"}, {"from_date": "today"}])
def test_nobody_joins_after_the_last_session(desk: Desk, body: dict[str, str]) -> None:
    refused = problem(join(desk, desk.create_series(), **body), 422, "validation-error")
    assert list(refused["errors"]) == ["from_date"]


def test_only_an_active_patient_joins(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jalsa.http.edge.KNOWN_WITHIN", 0.1)
    series = desk.create_series()
    for patient in (str(uuid4()), desk.centre.create_patient(active=False)):
        problem(join(desk, series, patient, skip_conflicts=True), 422, "unknown-patient")
    assert desk.centre.kit.count(desk.centre.tenant, Participant) == 0


def test_a_member_is_found_under_the_own_series_only(desk: Desk) -> None:
    member = created(join(desk, desk.create_series()))
    other = desk.create_series(start_time="14:00")
    path = f"/series/{other['id']}/members/{member['id']}"
    problem(desk.centre.get(path), 404, "not-found")
    problem(desk.centre.post(f"{path}/leave"), 404, "not-found")
    problem(desk.centre.post(f"/series/{other['id']}/members/{uuid4()}/leave"), 404, "not-found")


def test_of_many_who_join_at_once_as_many_get_in_as_there_are_seats(desk: Desk) -> None:
    series = desk.create_series(max_capacity=2, rrule="FREQ=WEEKLY;COUNT=6")
    path, caller, before = f"/series/{series['id']}/members", desk.centre.client(), deadlocks(desk.centre.kit)
    answers = at_once(*(Post(caller, path, {"patient_id": p}) for p in desk.centre.create_patients(8)))
    assert answers == {(201, None): 2, (409, "series-conflicts"): 6}
    assert taken(desk, series) == [2] * 6
    assert deadlocks(desk.centre.kit) == before


def test_a_patient_who_joins_twice_at_once_joins_once(desk: Desk) -> None:
    series, patient = desk.create_series(), desk.centre.create_patient()
    path, caller = f"/series/{series['id']}/members", desk.centre.client()
    answers = at_once(*[Post(caller, path, {"patient_id": patient})] * 4)
    assert answers == {(201, None): 1, (409, "already-enrolled"): 3}


def test_who_joins_leaves_and_is_cancelled_at_once_never_deadlocks(desk: Desk) -> None:
    series = desk.create_series(max_capacity=8)
    members = [created(join(desk, series)) for _ in range(3)]
    caller, before = desk.centre.client(), deadlocks(desk.centre.kit)
    first, second, *_ = desk.series_sessions(series)
    later = (datetime.fromisoformat(second["starts_at"]) + timedelta(hours=1)).isoformat()
    answers = at_once(
        *(Post(caller, f"{address(member)}/leave") for member in members),
        *(Post(caller, f"/series/{series['id']}/members", {"patient_id": p}) for p in desk.centre.create_patients(3)),
        Post(caller, f"/sessions/{first['id']}/cancel"),
        Post(caller, f"/sessions/{second['id']}/reschedule", {"starts_at": later, "scope": "FOLLOWING"}),
    )
    assert {status for status, _ in answers} <= {200, 201, 409}
    assert answers[200, None] == 5
    assert deadlocks(desk.centre.kit) == before
    assert set(taken(desk, series)[1:]) == {answers[201, None]}


def test_joining_and_leaving_are_audited(desk: Desk) -> None:
    ok(leave(desk, created(join(desk, desk.create_series())), from_date=at().date().isoformat()))
    rows = text("SELECT action FROM audit_log WHERE table_name = 'series_members' ORDER BY id")
    with desk.centre.kit.transaction(desk.centre.tenant) as db:
        assert list(db.execute(rows).scalars()) == ["INSERT", "UPDATE"]
