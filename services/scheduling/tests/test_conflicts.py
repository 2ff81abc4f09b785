"""Conflicts other than sessions: buffers, absences, closures and hours, and who may override them."""

from datetime import date, timedelta
from typing import Any

import pytest

from .factories import Centre, Desk, at, created, hours_on, ok, problem

OVERRIDE: dict[str, Any] = {"override": {"reason": "The family travels far"}}


def buffered(desk: Desk, before: int = 0, after: int = 0, **session: Any) -> dict[str, Any]:
    """The body of an appointment of a service type that has buffers."""
    service = desk.centre.create_service_type(buffer_before_minutes=before, buffer_after_minutes=after)
    return desk.placement(service_type=service["code"], patient_id=desk.centre.create_patient(), **session)


@pytest.mark.parametrize(
    ("first", "second", "gap", "free"),
    [
        ((0, 15), (0, 0), 14, False),
        ((0, 15), (0, 0), 15, True),
        ((0, 0), (10, 0), 9, False),
        ((0, 0), (10, 0), 10, True),
        ((0, 15), (10, 0), 24, False),  # each needs its own time
        ((0, 15), (10, 0), 25, True),
        ((15, 0), (0, 10), 0, True),  # buffers on the far sides
    ],
)
@pytest.mark.parametrize("who", ["provider", "room"])
def test_the_buffers_of_two_sessions_do_not_overlap(
    desk: Desk, who: str, first: tuple[int, int], second: tuple[int, int], gap: int, free: bool
) -> None:
    room = {"room_id": desk.room["id"]} if who == "room" else {}
    created(desk.centre.post("/appointments", buffered(desk, *first, **room)))
    later = at() + timedelta(minutes=60 + gap)
    if who == "room":
        room["provider_id"] = desk.centre.create_provider(desk.clinic)["id"]
    answer = desk.centre.post("/appointments", buffered(desk, *second, starts_at=later, **room))
    if free:
        created(answer)
    else:
        refusal = problem(answer, 409, f"{who}-busy")
        assert (refusal["rule"], refusal["overridable"]) == ("buffer", True)


def test_a_session_keeps_the_buffers_that_it_was_placed_with(desk: Desk) -> None:
    body = buffered(desk, 0, 30)
    created(desk.centre.post("/appointments", body))
    [service] = [s for s in ok(desk.centre.get("/service-types"))["items"] if s["code"] == body["service_type"]]
    path = f"/service-types/{service['id']}"
    tag = desk.centre.get(path).headers["ETag"]
    ok(desk.centre.client().patch(path, {"buffer_after_minutes": 0}, tag))
    next_to_it = desk.placement(patient_id=desk.centre.create_patient(), starts_at=at(minute=80))
    problem(desk.centre.post("/appointments", next_to_it), 409, "provider-busy")


def time_off(desk: Desk, start: Any, end: Any, **more: Any) -> dict[str, Any]:
    body = {"starts_at": start.isoformat(), "ends_at": end.isoformat(), **more}
    return created(desk.centre.post(f"/providers/{desk.provider['id']}/time-off", body))


def test_nobody_is_booked_while_the_provider_is_away(desk: Desk) -> None:
    booked = desk.create_appointment(starts_at=at(hour=8))
    absence = time_off(desk, at(hour=8, minute=30), at(hour=10), reason="Training")
    assert [s["id"] for s in absence["affected_sessions"]] == [booked["session"]["id"]]
    refusal = problem(desk.centre.post("/sessions", desk.session_body(starts_at=at())), 409, "outside-working-hours")
    assert refusal["rule"] == "time-off"
    desk.create_session(starts_at=at(hour=10))  # an absence does not include its end
    another = desk.centre.create_provider(desk.clinic)
    desk.create_session(starts_at=at(), provider_id=another["id"])


