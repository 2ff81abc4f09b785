"""The last outcome of a participant or a session is taken back, and everything follows it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from jalsa.dev.kit import eventually
from scheduling import domain
from scheduling.use_cases import corrections

from .factories import EARLY, Centre, Desk, at, ok, problem
from .test_history import history
from .test_package_changes import create, read
from .test_package_races import waits
from .waiting import WaitingDesk, travel

MINUTE = timedelta(minutes=1)
Go = Callable[[datetime], None]
OUTCOME_FIELDS = ("arrived_at", "check_in", "attended_at", "no_show_at", "no_show_reason")


@pytest.fixture
def desk(centre: Centre) -> WaitingDesk:
    return WaitingDesk(centre, timezone="UTC")


@pytest.fixture
def go(monkeypatch: pytest.MonkeyPatch) -> Go:
    return lambda moment: travel(monkeypatch, moment)


PATHS = {
    ("BOOKED", "ARRIVED"): ["check-in"],
    ("CONFIRMED", "ARRIVED"): ["confirm", "check-in"],
    ("BOOKED", "NO_SHOW"): ["no-show"],
    ("CONFIRMED", "NO_SHOW"): ["confirm", "no-show"],
    ("NO_SHOW", "ARRIVED"): ["no-show", "check-in"],
    ("ARRIVED", "ATTENDED"): ["check-in", "attend"],
}


def test_every_way_back_of_the_table_is_walked_here() -> None:
    undo = domain.PARTICIPANT.undo
    assert set(PATHS) == {(target, state) for state in undo for target in undo[state]}


@pytest.mark.parametrize(("was", "status"), PATHS)
def test_the_last_outcome_is_taken_back_to_what_was_before_it(desk: WaitingDesk, go: Go, was: str, status: str) -> None:
    desk.clear(participant := desk.create_participant(desk.create_session()))
    go(at() + MINUTE)
    *earlier, last = PATHS[was, status]
    before = participant
    for verb in earlier:
        before = ok(desk.do(participant, verb))
    assert ok(desk.do(participant, last))["status"] == status
    go(at() + 2 * MINUTE)
    after = ok(desk.do(participant, "undo", reason="The wrong patient"))
    assert after["status"] == was
    assert {name: after[name] for name in OUTCOME_FIELDS} == {name: before[name] for name in OUTCOME_FIELDS}
    assert (after["corrected_by"], datetime.fromisoformat(after["corrected_at"])) == ("tester", at() + 2 * MINUTE)
    assert desk.told("AppointmentCorrected") == [
        {
            "appointment_id": participant["id"],
            "appointment_number": participant["appointment_number"],
            "patient_id": participant["patient_id"],
            "session_id": participant["session"]["id"],
            "from_status": status,
            "to_status": was,
            "corrected_at": after["corrected_at"],
            "corrected_by": "tester",
        }
    ]
    entry = history(desk, "participant", participant["id"])[-1]
    assert (entry["reason"], entry["by"]) == ("The wrong patient", "tester")
    assert {"status", "corrected_at"} <= {change["field"] for change in entry["changes"]}
    assert ok(desk.do(participant, last))["status"] == status  # what was a slip may come true


def test_outcomes_are_taken_back_one_after_the_other_and_an_undo_is_not_undone(desk: WaitingDesk, go: Go) -> None:
    desk.clear(participant := desk.create_participant(desk.create_session()))
    go(at() + MINUTE)
    for verb in ("no-show", "check-in", "attend"):
        ok(desk.do(participant, verb))
    statuses = [ok(desk.do(participant, "undo"))["status"] for _ in range(3)]
    assert statuses == ["ARRIVED", "NO_SHOW", "BOOKED"]
    refusal = problem(desk.do(participant, "undo"), 409, "invalid-transition")
    assert refusal["detail"] == "There is no outcome to undo."


@pytest.mark.parametrize("what", ["participant", "session"])
def test_a_cancellation_is_not_taken_back(desk: WaitingDesk, what: str) -> None:
    session = desk.create_session()
    record = {"session": session, "participant": desk.create_participant(session)}[what]
    path = f"/{what}s/{record['id']}"
    ok(desk.centre.post(f"{path}/cancel"))
    before = desk.centre.state()
    refusal = problem(desk.centre.post(f"{path}/undo"), 409, "invalid-transition")
    assert "Book again" in refusal["detail"]
    assert desk.centre.state() == before


def missed(desk: WaitingDesk, go: Go, **session: Any) -> dict[str, Any]:
    """A participant of a session of one place who, by mistake, is a no-show before the start. The day is at()."""
    participant = desk.create_participant(desk.create_session(**{"max_capacity": 1, **session}))
    go(at() - 30 * MINUTE)
    return ok(desk.do(participant, "no-show", **EARLY))


def test_a_place_that_was_given_to_another_meanwhile_is_not_taken_back(desk: WaitingDesk, go: Go) -> None:
    participant = missed(desk, go)
    other = desk.create_participant(participant["session"])
    before = desk.centre.state()
    problem(desk.do(participant, "undo"), 409, "session-full")
    assert desk.centre.state() == before
    ok(desk.do(other, "cancel"))
    assert ok(desk.do(participant, "undo"))["status"] == "BOOKED"


def test_a_place_that_is_held_by_an_offer_is_not_taken_back(desk: WaitingDesk, go: Go) -> None:
    session, [inside] = desk.full()
    entry = desk.wait(session_id=session["id"])
    go(at() - 30 * MINUTE)
    ok(desk.do(inside, "no-show", **EARLY))
    assert desk.statuses(entry) == ["OFFERED"]
    problem(desk.do(inside, "undo"), 409, "session-full")


@pytest.mark.parametrize(("verb", "status"), [("undo", "BOOKED"), ("check-in", "ARRIVED")])
def test_an_offer_of_that_place_to_the_same_patient_is_accepted_with_it(
    desk: WaitingDesk, go: Go, verb: str, status: str
) -> None:
    session, [inside] = desk.full()
    desk.clear(inside)
    go(at() - 30 * MINUTE)
    ok(desk.do(inside, "no-show", **EARLY))
    other = desk.create_participant(session)
    entry = desk.wait(session_id=session["id"], patient_id=inside["patient_id"])
    ok(desk.do(other, "cancel"))
    assert desk.statuses(entry) == ["OFFERED"]
    assert ok(desk.do(inside, verb))["status"] == status
    assert desk.statuses(entry) == ["ACCEPTED"]
    assert desk.session(session["id"])["available_spots"] == 0


def test_what_else_is_waited_for_is_fulfilled_by_the_check_in_of_a_no_show(desk: WaitingDesk, go: Go) -> None:
    participant = missed(desk, go)
    desk.clear(participant)
    entry = desk.wait(patient_id=participant["patient_id"])
    ok(desk.do(participant, "check-in"))
    assert desk.statuses(entry) == ["FULFILLED"]
    assert desk.count("SessionFilled") == 2
    problem(desk.book(participant["session"]), 409, "session-full")


@pytest.mark.parametrize("verb", ["undo", "check-in"])
def test_a_patient_who_is_elsewhere_meanwhile_or_has_booked_again_does_not_get_the_place_back(
    desk: WaitingDesk, go: Go, verb: str
) -> None:
    participant = missed(desk, go, max_capacity=3)
    desk.clear(participant)
    again = desk.create_participant(participant["session"], participant["patient_id"])
    problem(desk.do(participant, verb), 409, "already-enrolled")
    ok(desk.do(again, "cancel"))
    another = desk.centre.create_provider(desk.clinic)["id"]
    busy = desk.create_appointment(patient_id=participant["patient_id"], provider_id=another)
    before = desk.centre.state()
    problem(desk.do(participant, verb), 409, "patient-busy")
    assert desk.centre.state() == before
    ok(desk.do(busy, "cancel"))
    ok(desk.do(participant, verb))


def test_what_was_missed_in_a_session_that_is_cancelled_by_now_is_booked_again(desk: WaitingDesk, go: Go) -> None:
    participant = missed(desk, go)
    ok(desk.move(participant["session"], "cancel"))
    refusal = problem(desk.do(participant, "undo"), 409, "invalid-transition")
    assert "Book again" in refusal["detail"]


def test_the_start_of_a_session_is_taken_back_and_its_places_are_offered_again(desk: WaitingDesk, go: Go) -> None:
    session, entry = desk.offered()
    go(at() - 10 * MINUTE)
    ok(desk.move(session, "start"))
    assert desk.count("WaitlistOfferExpired") == 1
    after = ok(desk.move(session, "undo", reason="The wrong group"))
    assert (after["status"], after["started_at"], after["corrected_by"]) == ("SCHEDULED", None, "tester")
    [event] = desk.told("SessionCorrected")
    assert event == {
        "session_id": session["id"],
        "session_number": session["session_number"],
        "from_status": "IN_PROGRESS",
        "to_status": "SCHEDULED",
        "corrected_at": after["corrected_at"],
        "corrected_by": "tester",
    }
    assert desk.told("AppointmentCorrected") == []
    assert history(desk, "session", session["id"])[-1]["reason"] == "The wrong group"
    assert (desk.statuses(entry), desk.count("WaitlistOffered")) == (["OFFERED"], 2)


def completed(desk: WaitingDesk, go: Go) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """A completed session, and one participant of each kind, by the state before the completion."""
    session = desk.create_session(max_capacity=6)
    names = ("BOOKED", "CONFIRMED", "ARRIVED", "ATTENDED", "NO_SHOW", "CANCELLED")
    inside = {name: desk.create_participant(session) for name in names}
    for participant in inside.values():
        desk.clear(participant)
    go(at() - 30 * MINUTE)
    ok(desk.do(inside["CONFIRMED"], "confirm"))
    ok(desk.do(inside["CANCELLED"], "cancel"))
    go(at())
    ok(desk.move(session, "start"))
    for name, verbs in {"ARRIVED": ["check-in"], "ATTENDED": ["check-in", "attend"], "NO_SHOW": ["no-show"]}.items():
        for verb in verbs:
            ok(desk.do(inside[name], verb))
    go(at() + 50 * MINUTE)
    ok(desk.move(session, "complete"))
    return session, inside


def test_undoing_the_completion_gives_everybody_the_state_before_it(desk: WaitingDesk, go: Go) -> None:
    session, inside = completed(desk, go)
    go(at() + 55 * MINUTE)
    after = ok(desk.move(session, "undo"))
    assert (after["status"], after["completed_at"]) == ("IN_PROGRESS", None)
    assert {name: desk.participant(p["id"])["status"] for name, p in inside.items()} == {n: n for n in inside}
    moves = {(told["from_status"], told["to_status"]) for told in desk.told("AppointmentCorrected")}
    assert moves == {("NO_SHOW", "BOOKED"), ("NO_SHOW", "CONFIRMED"), ("ATTENDED", "ARRIVED")}
    assert [(e["from_status"], e["to_status"]) for e in desk.told("SessionCorrected")] == [("COMPLETED", "IN_PROGRESS")]
    ok(desk.move(session, "complete"))
    assert (desk.told("SessionCompleted")[-1]["attended"], desk.told("SessionCompleted")[-1]["no_shows"]) == (2, 3)


def test_an_outcome_in_a_completed_session_is_taken_back_after_its_completion(desk: WaitingDesk, go: Go) -> None:
    session, inside = completed(desk, go)
    for name in ("BOOKED", "ATTENDED"):
        refusal = problem(desk.do(inside[name], "undo"), 409, "invalid-transition")
        assert "completion" in refusal["detail"]
    ok(desk.move(session, "undo"))
    ok(desk.do(inside["ATTENDED"], "undo"))


def test_a_completion_is_taken_back_for_all_or_for_nobody(desk: WaitingDesk, go: Go) -> None:
    session = desk.create_session()
    away, there = desk.create_participant(session), desk.create_participant(session)
    desk.clear(there)
    go(at())
    ok(desk.do(there, "check-in"))
    ok(desk.move(session, "start"))
    ok(desk.move(session, "complete"))
    another = desk.centre.create_provider(desk.clinic)["id"]
    desk.create_appointment(patient_id=away["patient_id"], provider_id=another, starts_at=at() + 10 * MINUTE)
    before = desk.centre.state()
    [refusal] = problem(desk.move(session, "undo"), 409, "undo-refused")["refusals"]
    assert (refusal["participant_id"], refusal["code"]) == (away["id"], "patient-busy")
    assert desk.centre.state() == before


@pytest.mark.parametrize("what", ["participant", "session"])
def test_later_than_on_its_local_day_a_slip_is_a_managers_to_take_back(centre: Centre, go: Go, what: str) -> None:
    desk = WaitingDesk(centre, timezone="Pacific/Auckland")  # a day begins there at 11:00 UTC in this season, or 12:00
    evening = at(1, 8)
    session = desk.create_session(starts_at=evening)
    record = {"session": session, "participant": desk.create_participant(session)}[what]
    path, slip = f"/{what}s/{record['id']}", {"session": "start", "participant": "no-show"}[what]
    clerk = centre.client("front-desk")
    go(evening)
    ok(clerk.post(f"{path}/{slip}"))
    go(at(1, 10, 30))
    ok(clerk.post(f"{path}/undo"))
    ok(clerk.post(f"{path}/{slip}"))
    go(at(1, 12, 30))
    before = centre.state()
    problem(clerk.post(f"{path}/undo", {"reason": "I am sure"}), 403, "forbidden")
    assert problem(centre.post(f"{path}/undo"), 422, "validation-error")["errors"].keys() == {"reason"}
    assert centre.state() == before
    ok(centre.post(f"{path}/undo", {"reason": "Told by the family"}))


def test_of_two_who_take_the_same_slip_back_only_one_does(desk: WaitingDesk, go: Go) -> None:
    """Otherwise the second would take back what was before it."""
    desk.clear(participant := desk.create_participant(desk.create_session()))
    go(at() + MINUTE)
    for verb in ("check-in", "attend"):
        ok(desk.do(participant, verb))
    with ThreadPoolExecutor(2) as pool:
        with desk.centre.kit.transaction(desk.centre.tenant) as db:
            db.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": _key(participant)})
            undos = [pool.submit(desk.do, participant, "undo") for _ in range(2)]
            eventually(lambda: waiting(desk) == 2)
        answers = sorted(undo.result().status_code for undo in undos)
    assert answers == [200, 409]
    assert desk.participant(participant["id"])["status"] == "ARRIVED"


def _key(participant: dict[str, Any]) -> str:
    return f"patient:{participant['patient_id']}"


def waiting(desk: Desk) -> int:
    waits_for = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'advisory'"
    with desk.centre.kit.transaction("looking") as db:
        return int(db.execute(text(waits_for)).scalar_one())


def test_the_last_place_is_taken_back_or_booked_but_not_both(desk: WaitingDesk, go: Go) -> None:
    participant = missed(desk, go)
    session, patient = participant["session"], desk.centre.create_patient()
    with ThreadPoolExecutor(2) as pool:
        with desk.centre.kit.transaction(desk.centre.tenant) as db:
            db.execute(text("SELECT FROM sessions WHERE id = :id FOR UPDATE"), {"id": session["id"]})
            both = [pool.submit(desk.do, participant, "undo"), pool.submit(desk.book, session, patient)]
            eventually(lambda: waits(desk))
        answers = [answer.result() for answer in both]
    assert sorted(answer.status_code < 300 for answer in answers) == [False, True]
    assert {answer.get_json().get("code") for answer in answers} == {None, "session-full"}
    assert desk.session(session["id"])["current_capacity"] == 1


def test_an_undo_honours_if_match_and_is_done_once_for_its_key(desk: WaitingDesk, go: Go) -> None:
    desk.clear(participant := desk.create_participant(desk.create_session()))
    path = f"/participants/{participant['id']}"
    go(at() + MINUTE)
    ok(desk.do(participant, "check-in"))
    seen = desk.centre.get(path).headers["ETag"]
    ok(desk.do(participant, "attend"))
    problem(desk.centre.post(f"{path}/undo", {}, If_Match=seen), 412, "precondition-failed")
    seen = desk.centre.get(path).headers["ETag"]
    first = ok(desk.centre.post(f"{path}/undo", {}, If_Match=seen, Idempotency_Key="undo-1"))
    assert ok(desk.centre.post(f"{path}/undo", {}, If_Match=seen, Idempotency_Key="undo-1")) == first
    assert desk.participant(participant["id"])["status"] == "ARRIVED"


def test_who_is_no_no_show_after_all_is_given_the_grace_again(desk: WaitingDesk, go: Go) -> None:
    participant = desk.create_participant(desk.create_session())
    go(at() + 40 * MINUTE)
    desk.run("no-shows")
    assert desk.participant(participant["id"])["status"] == "NO_SHOW"
    ok(desk.do(participant, "undo", reason="Stands at the door"))
    for minutes, status in ((69, "BOOKED"), (70, "NO_SHOW")):
        go(at() + minutes * MINUTE)
        desk.run("no-shows")
        assert desk.participant(participant["id"])["status"] == status


def package_session(package: dict[str, Any], number: int) -> dict[str, Any]:
    return {"id": package["sessions"][number - 1]["appointment_id"]}


def test_a_package_goes_on_when_what_completed_it_is_taken_back(desk: WaitingDesk) -> None:
    package = create(desk, total_sessions=2)
    for number in (1, 2):
        ok(desk.do(package_session(package, number), "check-in", **EARLY))
        ok(desk.do(package_session(package, number), "attend"))
    assert read(desk, package)["status"] == "COMPLETED"
    ok(desk.do(package_session(package, 2), "undo"))
    after = read(desk, package)
    assert (after["status"], after["completed_sessions_count"], after["scheduled_sessions_count"]) == (
        "IN_PROGRESS",
        1,
        1,
    )
    [reopened] = desk.told("PackageReopened")
    assert (reopened["package_id"], reopened["completed_sessions"]) == (package["id"], 1)
    ok(desk.do(package_session(package, 2), "attend"))
    assert (read(desk, package)["status"], desk.count("PackageCompleted")) == ("COMPLETED", 2)


def test_a_package_of_which_nothing_has_an_outcome_any_more_has_not_begun(desk: WaitingDesk) -> None:
    package = create(desk, total_sessions=2)
    for verb in ("check-in", "no-show"):
        ok(desk.do(package_session(package, 1), verb, **EARLY))
        assert read(desk, package)["status"] == "IN_PROGRESS"
        ok(desk.do(package_session(package, 1), "undo"))
        assert read(desk, package)["status"] == "SCHEDULED"
    assert desk.count("PackageReopened") == 0


def test_a_missed_session_of_a_package_that_was_made_up_stays_missed(desk: WaitingDesk) -> None:
    rules = ok(desk.centre.get("/settings"))
    ok(desk.centre.client().put("/settings", {**rules, "make_up_no_shows": True}))
    package = create(desk, total_sessions=2)
    first = package_session(package, 1)
    ok(desk.do(first, "no-show", **EARLY))
    made_up = ok(desk.centre.post(f"/packages/{package['id']}/sessions/1/schedule", {"starts_at": at(5).isoformat()}))
    before = desk.centre.state()
    problem(desk.do(first, "undo"), 409, "already-enrolled")
    assert desk.centre.state() == before
    ok(desk.do(package_session(made_up, 1), "cancel"))
    ok(desk.do(first, "undo"))
    after = read(desk, package)["sessions"][0]
    assert (after["status"], after["appointment_id"]) == ("SCHEDULED", first["id"])


@pytest.mark.parametrize("column", ["confirmed_at", "no_show_at"])
def test_control_the_database_refuses_instants_that_do_not_fit_the_state(desk: WaitingDesk, column: str) -> None:
    participant = desk.create_participant(desk.create_session())
    with pytest.raises(IntegrityError), desk.centre.kit.transaction(desk.centre.tenant) as db:
        db.execute(text(f"UPDATE participants SET {column} = now() WHERE id = :id"), {"id": participant["id"]})


def test_control_without_what_was_seen_a_second_undo_takes_back_more(
    desk: WaitingDesk, go: Go, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corrections, "_check_seen", lambda *_: None)
    with pytest.raises(AssertionError):
        test_of_two_who_take_the_same_slip_back_only_one_does(desk, go)
