"""Whatever is done to a package and its appointments, in any order: its progress is what a small model foretells."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test
from sqlalchemy import text
from werkzeug.test import TestResponse

from scheduling.operations import progress

from .factories import EARLY, Desk, at, created, ok, problem
from .test_package_changes import create, read
from .test_races import overlaps

TOTAL = 4
LIVE = ("BOOKED", "ARRIVED", "ATTENDED")
HOUR = timedelta(hours=1)

numbers = st.integers(1, TOTAL)
who = st.integers(0, 1)
days = st.integers(1, 8)
hours = st.integers(6, 8)
seats = st.integers(0, 10**6)

OUT_OF_STEP = text("""
    SELECT count(*) FROM package_sessions s
    WHERE (SELECT count(*) FROM participants p WHERE p.package_session_id = s.id AND p.live)
       <> CASE WHEN s.status IN ('SCHEDULED', 'COMPLETED') THEN 1 ELSE 0 END
""")


@dataclass(eq=False)
class Seat:
    """An appointment of the package; one that was missed keeps its provider's time."""

    id: str
    appointment_number: str
    provider: str
    start: datetime
    status: str = "BOOKED"
    before: list[str] = field(default_factory=list)  # each outcome

    def become(self, outcome: str) -> None:
        self.before.append(self.status)
        self.status = outcome

    def meets(self, start: datetime) -> bool:
        return self.start < start + HOUR and start < self.start + HOUR


@dataclass(eq=False)
class Step:
    provider: str
    status: str = "PENDING"
    owed: bool = True
    seat: Seat | None = None

    @property
    def outstanding(self) -> bool:
        return self.status in ("PENDING", "FAILED") or (self.status == "CANCELLED" and self.owed)

    @property
    def coming(self) -> bool:
        return self.status == "SCHEDULED" and self.seat is not None and self.seat.status == "BOOKED"


@dataclass
class Model:
    steps: list[Step]
    status: str = "DRAFT"
    paused: bool = False
    make_up: bool = False
    seats: list[tuple[Step, Seat]] = field(default_factory=list)

    def closed(self) -> str | None:
        """Why the package does not change now."""
        if self.status in ("COMPLETED", "CANCELLED"):
            return "invalid-transition"
        return "package-paused" if self.paused else None

    def busy(self, provider: str, start: datetime, moving: "tuple[Seat, ...]" = ()) -> str | None:
        others = [seat for _, seat in self.seats if seat not in moving and seat.meets(start)]
        if any(seat.provider == provider and seat.status != "CANCELLED" for seat in others):
            return "provider-busy"
        return "patient-busy" if any(seat.status in LIVE for seat in others) else None

    def give_up(self, step: Step, status: str, *, owed: bool = True) -> None:
        if step.seat and step.coming:
            step.seat.status = "CANCELLED"
        step.status, step.owed = status, owed

    def begin(self) -> None:
        self.status = "IN_PROGRESS" if self.status in ("SCHEDULED", "COMPLETED") else self.status

    def go_back(self) -> None:
        self.begin()
        begun = any(seat.status in ("ARRIVED", "ATTENDED", "NO_SHOW") for _, seat in self.seats)
        if self.status == "IN_PROGRESS" and not begun:
            self.status = "SCHEDULED"

    def finish(self) -> None:
        left = any(step.outstanding or step.status == "SCHEDULED" for step in self.steps)
        if self.status == "IN_PROGRESS" and not left:
            self.status, self.paused = "COMPLETED", False