def test_an_absence_that_is_taken_back_leaves_the_provider_free(desk: Desk) -> None:
    absence = time_off(desk, at(hour=8), at(hour=12))
    path = f"/providers/{desk.provider['id']}/time-off/{absence['id']}"
    assert [a["id"] for a in ok(desk.centre.get(path.rpartition("/")[0]))["items"]] == [absence["id"]]
    problem(desk.centre.client().call("DELETE", path), 428, "precondition-required")
    tag = desk.centre.get(path).headers["ETag"]
    assert desk.centre.client().call("DELETE", path, headers={"If-Match": tag}).status_code == 204
    problem(desk.centre.get(path), 404, "not-found")
    desk.create_session(starts_at=at())


def local(day: int) -> date:
    """A day in the clinic's zone, three hours east of `at`."""
    return at(day, hour=12).date()


@pytest.mark.parametrize("everywhere", [True, False])
def test_a_closed_clinic_takes_nobody_on_its_local_days(desk: Desk, everywhere: bool) -> None:
    booked = desk.create_session(starts_at=at(3))
    closure = {
        "clinic_id": None if everywhere else desk.clinic["id"],
        "kind": "PUBLIC_HOLIDAY",
        "name_en": "National day",
        "name_ar": "اليوم الوطني",
        "starts_on": local(3).isoformat(),
        "ends_on": local(4).isoformat(),
    }
    closed = created(desk.centre.post("/closures", closure))
    assert [s["id"] for s in closed["affected_sessions"]] == [booked["id"]]
    another = desk.centre.create_clinic()
    elsewhere = {"clinic_id": another["id"], "provider_id": desk.centre.create_provider(another)["id"]}
    for start, free in [(at(2, 19), True), (at(2, 21), False), (at(4, 19), False), (at(4, 21), True)]:
        answer = desk.centre.post("/sessions", desk.session_body(starts_at=start))
        if free:
            created(answer)
        else:
            assert problem(answer, 409, "outside-working-hours")["rule"] == "closure"
        at_another = desk.centre.post("/sessions", desk.session_body(starts_at=start, **elsewhere))
        assert at_another.status_code == (201 if free or not everywhere else 409)


def test_hours_hold_from_and_to_their_days(centre: Centre) -> None:
    clinic = centre.create_clinic(timezone="UTC")
    start, end = at(7), at(14)
    hours = [
        {**hours_on(day, clinic), "valid_from": start.date().isoformat(), "valid_to": end.date().isoformat()}
        for day in range(7)
    ]
    desk = Desk(centre)
    desk.clinic, desk.provider = clinic, centre.create_provider(clinic, hours=hours)
    for when, free in [(at(6), False), (at(7), True), (at(14), True), (at(15), False)]:
        answer = centre.post("/sessions", desk.session_body(starts_at=when))
        assert answer.status_code == (201 if free else 409), answer.json


def test_two_stretches_may_share_a_weekday_where_their_days_do_not_meet(desk: Desk) -> None:
    path = f"/providers/{desk.provider['id']}/working-hours"
    summer = {**hours_on(1, desk.clinic, "08:00", "14:00"), "valid_from": "2027-06-01", "valid_to": "2027-08-31"}
    rest = {**hours_on(1, desk.clinic, "09:00", "17:00"), "valid_from": "2027-09-01"}
    assert ok(desk.centre.client().put(path, {"items": [summer, rest]}))["items"] == [summer, rest]
    problem(
        desk.centre.client().put(path, {"items": [summer, {**rest, "valid_from": "2027-08-31"}]}),
        422,
        "validation-error",
    )


def test_a_session_may_lie_over_midnight_and_over_stretches_that_adjoin(centre: Centre) -> None:
    clinic = centre.create_clinic(timezone="UTC")
    halves = [hours_on(day, clinic, *half) for day in range(7) for half in (("00:00", "12:00"), ("12:00", "00:00"))]
    desk = Desk(centre)
    desk.clinic, desk.provider = clinic, centre.create_provider(clinic, hours=halves)
    for hour in (11, 23):
        desk.create_session(starts_at=at(hour=hour, minute=30))


