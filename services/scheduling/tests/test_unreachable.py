"""An offer goes to somebody who can be contacted. Whoever cannot be is left to the desk, and holds no spot."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from jalsa.dev.kit import example
from jalsa.service.ids import new_id
from scheduling.directory.operations.projections import save_patient
from scheduling.models import PatientProjection
from scheduling.use_cases import waitlist

from .factories import Centre, at, ok, problem
from .waiting import WaitingDesk


@pytest.fixture
def desk(centre: Centre) -> WaitingDesk:
    return WaitingDesk(centre)


def say(desk: WaitingDesk, patient_id: str, *, reachable: bool | None) -> None:
    """What patient-files has announced of the patient's contacts."""
    with desk.centre.kit.transaction(desk.centre.tenant) as db:
        save_patient(db, UUID(patient_id), file_number="FILE-2026-000001", active=True, reachable=reachable)


def mute(desk: WaitingDesk, **wait: Any) -> dict[str, Any]:
    """One waits who has neither a telephone nor an e-mail."""
    entry = desk.wait(**wait)
    say(desk, entry["patient_id"], reachable=False)
    return entry


def work(desk: WaitingDesk) -> list[str]:
    return [item["id"] for item in ok(desk.centre.get("/waitlist", attention="unreachable"))["items"]]


def test_the_place_goes_to_the_next_who_can_be_told(desk: WaitingDesk) -> None:
    """Row 29. The spot was held for hours for somebody who never heard of it."""
    session, inside = desk.full(2)
    first = mute(desk, session_id=session["id"])
    second, third = desk.wait(session_id=session["id"]), mute(desk, session_id=session["id"])
    assert work(desk) == []
    desk.give_up(inside[0])
    assert desk.statuses(first, second, third) == ["WAITING", "OFFERED", "WAITING"]
    assert work(desk) == [first["id"]]  # the third was not in line yet
    shown = desk.entry(first)
    assert (shown["attention"], shown["passed_over_session_id"]) == ("unreachable", session["id"])
    assert shown["passed_over_at"] is not None
    assert (desk.entry(third)["attention"], desk.entry(third)["passed_over_at"]) == (None, None)


def test_where_nobody_can_be_told_the_place_is_free(desk: WaitingDesk) -> None:
    session, [inside] = desk.full()
    entries = [mute(desk, session_id=session["id"]), mute(desk)]
    desk.give_up(inside)
    shown = desk.session(session["id"])
    assert (shown["held_spots"], shown["available_spots"]) == (0, 1)
    assert desk.count("WaitlistOffered") == 0
    assert desk.count("SessionSpotsOpened") == 1
    assert work(desk) == [entry["id"] for entry in entries]
    # somebody at the desk books the patient, and the work is done
    desk.create_participant(session, entries[0]["patient_id"])
    assert desk.statuses(*entries) == ["FULFILLED", "WAITING"]
    assert work(desk) == [entries[1]["id"]]


def test_a_patient_who_has_a_number_again_is_nobodys_work_and_in_line(desk: WaitingDesk) -> None:
    session, inside = desk.full(2)
    entry = mute(desk, session_id=session["id"])
    desk.give_up(inside[0])
    assert work(desk) == [entry["id"]]
    say(desk, entry["patient_id"], reachable=True)
    assert (work(desk), desk.entry(entry)["attention"]) == ([], None)
    desk.give_up(inside[1])
    assert desk.statuses(entry) == ["OFFERED"]


@pytest.mark.parametrize("still_free", [True, False])
def test_the_place_that_is_still_free_is_offered_once_the_patient_can_be_told(
    desk: WaitingDesk, still_free: bool
) -> None:
    """It was nobody's work any more, and offered to nobody."""
    session, [inside] = desk.full()
    entry, other = mute(desk, session_id=session["id"]), mute(desk)
    desk.give_up(inside)
    if not still_free:
        desk.create_participant(session)
    named = {"subject_id": entry["patient_id"], "patient_id": entry["patient_id"], "active": True}
    desk.centre.kit.inbox.receive(example("PatientUpdated", "default", desk.centre.tenant, **named))
    assert desk.statuses(entry, other) == ["OFFERED" if still_free else "WAITING", "WAITING"]
    assert work(desk) == [other["id"]]


def test_whose_contacts_are_not_known_is_taken_for_one_who_can_be_told(desk: WaitingDesk) -> None:
    session, [inside] = desk.full()
    entry = desk.wait(session_id=session["id"])
    say(desk, entry["patient_id"], reachable=None)
    desk.give_up(inside)
    assert desk.statuses(entry) == ["OFFERED"]


@pytest.mark.parametrize(
    ("contacts", "reachable"),
    [
        ({}, True),
        ({"email": None}, True),
        ({"phone": None}, True),
        ({"phone": None, "email": None}, False),
        ({"phone": ..., "email": ...}, None),
    ],
)
def test_only_whether_there_is_a_contact_is_kept(
    desk: WaitingDesk, contacts: dict[str, Any], reachable: bool | None
) -> None:
    kit, patient_id = desk.centre.kit, new_id()
    event = example("PatientRegistered", "default", desk.centre.tenant, subject_id=patient_id, patient_id=patient_id)
    data = {name: value for name, value in {**event.data, **contacts}.items() if value is not ...}
    kit.inbox.receive(replace(event, data=data))
    with kit.transaction(desk.centre.tenant) as db:
        row = db.get_one(PatientProjection, patient_id)
        assert row.reachable is reachable
        assert event.data["phone"] not in str(vars(row))


def test_an_attention_that_is_none_is_refused(desk: WaitingDesk) -> None:
    refused = problem(desk.centre.get("/waitlist", attention="noise"), 422, "validation-error")
    assert list(refused["errors"]) == ["attention"]


def test_an_entry_that_can_not_be_locked_is_given_up_after_some_attempts(
    desk: WaitingDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Row 35. It was tried without end."""
    attempts = []
    monkeypatch.setattr(waitlist, "_locked", lambda _, entry_id: attempts.append(entry_id))
    entry = desk.wait(session_id=desk.full(starts_at=at(3))[0]["id"])
    answer = desk.centre.post(f"/waitlist/{entry['id']}/cancel")
    problem(answer, 503, "temporarily-unavailable")
    assert (answer.headers["Retry-After"], len(attempts)) == ("1", waitlist.LOCK_ATTEMPTS)
