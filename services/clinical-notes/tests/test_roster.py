"""The session and its roster become known, in whatever order, and however often, the events arrive."""

import random
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import permutations
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jalsa.dev.kit import ServiceKit
from jalsa.events.envelope import Envelope

from .factories import Json, Story

Tell = Callable[[Story], list[Envelope]]

STORIES: dict[str, Tell] = {
    "booked": lambda s: [s.scheduled(), s.booked(), s.confirmed()],
    "place cancelled": lambda s: [s.scheduled(), s.booked(), s.confirmed(), s.cancelled()],
    "session cancelled": lambda s: [s.scheduled(), s.booked(), s.cancelled(2), s.session_cancelled()],
    "session cancelled, its places not yet": lambda s: [s.scheduled(), s.booked(), s.session_cancelled()],
    "confirmed, then session cancelled": lambda s: [
        s.scheduled(),
        s.booked(),
        s.confirmed(),
        s.session_cancelled(),
        s.cancelled(),
    ],
    "session moved": lambda s: [
        s.scheduled(),
        s.session_rescheduled(),
        s.booked(),
        s.rescheduled(s.a_day_later, 2, "CONFIRMED"),
    ],
    "came": lambda s: [s.scheduled(), s.session_started(), s.booked(), s.arrived(2), s.attended(3)],
    "did not come": lambda s: [s.scheduled(), s.session_started(), s.session_completed(), s.booked(), s.no_show(2)],
    "came late": lambda s: [s.scheduled(), s.session_started(), s.booked(), s.no_show(2), s.arrived(3)],
    "a slip of the desk": lambda s: [
        s.scheduled(),
        s.booked(),
        s.confirmed(),
        s.no_show(3),
        s.corrected(4, "NO_SHOW", "CONFIRMED"),
    ],
    "a slip of the therapist": lambda s: [
        s.scheduled(),
        s.session_started(2),
        s.session_corrected(3, "IN_PROGRESS", "SCHEDULED"),
        s.booked(),
        s.attended(2),
        s.corrected(3, "ATTENDED", "BOOKED"),
    ],
    "two patients": lambda s: [s.scheduled(), s.booked(), s.booked(str(uuid4()), str(uuid4()))],
}

END: dict[str, set[tuple[str, str | None]]] = {
    "booked": {("SCHEDULED", "CONFIRMED")},
    "place cancelled": {("SCHEDULED", "CANCELLED")},
    "session cancelled": {("CANCELLED", "CANCELLED")},
    "session cancelled, its places not yet": {("CANCELLED", "BOOKED")},
    "confirmed, then session cancelled": {("CANCELLED", "CANCELLED")},
    "session moved": {("SCHEDULED", "CONFIRMED")},
    "came": {("IN_PROGRESS", "ATTENDED")},
    "did not come": {("COMPLETED", "NO_SHOW")},
    "came late": {("IN_PROGRESS", "ARRIVED")},
    "a slip of the desk": {("SCHEDULED", "CONFIRMED")},
    "a slip of the therapist": {("SCHEDULED", "BOOKED")},
    "two patients": {("SCHEDULED", "BOOKED")},
}


@pytest.mark.parametrize("name", STORIES)
def test_every_order_of_arrival_ends_alike(kit: ServiceKit, tenant: str, name: str) -> None:
    orders = list(permutations(range(len(STORIES[name](Story(kit, tenant))))))
    for order in random.Random(name).sample(orders, min(len(orders), 120)):
        story = Story(kit, tenant)
        events = STORIES[name](story)
        story.tell(events[i] for i in order)
        state = story.state()
        assert {(row["session"], row["participant"]) for row in state} == END[name], order
        assert len(state) == (2 if name == "two patients" else 1), order
        assert {(row["session_type"], row["provider_id"]) for row in state} == {("GROUP", "provider")}, order
        day = 24 if name == "session moved" else 23
        assert {row["starts_at"].day for row in state} == {day}, order


def test_a_session_cancelled_before_its_booking_arrives_stays_cancelled(kit: ServiceKit, tenant: str) -> None:
    story = Story(kit, tenant)
    story.tell([story.scheduled(), story.session_cancelled(), story.booked()])
    assert [(row["session"], row["participant"]) for row in story.state()] == [("CANCELLED", "BOOKED")]
    assert story.provider.get("/worklist").json["items"] == []
    assert story.provider.post("/notes", story.group_body()).status_code == 409


def test_a_note_can_be_written_as_soon_as_the_booking_alone_has_arrived(kit: ServiceKit, tenant: str) -> None:
    story = Story(kit, tenant)
    story.tell([story.booked()])
    note = story.create_note()
    story.tell([story.scheduled()])
    assert story.provider.post(f"/notes/{note['id']}/sign").status_code == 200


