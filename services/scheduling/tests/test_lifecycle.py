"""From the door to the end: check-in, start, attendance, no-shows, completion, and what is known at each."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from jalsa.dev.kit import example
from jalsa.service import clock
from jalsa.service.ids import new_id
from scheduling.domain import PARTICIPANT, SESSION

from .factories import EARLY, Centre, Desk, at, noon_zone, ok, problem

PARTS = timedelta(minutes=30)


@pytest.fixture
def today(centre: Centre) -> Desk:
    """A desk where it is noon."""
    return Desk(centre, timezone=noon_zone())


def names(desk: Desk) -> list[str]:
    return [e.event.split(".")[0] for e in desk.centre.kit.events(desk.centre.tenant)]


@pytest.mark.parametrize(
    ("finance", "consent", "blockers"),
    [(False, False, ["finance", "consent"]), (True, False, ["consent"]), (False, True, ["finance"]), (True, True, [])],
)
def test_check_in_waits_for_finance_and_consent(today: Desk, finance: bool, consent: bool, blockers: list[str]) -> None:
    participant = today.create_today()
    today.clear(participant, finance=finance, consent=consent)
    before = today.centre.state()
    answer = today.do(participant, "check-in")
    if blockers:
        assert problem(answer, 409, "check-in-blocked")["blockers"] == blockers
        assert today.centre.state() == before
    else:
        arrived = ok(answer)
        assert (arrived["status"], arrived["late_minutes"]) == ("ARRIVED", 0)
        assert arrived["check_in"] == {
            "by": "tester",
            "finance_cleared": True,
            "consent_verified": True,
            "override_reason": None,
            "withheld": [],
        }


def test_nobody_is_checked_in_before_the_sessions_day(desk: Desk) -> None:
    participant = desk.create_appointment()
    desk.clear(participant)
    assert problem(desk.do(participant, "check-in"), 409, "check-in-blocked")["blockers"] == ["too-early"]


def test_a_manager_checks_in_with_a_reason_and_what_was_known_is_kept(today: Desk) -> None:
    participant = today.create_today()
    today.clear(participant, finance=False)
    override = {"override": {"reason": "Pays after the session"}}
    path = f"/participants/{participant['id']}/check-in"
    problem(today.centre.client("front-desk").post(path, override), 403, "forbidden")
    arrived = ok(today.centre.post(path, override))
    assert arrived["check_in"] == {
        "by": "tester",
        "finance_cleared": False,
        "consent_verified": True,
        "override_reason": "Pays after the session",
        "withheld": [],
    }
    today.clear(participant)  # what is known later does not change what was known then
    assert today.participant(participant["id"])["check_in"] == arrived["check_in"]
    assert "AppointmentArrived" in names(today)


def test_one_participants_blockers_are_not_the_others(today: Desk) -> None:
    group = today.create_session(starts_at=clock.now().replace(microsecond=0) + PARTS)
    first, second = today.create_participant(group), today.create_participant(group)
    today.clear(first)
    ok(today.do(first, "check-in"))
    problem(today.do(second, "check-in"), 409, "check-in-blocked")


def test_clearance_and_consent_reach_live_and_future_appointments_at_once(desk: Desk) -> None:
    participant, kit = desk.create_appointment(), desk.centre.kit
    assert participant["check_in_blockers"] == ["finance", "consent", "too-early"]
    about = {"subject_id": participant["id"], "appointment_id": participant["id"]}
    kit.inbox.receive(example("FinancialClearanceChanged", "default", desk.centre.tenant, **about))
    assert desk.participant(participant["id"])["check_in_blockers"] == ["consent", "too-early"]
    patient = {"subject_id": participant["patient_id"], "patient_id": participant["patient_id"]}
    kit.inbox.receive(example("PatientRegistered", "default", desk.centre.tenant, **patient))
    consent = {**patient, "consented": True, "clinic_ids": []}
    kit.inbox.receive(example("ConsentStandingChanged", "default", desk.centre.tenant, sequence=2, **consent))
    assert desk.participant(participant["id"])["check_in_blockers"] == ["too-early"]
    revoked = {**consent, "consented": False}
    kit.inbox.receive(example("ConsentStandingChanged", "default", desk.centre.tenant, sequence=3, **revoked))
    assert desk.participant(participant["id"])["consent_verified"] is False


@pytest.mark.parametrize("here", [True, False])
def test_a_clinics_own_consent_holds_there_and_nowhere_else(desk: Desk, here: bool) -> None:
    patient = new_id()
    who: dict[str, Any] = {"subject_id": patient, "patient_id": patient}
    desk.centre.kit.inbox.receive(example("PatientRegistered", "default", desk.centre.tenant, **who))
    clinics = [desk.clinic["id"] if here else str(new_id())]
    given = {**who, "consented": False, "clinic_ids": clinics}
    desk.centre.kit.inbox.receive(example("ConsentStandingChanged", "clinic", desk.centre.tenant, sequence=2, **given))
    participant = desk.create_appointment(patient_id=str(patient))
    assert participant["consent_verified"] is here
    assert desk.participant(participant["id"])["consent_verified"] is here


def in_status(desk: Desk, status: str) -> dict[str, Any]:
    """A participant of a session of today in any state."""
    participant = desk.create_today()
    desk.clear(participant)
    steps = {
        "BOOKED": [],
        "CONFIRMED": ["confirm"],
        "ARRIVED": ["check-in"],
        "ATTENDED": ["check-in", "attend"],
        "NO_SHOW": ["no-show"],
        "CANCELLED": ["cancel"],
    }
    for step in steps[status]:
        participant = ok(desk.do(participant, step, **_early(step)))
    assert participant["status"] == status
    return participant


def _early(verb: str) -> dict[str, Any]:
    return EARLY if verb in ("no-show", "start", "complete") else {}


VERBS = {
    "CONFIRMED": "confirm",
    "ARRIVED": "check-in",
    "ATTENDED": "attend",
    "NO_SHOW": "no-show",
    "CANCELLED": "cancel",
}


@pytest.mark.parametrize("status", PARTICIPANT.states)
@pytest.mark.parametrize("target", VERBS)
def test_a_participant_moves_as_the_table_says_and_not_otherwise(today: Desk, status: str, target: str) -> None:
    participant = in_status(today, status)
    before = today.centre.state()
    answer = today.do(participant, VERBS[target], **_early(VERBS[target]))
    if target in PARTICIPANT.moves[status]:
        assert ok(answer)["status"] == target
    else:
        problem(answer, 409, "invalid-transition")
        assert today.centre.state() == before


SESSION_VERBS = {"IN_PROGRESS": "start", "COMPLETED": "complete", "CANCELLED": "cancel"}
TO_SESSION = {"SCHEDULED": [], "IN_PROGRESS": ["start"], "COMPLETED": ["start", "complete"], "CANCELLED": ["cancel"]}


@pytest.mark.parametrize("status", SESSION.states)
@pytest.mark.parametrize("target", SESSION_VERBS)
def test_a_session_moves_as_the_table_says_and_not_otherwise(desk: Desk, status: str, target: str) -> None:
    session = desk.create_session()
    for verb in TO_SESSION[status]:
        ok(desk.move(session, verb, **_early(verb)))
    before = desk.centre.state()
    answer = desk.move(session, SESSION_VERBS[target], **EARLY)
    if target in SESSION.moves[status]:
        assert ok(answer)["status"] == target
    else:
        problem(answer, 409, "invalid-transition")
        assert desk.centre.state() == before


def test_completing_a_session_settles_everybody_in_it(today: Desk) -> None:
    group = today.create_session(starts_at=clock.now() + PARTS, max_capacity=4)
    here, booked, confirmed, gone = (today.create_participant(group) for _ in range(4))
    today.clear(here)
    ok(today.do(here, "check-in"))
    ok(today.do(confirmed, "confirm"))
    ok(today.do(gone, "cancel"))
    ok(today.move(group, "start", **EARLY))
    ok(today.move(group, "complete", **EARLY))
    statuses = {p["id"]: today.participant(p["id"])["status"] for p in (here, booked, confirmed, gone)}
    assert statuses == {
        here["id"]: "ATTENDED",
        booked["id"]: "NO_SHOW",
        confirmed["id"]: "NO_SHOW",
        gone["id"]: "CANCELLED",
    }
    [completed] = today.centre.kit.events(today.centre.tenant, "SessionCompleted")
    assert (completed.data["attended"], completed.data["no_shows"]) == (1, 2)
    assert names(today).count("AppointmentNoShow") == 2


def test_a_session_with_somebody_in_the_waiting_room_can_not_be_cancelled(today: Desk) -> None:
    participant = in_status(today, "ARRIVED")
    before = today.centre.state()
    problem(today.move(participant["session"], "cancel"), 409, "invalid-transition")
    assert today.centre.state() == before


def test_a_no_show_who_comes_late_arrives_while_the_session_lasts(today: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    participant = in_status(today, "NO_SHOW")
    start = clock.now() + PARTS * 2.9
    monkeypatch.setattr(clock, "now", lambda: start)
    arrived = ok(today.do(participant, "check-in"))
    assert arrived["status"] == "ARRIVED"
    assert arrived["late_minutes"] in (56, 57)


def test_a_no_show_does_not_arrive_after_the_end(today: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    participant = in_status(today, "NO_SHOW")
    end = clock.now() + PARTS * 3.1
    monkeypatch.setattr(clock, "now", lambda: end)
    problem(today.do(participant, "check-in"), 409, "invalid-transition")


def test_a_no_show_whose_place_was_given_away_finds_the_session_full(today: Desk) -> None:
    group = today.create_session(starts_at=clock.now() + PARTS, max_capacity=1)
    late = today.create_participant(group)
    today.clear(late)
    ok(today.do(late, "no-show", **EARLY))
    today.create_participant(group)
    problem(today.do(late, "check-in"), 409, "session-full")


def test_an_appointment_that_is_given_up_frees_its_provider(desk: Desk) -> None:
    first = desk.create_appointment()
    ok(desk.do(first, "cancel"))
    assert desk.session(first["session"]["id"])["status"] == "CANCELLED"
    desk.create_appointment()


def test_a_session_that_was_opened_for_itself_stays_open(desk: Desk) -> None:
    session = desk.create_individual()
    participant = desk.create_participant(session)
    ok(desk.do(participant, "cancel"))
    assert desk.session(session["id"])["status"] == "SCHEDULED"
    assert [n for n in names(desk) if n.startswith("Session")] == [
        "SessionScheduled",
        "SessionFilled",
        "SessionSpotsOpened",
    ]


def test_capacity_is_raised_and_lowered_to_no_less_than_those_who_take_part(desk: Desk) -> None:
    session = desk.create_session(max_capacity=2)
    for _ in range(2):
        desk.create_participant(session)
    raised = ok(desk.patch(session, max_capacity=20))
    assert (raised["max_capacity"], raised["available_spots"]) == (20, 18)
    before = desk.centre.state()
    problem(desk.patch(session, max_capacity=1), 409, "capacity-below-participants")
    problem(desk.patch(session, max_capacity=21), 422, "validation-error")
    problem(desk.patch(session, max_capacity=0), 422, "validation-error")
    problem(desk.patch(session, min_participants=3, max_capacity=2), 422, "validation-error")
    assert desk.centre.state() == before
    assert ok(desk.patch(session, max_capacity=2))["is_full"] is True
    assert [n for n in names(desk) if n in ("SessionFilled", "SessionSpotsOpened")] == [
        "SessionFilled",
        "SessionSpotsOpened",
        "SessionFilled",
    ]


def test_the_notes_that_a_group_shares_can_be_changed_at_any_time(desk: Desk) -> None:
    session = desk.create_session()
    ok(desk.move(session, "start", **EARLY))
    ok(desk.move(session, "complete", **EARLY))
    assert ok(desk.patch(session, group_notes="Went well"))["group_notes"] == "Went well"
    problem(desk.patch(session, max_capacity=5), 409, "invalid-transition")


def test_a_session_needs_if_match_to_be_changed(desk: Desk) -> None:
    session = desk.create_session()
    path = f"/sessions/{session['id']}"
    problem(desk.centre.client().patch(path, {"max_capacity": 4}), 428, "precondition-required")
    problem(desk.centre.client().patch(path, {"max_capacity": 4}, '"old"'), 412, "precondition-failed")


def test_what_arrives_is_told_to_the_others_without_reasons(today: Desk) -> None:
    participant = in_status(today, "ATTENDED")
    [arrived] = today.centre.kit.events(today.centre.tenant, "AppointmentArrived")
    [attended] = today.centre.kit.events(today.centre.tenant, "AppointmentAttended")
    assert arrived.data["appointment_id"] == attended.data["appointment_id"] == participant["id"]
    assert UUID(arrived.data["session_id"])
    assert arrived.data["overridden"] is False


def test_dates_of_a_day_far_away_are_too_early_in_the_clinics_zone(desk: Desk) -> None:
    participant = desk.create_appointment(starts_at=at(3))
    assert "too-early" in participant["check_in_blockers"]
