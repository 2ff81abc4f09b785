"""Outcomes come after the start, and cancelling before it, whoever may say so, and an own session ends in time."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from jalsa.dev.kit import Client
from scheduling.waitlist.operations import spots

from .factories import EARLY, Centre, as_json, at, created, ok, problem
from .test_history import history
from .waiting import WaitingDesk, travel

MINUTE = timedelta(minutes=1)
SECONDS = timedelta(seconds=25)
REASON = EARLY["override"]["reason"]


@pytest.fixture
def desk(centre: Centre) -> WaitingDesk:
    return WaitingDesk(centre)


def settings(desk: WaitingDesk, **changes: Any) -> None:
    rules = ok(desk.centre.get("/settings"))
    ok(desk.centre.client().put("/settings", {**rules, **changes}))


def untimely(desk: WaitingDesk, path: str, rule: str) -> None:
    """Refused to everybody, with nothing changed. A reason does not help the desk."""
    before = desk.centre.state()
    refusal = problem(desk.centre.post(path), 409, "invalid-transition")
    assert (refusal["rule"], refusal["overridable"]) == (rule, True)
    problem(desk.centre.client("front-desk").post(path, EARLY), 403, "forbidden")
    assert desk.centre.state() == before


@pytest.mark.parametrize("verb", ["no-show", "start", "complete"])
def test_no_outcome_comes_before_the_start_but_for_a_managers_reason(
    desk: WaitingDesk, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    session = desk.create_session()
    participant = desk.create_participant(session)
    kind, record = ("participant", participant) if verb == "no-show" else ("session", session)
    if verb == "complete":
        ok(desk.move(session, "start", **EARLY))
    path = f"/{kind}s/{record['id']}/{verb}"
    untimely(desk, path, "before-start")
    travel(monkeypatch, at() - 16 * MINUTE)
    untimely(desk, path, "before-start")
    ok(desk.centre.post(path, EARLY))
    assert history(desk, kind, record["id"])[-1]["reason"] == REASON


@pytest.mark.parametrize("verb", ["no-show", "start", "complete"])
def test_an_outcome_comes_from_the_start_on(desk: WaitingDesk, monkeypatch: pytest.MonkeyPatch, verb: str) -> None:
    session = desk.create_session()
    participant = desk.create_participant(session)
    travel(monkeypatch, at())
    if verb == "complete":
        ok(desk.move(session, "start"))
    ok(desk.do(participant, verb) if verb == "no-show" else desk.move(session, verb))


@pytest.mark.parametrize("minutes", [0, 15, 60])
def test_a_session_starts_as_early_as_the_tenant_allows_and_is_completed_from_its_start_on(
    desk: WaitingDesk, monkeypatch: pytest.MonkeyPatch, minutes: int
) -> None:
    if minutes == 15:  # unless a tenant says otherwise
        assert ok(desk.centre.get("/settings"))["early_start_minutes"] == 15
    else:
        settings(desk, early_start_minutes=minutes)
    session = desk.create_session()
    travel(monkeypatch, at() - minutes * MINUTE - SECONDS)
    untimely(desk, f"/sessions/{session['id']}/start", "before-start")
    travel(monkeypatch, at() - minutes * MINUTE)
    ok(desk.move(session, "start"))
    if minutes:
        untimely(desk, f"/sessions/{session['id']}/complete", "before-start")
    travel(monkeypatch, at())
    ok(desk.move(session, "complete"))


@pytest.mark.parametrize("minutes", [-1, 241, "15", None])
def test_how_early_a_session_starts_is_checked(desk: WaitingDesk, minutes: Any) -> None:
    rules = {**ok(desk.centre.get("/settings")), "early_start_minutes": minutes}
    problem(desk.centre.client().put("/settings", rules), 422, "validation-error")


@pytest.mark.parametrize("how", ["start", "started early"])
@pytest.mark.parametrize("what", ["participant", "session"])
def test_from_the_start_on_nothing_is_cancelled_but_for_a_managers_reason(
    desk: WaitingDesk, monkeypatch: pytest.MonkeyPatch, what: str, how: str
) -> None:
    session = desk.create_session()
    participant = desk.create_participant(session)
    if how == "start":
        travel(monkeypatch, at() + SECONDS)
    else:
        travel(monkeypatch, at() - 10 * MINUTE)
        ok(desk.move(session, "start"))
    record = {"participant": participant, "session": session}[what]
    path = f"/{what}s/{record['id']}/cancel"
    untimely(desk, path, "after-start")
    gone = ok(desk.centre.post(path, {**EARLY, "reason": "A fire alarm"}))
    assert (gone["status"], gone["cancel_reason"], gone["change_reason"]) == ("CANCELLED", "A fire alarm", REASON)
    assert desk.participant(participant["id"])["status"] == "CANCELLED"
    now = desk.session(session["id"])
    if what == "session":
        assert (now["status"], now["started_at"]) == ("CANCELLED", None)
    else:
        assert now["status"] == ("SCHEDULED" if how == "start" else "IN_PROGRESS")


def test_a_session_in_which_somebody_has_arrived_is_cancelled_by_nobody(
    desk: WaitingDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = desk.create_session()
    desk.clear(participant := desk.create_participant(session))
    travel(monkeypatch, at() + SECONDS)
    ok(desk.do(participant, "check-in"))
    before = desk.centre.state()
    for refused in (desk.move(session, "cancel", **EARLY), desk.do(participant, "cancel", **EARLY)):
        problem(refused, 409, "invalid-transition")
    assert desk.centre.state() == before


def test_too_few_are_decided_upon_before_the_start_or_with_a_managers_reason(
    desk: WaitingDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = desk.create_session(min_participants=2)
    participant = desk.create_participant(session)
    travel(monkeypatch, at() + SECONDS)
    desk.run("decisions")
    assert desk.session(session["id"])["decision"] == "NEEDED"
    refusal = problem(desk.move(session, "decision", action="CANCEL"), 409, "invalid-transition")
    assert refusal["rule"] == "after-start"
    ok(desk.move(session, "decision", action="CANCEL", **EARLY))
    assert desk.participant(participant["id"])["status"] == "CANCELLED"


def cancelled_late(desk: WaitingDesk, participant: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    travel(monkeypatch, at() + SECONDS)
    ok(desk.do(participant, "cancel", **EARLY))


def cancelled_in_progress(desk: WaitingDesk, participant: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    travel(monkeypatch, at() - 10 * MINUTE)
    ok(desk.move(participant["session"], "start"))
    ok(desk.do(participant, "cancel", **EARLY))


def moved_late(desk: WaitingDesk, participant: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    other = desk.create_session(starts_at=at(2))
    travel(monkeypatch, at() + SECONDS)
    ok(desk.do(participant, "reschedule", session_id=other["id"], **EARLY))


def offered_in_vain(desk: WaitingDesk, participant: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    desk.wait(session_id=participant["session"]["id"])
    travel(monkeypatch, at() - 30 * MINUTE)
    ok(desk.do(participant, "cancel"))
    assert desk.session(participant["session"]["id"])["status"] == "SCHEDULED"
    travel(monkeypatch, at() + SECONDS)
    desk.run("offers")


@pytest.mark.parametrize("leave", [cancelled_late, cancelled_in_progress, moved_late, offered_in_vain])
def test_an_own_session_ends_with_its_appointment_also_after_the_start(
    desk: WaitingDesk, monkeypatch: pytest.MonkeyPatch, leave: Any
) -> None:
    participant = desk.create_appointment()
    leave(desk, participant, monkeypatch)
    assert desk.session(participant["session"]["id"])["status"] == "CANCELLED"
    assert desk.count("SessionCancelled") == 1
    travel(monkeypatch, at() - timedelta(hours=1))
    desk.create_appointment()  # the provider is free


def test_an_own_session_whose_patient_is_missed_stays_for_one_who_comes_late(
    desk: WaitingDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.clear(participant := desk.create_appointment())
    travel(monkeypatch, at() + SECONDS)
    ok(desk.do(participant, "no-show"))
    assert desk.session(participant["session"]["id"])["status"] == "SCHEDULED"
    ok(desk.do(participant, "check-in"))


def test_a_place_that_is_missed_before_the_start_is_offered_to_whoever_waits(desk: WaitingDesk) -> None:
    session, [inside] = desk.full()
    entry = desk.wait(session_id=session["id"])
    ok(desk.do(inside, "no-show", **EARLY))
    assert desk.statuses(entry) == ["OFFERED"]


def test_a_place_in_a_session_that_was_started_is_not_moved(desk: WaitingDesk) -> None:
    session, other = desk.create_session(), desk.create_session(starts_at=at(2))
    participant = desk.create_participant(session)
    ok(desk.move(session, "start", **EARLY))
    before = desk.centre.state()
    problem(desk.do(participant, "reschedule", session_id=other["id"]), 409, "invalid-transition")
    assert desk.centre.state() == before


def test_who_leaves_a_series_or_a_package_keeps_the_place_in_what_was_started_early(
    desk: WaitingDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    series = desk.create_series(start_time="09:00")
    member = created(desk.centre.post(f"/series/{series['id']}/members", {"patient_id": desk.centre.create_patient()}))
    package = desk.create_package(provider_id=desk.centre.create_provider(desk.clinic)["id"], preferred_time="09:00")
    session = {"id": package["sessions"][0]["session_id"]}
    first = desk.series_sessions(series)[0]
    travel(monkeypatch, _start(first) - 10 * MINUTE)
    ok(desk.move(first, "start"))
    ok(desk.move(session, "start"))
    ok(desk.centre.post(f"/series/{series['id']}/members/{member['id']}/leave", {}))
    left = ok(desk.centre.post(f"/packages/{package['id']}/cancel", {}))
    assert [s["status"] for s in left["sessions"]] == ["SCHEDULED", *["CANCELLED"] * 3]
    statuses = [desk.participant(a["participant_id"])["status"] for a in member["appointments"]]
    assert statuses == ["BOOKED", *["CANCELLED"] * 3]


def _start(session: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(session["starts_at"])


def test_control_an_own_session_that_is_not_closed_keeps_its_provider(
    desk: WaitingDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    participant = desk.create_appointment()
    monkeypatch.setattr(spots, "close_session", lambda *_, **__: None)
    cancelled_late(desk, participant, monkeypatch)
    travel(monkeypatch, at() - timedelta(hours=1))
    body = desk.placement(patient_id=desk.centre.create_patient())
    problem(desk.centre.post("/appointments", as_json(body)), 409, "provider-busy")


def callers(desk: WaitingDesk) -> dict[str, Client]:
    """Who might act in the session of the desk's provider."""
    kit, tenant, provider = desk.centre.kit, desk.centre.tenant, desk.provider["id"]
    colleague = desk.centre.create_provider(desk.clinic)["id"]
    return {
        "provider": kit.client(tenant, "clinician", provider_id=provider),
        "colleague": kit.client(tenant, "clinician", provider_id=colleague),
        "stranger": kit.client(tenant, "clinician", provider_id=str(uuid4())),
        "nobody": kit.client(tenant, "clinician"),
        "no id": kit.client(tenant, "clinician", provider_id="layla"),
        "desk": kit.client(tenant, "front-desk"),
        "manager": kit.client(tenant, "manager"),
        "both": kit.client(tenant, "clinician", "front-desk", provider_id=colleague),
    }


