"""A patient who waits is booked into what was waited for. The entry is fulfilled, by whatever way it comes about."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from jalsa.db.transactions import sqlstate
from jalsa.service import clock
from scheduling.appointments.operations.locks import lock_sessions
from scheduling.appointments.queries import session_records
from scheduling.use_cases import minimum_attendance
from scheduling.waitlist.operations import fulfilment

from .factories import Centre, as_json, at, created, ok
from .test_races import Post, at_once, deadlocks
from .test_waitlist_races import broken, check_events
from .waiting import FRIDAY, FRIDAY_9, WaitingDesk

DAY = timedelta(days=1)


@pytest.fixture
def desk(centre: Centre) -> WaitingDesk:
    return WaitingDesk(centre)


def _by_the_desk(desk: WaitingDesk, patient: str) -> None:
    desk.create_participant(desk.create_session(), patient)


def _as_an_appointment(desk: WaitingDesk, patient: str) -> None:
    desk.create_appointment(patient_id=patient)


def _in_a_package(desk: WaitingDesk, patient: str) -> None:
    desk.create_package(patient_id=patient)


def _in_a_package_that_is_scheduled_later(desk: WaitingDesk, patient: str) -> None:
    package = desk.create_package(patient_id=patient, auto_schedule=False)
    ok(desk.centre.post(f"/packages/{package['id']}/schedule"))


def _in_one_session_of_a_package(desk: WaitingDesk, patient: str) -> None:
    package = desk.create_package(patient_id=patient, auto_schedule=False)
    path = f"/packages/{package['id']}/sessions/1/schedule"
    ok(desk.centre.post(path, {"starts_at": at().isoformat()}))


def _in_a_series(desk: WaitingDesk, patient: str) -> None:
    series = desk.create_series()
    created(desk.centre.post(f"/series/{series['id']}/members", {"patient_id": patient}))


def _moved_from_another_time(desk: WaitingDesk, patient: str) -> None:
    [entry] = ok(desk.centre.get("/waitlist", patient_id=patient))["items"]
    ok(desk.centre.post(f"/waitlist/{entry['id']}/cancel"))
    participant = desk.create_participant(desk.create_session(), patient)
    desk.wait(patient_id=patient)
    ok(desk.do(participant, "reschedule", session_id=desk.create_session(starts_at=at(2))["id"]))


def _merged_from_a_thin_session(desk: WaitingDesk, patient: str) -> None:
    [entry] = ok(desk.centre.get("/waitlist", patient_id=patient))["items"]
    ok(desk.centre.post(f"/waitlist/{entry['id']}/cancel"))
    thin, into = desk.create_session(min_participants=2), desk.create_session(starts_at=at(2))
    desk.create_participant(thin, patient)
    desk.wait(patient_id=patient)
    with desk.centre.kit.transaction(desk.centre.tenant) as db:
        assert minimum_attendance.flag(db, UUID(thin["id"]), now=at())
    ok(desk.move(thin, "decision", action="MERGE", into_session_id=into["id"]))


WAYS: list[Callable[[WaitingDesk, str], None]] = [
    _by_the_desk,
    _as_an_appointment,
    _in_a_package,
    _in_a_package_that_is_scheduled_later,
    _in_one_session_of_a_package,
    _in_a_series,
    _moved_from_another_time,
    _merged_from_a_thin_session,
]


@pytest.mark.parametrize("way", WAYS)
def test_a_patient_who_is_booked_no_longer_waits(desk: WaitingDesk, way: Callable[[WaitingDesk, str], None]) -> None:
    """Row 5. The entry stayed, and was offered another place, which it then held."""
    patient = desk.wait()["patient_id"]
    way(desk, patient)
    entries = ok(desk.centre.get("/waitlist", patient_id=patient))["items"]
    assert entries[-1]["status"] == "FULFILLED"
    assert (entries[-1]["closed_by"], entries[-1]["closed_at"] is not None) == ("tester", True)
    _, [inside] = desk.full(starts_at=at(30))
    desk.give_up(inside)
    assert desk.count("WaitlistOffered") == 0


@pytest.mark.parametrize("way", WAYS)
def test_a_place_that_is_offered_elsewhere_goes_on_to_the_next(
    desk: WaitingDesk, way: Callable[[WaitingDesk, str], None]
) -> None:
    other = desk.centre.create_provider(desk.clinic)["id"]
    session, [inside] = desk.full(starts_at=at(40), provider_id=other)
    first, second = desk.wait(), desk.wait(session_id=session["id"])
    desk.give_up(inside)
    assert desk.statuses(first, second) == ["OFFERED", "WAITING"]
    way(desk, first["patient_id"])
    assert desk.statuses(second) == ["OFFERED"]
    assert desk.statuses(first) in (["FULFILLED"], ["CANCELLED"])  # given up, where the patient has to wait again
    [told] = desk.told("WaitlistOfferExpired")
    assert told["entry_id"] == first["id"]
    assert broken(desk) == []
    check_events(desk)


def moved_to_what_is_waited_for(desk: WaitingDesk) -> list[str]:
    """What becomes of an entry that is offered a spot, and of the next one, when its patient's session moves to it."""
    other = desk.centre.create_provider(desk.clinic)["id"]
    day = at(4).date().isoformat()
    inside = desk.create_participant(desk.create_session(starts_at=at(20)))
    offered, [leaving] = desk.full(starts_at=at(4, 18), provider_id=other)
    entry = desk.wait(patient_id=inside["patient_id"], from_date=day, until_date=day)
    next_one = desk.wait(session_id=offered["id"])
    desk.give_up(leaving)
    assert desk.statuses(entry, next_one) == ["OFFERED", "WAITING"]
    ok(desk.move(inside["session"], "reschedule", **as_json({"starts_at": at(4)})))
    return desk.statuses(entry, next_one)


