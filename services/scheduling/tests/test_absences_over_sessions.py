"""A session is under a closure or its provider's time off. Nobody joins it, nobody is offered it, and it says why."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from werkzeug.test import TestResponse

from scheduling.use_cases import minimum_attendance

from .factories import Centre, at, created, ok, problem
from .waiting import WaitingDesk

OVERRIDE: dict[str, Any] = {"override": {"reason": "The family comes from far away."}}
DAY = timedelta(days=1)


@pytest.fixture
def desk(centre: Centre) -> WaitingDesk:
    return WaitingDesk(centre)


def close(desk: WaitingDesk, **body: Any) -> str:
    """The clinic is closed on the day of the desk's sessions. Returns the path of that."""
    day = at().date().isoformat()
    named = {"kind": "CLOSURE", "name_en": "Works", "name_ar": "أعمال", "starts_on": day, "ends_on": day}
    return f"/closures/{created(desk.centre.post('/closures', {**named, **body}))['id']}"


def send_away(desk: WaitingDesk) -> str:
    """The provider is away for the first half of the desk's sessions. Returns the path of that."""
    path = f"/providers/{desk.provider['id']}/time-off"
    hours = {"starts_at": (at() - 2 * DAY).isoformat(), "ends_at": (at() + timedelta(minutes=30)).isoformat()}
    return f"{path}/{created(desk.centre.post(path, hours))['id']}"


ABSENCES: list[tuple[Callable[[WaitingDesk], str], str]] = [(close, "closure"), (send_away, "time-off")]
both = pytest.mark.parametrize(("absent", "rule"), ABSENCES)


def lift(desk: WaitingDesk, path: str) -> None:
    """The absence is taken back."""
    tag = desk.centre.get(path).headers["ETag"]
    assert desk.centre.client().call("DELETE", path, headers={"If-Match": tag}).status_code == 204


def _join(desk: WaitingDesk, session: dict[str, Any], **body: Any) -> TestResponse:
    return desk.book(session, **body)


def _move_into(desk: WaitingDesk, session: dict[str, Any], **body: Any) -> TestResponse:
    participant = desk.create_participant(desk.create_session(starts_at=at(5)))
    return desk.do(participant, "reschedule", session_id=session["id"], **body)


def _merge_into(desk: WaitingDesk, session: dict[str, Any], **body: Any) -> TestResponse:
    thin = desk.create_session(min_participants=2, starts_at=at(5))
    desk.create_participant(thin)
    with desk.centre.kit.transaction(desk.centre.tenant) as db:
        assert minimum_attendance.flag(db, UUID(thin["id"]), now=at(5))
    return desk.move(thin, "decision", action="MERGE", into_session_id=session["id"], **body)


def _move_of_a_package(desk: WaitingDesk, session: dict[str, Any], **body: Any) -> TestResponse:
    package = desk.create_package(start_date=at(5).date())
    path = f"/packages/{package['id']}/sessions/1/reschedule"
    return desk.centre.post(path, {"session_id": session["id"], **body})


@both
@pytest.mark.parametrize("join", [_join, _move_into, _merge_into, _move_of_a_package])
def test_nobody_joins_unless_a_manager_overrides_with_a_reason(
    desk: WaitingDesk, absent: Callable[[WaitingDesk], str], rule: str, join: Callable[..., TestResponse]
) -> None:
    """Row 6."""
    session = desk.create_session()
    absent(desk)
    refused = join(desk, session)
    if join is _merge_into:
        assert [r["code"] for r in problem(refused, 409, "merge-refused")["refusals"]] == ["outside-working-hours"]
    else:
        told = problem(refused, 409, "outside-working-hours")
        assert (told["rule"], told["overridable"]) == (rule, True)
    assert desk.session(session["id"])["current_capacity"] == 0
    another = WaitingDesk(desk.centre)  # whose provider has nothing to do with the absence
    another.service_type = desk.service_type
    assert join(another, session, **OVERRIDE).status_code in (200, 201)
    assert desk.session(session["id"])["current_capacity"] == 1


@both
def test_the_reason_is_kept_with_the_booking(
    desk: WaitingDesk, absent: Callable[[WaitingDesk], str], rule: str
) -> None:
    session = desk.create_session()
    absent(desk)
    path = f"/sessions/{session['id']}/participants"
    body = {"patient_id": desk.centre.create_patient(), **OVERRIDE}
    problem(desk.centre.client("front-desk").post(path, body), 403, "forbidden")
    booked = created(desk.centre.post(path, body))
    assert booked == desk.participant(booked["id"])
    assert booked["session"]["blocked_by"] == [rule]
    [entry] = ok(desk.centre.get(f"/history/participant/{booked['id']}"))["items"]
    assert entry["reason"] == OVERRIDE["override"]["reason"]
    unneeded = created(desk.book(desk.create_session(starts_at=at(5)), **OVERRIDE))
    [entry] = ok(desk.centre.get(f"/history/participant/{unneeded['id']}"))["items"]
    assert entry["reason"] is None


@both
def test_a_session_shows_why_and_is_not_listed_as_available(
    desk: WaitingDesk, absent: Callable[[WaitingDesk], str], rule: str
) -> None:
    session, other = desk.create_session(), desk.create_session(starts_at=at(3))
    path = absent(desk)
    assert desk.session(session["id"])["blocked_by"] == [rule]
    assert desk.session(other["id"])["blocked_by"] == []
    listed = ok(desk.centre.get("/sessions"))["items"]
    assert [s["blocked_by"] for s in listed] == [[rule], []]
    assert [s["id"] for s in ok(desk.centre.get("/sessions/available"))["items"]] == [other["id"]]
    lift(desk, path)
    assert desk.session(session["id"])["blocked_by"] == []
    assert len(ok(desk.centre.get("/sessions/available"))["items"]) == 2


