"""Whatever is done to a package and its appointments, in any order. Its progress is what a small model foretells."""

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

from scheduling.packages.operations import progress

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
spots = st.integers(0, 10**6)

OUT_OF_STEP = text("""
    SELECT count(*) FROM package_sessions s
    WHERE (SELECT count(*) FROM participants p WHERE p.package_session_id = s.id AND p.live)
       <> CASE WHEN s.status IN ('SCHEDULED', 'COMPLETED') THEN 1 ELSE 0 END
""")


@dataclass(eq=False)
class Spot:
    """An appointment of the package. One that was missed keeps its provider's time."""

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
class PackageSessionModel:
    provider: str
    status: str = "PENDING"
    owed: bool = True
    spot: Spot | None = None

    @property
    def outstanding(self) -> bool:
        return self.status in ("PENDING", "FAILED") or (self.status == "CANCELLED" and self.owed)

    @property
    def coming(self) -> bool:
        return self.status == "SCHEDULED" and self.spot is not None and self.spot.status == "BOOKED"


@dataclass
class Model:
    package_sessions: list[PackageSessionModel]
    status: str = "DRAFT"
    paused: bool = False
    make_up: bool = False
    spots: list[tuple[PackageSessionModel, Spot]] = field(default_factory=list)

    def closed(self) -> str | None:
        """Why the package does not change now."""
        if self.status in ("COMPLETED", "CANCELLED"):
            return "invalid-transition"
        return "package-paused" if self.paused else None

    def busy(self, provider: str, start: datetime, moving: "tuple[Spot, ...]" = ()) -> str | None:
        others = [spot for _, spot in self.spots if spot not in moving and spot.meets(start)]
        if any(spot.provider == provider and spot.status != "CANCELLED" for spot in others):
            return "provider-busy"
        return "patient-busy" if any(spot.status in LIVE for spot in others) else None

    def give_up(self, package_session: PackageSessionModel, status: str, *, owed: bool = True) -> None:
        if package_session.spot and package_session.coming:
            package_session.spot.status = "CANCELLED"
        package_session.status, package_session.owed = status, owed

    def begin(self) -> None:
        self.status = "IN_PROGRESS" if self.status in ("SCHEDULED", "COMPLETED") else self.status

    def go_back(self) -> None:
        self.begin()
        begun = any(spot.status in ("ARRIVED", "ATTENDED", "NO_SHOW") for _, spot in self.spots)
        if self.status == "IN_PROGRESS" and not begun:
            self.status = "SCHEDULED"

    def finish(self) -> None:
        left = any(
            package_session.outstanding or package_session.status == "SCHEDULED"
            for package_session in self.package_sessions
        )
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
        self.model = Model([PackageSessionModel(self.providers[0]) for _ in range(TOTAL)])
        self.set_rule(make_up=False)
        self.model.status = "SCHEDULED"
        self._see(package, self.model.package_sessions)

    @rule(make_up=st.booleans())
    def set_rule(self, make_up: bool) -> None:
        rules = ok(self.desk.centre.get("/settings"))
        ok(self.desk.centre.client().put("/settings", {**rules, "make_up_no_shows": make_up}))
        self.model.make_up = make_up

    @rule(which=spots)
    def check_in(self, which: int) -> None:
        model, (package_session, spot) = self.model, self._spot(which, "BOOKED", "NO_SHOW")
        answer = self._act(spot, "check-in", {"override": {"reason": "Long before the day"}})
        if spot.status == "NO_SHOW":
            again = (
                package_session.spot is not spot
                and package_session.spot is not None
                and package_session.spot.status in LIVE
            )
            others = any(s.meets(spot.start) for _, s in model.spots if s is not spot and s.status in LIVE)
            refusals = ["already-enrolled"] * again + ["patient-busy"] * others
            if refusals:
                assert answer.get_json()["code"] in refusals
                return
        elif spot.status != "BOOKED":
            problem(answer, 409, "invalid-transition")
            return
        ok(answer)
        spot.become("ARRIVED")
        package_session.status, package_session.owed, package_session.spot = "SCHEDULED", True, spot
        model.begin()
        self._check()

    @rule(which=spots)
    def attend(self, which: int) -> None:
        package_session, spot = self._spot(which, "ARRIVED")
        if self._told(self._act(spot, "attend"), None if spot.status == "ARRIVED" else "invalid-transition"):
            spot.become("ATTENDED")
            package_session.status = "COMPLETED"
            self.model.begin()
            self.model.finish()
            self._check()

    @rule(which=spots)
    def miss(self, which: int) -> None:
        package_session, spot = self._spot(which, "BOOKED")
        if self._told(self._act(spot, "no-show", EARLY), None if spot.status == "BOOKED" else "invalid-transition"):
            spot.become("NO_SHOW")
            self.model.give_up(
                package_session, "CANCELLED", owed=self.model.make_up and self.model.status != "CANCELLED"
            )
            self.model.begin()
            self.model.finish()
            self._check()

    @rule(which=spots)
    def undo(self, which: int) -> None:
        model, (package_session, spot) = self.model, self._spot(which, "ARRIVED", "ATTENDED", "NO_SHOW")
        answer = self._act(spot, "undo")
        if not spot.before or spot.status == "CANCELLED":
            problem(answer, 409, "invalid-transition")
            return
        if spot.status == "NO_SHOW":
            again = (
                package_session.spot is not spot
                and package_session.spot is not None
                and package_session.spot.status in LIVE
            )
            others = any(s.meets(spot.start) for _, s in model.spots if s is not spot and s.status in LIVE)
            if again or others:
                problem(answer, 409, "already-enrolled" if again else "patient-busy")
                return
        ok(answer)
        spot.status = spot.before.pop()
        if spot.status == "NO_SHOW":
            model.give_up(package_session, "CANCELLED", owed=model.make_up and model.status != "CANCELLED")
            model.begin()
            model.finish()
        else:
            package_session.status, package_session.owed, package_session.spot = "SCHEDULED", True, spot
            model.go_back()
        self._check()

    @rule(which=spots)
    def cancel_appointment(self, which: int) -> None:
        package_session, spot = self._spot(which, "BOOKED")
        if self._told(self._act(spot, "cancel"), None if spot.status == "BOOKED" else "invalid-transition"):
            self.model.give_up(package_session, "CANCELLED", owed=self.model.status != "CANCELLED")
            self._check()

    @rule(which=spots, provider=who, day=days, hour=hours)
    def reschedule(self, which: int, provider: int, day: int, hour: int) -> None:
        number = self._number(which, lambda package_session: package_session.coming)
        package_session, holder, start = self._package_session(number), self.providers[provider], at(day, hour)
        spot = package_session.spot
        refusal = self.model.closed() or (None if spot and package_session.coming else "invalid-transition")
        if spot and not refusal:
            if (spot.provider, spot.start) == (holder, start):
                return  # that it is there already is said by 422, and told elsewhere
            refusal = self.model.busy(holder, start, (spot,))
        given = {"provider_id": holder, "starts_at": start.isoformat()}
        if self._told(self._post(f"/sessions/{number}/reschedule", given), refusal) and spot:
            spot.provider = package_session.provider = holder
            spot.start = start
            self._check()

    @rule(which=spots, provider=who, day=days, hour=hours)
    def place_by_hand(self, which: int, provider: int, day: int, hour: int) -> None:
        number = self._number(which, lambda package_session: package_session.outstanding)
        package_session, holder, start = self._package_session(number), self.providers[provider], at(day, hour)
        refusal = self.model.closed() or (None if package_session.outstanding else "invalid-transition")
        refusal = refusal or self.model.busy(holder, start)
        answer = self._post(f"/sessions/{number}/schedule", {"provider_id": holder, "starts_at": start.isoformat()})
        if self._told(answer, refusal):
            package_session.provider, self.model.status = holder, self._scheduled()
            self._see(ok(answer), [package_session])
            assert (package_session.status, package_session.spot and package_session.spot.start) == ("SCHEDULED", start)

    @rule()
    def retry(self) -> None:
        answer = self._post("/schedule")
        if self._told(answer, self.model.closed()):
            self._placed(answer)

    @rule(number=numbers, owed=st.booleans())
    def cancel_one(self, number: int, owed: bool) -> None:
        model, package_session = self.model, self._package_session(number)
        rest = [
            s
            for s in model.package_sessions
            if s is not package_session and (s.status in ("SCHEDULED", "COMPLETED") or s.outstanding)
        ]
        allowed = (rest or owed) and (package_session.coming or (package_session.outstanding and not owed))
        over = model.status in ("COMPLETED", "CANCELLED")
        refusal = "invalid-transition" if over or not allowed else None
        if self._told(self._post(f"/sessions/{number}/cancel", {"owed": owed}), refusal):
            model.give_up(package_session, "CANCELLED", owed=owed)
            model.finish()
            self._check()

    @rule(number=numbers, by=st.sampled_from([-2, -1, 1, 2]), whole=st.booleans())
    def shift(self, number: int, by: int, whole: bool) -> None:
        moving = {s: s.spot for s in self.model.package_sessions[number - 1 :] if s.coming and s.spot}
        refusal = self.model.closed() or (None if moving else "invalid-transition")
        later, among = timedelta(days=by), tuple(moving.values())
        lost = [s for s, spot in moving.items() if self.model.busy(spot.provider, spot.start + later, among)]
        if whole and lost and not refusal:
            refusal = "package-conflicts"
        given = {"from_session_number": number, "days": by, "all_or_nothing": whole}
        if self._told(self._post("/shift", given), refusal):
            for package_session, spot in moving.items():
                if package_session in lost:
                    self.model.give_up(package_session, "FAILED")
                else:
                    spot.start += later
            self._check()

    @rule(number=numbers, day=days)
    def plan_anew(self, number: int, day: int) -> None:
        moving = [s for s in self.model.package_sessions[number - 1 :] if s.coming]
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
        package_sessions = model.package_sessions[first - 1 : last]
        placed = {s: s.spot.start for s in package_sessions if s.coming and s.spot and s.spot.provider != holder}
        waiting = [s for s in package_sessions if s.outstanding and s.provider != holder]
        over = model.status in ("COMPLETED", "CANCELLED") or not (placed or waiting)
        given = {"from_session_number": first, "to_session_number": last, "provider_id": holder}
        answer = self._post("/substitute", {**given, "all_or_nothing": False})
        if self._told(answer, "invalid-transition" if over else None):
            moving = tuple(s.spot for s in placed if s.spot)
            same = [s for s, start in placed.items() if not model.busy(holder, start, moving)]
            for package_session in (*placed, *waiting):
                package_session.provider = holder
            self._see(ok(answer), list(placed))
            assert all(
                package_session.spot and package_session.spot.start == placed[package_session]
                for package_session in same
            )

    @precondition(lambda self: not self.model.paused)
    @rule()
    def pause(self) -> None:
        if self._told(self._post("/pause"), self.model.closed()):
            for package_session in self.model.package_sessions:
                if package_session.coming:
                    self.model.give_up(package_session, "PENDING")
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
            for package_session in self.model.package_sessions:
                if package_session.coming or package_session.outstanding:
                    self.model.give_up(package_session, "CANCELLED", owed=False)
            self.model.status, self.model.paused = "CANCELLED", False
            self._check()

    def teardown(self) -> None:
        """Nothing overlaps, and the package's sessions are those of its appointments."""
        assert overlaps(self.desk) == 0
        with self.desk.centre.kit.transaction(self.desk.centre.tenant) as db:
            assert db.execute(OUT_OF_STEP).scalar_one() == 0

    def _number(self, which: int, likely: Callable[[PackageSessionModel], bool]) -> int:
        """Any, but mostly one that is likely."""
        some = [n for n in range(1, TOTAL + 1) if which % 5 and likely(self._package_session(n))]
        return some[which % len(some)] if some else which % TOTAL + 1

    def _package_session(self, number: int) -> PackageSessionModel:
        return self.model.package_sessions[number - 1]

    def _spot(self, which: int, *likely: str) -> tuple[PackageSessionModel, Spot]:
        """Any, but mostly one of a likely state."""
        some = [
            (package_session, spot) for package_session, spot in self.model.spots if which % 5 and spot.status in likely
        ]
        return (some or self.model.spots)[which % len(some or self.model.spots)]

    def _post(self, what: str, given: dict[str, Any] | None = None) -> TestResponse:
        return self.desk.centre.post(self.path + what, given or {})

    def _act(self, spot: Spot, verb: str, given: dict[str, Any] | None = None) -> TestResponse:
        return self.desk.centre.post(f"/participants/{spot.id}/{verb}", given or {})

    def _told(self, answer: TestResponse, refusal: str | None) -> bool:
        """Whether it was done. The answer must be the one that the model foretells."""
        if refusal:
            problem(answer, 409, refusal)
            return False
        ok(answer)
        return True

    def _scheduled(self) -> str:
        return "SCHEDULED" if self.model.status == "DRAFT" else self.model.status

    def _placed(self, answer: TestResponse) -> None:
        self._see(
            ok(answer),
            [package_session for package_session in self.model.package_sessions if package_session.outstanding],
        )

    def _see(self, shown: dict[str, Any], planned: list[PackageSessionModel]) -> None:
        """Take over where the planner has put these, and compare all that it had no say in."""
        for package_session in planned:
            told = shown["sessions"][self.model.package_sessions.index(package_session)]
            if told["status"] != "SCHEDULED":
                assert told["status"] == "FAILED"
                self.model.give_up(package_session, "FAILED")
                continue
            if package_session.spot is None or package_session.spot.id != told["appointment_id"]:
                package_session.spot = Spot(told["appointment_id"], told["appointment_number"], "", at())
                self.model.spots.append((package_session, package_session.spot))
            assert told["provider_id"] == package_session.provider
            package_session.status, package_session.owed = "SCHEDULED", True
            package_session.spot.provider, package_session.spot.start = (
                package_session.provider,
                datetime.fromisoformat(told["starts_at"]),
            )
        self._check()

    def _check(self) -> None:
        shown, model = ok(self.desk.centre.get(self.path)), self.model
        counts = Counter(package_session.status.lower() for package_session in model.package_sessions)
        assert (shown["status"], shown["is_paused"]) == (model.status, model.paused)
        for status in ("pending", "scheduled", "completed", "failed", "cancelled"):
            assert shown[f"{status}_sessions_count"] == counts[status]
        assert shown["progress_percentage"] == 100 * counts["completed"] / TOTAL
        for told, package_session in zip(shown["sessions"], model.package_sessions, strict=True):
            assert (told["status"], told["owed"]) == (package_session.status, package_session.owed)
            assert package_session.spot
            if package_session.status in ("SCHEDULED", "COMPLETED"):
                assert (told["appointment_id"], told["provider_id"]) == (
                    package_session.spot.id,
                    package_session.spot.provider,
                )
                assert (told["appointment_number"], told["appointment_status"]) == (
                    package_session.spot.appointment_number,
                    package_session.spot.status,
                )
                assert datetime.fromisoformat(told["starts_at"]) == package_session.spot.start


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
