"""Any order of operations: every answer is the one that a small model foretells, and no promise is ever broken."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test
from werkzeug.test import TestResponse

from scheduling.domain import PARTICIPANT

from .factories import Desk, at, created, ok, problem

LIVE = ("BOOKED", "CONFIRMED")

providers = st.integers(0, 1)
rooms = st.sampled_from([None, 0, 1])
patients = st.integers(0, 3)
starts = st.integers(0, 7)  # quarters of an hour, so that much collides
lengths = st.sampled_from([15, 30, 60])
any_of = st.integers(0, 10**6)


@dataclass
class Held:
    """A session as the model knows it."""

    id: str
    provider: int
    room: int | None
    start: datetime
    end: datetime
    capacity: int
    status: str = "SCHEDULED"
    of_one: bool = False  # made in one step with its appointment
    places: "list[Place]" = field(default_factory=list)

    def taken(self) -> int:
        return sum(place.status in LIVE for place in self.places)


@dataclass
class Place:
    """A participant as the model knows it."""

    id: str
    patient: int
    session: Held
    status: str = "BOOKED"


@dataclass
class World:
    """What every run shares; each run has a day of its own, so that none meets another's sessions."""

    desk: Desk
    providers: list[str]
    rooms: list[str]
    patients: list[str]
    days: Iterator[int]