def test_a_note_signed_before_a_correction_stays_and_the_next_one_can_be_written(kit: ServiceKit, tenant: str) -> None:
    story = Story(kit, tenant).told()
    story.tell([story.session_started(2), story.session_completed(3), story.arrived(3), story.attended(4)])
    note = story.create_signed_note()
    story.tell([story.corrected(5, "ATTENDED", "CONFIRMED"), story.session_corrected(4, "COMPLETED", "IN_PROGRESS")])
    assert [(row["session"], row["participant"]) for row in story.state()] == [("IN_PROGRESS", "CONFIRMED")]
    kept = story.provider.get(f"/notes/{note['id']}").json
    assert (kept["status"], kept["content"], kept["signed_at"]) == ("SIGNED", note["content"], note["signed_at"])
    assert story.create_note(scope="GROUP", participant_id=None)["status"] == "DRAFT"


def test_a_place_taken_for_missed_can_be_documented_again(kit: ServiceKit, tenant: str) -> None:
    story = Story(kit, tenant).told()
    story.tell([story.no_show(3)])
    assert story.provider.post("/notes", story.note_body()).status_code == 409
    story.tell([story.corrected(4, "NO_SHOW", "ARRIVED")])
    assert story.create_note()["status"] == "DRAFT"


def test_the_sessions_own_stream_has_the_last_word_over_what_a_booking_told(kit: ServiceKit, tenant: str) -> None:
    for order in permutations(range(2)):
        story = Story(kit, tenant)
        booked = story.booked()
        moved = {**booked.data["session"], "starts_at": "2026-12-24T07:00:00Z"}
        told = [story.scheduled(), Envelope(**{**booked.__dict__, "data": {**booked.data, "session": moved}})]
        story.tell(told[i] for i in order)
        assert [row["starts_at"].isoformat()[:10] for row in story.state()] == ["2026-11-23"], order


def everything(story: Story) -> list[Envelope]:
    """Every event that this service reads, of one session."""
    return [
        story.clinic_saved(),
        story.provider_saved(),
        story.registered(),
        story.updated(),
        story.scheduled(),
        story.booked(),
        story.confirmed(),
        story.cancelled(),
        story.session_cancelled(),
    ]


@pytest.fixture
def perfect(kit: ServiceKit, tenant: str) -> list[Json]:
    """The end state of a run in which everything arrives once and in order."""
    story = Story(kit, tenant)
    return story.tell(everything(story)).state()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    order=st.permutations(range(9)),
    repeats=st.lists(st.integers(0, 8), max_size=6),
    data=st.data(),
)
def test_any_order_with_any_repetition_equals_a_perfect_run(
    kit: ServiceKit, tenant: str, perfect: list[Json], order: Sequence[int], repeats: list[int], data: st.DataObject
) -> None:
    arrivals = list(order)
    for again in repeats:
        arrivals.insert(data.draw(st.integers(0, len(arrivals))), again)

    story = Story(kit, tenant)
    events = everything(story)
    story.tell(events[i] for i in arrivals)

    assert story.state() == perfect
    assert [(row["session"], row["participant"], row["active"]) for row in perfect] == [
        ("CANCELLED", "CANCELLED", False)
    ]


def test_session_and_booking_that_are_taken_in_at_the_same_moment_agree(kit: ServiceKit, tenant: str) -> None:
    for _ in range(15):
        story = Story(kit, tenant)
        start = threading.Barrier(3)
        streams = [
            [story.scheduled(), story.session_cancelled()],
            [story.booked(), story.confirmed()],
            [story.booked(str(uuid4()), str(uuid4()))],
        ]

        def take(events: list[Envelope], start: threading.Barrier = start) -> None:
            start.wait(10)
            for event in events:
                kit.inbox.receive(event)

        with ThreadPoolExecutor(3) as pool:
            list(pool.map(take, streams))
        while kit.inbox.retry_due():
            pass
        state = story.state()
        assert {row["session"] for row in state} == {"CANCELLED"}
        assert sorted(row["participant"] for row in state) == ["BOOKED", "CONFIRMED"]


def test_a_patient_is_known_by_file_number_and_becomes_inactive(group: Story) -> None:
    assert (group.state()[0]["file_number"], group.state()[0]["active"]) == ("FILE-2026-000001", True)
    group.tell([group.updated()])
    assert group.state()[0]["active"] is False
    assert group.provider.get(f"/patients/{group.patient_id}/notes").status_code == 200
