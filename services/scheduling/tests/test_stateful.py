"""Any order of operations. Every answer is the one that a small model foretells, and no promise is ever broken."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test
from werkzeug.test import TestResponse

from scheduling.domain import LIVE_PARTICIPANT as LIVE
from scheduling.domain import PARTICIPANT, SESSION, UPCOMING_STATUSES

from .factories import EARLY, Desk, at, created, ok, problem

providers = st.integers(0, 1)
rooms = st.sampled_from([None, 0, 1])
patients = st.integers(0, 3)
starts = st.integers(0, 7)  # quarters of an hour, so that much collides
lengths = st.sampled_from([15, 30, 60])
any_of = st.integers(0, 10**6)


VERBS = {
    "confirm": "CONFIRMED",
    "check-in": "ARRIVED",
    "attend": "ATTENDED",
    "no-show": "NO_SHOW",
    "cancel": "CANCELLED",
}
SESSION_VERBS = {"start": "IN_PROGRESS", "complete": "COMPLETED", "cancel": "CANCELLED"}
OUTCOMES = ("ARRIVED", "ATTENDED", "NO_SHOW")
#: All of this is long before the start, and without a manager's reason these are refused.
UNTIMELY = ("no-show", "start", "complete")
AT_THE_END = {"BOOKED": "NO_SHOW", "CONFIRMED": "NO_SHOW", "ARRIVED": "ATTENDED"}


@dataclass(eq=False)
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
    spots: "list[Spot]" = field(default_factory=list)
    settled: "list[Spot]" = field(default_factory=list)  # by its completion

    @property
    def length(self) -> timedelta:
        return self.end - self.start

    def taken(self) -> int:
        return sum(spot.status in LIVE for spot in self.spots)


@dataclass(eq=False)
class Spot:
    """A participant as the model knows it."""

    id: str
    patient: int
    session: Held
    status: str = "BOOKED"
    before: list[str] = field(default_factory=list)  # each outcome

    def become(self, status: str) -> None:
        if status in OUTCOMES:
            self.before.append(self.status)
        self.status = status

    def undo(self) -> None:
        self.status = self.before.pop()


@dataclass
class World:
    """What every run shares. Each run has a day of its own, so that none meets another's sessions."""

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
        self.spots: list[Spot] = []

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
            self._spot(held, made["id"], patient)

    @precondition(lambda self: self.sessions)
    @rule(which=any_of, patient=patients)
    def book(self, which: int, patient: int) -> None:
        held = self.sessions[which % len(self.sessions)]
        answer = self._post(f"/sessions/{held.id}/participants", {"patient_id": self.world.patients[patient]})
        if self._told(answer, self._refusal(held, patient)):
            self._spot(held, created(answer)["id"], patient)

    @precondition(lambda self: self.spots)
    @rule(which=any_of, verb=st.sampled_from(list(VERBS)), reason=st.booleans())
    def act(self, which: int, verb: str, reason: bool) -> None:
        spot = self.spots[which % len(self.spots)]
        target = VERBS[verb]
        overriding = verb == "check-in" or (reason and verb in ("no-show", "cancel"))
        answer = self._post(f"/participants/{spot.id}/{verb}", EARLY if overriding else {})
        begun = verb == "cancel" and spot.session.status == "IN_PROGRESS"
        untimely = (begun or verb in UNTIMELY) and not overriding
        if self._told(answer, "invalid-transition" if untimely else self._no_move(spot, target)):
            assert ok(answer)["status"] == target
            spot.become(target)
            if target == "CANCELLED":
                self._freed(spot.session)

    @precondition(lambda self: self.spots)
    @rule(which=any_of)
    def undo(self, which: int) -> None:
        """Any, but mostly one that has an outcome."""
        some = [spot for spot in self.spots if which % 5 and spot.status in OUTCOMES] or self.spots
        spot = some[which % len(some)]
        if self._told(self._post(f"/participants/{spot.id}/undo", {}), self._no_undo(spot)):
            spot.undo()

    @precondition(lambda self: self.sessions)
    @rule(which=any_of)
    def undo_session(self, which: int) -> None:
        held = self.sessions[which % len(self.sessions)]
        lost = any(p.status == "NO_SHOW" and self._busy(held, p.patient) for p in held.settled)
        refusal = "undo-refused" if lost else None
        if held.status not in ("IN_PROGRESS", "COMPLETED"):
            refusal = "invalid-transition"
        if self._told(self._post(f"/sessions/{held.id}/undo", {}), refusal):
            held.status = "SCHEDULED" if held.status == "IN_PROGRESS" else "IN_PROGRESS"
            while held.settled:
                held.settled.pop().undo()

    @precondition(lambda self: self.spots and self.sessions)
    @rule(which=any_of, into=any_of)
    def change_seat(self, which: int, into: int) -> None:
        spot, target = self.spots[which % len(self.spots)], self.sessions[into % len(self.sessions)]
        answer = self._post(f"/participants/{spot.id}/reschedule", {"session_id": target.id})
        movable = spot.status in UPCOMING_STATUSES and spot.session.status == "SCHEDULED"
        refusal = self._refusal(target, spot.patient, spot) if movable else "invalid-transition"
        if self._told(answer, refusal):
            old = spot.session
            old.spots.remove(spot)
            target.spots.append(spot)
            spot.session = target
            self._freed(old)

    @precondition(lambda self: self.sessions)
    @rule(which=any_of, provider=providers, room=rooms, start=st.integers(8, 15))
    def move_session(self, which: int, provider: int, room: int | None, start: int) -> None:
        held = self.sessions[which % len(self.sessions)]
        new = replace(held, provider=provider, room=room, start=self._at(start), end=self._at(start) + held.length)
        if (new.provider, new.room, new.start) == (held.provider, held.room, held.start):
            return  # that it is there already is said by 422, and told elsewhere
        body = {name: self._body(new)[name] for name in ("provider_id", "room_id", "starts_at")}
        answer = self._post(f"/sessions/{held.id}/reschedule", body)
        busy = [self._busy(new, p.patient, held) for p in held.spots if p.status in LIVE]
        settled = new.start != held.start and any(spot.status == "ATTENDED" for spot in held.spots)
        stays = held.status != "SCHEDULED" or settled
        refusal = "invalid-transition" if stays else self._clash(new, held)
        if self._told(answer, refusal or next(filter(None, busy), None)):
            held.provider, held.room, held.start, held.end = new.provider, new.room, new.start, new.end

    @precondition(lambda self: self.sessions)
    @rule(which=any_of, capacity=st.integers(1, 4))
    def change_capacity(self, which: int, capacity: int) -> None:
        held = self.sessions[which % len(self.sessions)]
        if held.of_one:
            return
        answer = self.world.desk.patch({"id": held.id}, max_capacity=capacity)
        over = held.status not in ("SCHEDULED", "IN_PROGRESS")
        few = "capacity-below-participants" if capacity < held.taken() else None
        if self._told(answer, "invalid-transition" if over else few):
            held.capacity = capacity

    @precondition(lambda self: self.sessions)
    @rule(which=any_of, verb=st.sampled_from(list(SESSION_VERBS)), reason=st.booleans())
    def act_on_session(self, which: int, verb: str, reason: bool) -> None:
        held = self.sessions[which % len(self.sessions)]
        target = SESSION_VERBS[verb]
        here = any(spot.status in ("ARRIVED", "ATTENDED") for spot in held.spots)
        allowed = target in SESSION.moves[held.status] and not (target == "CANCELLED" and here)
        begun = verb == "cancel" and held.status == "IN_PROGRESS"
        allowed = allowed and (reason or not (begun or verb in UNTIMELY))
        answer = self._post(f"/sessions/{held.id}/{verb}", EARLY if reason else {})
        if not self._told(answer, None if allowed else "invalid-transition"):
            return
        held.status = target
        for spot in held.spots:
            if target == "CANCELLED" and spot.status in UPCOMING_STATUSES:
                spot.status = "CANCELLED"
            elif target == "COMPLETED" and spot.status in AT_THE_END:
                spot.become(AT_THE_END[spot.status])
                held.settled.append(spot)

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
            assert {p["id"]: p["status"] for p in inside} == {p.id: p.status for p in held.spots}
        live = [held for held in self.sessions if held.status != "CANCELLED"]
        assert not [a for a in live for b in live if a is not b and self._shares(a, b)]

    def _held(self, provider: int, room: int | None, start: int, minutes: int, capacity: int) -> Held:
        begins = self._at(start)
        return Held("", provider, room, begins, begins + timedelta(minutes=minutes), capacity)

    def _at(self, start: int) -> datetime:
        return at(self.day, 9) + timedelta(minutes=15 * start)

    def _body(self, held: Held) -> dict[str, Any]:
        return self.world.desk.placement(
            provider_id=self.world.providers[held.provider],
            room_id=None if held.room is None else self.world.rooms[held.room],
            starts_at=held.start,
            duration_minutes=int((held.end - held.start).total_seconds() // 60),
        )

    def _post(self, path: str, body: dict[str, Any]) -> TestResponse:
        return self.world.desk.centre.post(path, body)

    def _told(self, answer: TestResponse, refusal: str | None) -> bool:
        """Whether it was done. The answer must be the one that the model foretells."""
        if refusal:
            problem(answer, 409, refusal)
            return False
        assert answer.status_code in (200, 201), answer.json
        return True

    def _add(self, held: Held, session_id: str) -> None:
        held.id = session_id
        self.sessions.append(held)

    def _spot(self, held: Held, place_id: str, patient: int) -> None:
        spot = Spot(place_id, patient, held)
        held.spots.append(spot)
        self.spots.append(spot)

    def _freed(self, held: Held) -> None:
        nobody = all(spot.status == "CANCELLED" for spot in held.spots)
        if held.of_one and held.status in ("SCHEDULED", "IN_PROGRESS") and nobody:
            held.status = "CANCELLED"

    def _overlapping(self, held: Held, moving: Held | None = None) -> list[Held]:
        return [
            other
            for other in self.sessions
            if other.status != "CANCELLED"
            and other not in (held, moving)
            and other.start < held.end
            and held.start < other.end
        ]

    def _clash(self, held: Held, moving: Held | None = None) -> str | None:
        others = self._overlapping(held, moving)
        if any(other.provider == held.provider for other in others):
            return "provider-busy"
        if held.room is not None and any(other.room == held.room for other in others):
            return "room-busy"
        return None

    def _busy(self, held: Held, patient: int, moving: Held | None = None, leaving: Spot | None = None) -> str | None:
        busy = any(
            p.patient == patient and p.status in LIVE and p is not leaving
            for o in self._overlapping(held, moving)
            for p in o.spots
        )
        return "patient-busy" if busy else None

    def _refusal(self, held: Held, patient: int, leaving: Spot | None = None) -> str | None:
        if held.status != "SCHEDULED":
            return "invalid-transition"
        if any(p.patient == patient and p.status in LIVE for p in held.spots):
            return "already-enrolled"
        if held.taken() >= held.capacity:
            return "session-full"
        return self._busy(held, patient, leaving=leaving)

    def _no_move(self, spot: Spot, target: str) -> str | None:
        held = spot.session
        if target not in PARTICIPANT.moves[spot.status]:
            return "invalid-transition"
        if target == "ARRIVED" and held.status not in ("SCHEDULED", "IN_PROGRESS"):
            return "invalid-transition"
        if spot.status == "NO_SHOW":
            again = any(p.patient == spot.patient and p.status in LIVE for p in held.spots)
            if held.taken() >= held.capacity:
                return "session-full"
            return "patient-busy" if again else self._busy(held, spot.patient)
        return None

    def _no_undo(self, spot: Spot) -> str | None:
        held = spot.session
        if spot.status not in OUTCOMES or held.status not in ("SCHEDULED", "IN_PROGRESS"):
            return "invalid-transition"
        if spot.status != "NO_SHOW":
            return None
        if any(p.patient == spot.patient and p.status in LIVE for p in held.spots):
            return "already-enrolled"
        if held.taken() >= held.capacity:
            return "session-full"
        return self._busy(held, spot.patient)

    def _shares(self, a: Held, b: Held) -> bool:
        if not (a.start < b.end and b.start < a.end):
            return False
        both = {p.patient for p in a.spots if p.status in LIVE} & {p.patient for p in b.spots if p.status in LIVE}
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
            max_examples=20,
            stateful_step_count=25,
            deadline=None,
            database=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        ),
    )