RULES = {
    "working-hours": lambda desk: ok(
        desk.centre.client().put(f"/providers/{desk.provider['id']}/working-hours", {"items": []})
    ),
    "time-off": lambda desk: time_off(desk, at(), at(2)),
    "closure": lambda desk: created(
        desk.centre.post(
            "/closures",
            {"name_en": "x", "name_ar": "س", "starts_on": local(1).isoformat(), "ends_on": local(1).isoformat()},
        )
    ),
    "buffer": lambda desk: created(desk.centre.post("/appointments", buffered(desk, before=30, starts_at=at(hour=10)))),
}


@pytest.mark.parametrize("rule", RULES)
def test_a_manager_overrides_a_rule_with_a_reason_that_is_stored(desk: Desk, rule: str) -> None:
    RULES[rule](desk)
    body = desk.placement(patient_id=desk.centre.create_patient())
    before = desk.centre.state()
    assert problem(desk.centre.post("/appointments", body), 409, RULE_CODES[rule])["rule"] == rule
    problem(desk.centre.client("front-desk").post("/appointments", {**body, **OVERRIDE}), 403, "forbidden")
    assert desk.centre.state() == before
    session = created(desk.centre.post("/appointments", {**body, **OVERRIDE}))["session"]
    assert (session["overridden"], session["override_reason"]) == ([rule], "The family travels far")


RULE_CODES = dict.fromkeys(RULES, "outside-working-hours") | {"buffer": "provider-busy"}


@pytest.mark.parametrize("who", ["provider", "room", "patient"])
def test_an_overlap_can_not_be_overridden(desk: Desk, who: str) -> None:
    patient = desk.centre.create_patient()
    first = desk.create_appointment(patient_id=patient, room_id=desk.room["id"])
    second = desk.placement(patient_id=desk.centre.create_patient(), **OVERRIDE)
    if who != "provider":
        second["provider_id"] = desk.centre.create_provider(desk.clinic)["id"]
    second |= {"room": {"room_id": first["session"]["room_id"]}, "patient": {"patient_id": patient}}.get(who, {})
    before = desk.centre.state()
    problem(desk.centre.post("/appointments", second), 409, f"{who}-busy")
    assert desk.centre.state() == before


def test_a_capacity_can_not_be_overridden(desk: Desk) -> None:
    session = desk.create_session(max_capacity=1)
    desk.create_participant(session)
    problem(desk.book(session, **OVERRIDE), 409, "session-full")


def test_an_override_that_nothing_needs_leaves_no_trace(desk: Desk) -> None:
    session = created(desk.centre.post("/sessions", desk.session_body(**OVERRIDE)))
    assert (session["overridden"], session["override_reason"]) == ([], None)


@pytest.mark.parametrize("override", [{}, {"reason": ""}, {"reason": None}, {"reason": "x", "rules": []}, "yes"])
def test_an_override_needs_a_reason(calm: Desk, override: Any) -> None:
    problem(calm.centre.post("/sessions", calm.session_body(override=override)), 422, "validation-error")


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("time-off", {"starts_at": "2027-01-02T00:00:00Z", "ends_at": "2027-01-02T00:00:00Z"}, "ends_at"),
        ("time-off", {"starts_at": "2027-01-02T00:00:00", "ends_at": "2027-01-03T00:00:00Z"}, "starts_at"),
        ("time-off", {"ends_at": "2027-01-03T00:00:00Z"}, "starts_at"),
        ("closures", {"starts_on": "2027-01-02", "ends_on": "2027-01-01"}, "ends_on"),
        ("closures", {"starts_on": "2027-02-30", "ends_on": "2027-03-01"}, "starts_on"),
        ("closures", {"ends_on": "9999-12-31"}, "ends_on"),
        ("closures", {"kind": "FESTIVAL"}, "kind"),
    ],
)
def test_an_absence_names_the_field_that_is_wrong(calm: Desk, path: str, body: dict[str, Any], field: str) -> None:
    before = calm.centre.state()
    if path == "closures":
        sound = {"name_en": "x", "name_ar": "س", "starts_on": "2027-01-01", "ends_on": "2027-01-01"}
        answer = calm.centre.post("/closures", {**sound, **body})
    else:
        answer = calm.centre.post(f"/providers/{calm.provider['id']}/time-off", body)
    assert field in problem(answer, 422, "validation-error")["errors"]
    assert calm.centre.state() == before