def test_a_session_that_moves_to_what_a_participant_waits_for_fulfils_it(desk: WaitingDesk) -> None:
    assert moved_to_what_is_waited_for(desk) == ["FULFILLED", "OFFERED"]


def test_control_a_move_that_fulfils_nothing_keeps_the_spot_from_the_next(
    desk: WaitingDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fulfilment, "fulfil_moved", lambda *_, **__: None)
    assert moved_to_what_is_waited_for(desk) == ["OFFERED", "WAITING"]


@pytest.mark.parametrize(("day", "status"), [(3, "FULFILLED"), (5, "WAITING")])
def test_a_move_fulfils_what_was_met_before_only_with_an_earlier_start(
    desk: WaitingDesk, day: int, status: str
) -> None:
    """Whoever has a spot, and waits for another of the same kind, hopes for an earlier one."""
    inside = desk.create_participant(desk.create_session(starts_at=at(4)))
    entry = desk.wait(patient_id=inside["patient_id"])
    ok(desk.move(inside["session"], "reschedule", **as_json({"starts_at": at(day)})))
    assert desk.statuses(entry) == [status]


def test_a_move_to_a_later_start_fulfils_what_was_not_met_before(desk: WaitingDesk) -> None:
    inside = desk.create_participant(desk.create_session(starts_at=at(4)))
    entry = desk.wait(patient_id=inside["patient_id"], from_date=at(5).date().isoformat())
    ok(desk.move(inside["session"], "reschedule", **as_json({"starts_at": at(5)})))
    assert desk.statuses(entry) == ["FULFILLED"]


def test_a_session_that_is_offered_elsewhere_and_locked_by_another_is_not_waited_for(desk: WaitingDesk) -> None:
    """The offer came after the patient was locked. To wait for its session now could be to wait in a circle.

    The transaction loses at once and is run again. It does not wait until the deadlock or the limit is noticed.
    """
    other = desk.centre.create_provider(desk.clinic)["id"]
    offered, [inside] = desk.full(starts_at=at(40), provider_id=other)
    entry, booked = desk.wait(), desk.create_session()
    desk.give_up(inside)
    assert desk.statuses(entry) == ["OFFERED"]
    kit, tenant, patient = desk.centre.kit, desk.centre.tenant, UUID(entry["patient_id"])
    with kit.transaction(tenant) as holder:
        lock_sessions(holder, [UUID(offered["id"])])
        with kit.transaction(tenant) as db:
            db.execute(text("SET LOCAL lock_timeout = '3s'"))
            found = session_records.find_sessions(db, [UUID(booked["id"])])
            with pytest.raises(OperationalError) as refused:
                fulfilment.fulfil(db, patient, found, now=clock.now())
            db.rollback()
    assert sqlstate(refused.value) == "40001"
    assert desk.statuses(entry) == ["OFFERED"]
    desk.create_participant(booked, entry["patient_id"])
    assert desk.statuses(entry) == ["FULFILLED"]


