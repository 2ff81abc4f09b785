"""Moves at the desk on the day, of what has begun, of what somebody has come to, and to what somebody waited for."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from werkzeug.test import TestResponse

from .absences import apply, away, item, refused
from .factories import EARLY, Centre, as_json, at, created, ok, problem
from .test_history import history
from .test_series import conflicts
from .waiting import WaitingDesk, travel

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
Go = Callable[[datetime], None]
Move = Callable[[WaitingDesk, dict[str, Any], datetime], TestResponse]


@pytest.fixture
def desk(centre: Centre) -> WaitingDesk:
    return WaitingDesk(centre, timezone="UTC")


@pytest.fixture
def go(monkeypatch: pytest.MonkeyPatch) -> Go:
    return lambda moment: travel(monkeypatch, moment)


def _as_a_session(desk: WaitingDesk, seat: dict[str, Any], to: datetime, **body: Any) -> TestResponse:
    return desk.move(seat["session"], "reschedule", starts_at=to, **body)


def _as_an_appointment(desk: WaitingDesk, seat: dict[str, Any], to: datetime, **body: Any) -> TestResponse:
    return desk.do(seat, "reschedule", starts_at=to, **body)


def _into_another(desk: WaitingDesk, seat: dict[str, Any], to: datetime, **body: Any) -> TestResponse:
    other = desk.centre.create_provider(desk.clinic)["id"]
    return desk.do(seat, "reschedule", session_id=desk.create_session(starts_at=to, provider_id=other)["id"], **body)


MOVES = pytest.mark.parametrize("move", [_as_a_session, _as_an_appointment, _into_another])


@MOVES
def test_what_has_begun_moves_on_its_day_and_to_another_with_a_managers_reason(
    desk: WaitingDesk, go: Go, move: Callable[..., TestResponse]
) -> None:
    """Whoever may not cancel after the start would have moved the visit to next week instead."""
    seat = desk.create_appointment()
    go(at() + 10 * MINUTE)
    told = problem(move(desk, seat, at() + DAY), 409, "invalid-transition")
    assert (told["rule"], told["overridable"]) == ("after-start", True)
    assert desk.participant(seat["id"])["reschedule_count"] == 0
    ok(move(desk, seat, at() + 30 * MINUTE))  # the provider is late
    seat = desk.participant(seat["id"])
    go(at() + 40 * MINUTE)
    ok(move(desk, seat, at() + 2 * DAY, **EARLY))
    reasons = [entry["reason"] for kind in ("participant", "session") for entry in history(desk, kind, _id(seat, kind))]
    assert EARLY["override"]["reason"] in reasons


def _id(seat: dict[str, Any], kind: str) -> str:
    return str({"participant": seat, "session": seat["session"]}[kind]["id"])


def test_the_day_is_the_clinics(centre: Centre, go: Go) -> None:
    desk = WaitingDesk(centre, timezone="Pacific/Auckland")  # a day ends there at 11:00 UTC in this season, or 12:00
    seat = desk.create_appointment(starts_at=at(1, 9))
    go(at(1, 9) + MINUTE)
    ok(desk.do(seat, "reschedule", starts_at=at(1, 10, 30)))
    go(at(1, 10, 31))
    assert problem(desk.do(seat, "reschedule", starts_at=at(1, 12, 30)), 409, "invalid-transition")["rule"]


def test_an_appointment_of_a_package_keeps_to_its_day_too(desk: WaitingDesk, go: Go) -> None:
    package = desk.create_package(preferred_time="10:00")
    start = datetime.fromisoformat(package["sessions"][0]["starts_at"])
    go(start + MINUTE)
    path = f"/packages/{package['id']}/sessions/1/reschedule"
    later = as_json({"starts_at": start + 30 * DAY})
    assert problem(desk.centre.post(path, later), 409, "invalid-transition")["rule"] == "after-start"
    ok(desk.centre.post(path, {**later, **EARLY}))


@pytest.mark.parametrize(
    ("verbs", "same_day", "other_day"),
    [
        (["check-in", "attend"], 409, 409),
        (["check-in"], 200, 409),
        (["no-show"], 200, 409),
        ([], 200, 200),
    ],
)
def test_what_somebody_came_to_or_missed_stays_on_its_day(
    desk: WaitingDesk, go: Go, verbs: list[str], same_day: int, other_day: int
) -> None:
    """Otherwise the patient has attended next week."""
    session = desk.create_session()
    desk.clear(seat := desk.create_participant(session))
    go(at() + MINUTE)
    for verb in verbs:
        ok(desk.do(seat, verb))
    before = desk.centre.state()
    assert desk.move(session, "reschedule", starts_at=at() + DAY, **EARLY).status_code == other_day
    if other_day == 409:
        assert desk.centre.state() == before
        assert desk.move(session, "reschedule", starts_at=at() + HOUR).status_code == same_day
        for _ in verbs:
            ok(desk.do(seat, "undo"))
        ok(desk.move(session, "reschedule", starts_at=at() + DAY, **EARLY))


def test_a_series_or_an_absence_does_not_move_a_session_that_somebody_came_to_to_another_day(
    desk: WaitingDesk, go: Go
) -> None:
    first = desk.series_sessions(desk.create_series(start_time="09:00"))[0]
    desk.clear(seat := desk.create_participant(first))
    start = datetime.fromisoformat(first["starts_at"])
    go(start - HOUR)
    ok(desk.do(seat, "check-in"))
    body = as_json({"scope": "FOLLOWING", "starts_at": start + DAY})
    assert conflicts(desk.centre.post(f"/sessions/{first['id']}/reschedule", body)) == [
        (first["occurs_on"], "invalid-transition")
    ]
    absence = away(desk, start - HOUR, start + HOUR)
    assert refused(apply(desk, absence, item(first, "MOVE", starts_at=start + DAY))) == [
        (first["id"], "invalid-transition")
    ]


def test_another_provider_or_room_takes_over_what_goes_on_already(desk: WaitingDesk, go: Go) -> None:
    """The provider has not come. The start, which nobody named, was refused for being past."""
    session = desk.create_session()
    desk.clear(seat := desk.create_participant(session))
    go(at() + 5 * MINUTE)
    ok(desk.do(seat, "check-in"))
    substitute = desk.centre.create_provider(desk.clinic)["id"]
    moved = ok(desk.move(session, "reschedule", provider_id=substitute, room_id=desk.room["id"]))
    assert (moved["provider_id"], moved["starts_at"]) == (substitute, session["starts_at"])
    go(at() + HOUR)
    told = problem(desk.move(session, "reschedule", provider_id=desk.provider["id"]), 422, "validation-error")
    assert list(told["errors"]) == ["starts_at"]


def _in_a_package(desk: WaitingDesk, patient: str, to: datetime) -> None:
    package = desk.create_package(patient_id=patient, start_date=at(20).date(), total_sessions=2)
    path = f"/packages/{package['id']}/sessions/1/reschedule"
    ok(desk.centre.post(path, as_json({"starts_at": to})))


def _in_a_package_that_is_shifted(desk: WaitingDesk, patient: str, to: datetime) -> None:
    start = to.date() + 10 * DAY
    package = desk.create_package(patient_id=patient, start_date=start, total_sessions=2)
    ok(desk.centre.post(f"/packages/{package['id']}/shift", {"from_session_number": 1, "days": -10}))


def _alone(desk: WaitingDesk, patient: str, to: datetime) -> None:
    seat = desk.create_appointment(patient_id=patient, starts_at=at(20))
    ok(desk.do(seat, "reschedule", starts_at=to))


def _with_a_group(desk: WaitingDesk, patient: str, to: datetime) -> None:
    session = desk.create_session(starts_at=at(20))
    desk.create_participant(session, patient)
    ok(desk.move(session, "reschedule", starts_at=to))


def _with_a_series(desk: WaitingDesk, patient: str, to: datetime) -> None:
    series = desk.create_series(starts_on=at(20).date().isoformat())
    first = desk.series_sessions(series)[0]
    desk.create_participant(first, patient)
    body = as_json({"scope": "ALL", "starts_at": to})
    ok(desk.centre.post(f"/sessions/{first['id']}/reschedule", body))


def _by_an_absence(desk: WaitingDesk, patient: str, to: datetime) -> None:
    session = desk.create_session(starts_at=at(20))
    desk.create_participant(session, patient)
    absence = away(desk, at(20), at(20) + HOUR)
    ok(apply(desk, absence, item(session, "MOVE", starts_at=to)))


@pytest.mark.parametrize(
    "way", [_alone, _with_a_group, _with_a_series, _in_a_package, _in_a_package_that_is_shifted, _by_an_absence]
)
def test_whoever_is_moved_to_what_was_waited_for_waits_no_more(
    desk: WaitingDesk, way: Callable[[WaitingDesk, str, datetime], None]
) -> None:
    """Row 5, by a move: the entry stayed, and held another place."""
    other = desk.centre.create_provider(desk.clinic)["id"]
    session, [inside] = desk.full(starts_at=at(4, 18), provider_id=other)
    day = at(4).date().isoformat()
    entry = desk.wait(from_date=day, until_date=day)
    next_one = desk.wait(session_id=session["id"])
    desk.give_up(inside)
    assert desk.statuses(entry, next_one) == ["OFFERED", "WAITING"]
    way(desk, entry["patient_id"], at(4))
    assert desk.statuses(entry, next_one) == ["FULFILLED", "OFFERED"]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"starts_at": at(3)}, "FULFILLED"),
        ({"starts_at": at(5)}, "WAITING"),
        ({"starts_at": at(4), "duration_minutes": 90}, "WAITING"),
    ],
)
def test_a_patient_with_a_spot_waits_for_an_earlier_one(desk: WaitingDesk, change: dict[str, Any], status: str) -> None:
    seat = desk.create_appointment(starts_at=at(4))
    entry = desk.wait(patient_id=seat["patient_id"])
    ok(desk.move(seat["session"], "reschedule", **change))
    assert desk.statuses(entry) == [status]


def test_a_place_that_is_taken_back_is_what_was_waited_for(desk: WaitingDesk, go: Go) -> None:
    seat = desk.create_participant(desk.create_session())
    go(at() - 30 * MINUTE)
    ok(desk.do(seat, "no-show", **EARLY))
    entry = desk.wait(patient_id=seat["patient_id"])
    ok(desk.do(seat, "undo"))
    assert desk.statuses(entry) == ["FULFILLED"]


@pytest.mark.parametrize("absent", ["closure", "time-off"])
def test_what_leaves_an_absence_is_offered_to_those_who_waited_under_it(desk: WaitingDesk, absent: str) -> None:
    """As when the absence itself is taken back."""
    session, [inside] = desk.full()
    entry = desk.wait(session_id=session["id"])
    day = at().date().isoformat()
    closure = {"kind": "CLOSURE", "name_en": "Works", "name_ar": "أعمال", "starts_on": day, "ends_on": day}
    if absent == "closure":
        created(desk.centre.post("/closures", closure))
    else:
        away(desk, at(), at() + HOUR)
    desk.give_up(inside)
    assert desk.statuses(entry) == ["WAITING"]
    other = desk.centre.create_provider(desk.clinic)["id"]
    ok(desk.move(session, "reschedule", **({"starts_at": at(3)} if absent == "closure" else {"provider_id": other})))
    assert desk.statuses(entry) == ["OFFERED"]
