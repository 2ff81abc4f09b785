"""Merged patients are one person: booked once at a time, found under either id, and parted again without a trace."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from jalsa.db.aliases import follow_merge, survivor_of
from jalsa.dev.kit import ServiceKit, eventually, example, golden
from jalsa.service import clock
from scheduling.appointments.operations.locks import lock_patients

from .factories import Centre, Desk, at, created, noon_zone, ok, problem
from .test_races import NO_ADVISORY_LOCKS, Post, Weakened, at_once
from .test_races import weakened as weakened
from .waiting import WaitingDesk


class Merges:
    """Tells what patient-files would announce of the desk's patients."""

    def __init__(self, centre: Centre) -> None:
        self.centre = centre
        self._sequences: dict[str, int] = {}

    def merge(self, loser: str, survivor: str) -> None:
        self._tell("PatientsMerged", loser, survivor)

    def unmerge(self, loser: str, survivor: str) -> None:
        self._tell("PatientsUnmerged", loser, survivor)

    def _tell(self, event: str, loser: str, survivor: str) -> None:
        self._sequences[loser] = sequence = self._sequences.get(loser, 0) + 1
        ids: Any = {"subject_id": loser, "loser_id": loser, "survivor_id": survivor}
        self.centre.kit.inbox.receive(example(event, "default", self.centre.tenant, sequence=sequence, **ids))
        assert ok(self.centre.get("/events/inbox"))["items"] == []


@pytest.fixture
def merges(centre: Centre) -> Merges:
    return Merges(centre)


@pytest.fixture
def two(centre: Centre) -> tuple[str, str]:
    """Two records of one patient: the loser and the survivor."""
    loser, survivor = centre.create_patients(2)
    return loser, survivor


@pytest.fixture
def other_provider(desk: Desk) -> dict[str, Any]:
    """So that two may be booked at the same time."""
    return desk.centre.create_provider(desk.clinic)


def listed(desk: Desk, path: str, patient: str) -> list[str]:
    return [each["id"] for each in ok(desk.centre.get(path, patient_id=patient))["items"]]


def overlaps(desk: Desk, **page: Any) -> list[tuple[str, list[str]]]:
    items = ok(desk.centre.get("/appointments/overlaps", **page))["items"]
    return [(item["appointment"]["id"], [each["id"] for each in item["overlaps"]]) for item in items]


def test_appointments_and_packages_of_both_are_found_under_either_id_and_go_back(
    desk: Desk, merges: Merges, two: tuple[str, str]
) -> None:
    loser, survivor = two
    packages = [
        desk.create_package(patient_id=patient, start_date=at(day).date())["id"]
        for patient, day in zip(two, (10, 20), strict=True)
    ]
    first = [desk.create_appointment(patient_id=loser)["id"], *listed(desk, "/appointments", loser)]
    own = {patient: listed(desk, "/appointments", patient) for patient in two}
    assert set(first) == set(own[loser])
    merges.merge(loser, survivor)
    for patient in two:
        assert sorted(listed(desk, "/appointments", patient)) == sorted(own[loser] + own[survivor])
        assert listed(desk, "/packages", patient) == packages
    merges.unmerge(loser, survivor)
    assert {patient: listed(desk, "/appointments", patient) for patient in two} == own
    assert [listed(desk, "/packages", patient) for patient in two] == [[one] for one in packages]


def test_one_person_is_booked_once_at_a_time_under_whatever_id(
    desk: Desk, merges: Merges, two: tuple[str, str], other_provider: dict[str, Any]
) -> None:
    loser, survivor = two
    booked = desk.create_appointment(patient_id=loser)
    merges.merge(loser, survivor)
    again = desk.placement(provider_id=other_provider["id"])
    for patient in two:
        problem(desk.centre.post("/appointments", {**again, "patient_id": patient}), 409, "patient-busy")
    assert booked["patient_id"] == loser
    merges.unmerge(loser, survivor)
    created(desk.centre.post("/appointments", {**again, "patient_id": survivor}))


def test_one_person_has_one_spot_in_a_session(desk: Desk, merges: Merges, two: tuple[str, str]) -> None:
    session = desk.create_session()
    desk.create_participant(session, two[0])
    merges.merge(*two)
    for patient in two:
        problem(desk.book(session, patient), 409, "already-enrolled")


def test_what_is_booked_with_the_losers_id_is_the_survivors(desk: Desk, merges: Merges, two: tuple[str, str]) -> None:
    loser, survivor = two
    before = desk.create_appointment(patient_id=loser)
    merges.merge(loser, survivor)
    session = desk.create_session(starts_at=at(2))
    assert desk.create_participant(session, loser)["patient_id"] == survivor
    assert desk.create_appointment(patient_id=loser, starts_at=at(3))["patient_id"] == survivor
    package = desk.create_package(patient_id=loser, start_date=at(10).date())
    assert package["patient_id"] == survivor
    assert desk.participant(before["id"])["patient_id"] == loser
    moved = ok(desk.do(before, "reschedule", starts_at=at(4)))
    assert moved["patient_id"] == loser