def test_the_end_of_an_offer_says_that_it_is_fulfilled(desk: WaitingDesk) -> None:
    session, [inside] = desk.full()
    entry = desk.wait()
    desk.give_up(inside)
    desk.create_appointment(patient_id=entry["patient_id"], starts_at=at(2))
    [told] = desk.told("WaitlistOfferExpired")
    assert (told["cause"], told["session_id"]) == ("FULFILLED", session["id"])
    shown = desk.session(session["id"])
    assert (shown["held_spots"], shown["available_spots"]) == (0, 1)
    assert desk.count("SessionSpotsOpened") == 1


@pytest.mark.parametrize(
    ("wish", "meets"),
    [
        ({}, True),
        ({"weekdays": [5]}, True),
        ({"weekdays": [0, 1, 2, 3, 4, 6]}, False),
        ({"part_of_day": "MORNING"}, True),
        ({"part_of_day": "AFTERNOON"}, False),
        ({"from_date": str(FRIDAY), "until_date": str(FRIDAY)}, True),
        ({"from_date": str(FRIDAY + DAY)}, False),
        ({"until_date": str(FRIDAY - DAY)}, False),
        ({"provider_id": "{own}"}, True),
        ({"provider_id": "{other}"}, False),
        ({"clinic_id": "{other clinic}"}, False),
        ({"service_type": "{other type}"}, False),
    ],
)
def test_a_booking_fulfils_those_whose_wishes_it_meets(desk: WaitingDesk, wish: dict[str, Any], meets: bool) -> None:
    names = {
        "{own}": desk.provider["id"],
        "{other}": desk.centre.create_provider(desk.clinic)["id"],
        "{other clinic}": desk.centre.create_clinic()["id"],
        "{other type}": desk.centre.create_service_type()["code"],
    }
    entry = desk.wait(**{name: names.get(str(value), value) for name, value in wish.items()})
    desk.create_appointment(patient_id=entry["patient_id"], starts_at=FRIDAY_9)
    assert desk.statuses(entry) == ["FULFILLED" if meets else "WAITING"]


def test_only_the_session_itself_is_what_was_waited_for_where_one_is_named(desk: WaitingDesk) -> None:
    session, _ = desk.full()
    entry = desk.wait(session_id=session["id"])
    any_of_type = desk.wait(patient_id=entry["patient_id"])
    stranger = desk.wait()
    desk.create_appointment(patient_id=entry["patient_id"], starts_at=at(2))
    assert desk.statuses(entry, any_of_type, stranger) == ["WAITING", "FULFILLED", "WAITING"]
    ok(desk.patch(session, max_capacity=2))
    assert desk.statuses(entry) == ["OFFERED"]
    desk.create_participant(session, entry["patient_id"])
    assert desk.statuses(entry) == ["ACCEPTED"]


def test_an_accepted_offer_fulfils_what_else_is_waited_for(desk: WaitingDesk) -> None:
    session, [inside] = desk.full()
    entry = desk.wait(session_id=session["id"])
    also = desk.wait(patient_id=entry["patient_id"], priority=5)
    desk.give_up(inside)
    created(desk.centre.post(f"/waitlist/{entry['id']}/accept"))
    assert desk.statuses(entry, also) == ["ACCEPTED", "FULFILLED"]


def test_a_refused_booking_fulfils_nothing(desk: WaitingDesk) -> None:
    session, _ = desk.full()
    entry = desk.wait()
    assert desk.book(session, entry["patient_id"]).status_code == 409
    assert desk.statuses(entry) == ["WAITING"]


def test_bookings_of_patients_who_are_offered_each_others_places_do_not_deadlock(desk: WaitingDesk) -> None:
    """Each is booked where the other is offered a place, in both orders of the rows, while the places are passed on."""
    other = desk.centre.create_provider(desk.clinic)["id"]
    caller, before, answers = desk.centre.client(), deadlocks(desk.centre.kit), Counter[tuple[int, str | None]]()
    for day in range(1, 7):
        pair = [desk.full(2, starts_at=at(day)), desk.full(2, starts_at=at(day, 12), provider_id=other)]
        entries = []
        for session, inside in pair:
            entries.append(desk.wait(session_id=session["id"]))
            desk.give_up(inside[0])
            desk.give_up(inside[1])
        requests = []
        for entry, (session, _) in zip(entries, reversed(pair), strict=True):
            desk.wait(patient_id=entry["patient_id"])
            path = f"/sessions/{session['id']}/participants"
            requests.append(Post(caller, path, {"patient_id": entry["patient_id"]}))
        answers += at_once(*requests)
        assert broken(desk) == []
    assert answers == {(201, None): 12}
    assert deadlocks(desk.centre.kit) == before
    check_events(desk)
