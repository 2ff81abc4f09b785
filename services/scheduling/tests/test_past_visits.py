"""A walk-in now, and a visit that took place: entered after the start, and gone on with like any other."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from werkzeug.test import TestResponse

from jalsa.dev.kit import Client
from jalsa.service import clock
from scheduling import jobs

from .factories import Centre, as_json, at, created, hours_on, ok, problem
from .waiting import WaitingDesk

PAPER = {"override": {"reason": "The network was down; from the paper list."}}
WALK_IN = {"walk_in": True}


@pytest.fixture
def desk(centre: Centre) -> WaitingDesk:
    return WaitingDesk(centre)


def both(desk: WaitingDesk, *roles: str) -> Client:
    """A clinician, who is not the desk's provider, with further roles."""
    provider = desk.centre.create_provider(desk.clinic, name_en="Zaid Omar", user_id=f"zaid-{uuid4()}")
    return desk.centre.kit.client(desk.centre.tenant, "clinician", *roles, provider_id=provider["id"])


def ago(**how_long: float) -> datetime:
    return clock.now() - timedelta(**how_long)


def visit(desk: WaitingDesk, role: str, starts_at: datetime, **body: Any) -> TestResponse:
    """An appointment that begins, or began, then."""
    named = {"patient_id": desk.centre.create_patient(), "starts_at": starts_at, **body}
    return caller(desk, role).post("/appointments", desk.placement(**named))


def group(desk: WaitingDesk, role: str, starts_at: datetime, **body: Any) -> TestResponse:
    return caller(desk, role).post("/sessions", desk.session_body(starts_at=starts_at, **body))


def caller(desk: WaitingDesk, role: str) -> Client:
    """One of that role. A clinician is the desk's provider."""
    if role != "clinician":
        return desk.centre.client(role)
    return desk.centre.kit.client(desk.centre.tenant, role, provider_id=desk.provider["id"])


def join(desk: WaitingDesk, role: str, session: dict[str, Any], **body: Any) -> TestResponse:
    named = {"patient_id": desk.centre.create_patient(), **body}
    return desk.centre.client(role).post(f"/sessions/{session['id']}/participants", as_json(named))


@pytest.mark.parametrize("enter", [visit, group])
@pytest.mark.parametrize(
    ("role", "began", "body", "answer"),
    [
        ("front-desk", {"minutes": 59}, WALK_IN, 201),
        ("manager", {"minutes": 59}, WALK_IN, 201),
        ("integration", {"minutes": 59}, WALK_IN, 201),
        ("front-desk", {"minutes": 61}, WALK_IN, 422),
        ("front-desk", {"minutes": 1}, {}, 422),
        ("clinician", {"minutes": 1}, {}, 422),
        ("clinician", {"minutes": 1}, WALK_IN, 403),
        ("records", {"minutes": 1}, WALK_IN, 403),
        ("records", {"days": 3}, {}, 403),
        ("records", {"days": -3}, {}, 403),
        ("records", {"days": -3}, PAPER, 403),
        ("records", {"days": 3}, PAPER, 201),
        ("records", {"minutes": 1}, PAPER, 201),
        ("manager", {"days": 400}, PAPER, 201),
        ("manager", {"days": 400}, {}, 422),
        ("front-desk", {"days": 3}, PAPER, 403),
        ("clinician", {"days": 3}, PAPER, 403),
        ("integration", {"days": 3}, PAPER, 403),
        ("biller", {"days": 3}, PAPER, 403),
    ],
)
def test_the_desk_enters_the_last_hour_and_managers_and_records_the_past_with_a_reason(
    desk: WaitingDesk, enter: Any, role: str, began: dict[str, float], body: dict[str, Any], answer: int
) -> None:
    """Row 26."""
    before = desk.centre.state()
    told = enter(desk, role, ago(**began), **body)
    if answer == 201:
        shown = created(told)
        session = shown.get("session", shown)
        assert session["overridden"] == (["past"] if body == PAPER else [])
        told_why = body == PAPER and role != "records"  # who writes the reason, and is not told reasons
        assert session["override_reason"] == (PAPER["override"]["reason"] if told_why else None)
    elif answer == 403:
        problem(told, 403, "forbidden")
    else:
        assert list(problem(told, 422, "validation-error")["errors"]) == ["starts_at"]
    if answer != 201 and enter is group:
        assert desk.centre.state() == before