def test_a_session_shows_its_absences_except_those_that_a_manager_overrode(desk: WaitingDesk) -> None:
    session = desk.create_session()
    close(desk)
    ok(desk.move(session, "reschedule", starts_at=at(minute=15), **OVERRIDE))
    assert desk.session(session["id"])["blocked_by"] == []
    desk.create_participant(session)
    send_away(desk)
    assert desk.session(session["id"])["blocked_by"] == ["time-off"]
    ok(desk.move(session, "cancel"))
    assert desk.session(session["id"])["blocked_by"] == []


@pytest.mark.parametrize(("day", "blocked"), [(0, True), (-1, False), (1, False)])
def test_a_closure_is_of_the_clinics_local_days(desk: WaitingDesk, day: int, blocked: bool) -> None:
    """The session is from 00:00 to 01:00 of the second day in Riyadh."""
    session = desk.create_session(starts_at=at(1, 21))
    closed = (at(2).date() + day * DAY).isoformat()
    close(desk, starts_on=closed, ends_on=closed, clinic_id=desk.clinic["id"])
    assert desk.session(session["id"])["blocked_by"] == (["closure"] if blocked else [])
    assert desk.book(session).status_code == (409 if blocked else 201)


@both
def test_a_place_that_is_freed_under_it_is_offered_when_it_is_taken_back(
    desk: WaitingDesk, absent: Callable[[WaitingDesk], str], rule: str
) -> None:
    session, inside = desk.full(2)
    entries = [desk.wait(session_id=session["id"]) for _ in range(3)]
    path = absent(desk)
    desk.give_up(inside[0])
    assert desk.count("WaitlistOffered") == 0
    assert desk.session(session["id"])["available_spots"] == 1
    lift(desk, path)
    assert desk.statuses(*entries) == ["OFFERED", "WAITING", "WAITING"]
    assert desk.session(session["id"])["available_spots"] == 0
    assert (desk.count("SessionSpotsOpened"), desk.count("SessionFilled")) == (1, 2)


@both
def test_what_is_offered_is_taken_back(desk: WaitingDesk, absent: Callable[[WaitingDesk], str], rule: str) -> None:
    session, entry = desk.offered()
    absent(desk)
    assert desk.statuses(entry) == ["WAITING"]
    assert [told["cause"] for told in desk.told("WaitlistOfferExpired")] == ["WITHDRAWN"]
    problem(desk.centre.post(f"/waitlist/{entry['id']}/accept"), 409, "invalid-transition")
    assert desk.session(session["id"])["held_spots"] == 0
    # one may wait for it to be lifted, though there is a free spot
    assert desk.wait(session_id=session["id"])["status"] == "WAITING"


def test_an_offer_that_is_open_all_the_same_is_not_accepted(desk: WaitingDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    _, entry = desk.offered()
    with monkeypatch.context() as patched:
        patched.setattr("scheduling.waitlist.operations.spots.withdraw", lambda *_, **__: None)
        close(desk)
    path = f"/waitlist/{entry['id']}/accept"
    problem(desk.centre.post(path), 409, "outside-working-hours")
    problem(desk.centre.client("front-desk").post(path, OVERRIDE), 403, "forbidden")
    created(desk.centre.post(path, OVERRIDE))


def test_a_series_is_joined_without_the_days_that_are_closed(desk: WaitingDesk) -> None:
    series = desk.create_series()
    close(desk)
    path, patient = f"/series/{series['id']}/members", desk.centre.create_patient()
    told = problem(desk.centre.post(path, {"patient_id": patient}), 409, "series-conflicts")
    [refused] = told["conflicts"]
    assert (refused["code"], refused["rule"], refused["overridable"]) == ("outside-working-hours", "closure", True)
    body = {"patient_id": patient, **OVERRIDE}
    problem(desk.centre.client("front-desk").post(path, body), 403, "forbidden")
    joined = created(desk.centre.post(path, {"patient_id": desk.centre.create_patient(), "skip_conflicts": True}))
    assert (len(joined["appointments"]), len(joined["skipped"])) == (3, 1)
    assert len(created(desk.centre.post(path, body))["appointments"]) == 4


def test_an_absence_affects_a_session_if_it_would_refuse_its_placement(desk: WaitingDesk) -> None:
    """The rule is written twice, for a session that is there, and for a place that is asked for."""
    for day in range(1, 6):
        desk.create_session(starts_at=at(day, 20), duration_minutes=120)
    hours = {"starts_at": at(2, 22).isoformat(), "ends_at": at(3, 20).isoformat()}
    created(desk.centre.post(f"/providers/{desk.provider['id']}/time-off", hours))
    hours = {"starts_at": at(4, 21).isoformat(), "ends_at": at(4, 22).isoformat()}
    created(desk.centre.post(f"/providers/{desk.provider['id']}/time-off", hours))
    close(desk, starts_on=at(2).date().isoformat(), ends_on=at(3).date().isoformat())
    seen = set()
    for session in ok(desk.centre.get("/sessions"))["items"]:
        ok(desk.move(session, "cancel"))
        answer = desk.centre.post("/sessions", desk.session_body(starts_at=session["starts_at"], duration_minutes=120))
        rule = answer.get_json().get("rule")
        assert rule in (session["blocked_by"] or [None])
        seen.add(rule)
    assert seen == {None, "closure", "time-off"}