def test_the_free_time_of_one_person_is_free_of_all_that_either_has(
    desk: Desk, merges: Merges, two: tuple[str, str], other_provider: dict[str, Any]
) -> None:
    loser, survivor = two
    desk.create_appointment(patient_id=loser)

    def free(patient: str) -> bool:
        asked = {"service_type": desk.service_type["code"], "provider_id": other_provider["id"], "patient_id": patient}
        bounds = {"from": at().isoformat(), "to": (at() + timedelta(minutes=30)).isoformat()}
        return bool(ok(desk.centre.get("/availability", **asked, **bounds))["items"])

    assert (free(loser), free(survivor)) == (False, True)
    merges.merge(loser, survivor)
    assert (free(loser), free(survivor)) == (False, False)
    merges.unmerge(loser, survivor)
    assert (free(loser), free(survivor)) == (False, True)


# What overlaps


def test_appointments_that_overlap_once_two_are_one_are_work_for_the_desk_and_none_is_lost(
    desk: Desk, merges: Merges, two: tuple[str, str], other_provider: dict[str, Any]
) -> None:
    loser, survivor = two
    first = desk.create_appointment(patient_id=loser)
    later = {"provider_id": other_provider["id"], "starts_at": at(minute=30)}
    second = desk.create_appointment(patient_id=survivor, **later)
    desk.create_appointment(patient_id=survivor, provider_id=other_provider["id"], starts_at=at(2))
    assert overlaps(desk) == []
    merges.merge(loser, survivor)
    assert overlaps(desk) == [(second["id"], [first["id"]])]
    [item] = ok(desk.centre.get("/appointments/overlaps"))["items"]
    assert item["patient_id"] == survivor
    assert [desk.participant(one["id"])["status"] for one in (first, second)] == ["BOOKED", "BOOKED"]
    merges.unmerge(loser, survivor)
    assert overlaps(desk) == []


def test_an_overlap_is_off_the_list_once_the_desk_has_moved_or_cancelled_one(
    desk: Desk, merges: Merges, two: tuple[str, str], other_provider: dict[str, Any]
) -> None:
    loser, survivor = two
    theirs = []
    for day in (1, 2):
        ours = desk.create_appointment(patient_id=loser, starts_at=at(day))
        desk.create_appointment(patient_id=survivor, starts_at=at(day), provider_id=other_provider["id"])
        theirs.append(ours)
    merges.merge(loser, survivor)
    assert len(overlaps(desk)) == 2
    ok(desk.do(theirs[0], "reschedule", starts_at=at(5)))
    ok(desk.do(theirs[1], "cancel"))
    assert overlaps(desk) == []


def test_overlaps_are_listed_page_by_page_in_the_order_of_their_start(
    desk: Desk, merges: Merges, two: tuple[str, str], other_provider: dict[str, Any]
) -> None:
    loser, survivor = two
    for day in (3, 1, 2):
        desk.create_appointment(patient_id=loser, starts_at=at(day))
        desk.create_appointment(patient_id=survivor, starts_at=at(day), provider_id=other_provider["id"])
    merges.merge(loser, survivor)
    every, cursor, read = overlaps(desk), None, []
    while True:
        found = ok(desk.centre.get("/appointments/overlaps", limit=1, **({"cursor": cursor} if cursor else {})))
        read += [item["appointment"]["session"]["starts_at"] for item in found["items"]]
        cursor = found["next_cursor"]
        if cursor is None:
            break
    assert len(every) == 3
    assert read == sorted(read)
    assert len(read) == 3


# Check-in


def test_the_survivors_consent_lets_the_losers_bookings_be_checked_in(
    centre: Centre, merges: Merges, two: tuple[str, str]
) -> None:
    desk, (loser, survivor) = Desk(centre, timezone=noon_zone()), two
    booked = desk.create_today(patient_id=loser)
    desk.clear(booked, consent=False)
    desk.clear({"id": booked["id"], "patient_id": survivor})
    refusal = problem(desk.do(booked, "check-in"), 409, "check-in-blocked")
    assert refusal["blockers"] == ["consent"]
    merges.merge(loser, survivor)
    assert ok(desk.do(booked, "check-in"))["status"] == "ARRIVED"


# The waitlist


def test_one_person_waits_once_and_is_served_by_a_booking_under_either_id(
    centre: Centre, merges: Merges, two: tuple[str, str]
) -> None:
    desk, (loser, survivor) = WaitingDesk(centre), two
    entry = desk.wait(patient_id=loser, service_type=desk.service_type["code"])
    merges.merge(loser, survivor)
    again = {"patient_id": survivor, "service_type": desk.service_type["code"]}
    problem(centre.post("/waitlist", again), 409, "already-waiting")
    assert listed(desk, "/waitlist", survivor) == [entry["id"]]
    desk.create_appointment(patient_id=survivor)
    assert ok(centre.get(f"/waitlist/{entry['id']}"))["status"] == "FULFILLED"