class Scheduling(RuleBasedStateMachine):
    world: World

    def __init__(self) -> None:
        super().__init__()
        self.day = next(self.world.days)
        self.sessions: list[Held] = []
        self.places: list[Place] = []

    @rule(provider=providers, room=rooms, start=starts, minutes=lengths, capacity=st.integers(1, 3))
    def schedule(self, provider: int, room: int | None, start: int, minutes: int, capacity: int) -> None:
        held = self._held(provider, room, start, minutes, capacity)
        answer = self._post("/sessions", {**self._body(held), "session_type": "GROUP", "max_capacity": capacity})
        if self._told(answer, self._clash(held)):
            self._add(held, created(answer)["id"])

    @rule(provider=providers, room=rooms, start=starts, minutes=lengths, patient=patients)
    def appoint(self, provider: int, room: int | None, start: int, minutes: int, patient: int) -> None:
        held = self._held(provider, room, start, minutes, 1)
        answer = self._post("/appointments", {**self._body(held), "patient_id": self.world.patients[patient]})
        if self._told(answer, self._clash(held) or self._busy(held, patient)):
            made = created(answer)
            held.of_one = True
            self._add(held, made["session"]["id"])
            self._place(held, made["id"], patient)

    @precondition(lambda self: self.sessions)
    @rule(which=any_of, patient=patients)
    def book(self, which: int, patient: int) -> None:
        held = self.sessions[which % len(self.sessions)]
        answer = self._post(f"/sessions/{held.id}/participants", {"patient_id": self.world.patients[patient]})
        if self._told(answer, self._refusal(held, patient)):
            self._place(held, created(answer)["id"], patient)

    @precondition(lambda self: self.places)
    @rule(which=any_of, verb=st.sampled_from(["confirm", "cancel"]))
    def move(self, which: int, verb: str) -> None:
        place = self.places[which % len(self.places)]
        target = {"confirm": "CONFIRMED", "cancel": "CANCELLED"}[verb]
        allowed = target in PARTICIPANT.moves[place.status]
        answer = self._post(f"/participants/{place.id}/{verb}", {})
        if self._told(answer, None if allowed else "invalid-transition"):
            assert ok(answer)["status"] == target
            place.status = target
            if place.session.of_one and not place.session.taken():
                place.session.status = "CANCELLED"

    @precondition(lambda self: self.sessions)
    @rule(which=any_of)
    def cancel_session(self, which: int) -> None:
        held = self.sessions[which % len(self.sessions)]
        answer = self._post(f"/sessions/{held.id}/cancel", {})
        if self._told(answer, "invalid-transition" if held.status == "CANCELLED" else None):
            held.status = "CANCELLED"
            for place in held.places:
                place.status = "CANCELLED"

    def teardown(self) -> None:
        """Whatever was done, the service shows what the model holds, and nothing overlaps."""
        desk = self.world.desk
        bounds = {"from": at(self.day, 0).isoformat(), "to": at(self.day + 1, 0).isoformat()}
        shown = {s["id"]: s for s in ok(desk.centre.get("/sessions", limit=200, **bounds))["items"]}
        assert set(shown) == {held.id for held in self.sessions}
        for held in self.sessions:
            told = shown[held.id]
            assert (told["status"], told["current_capacity"]) == (held.status, held.taken())
            assert 0 <= held.taken() <= held.capacity
            inside = ok(desk.centre.get(f"/sessions/{held.id}/participants"))["items"]
            assert {p["id"]: p["status"] for p in inside} == {p.id: p.status for p in held.places}
        live = [held for held in self.sessions if held.status != "CANCELLED"]
        assert not [a for a in live for b in live if a is not b and self._shares(a, b)]

    def _held(self, provider: int, room: int | None, start: int, minutes: int, capacity: int) -> Held:
        begins = at(self.day, 9) + timedelta(minutes=15 * start)
        return Held("", provider, room, begins, begins + timedelta(minutes=minutes), capacity)

    def _body(self, held: Held) -> dict[str, Any]:
        return self.world.desk.place(
            provider_id=self.world.providers[held.provider],
            room_id=None if held.room is None else self.world.rooms[held.room],
            starts_at=held.start,
            duration_minutes=int((held.end - held.start).total_seconds() // 60),
        )

    def _post(self, path: str, body: dict[str, Any]) -> TestResponse:
        return self.world.desk.centre.post(path, body)

    def _told(self, answer: TestResponse, refusal: str | None) -> bool:
        """Whether it was done; the answer must be the one that the model foretells."""
        if refusal:
            problem(answer, 409, refusal)
            return False
        assert answer.status_code in (200, 201), answer.json
        return True

    def _add(self, held: Held, session_id: str) -> None:
        held.id = session_id
        self.sessions.append(held)

    def _place(self, held: Held, place_id: str, patient: int) -> None:
        place = Place(place_id, patient, held)
        held.places.append(place)
        self.places.append(place)

    def _overlapping(self, held: Held) -> list[Held]:
        return [
            other
            for other in self.sessions
            if other.status != "CANCELLED" and other is not held and other.start < held.end and held.start < other.end
        ]

    def _clash(self, held: Held) -> str | None:
        others = self._overlapping(held)
        if any(other.provider == held.provider for other in others):
            return "provider-busy"
        if held.room is not None and any(other.room == held.room for other in others):
            return "room-busy"
        return None

    def _busy(self, held: Held, patient: int) -> str | None:
        busy = any(p.patient == patient and p.status in LIVE for o in self._overlapping(held) for p in o.places)
        return "patient-busy" if busy else None

    def _refusal(self, held: Held, patient: int) -> str | None:
        if held.status == "CANCELLED":
            return "invalid-transition"
        if any(p.patient == patient and p.status in LIVE for p in held.places):
            return "already-enrolled"
        if held.taken() >= held.capacity:
            return "session-full"
        return self._busy(held, patient)

    def _shares(self, a: Held, b: Held) -> bool:
        if not (a.start < b.end and b.start < a.end):
            return False
        both = {p.patient for p in a.places if p.status in LIVE} & {p.patient for p in b.places if p.status in LIVE}
        return a.provider == b.provider or (a.room is not None and a.room == b.room) or bool(both)


@pytest.fixture
def world(desk: Desk) -> World:
    more = desk.centre.create_provider(desk.clinic)
    return World(
        desk,
        [desk.provider["id"], more["id"]],
        [desk.room["id"], desk.centre.create_room(desk.clinic)["id"]],
        desk.centre.create_patients(4),
        count(1),
    )


def test_any_order_of_operations_ends_as_the_model_foretells(world: World) -> None:
    machine = type("SchedulingHere", (Scheduling,), {"world": world})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=15,
            stateful_step_count=25,
            deadline=None,
            database=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        ),
    )