@pytest.mark.parametrize(
    ("role", "began", "body", "answer"),
    [
        ("front-desk", {"minutes": 59}, WALK_IN, (201, None)),
        ("front-desk", {"minutes": 61}, WALK_IN, (409, "invalid-transition")),
        ("front-desk", {"minutes": 1}, {}, (409, "invalid-transition")),
        ("front-desk", {"minutes": 1}, PAPER, (403, "forbidden")),
        ("clinician", {"minutes": 1}, WALK_IN, (403, "forbidden")),
        ("records", {"days": 2}, {}, (403, "forbidden")),
        ("records", {"days": 2}, PAPER, (201, None)),
        ("manager", {"days": 2}, PAPER, (201, None)),
        ("records", {"days": -2}, {}, (403, "forbidden")),
        ("records", {"days": -2}, PAPER, (403, "forbidden")),
    ],
)
def test_a_spot_in_a_group_that_has_started_needs_the_same_role_and_reason(
    desk: WaitingDesk, role: str, began: dict[str, float], body: dict[str, Any], answer: tuple[int, str | None]
) -> None:
    session = created(group(desk, "manager", ago(**began), **({} if began.get("days") == -2 else PAPER)))
    told = join(desk, role, session, **body)
    assert (told.status_code, told.get_json().get("code")) == answer
    if answer[0] == 201:
        [entry] = ok(desk.centre.get(f"/history/participant/{told.get_json()['id']}"))["items"]
        assert entry["reason"] == (PAPER["override"]["reason"] if body == PAPER else None)


def test_the_event_has_recorded_late_only_for_a_visit_that_was_entered_late(desk: WaitingDesk) -> None:
    late = created(visit(desk, "records", ago(days=1), **PAPER))
    session = created(group(desk, "front-desk", ago(minutes=30), **WALK_IN))
    walked_in = created(join(desk, "front-desk", session, **WALK_IN))
    desk.create_appointment()
    told = {event["appointment_id"]: event.get("recorded_late") for event in desk.told("AppointmentBooked")}
    assert [told.pop(one["id"]) for one in (late, walked_in)] == [True, True]
    assert list(told.values()) == [None]


def test_nobody_is_in_two_places_at_once_in_the_past_either(desk: WaitingDesk) -> None:
    start = ago(days=2)
    first = created(visit(desk, "manager", start, room_id=desk.room["id"], **PAPER))
    ok(desk.do(first, "check-in", **PAPER))
    problem(visit(desk, "manager", start, **PAPER), 409, "provider-busy")
    other = {"provider_id": desk.centre.create_provider(desk.clinic)["id"]}
    problem(visit(desk, "manager", start, room_id=desk.room["id"], **other, **PAPER), 409, "room-busy")
    problem(visit(desk, "manager", start, patient_id=first["patient_id"], **other, **PAPER), 409, "patient-busy")


def test_a_walk_in_keeps_to_the_hours_and_records_may_override_them(desk: WaitingDesk) -> None:
    now = clock.now()
    night = desk.centre.create_provider(desk.clinic, hours=[hours_on((now.isoweekday() + 3) % 7, desk.clinic)])
    place = {"provider_id": night["id"]}
    told = problem(visit(desk, "front-desk", ago(minutes=5), **WALK_IN, **place), 409, "outside-working-hours")
    assert told["rule"] == "working-hours"
    entered = created(visit(desk, "records", ago(minutes=5), **PAPER, **place))
    assert entered["session"]["overridden"] == ["working-hours", "past"]


@pytest.mark.parametrize("in_group", [False, True])
def test_a_visit_that_took_place_goes_on_to_its_end(desk: WaitingDesk, in_group: bool) -> None:
    start = ago(days=5)
    if in_group:
        session = created(group(desk, "records", start, min_participants=2, **PAPER))
        assert session["decision_at"] is None  # it took place
        seats = [created(join(desk, "records", session, **PAPER)) for _ in range(2)]
    else:
        seats = [created(visit(desk, "records", start, **PAPER))]
        session = seats[0]["session"]
    for seat in seats:
        desk.clear(seat)
        arrived = ok(desk.do(seat, "check-in"))
        assert (arrived["status"], arrived["late_minutes"]) == ("ARRIVED", 0)
    ok(desk.move(session, "start"))
    assert ok(desk.move(session, "complete"))["status"] == "COMPLETED"
    assert [desk.participant(seat["id"])["status"] for seat in seats] == ["ATTENDED"] * len(seats)