# Races


def test_one_person_is_not_moved_and_booked_to_one_time_at_once(
    desk: Desk, merges: Merges, two: tuple[str, str]
) -> None:
    assert sorted(_moved_and_booked(desk, merges, *two)) in (
        [(200, None), (409, "patient-busy")],
        [(201, None), (409, "patient-busy")],
    )


def test_control_without_locks_one_person_is_moved_and_booked_to_one_time(weakened: Weakened) -> None:
    with weakened(NO_ADVISORY_LOCKS) as desk:
        loser, survivor = desk.centre.create_patients(2)
        assert sorted(_moved_and_booked(desk, Merges(desk.centre), loser, survivor)) == [(200, None), (201, None)]


def _moved_and_booked(desk: Desk, merges: Merges, loser: str, survivor: str) -> list[tuple[int, str | None]]:
    """The loser's booking, which keeps its id, is moved to the time at which the survivor is booked."""
    other = desk.centre.create_provider(desk.clinic)
    before = desk.create_appointment(patient_id=loser, starts_at=at(2))
    merges.merge(loser, survivor)
    manager, there = desk.centre.client(), at(3).isoformat()
    body = {**desk.placement(provider_id=other["id"], starts_at=there), "patient_id": survivor}
    move = Post(manager, f"/participants/{before['id']}/reschedule", {"starts_at": there})
    return list(at_once(move, Post(manager, "/appointments", body)))


@pytest.mark.parametrize("book", ["/appointments", "participants"])
def test_a_booking_that_waited_while_its_patient_was_merged_is_the_survivors(
    kit: ServiceKit, desk: Desk, two: tuple[str, str], book: str
) -> None:
    loser, survivor = two
    session = desk.create_session()
    ways: dict[str, Callable[[], Any]] = {
        "/appointments": lambda: desk.create_appointment(patient_id=loser, starts_at=at(3)),
        "participants": lambda: desk.create_participant(session, loser),
    }
    with ThreadPoolExecutor(1) as pool:
        with kit.transaction(desk.centre.tenant) as db:
            lock_patients(db, [UUID(loser), UUID(survivor)])
            waiting = pool.submit(ways[book])
            eventually(lambda: _somebody_waits(kit))
            follow_merge(db, UUID(loser), UUID(survivor), clock.now())
        assert waiting.result(30)["patient_id"] == survivor


def _somebody_waits(kit: ServiceKit) -> bool:
    with kit.relay.engine.connect() as conn:
        return bool(conn.execute(text("SELECT count(*) FROM pg_locks WHERE NOT granted")).scalar_one())


def test_a_lock_that_was_waited_for_is_on_the_survivor_as_well(
    kit: ServiceKit, desk: Desk, two: tuple[str, str]
) -> None:
    loser, survivor = map(UUID, two)
    tenant, held, go_on = desk.centre.tenant, threading.Event(), threading.Event()

    def lock_the_loser() -> None:
        with kit.transaction(tenant) as db:
            lock_patients(db, [loser])
            held.set()
            assert go_on.wait(30)

    with ThreadPoolExecutor(2) as pool:
        with kit.transaction(tenant) as db:
            lock_patients(db, [loser])
            waiting = pool.submit(lock_the_loser)
            eventually(lambda: _somebody_waits(kit))
            follow_merge(db, loser, survivor, clock.now())
        assert held.wait(30)
        with kit.transaction(tenant) as db:
            key = {"key": f"patient:{survivor}"}
            free = db.execute(text("SELECT pg_try_advisory_xact_lock(hashtextextended(:key, 0))"), key).scalar_one()
        go_on.set()
        waiting.result(30)
    assert not free


@pytest.mark.parametrize("extra", [{}, {"colour": "blue"}], ids=["as it is", "with more"])
def test_the_golden_examples_of_a_merge_and_its_undoing_are_applied(
    kit: ServiceKit, tenant: str, extra: dict[str, Any]
) -> None:
    merged, unmerged = (golden(name, "default")["data"] for name in ("PatientsMerged", "PatientsUnmerged"))
    loser = UUID(merged["loser_id"])
    for sequence, (name, data) in enumerate((("PatientsMerged", merged), ("PatientsUnmerged", unmerged)), 1):
        kit.inbox.receive(example(name, "default", tenant, sequence=sequence, **extra))
        with kit.transaction(tenant) as db:
            expected = data["survivor_id"] if name == "PatientsMerged" else data["loser_id"]
            assert str(survivor_of(db, loser)) == expected
            assert db.execute(text("SELECT count(*) FROM inbox")).scalar() == 0