class Course(RuleBasedStateMachine):
    desk: Desk

    def __init__(self) -> None:
        super().__init__()
        centre = self.desk.centre
        self.providers = [centre.create_provider(self.desk.clinic)["id"] for _ in range(2)]
        asked = self.desk.package_body(provider_id=self.providers[0], total_sessions=TOTAL, preferred_time="10:00")
        package = created(centre.post("/packages", asked))
        self.path = f"/packages/{package['id']}"
        self.model = Model([Step(self.providers[0]) for _ in range(TOTAL)])
        self.set_rule(make_up=False)
        self.model.status = "SCHEDULED"
        self._see(package, self.model.steps)

    @rule(make_up=st.booleans())
    def set_rule(self, make_up: bool) -> None:
        rules = ok(self.desk.centre.get("/settings"))
        ok(self.desk.centre.client().put("/settings", {**rules, "make_up_no_shows": make_up}))
        self.model.make_up = make_up

    @rule(which=seats)
    def check_in(self, which: int) -> None:
        model, (step, seat) = self.model, self._seat(which, "BOOKED", "NO_SHOW")
        answer = self._act(seat, "check-in", {"override": {"reason": "Long before the day"}})
        if seat.status == "NO_SHOW":
            again = step.seat is not seat and step.seat is not None and step.seat.status in LIVE
            others = any(s.meets(seat.start) for _, s in model.seats if s is not seat and s.status in LIVE)
            refusals = ["already-enrolled"] * again + ["patient-busy"] * others
            if refusals:
                assert answer.get_json()["code"] in refusals
                return
        elif seat.status != "BOOKED":
            problem(answer, 409, "invalid-transition")
            return
        ok(answer)
        seat.become("ARRIVED")
        step.status, step.owed, step.seat = "SCHEDULED", True, seat
        model.begin()
        self._check()

    @rule(which=seats)
    def attend(self, which: int) -> None:
        step, seat = self._seat(which, "ARRIVED")
        if self._told(self._act(seat, "attend"), None if seat.status == "ARRIVED" else "invalid-transition"):
            seat.become("ATTENDED")
            step.status = "COMPLETED"
            self.model.begin()
            self.model.finish()
            self._check()

    @rule(which=seats)
    def miss(self, which: int) -> None:
        step, seat = self._seat(which, "BOOKED")
        if self._told(self._act(seat, "no-show", EARLY), None if seat.status == "BOOKED" else "invalid-transition"):
            seat.become("NO_SHOW")
            self.model.give_up(step, "CANCELLED", owed=self.model.make_up and self.model.status != "CANCELLED")
            self.model.begin()
            self.model.finish()
            self._check()

    @rule(which=seats)
    def undo(self, which: int) -> None:
        model, (step, seat) = self.model, self._seat(which, "ARRIVED", "ATTENDED", "NO_SHOW")
        answer = self._act(seat, "undo")
        if not seat.before or seat.status == "CANCELLED":
            problem(answer, 409, "invalid-transition")
            return
        if seat.status == "NO_SHOW":
            again = step.seat is not seat and step.seat is not None and step.seat.status in LIVE
            others = any(s.meets(seat.start) for _, s in model.seats if s is not seat and s.status in LIVE)
            if again or others:
                problem(answer, 409, "already-enrolled" if again else "patient-busy")
                return
        ok(answer)
        seat.status = seat.before.pop()
        if seat.status == "NO_SHOW":
            model.give_up(step, "CANCELLED", owed=model.make_up and model.status != "CANCELLED")
            model.begin()
            model.finish()
        else:
            step.status, step.owed, step.seat = "SCHEDULED", True, seat
            model.go_back()
        self._check()

    @rule(which=seats)
    def cancel_appointment(self, which: int) -> None:
        step, seat = self._seat(which, "BOOKED")
        if self._told(self._act(seat, "cancel"), None if seat.status == "BOOKED" else "invalid-transition"):
            self.model.give_up(step, "CANCELLED", owed=self.model.status != "CANCELLED")
            self._check()

    @rule(which=seats, provider=who, day=days, hour=hours)
    def reschedule(self, which: int, provider: int, day: int, hour: int) -> None:
        number = self._number(which, lambda step: step.coming)
        step, holder, start = self._step(number), self.providers[provider], at(day, hour)
        seat = step.seat
        refusal = self.model.closed() or (None if seat and step.coming else "invalid-transition")
        if seat and not refusal:
            if (seat.provider, seat.start) == (holder, start):
                return  # that it is there already is said by 422, and told elsewhere
            refusal = self.model.busy(holder, start, (seat,))
        given = {"provider_id": holder, "starts_at": start.isoformat()}
        if self._told(self._post(f"/sessions/{number}/reschedule", given), refusal) and seat:
            seat.provider = step.provider = holder
            seat.start = start
            self._check()

    @rule(which=seats, provider=who, day=days, hour=hours)
    def place_by_hand(self, which: int, provider: int, day: int, hour: int) -> None:
        number = self._number(which, lambda step: step.outstanding)
        step, holder, start = self._step(number), self.providers[provider], at(day, hour)
        refusal = self.model.closed() or (None if step.outstanding else "invalid-transition")
        refusal = refusal or self.model.busy(holder, start)
        answer = self._post(f"/sessions/{number}/schedule", {"provider_id": holder, "starts_at": start.isoformat()})
        if self._told(answer, refusal):
            step.provider, self.model.status = holder, self._scheduled()
            self._see(ok(answer), [step])
            assert (step.status, step.seat and step.seat.start) == ("SCHEDULED", start)

    @rule()
    def retry(self) -> None:
        answer = self._post("/schedule")
        if self._told(answer, self.model.closed()):
            self._placed(answer)

    @rule(number=numbers, owed=st.booleans())
    def cancel_one(self, number: int, owed: bool) -> None:
        model, step = self.model, self._step(number)
        rest = [s for s in model.steps if s is not step and (s.status in ("SCHEDULED", "COMPLETED") or s.outstanding)]
        allowed = (rest or owed) and (step.coming or (step.outstanding and not owed))
        over = model.status in ("COMPLETED", "CANCELLED")
        refusal = "invalid-transition" if over or not allowed else None
        if self._told(self._post(f"/sessions/{number}/cancel", {"owed": owed}), refusal):
            model.give_up(step, "CANCELLED", owed=owed)
            model.finish()
            self._check()

    @rule(number=numbers, by=st.sampled_from([-2, -1, 1, 2]), whole=st.booleans())
    def shift(self, number: int, by: int, whole: bool) -> None:
        moving = {s: s.seat for s in self.model.steps[number - 1 :] if s.coming and s.seat}
        refusal = self.model.closed() or (None if moving else "invalid-transition")
        later, among = timedelta(days=by), tuple(moving.values())
        lost = [s for s, seat in moving.items() if self.model.busy(seat.provider, seat.start + later, among)]
        if whole and lost and not refusal:
            refusal = "package-conflicts"
        given = {"from_session_number": number, "days": by, "all_or_nothing": whole}
        if self._told(self._post("/shift", given), refusal):
            for step, seat in moving.items():
                if step in lost:
                    self.model.give_up(step, "FAILED")
                else:
                    seat.start += later
            self._check()

    @rule(number=numbers, day=days)
    def plan_anew(self, number: int, day: int) -> None:
        moving = [s for s in self.model.steps[number - 1 :] if s.coming]
        given = {"from_session_number": number, "start_date": at(day).date().isoformat(), "all_or_nothing": False}
        answer = self._post("/shift", given)
        if answer.status_code == 422:  # they are there already
            assert moving
            self._check()
        elif self._told(answer, self.model.closed() or (None if moving else "invalid-transition")):
            self._see(ok(answer), moving)

    @rule(first=numbers, last=numbers, provider=who)
    def substitute(self, first: int, last: int, provider: int) -> None:
        model, holder = self.model, self.providers[provider]
        first, last = sorted((first, last))
        steps = model.steps[first - 1 : last]
        placed = {s: s.seat.start for s in steps if s.coming and s.seat and s.seat.provider != holder}
        waiting = [s for s in steps if s.outstanding and s.provider != holder]
        over = model.status in ("COMPLETED", "CANCELLED") or not (placed or waiting)
        given = {"from_session_number": first, "to_session_number": last, "provider_id": holder}
        answer = self._post("/substitute", {**given, "all_or_nothing": False})
        if self._told(answer, "invalid-transition" if over else None):
            moving = tuple(s.seat for s in placed if s.seat)
            same = [s for s, start in placed.items() if not model.busy(holder, start, moving)]
            for step in (*placed, *waiting):
                step.provider = holder
            self._see(ok(answer), list(placed))
            assert all(step.seat and step.seat.start == placed[step] for step in same)

    @precondition(lambda self: not self.model.paused)
    @rule()
    def pause(self) -> None:
        if self._told(self._post("/pause"), self.model.closed()):
            for step in self.model.steps:
                if step.coming:
                    self.model.give_up(step, "PENDING")
            self.model.paused = True
            self._check()

    @precondition(lambda self: self.model.paused)
    @rule()
    def resume(self) -> None:
        answer = self._post("/resume")
        if self._told(answer, None if self.model.paused else "invalid-transition"):
            self.model.paused = False
            self._placed(answer)

    @rule(sure=st.integers(0, 5))
    def cancel(self, sure: int) -> None:
        if sure:
            return  # or there would be little to see after it
        over = self.model.status in ("COMPLETED", "CANCELLED")
        if self._told(self._post("/cancel"), "invalid-transition" if over else None):
            for step in self.model.steps:
                if step.coming or step.outstanding:
                    self.model.give_up(step, "CANCELLED", owed=False)
            self.model.status, self.model.paused = "CANCELLED", False
            self._check()

    def teardown(self) -> None:
        """Nothing overlaps, and the package's sessions are those of its appointments."""
        assert overlaps(self.desk) == 0
        with self.desk.centre.kit.transaction(self.desk.centre.tenant) as db:
            assert db.execute(OUT_OF_STEP).scalar_one() == 0

    def _number(self, which: int, likely: Callable[[Step], bool]) -> int:
        """Any, but mostly one that is likely."""
        some = [n for n in range(1, TOTAL + 1) if which % 5 and likely(self._step(n))]
        return some[which % len(some)] if some else which % TOTAL + 1

    def _step(self, number: int) -> Step:
        return self.model.steps[number - 1]

    def _seat(self, which: int, *likely: str) -> tuple[Step, Seat]:
        """Any, but mostly one of a likely state."""
        some = [(step, seat) for step, seat in self.model.seats if which % 5 and seat.status in likely]
        return (some or self.model.seats)[which % len(some or self.model.seats)]

    def _post(self, what: str, given: dict[str, Any] | None = None) -> TestResponse:
        return self.desk.centre.post(self.path + what, given or {})

    def _act(self, seat: Seat, verb: str, given: dict[str, Any] | None = None) -> TestResponse:
        return self.desk.centre.post(f"/participants/{seat.id}/{verb}", given or {})

    def _told(self, answer: TestResponse, refusal: str | None) -> bool:
        """Whether it was done; the answer must be the one that the model foretells."""
        if refusal:
            problem(answer, 409, refusal)
            return False
        ok(answer)
        return True

    def _scheduled(self) -> str:
        return "SCHEDULED" if self.model.status == "DRAFT" else self.model.status

    def _placed(self, answer: TestResponse) -> None:
        self._see(ok(answer), [step for step in self.model.steps if step.outstanding])

    def _see(self, shown: dict[str, Any], planned: list[Step]) -> None:
        """Take over where the planner has put these, and compare all that it had no say in."""
        for step in planned:
            told = shown["sessions"][self.model.steps.index(step)]
            if told["status"] != "SCHEDULED":
                assert told["status"] == "FAILED"
                self.model.give_up(step, "FAILED")
                continue
            if step.seat is None or step.seat.id != told["appointment_id"]:
                step.seat = Seat(told["appointment_id"], told["appointment_number"], "", at())
                self.model.seats.append((step, step.seat))
            assert told["provider_id"] == step.provider
            step.status, step.owed = "SCHEDULED", True
            step.seat.provider, step.seat.start = step.provider, datetime.fromisoformat(told["starts_at"])
        self._check()

    def _check(self) -> None:
        shown, model = ok(self.desk.centre.get(self.path)), self.model
        counts = Counter(step.status.lower() for step in model.steps)
        assert (shown["status"], shown["is_paused"]) == (model.status, model.paused)
        for status in ("pending", "scheduled", "completed", "failed", "cancelled"):
            assert shown[f"{status}_sessions_count"] == counts[status]
        assert shown["progress_percentage"] == 100 * counts["completed"] / TOTAL
        for told, step in zip(shown["sessions"], model.steps, strict=True):
            assert (told["status"], told["owed"]) == (step.status, step.owed)
            assert step.seat
            if step.status in ("SCHEDULED", "COMPLETED"):
                assert (told["appointment_id"], told["provider_id"]) == (step.seat.id, step.seat.provider)
                assert (told["appointment_number"], told["appointment_status"]) == (
                    step.seat.appointment_number,
                    step.seat.status,
                )
                assert datetime.fromisoformat(told["starts_at"]) == step.seat.start


@pytest.mark.timeout(240)
def test_progress_is_true_after_any_order_of_changes(desk: Desk) -> None:
    run_state_machine_as_test(
        type("CourseHere", (Course,), {"desk": desk}),
        settings=settings(
            max_examples=15,
            stateful_step_count=30,
            deadline=None,
            database=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.parametrize("verb", ["attend", "cancel", "no-show"])
def test_control_an_appointment_that_its_package_does_not_follow_is_refused(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    package = create(desk)
    participant = {"id": package["sessions"][0]["appointment_id"]}
    if verb == "attend":
        ok(desk.do(participant, "check-in", override={"reason": "Long before the day"}))
    before, given = desk.centre.state(), EARLY if verb == "no-show" else {}
    with monkeypatch.context() as patched:
        patched.setattr(progress, "follow", lambda *_, **__: None)
        problem(desk.do(participant, verb, **given), 409, "conflict")
    assert desk.centre.state() == before
    ok(desk.do(participant, verb, **given))
    assert read(desk, package)["scheduled_sessions_count"] == 3