def test_no_job_makes_a_no_show_of_one_who_was_there(desk: WaitingDesk) -> None:
    late = created(visit(desk, "records", ago(days=5), **PAPER))
    walked_in = created(visit(desk, "front-desk", ago(minutes=50), **WALK_IN))
    assert {job.name for job in jobs.JOBS} >= {"no-shows", "decisions"}
    for name in ("no-shows", "decisions"):
        desk.run(name)
    assert [desk.participant(one["id"])["status"] for one in (late, walked_in)] == ["BOOKED"] * 2


def test_the_past_offers_and_fulfils_nothing(desk: WaitingDesk) -> None:
    session = created(group(desk, "manager", ago(days=1), max_capacity=1, **PAPER))
    entry = desk.wait()
    inside = created(join(desk, "manager", session, patient_id=entry["patient_id"], **PAPER))
    problem(join(desk, "manager", session, **PAPER), 409, "session-full")
    waiting = desk.wait()
    ok(desk.patch(session, max_capacity=2))
    assert desk.statuses(entry, waiting) == ["WAITING", "WAITING"]
    assert inside["session"]["available_spots"] == 0
    assert (desk.count("WaitlistOffered"), desk.count("SessionFilled"), desk.count("SessionSpotsOpened")) == (0, 0, 0)


@pytest.mark.parametrize("verb", ["complete", "cancel"])
def test_nobody_joins_what_is_over_or_cancelled(desk: WaitingDesk, verb: str) -> None:
    session = created(group(desk, "manager", ago(hours=3), **PAPER))
    if verb == "complete":
        ok(desk.move(session, "start"))
        ok(desk.move(session, "complete"))
    else:
        other = created(group(desk, "manager", ago(hours=9), **PAPER))
        session = ok(desk.move(desk.create_session(), "cancel"))
        assert other["status"] == "SCHEDULED"
    problem(join(desk, "manager", session, **PAPER), 409, "invalid-transition")


def test_a_walk_in_joins_a_group_that_is_going_on(desk: WaitingDesk) -> None:
    session = created(group(desk, "manager", ago(minutes=20), **WALK_IN))
    ok(desk.move(session, "start"))
    problem(join(desk, "front-desk", session), 409, "invalid-transition")
    seat = created(join(desk, "front-desk", session, **WALK_IN))
    ok(desk.do(seat, "check-in", **PAPER))
    ok(desk.move(session, "complete"))
    assert desk.participant(seat["id"])["status"] == "ATTENDED"


def test_nothing_is_moved_into_the_past(desk: WaitingDesk) -> None:
    session, appointment = desk.create_session(), desk.create_appointment(starts_at=at(2))
    for answer in (
        desk.move(session, "reschedule", starts_at=ago(minutes=5), **PAPER),
        desk.do(appointment, "reschedule", starts_at=ago(minutes=5), **PAPER),
    ):
        assert list(problem(answer, 422, "validation-error")["errors"]) == ["starts_at"]
    past = created(group(desk, "manager", ago(days=1), **PAPER))
    place = desk.create_participant(desk.create_session(starts_at=at(3)))
    problem(desk.do(place, "reschedule", session_id=past["id"], **PAPER), 409, "invalid-transition")


@pytest.mark.parametrize("role", ["records", "manager"])
def test_who_may_enter_the_past_may_so_for_every_provider_although_a_clinician_too(
    desk: WaitingDesk, role: str
) -> None:
    """Roles add up, so being a clinician takes nothing away."""
    caller, session = both(desk, role), created(group(desk, "manager", ago(days=2), **PAPER))
    appointment = desk.placement(patient_id=desk.centre.create_patient(), starts_at=ago(days=3), **PAPER)
    created(caller.post("/appointments", as_json(appointment)))
    created(caller.post("/sessions", as_json(desk.session_body(starts_at=ago(days=4), **PAPER))))
    joins = {"patient_id": desk.centre.create_patient(), **PAPER}
    created(caller.post(f"/sessions/{session['id']}/participants", joins))


def test_what_is_to_come_of_a_colleague_is_not_entered_by_records_who_are_clinicians(desk: WaitingDesk) -> None:
    """To write it they have the clinician's right alone."""
    caller, patient = both(desk, "records"), desk.centre.create_patient()
    before = desk.centre.state()
    for body in ({}, PAPER):
        appointment = desk.placement(patient_id=patient, **body)
        problem(caller.post("/appointments", as_json(appointment)), 403, "forbidden")
        problem(caller.post("/sessions", as_json(desk.session_body(**body))), 403, "forbidden")
    assert desk.centre.state() == before