@pytest.mark.parametrize(
    ("who", "may"),
    [
        ("provider", True),
        ("colleague", False),
        ("stranger", False),
        ("nobody", False),
        ("no id", False),
        ("desk", True),
        ("manager", True),
        ("both", True),
    ],
)
def test_what_happens_in_a_session_is_for_its_provider_the_desk_and_managers_to_say(
    desk: WaitingDesk, monkeypatch: pytest.MonkeyPatch, who: str, may: bool
) -> None:
    caller = callers(desk)[who]
    session = desk.create_session()
    come, missed = desk.create_participant(session), desk.create_participant(session)
    desk.clear(come)
    travel(monkeypatch, at() + SECONDS)
    for path in (
        f"/participants/{come['id']}/check-in",
        f"/participants/{missed['id']}/no-show",
        f"/participants/{missed['id']}/undo",
        f"/sessions/{session['id']}/start",
        f"/participants/{come['id']}/attend",
        f"/sessions/{session['id']}/complete",
        f"/sessions/{session['id']}/undo",
    ):
        if may:
            ok(caller.post(path))
        else:
            before = desk.centre.state()
            problem(caller.post(path), 403, "forbidden")
            assert desk.centre.state() == before
            ok(desk.centre.post(path))


def test_a_substitute_acts_in_the_session_and_the_provider_who_was_to_hold_it_does_not(
    desk: WaitingDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, session = callers(desk), desk.create_session()
    colleague = desk.centre.create_provider(desk.clinic)
    ok(desk.move(session, "reschedule", starts_at=at(), provider_id=colleague["id"]))
    travel(monkeypatch, at())
    path = f"/sessions/{session['id']}/start"
    problem(known["provider"].post(path), 403, "forbidden")
    substitute = desk.centre.kit.client(desk.centre.tenant, "clinician", provider_id=colleague["id"])
    ok(substitute.post(path))
