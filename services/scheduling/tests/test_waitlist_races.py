"""Offers under races and in any order of operations. A place is promised to one only, and each offer ends once."""

import random
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import count
from threading import Barrier
from typing import Any, cast
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import text
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from scheduling.errors import OfferExpired
from scheduling.use_cases import waitlist

from . import test_races
from .factories import EARLY, Centre, at, ok, problem
from .test_races import NO_ADVISORY_LOCKS, Post, Weakened, at_once, deadlocks
from .waiting import WaitingDesk, after_expiry, instant, travel

weakened = test_races.weakened

# The function that a booking asks, without the places that others are offered.
NO_COUNT_OF_OFFERS = """
DO $$ BEGIN
  EXECUTE replace(pg_get_functiondef('hold_place'::regproc),
                  'SELECT s.taken, s.held INTO taken, held', 'SELECT s.taken, 0 INTO taken, held');
END $$;
"""
SLOW_OFFERS = "CREATE TRIGGER a_pause BEFORE INSERT ON waitlist_offers FOR EACH ROW EXECUTE FUNCTION pause();"
# Two who leave one session write one mark, and so one waits for the other.
NO_ROSTER_MARKS = "DROP TRIGGER roster_changes ON participants;"
NO_CAPACITY_TRIGGERS = "DROP TRIGGER capacity ON participants; DROP TRIGGER capacity ON waitlist_offers;"

# What must never be: more places promised than there are, one patient with two open offers, an offer whose entry knows
# nothing of it, an entry that is offered nothing.
_BROKEN = text("""
    SELECT 'overbooked ' || s.id FROM sessions s
    WHERE (SELECT count(*) FROM participants p WHERE p.session_id = s.id AND p.live)
        + (SELECT count(*) FROM waitlist_offers o WHERE o.session_id = s.id AND o.status = 'OPEN') > s.max_capacity
    UNION ALL
    SELECT 'offered twice ' || patient_id FROM waitlist_offers
    WHERE status = 'OPEN' GROUP BY patient_id HAVING count(*) > 1
    UNION ALL
    SELECT 'entry ' || e.id FROM waitlist_entries e
    WHERE (e.status = 'OFFERED') <> EXISTS (SELECT FROM waitlist_offers o WHERE o.entry_id = e.id AND o.status = 'OPEN')
       OR (e.status = 'ACCEPTED') <> EXISTS (SELECT FROM waitlist_offers o
                                             WHERE o.entry_id = e.id AND o.status = 'ACCEPTED')
    UNION ALL
    SELECT 'offer outlives the start ' || o.id FROM waitlist_offers o JOIN sessions s ON s.id = o.session_id
    WHERE o.status = 'OPEN' AND (o.expires_at > s.starts_at OR s.status <> 'SCHEDULED')
""")


@pytest.fixture
def desk(centre: Centre) -> WaitingDesk:
    return WaitingDesk(centre)


def broken(desk: WaitingDesk) -> list[str]:
    """Every promise that is broken in the database."""
    with desk.centre.kit.transaction(desk.centre.tenant) as db:
        return list(db.scalars(_BROKEN))


def check_events(desk: WaitingDesk) -> None:
    """Each offer was announced once, and ended once or is open. Sessions are filled and opened by turns."""
    made = Counter(told["offer_id"] for told in desk.told("WaitlistOffered"))
    ended = Counter(told["offer_id"] for told in desk.told("WaitlistOfferExpired", "WaitlistAccepted"))
    with desk.centre.kit.transaction(desk.centre.tenant) as db:
        offers = {str(row.id): row.status for row in db.execute(text("SELECT id, status FROM waitlist_offers"))}
    assert made == dict.fromkeys(offers, 1)
    assert ended == {offer_id: 1 for offer_id, status in offers.items() if status != "OPEN"}
    turns: dict[str, list[bool]] = {}
    for told in desk.told("SessionFilled", "SessionSpotsOpened"):
        turns.setdefault(told["session_id"], []).append("filled_at" in told)
    for filled in turns.values():  # by turns, and once each
        assert filled == [n % 2 == 0 for n in range(len(filled))]


def test_of_twenty_who_accept_or_book_the_one_who_is_offered_the_place_has_it(desk: WaitingDesk) -> None:
    session, entry = desk.offered()
    caller = desk.centre.client()
    bookings = [
        Post(caller, f"/sessions/{session['id']}/participants", {"patient_id": patient})
        for patient in desk.centre.create_patients(15)
    ]
    acceptances = [Post(caller, f"/waitlist/{entry['id']}/accept")] * 5
    answers = at_once(*bookings, *acceptances)
    assert answers == {(201, None): 1, (409, "session-full"): 15, (409, "invalid-transition"): 4}
    assert desk.statuses(entry) == ["ACCEPTED"]
    assert desk.session(session["id"])["current_capacity"] == 1


def test_while_a_place_is_freed_and_offered_nobody_slips_in_between(desk: WaitingDesk) -> None:
    session, [inside] = desk.full()
    entry = desk.wait(session_id=session["id"])
    caller = desk.centre.client()
    bookings = [
        Post(caller, f"/sessions/{session['id']}/participants", {"patient_id": patient})
        for patient in desk.centre.create_patients(19)
    ]
    answers = at_once(Post(caller, f"/participants/{inside['id']}/cancel"), *bookings)
    assert answers == {(200, None): 1, (409, "session-full"): 19}
    assert desk.statuses(entry) == ["OFFERED"]


def held_spot(desk: WaitingDesk) -> TestResponse:
    """What a third party hears who wants the place that another is offered."""
    session, _ = desk.offered()
    return desk.book(session)


def test_without_the_count_of_offers_the_trigger_still_holds_the_place(weakened: Weakened) -> None:
    with weakened(NO_COUNT_OF_OFFERS) as weak:
        problem(held_spot(WaitingDesk(weak.centre)), 409, "session-full")


def test_without_the_trigger_the_count_of_offers_still_holds_the_place(weakened: Weakened) -> None:
    with weakened(NO_CAPACITY_TRIGGERS) as weak:
        problem(held_spot(WaitingDesk(weak.centre)), 409, "session-full")


def test_control_without_count_and_trigger_the_held_place_is_taken(weakened: Weakened) -> None:
    with weakened(NO_COUNT_OF_OFFERS, NO_CAPACITY_TRIGGERS) as weak:
        desk = WaitingDesk(weak.centre)
        assert held_spot(desk).status_code == 201
        assert [what.split()[0] for what in broken(desk)] == ["overbooked"]


def freed_at_once(desk: WaitingDesk) -> list[str]:
    """What becomes of one patient's entries for two sessions that are freed at the same moment."""
    patient, caller = desk.centre.create_patient(), desk.centre.client()
    other = desk.centre.create_provider(desk.clinic)["id"]
    full = [desk.full(), desk.full(starts_at=at(2), provider_id=other)]
    entries = [desk.wait(patient_id=patient, session_id=session["id"]) for session, _ in full]
    answers = at_once(*(Post(caller, f"/participants/{inside['id']}/cancel") for _, [inside] in full))
    assert answers == {(200, None): 2}
    return sorted(desk.statuses(*entries))


def test_who_waits_for_two_places_that_are_freed_at_once_is_offered_one(weakened: Weakened) -> None:
    with weakened(SLOW_OFFERS) as slow:
        desk = WaitingDesk(slow.centre)
        assert freed_at_once(desk) == ["OFFERED", "WAITING"]
        assert broken(desk) == []


def test_control_without_the_waitlists_lock_both_are_offered(weakened: Weakened) -> None:
    with weakened(SLOW_OFFERS, NO_ADVISORY_LOCKS, NO_ROSTER_MARKS) as weak:
        desk = WaitingDesk(weak.centre)
        assert freed_at_once(desk) == ["OFFERED", "OFFERED"]
        assert [what.split(" ")[0] for what in broken(desk)] == ["offered"]


@pytest.mark.parametrize("attempt", range(5))
def test_an_offer_that_is_accepted_while_it_lapses_does_one_of_both(desk: WaitingDesk, attempt: int) -> None:
    session, entry = desk.offered()
    following = desk.wait(session_id=session["id"])
    expiry = instant(entry["offer"]["expires_at"])
    together = Barrier(2)

    def done(work: Callable[[Session], object]) -> object:
        together.wait(10)
        with desk.centre.kit.transaction(desk.centre.tenant) as db:
            return work(db)

    def accept(db: Session) -> bool:
        held = waitlist.held_entry(db, UUID(entry["id"]))
        if held.status == "OFFERED":
            waitlist.accept(db, held, now=expiry - timedelta(microseconds=1))
            return True
        with pytest.raises(OfferExpired):
            waitlist.accept(db, held, now=expiry - timedelta(microseconds=1))
        return False

    def lapse(db: Session) -> bool:
        return waitlist.lapse_offer(db, UUID(entry["offer"]["id"]), now=expiry)

    with ThreadPoolExecutor(2) as pool:
        accepted, lapsed = pool.map(done, (accept, lapse))
    assert accepted is not lapsed
    assert desk.statuses(entry, following) == (["ACCEPTED", "WAITING"] if accepted else ["LAPSED", "OFFERED"])
    assert broken(desk) == []
    check_events(desk)


def test_two_workers_that_lapse_the_same_offers_pass_each_place_on_once(
    desk: WaitingDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, inside = desk.full(3)
    entries = [desk.wait(session_id=session["id"]) for _ in range(9)]
    for participant in inside:
        desk.give_up(participant)
    for passed_on in (3, 6, 9):
        travel(monkeypatch, after_expiry(desk.entry(entries[passed_on - 1])))
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(desk.run, ["offers"] * 4))
        lapsed, offered = ["LAPSED"] * passed_on, ["OFFERED"] * min(3, 9 - passed_on)
        assert desk.statuses(*entries) == [*lapsed, *offered, *["WAITING"] * (9 - passed_on - len(offered))]
        assert broken(desk) == []
    assert desk.count("WaitlistOfferExpired") == 9
    assert desk.count("SessionSpotsOpened") == 1
    check_events(desk)


def test_whoever_accepts_while_the_session_is_cancelled_is_refused_or_cancelled(desk: WaitingDesk) -> None:
    session, entry = desk.offered()
    caller = desk.centre.client()
    accept, cancel = (
        Post(caller, f"/waitlist/{entry['id']}/accept"),
        Post(caller, f"/sessions/{session['id']}/cancel"),
    )
    answers = at_once(accept, cancel)
    assert answers in ({(201, None): 1, (200, None): 1}, {(200, None): 1, (409, "invalid-transition"): 1})
    assert desk.statuses(entry) == ["ACCEPTED" if answers[201, None] else "CANCELLED"]
    assert desk.session(session["id"])["current_capacity"] == 0
    check_events(desk)


def test_whatever_is_done_at_once_nobody_deadlocks_and_no_place_is_promised_twice(desk: WaitingDesk) -> None:
    """Two sessions, a few who wait for both, and everything that frees, offers and takes places, side by side."""
    seconds = 4.0
    other = desk.centre.create_provider(desk.clinic)["id"]
    sessions = [desk.full(2)[0], desk.full(2, starts_at=at(2), provider_id=other)[0]]
    patients = desk.centre.create_patients(6)
    deadline = time.monotonic() + seconds
    caller = desk.centre.client()

    def anything(chance: random.Random) -> tuple[str, dict[str, Any]]:
        session, patient = chance.choice(sessions)["id"], chance.choice(patients)
        entries = ok(caller.get("/waitlist", status=chance.choice(["WAITING", "OFFERED"])))["items"]
        inside = ok(caller.get(f"/sessions/{session}/participants"))["items"]
        live = [p["id"] for p in inside if p["status"] == "BOOKED"]
        moved = at(chance.choice([1, 2]), chance.randrange(24)).isoformat()
        choices: list[tuple[str, dict[str, Any]]] = [
            ("/waitlist", {"patient_id": patient, "service_type": desk.service_type["code"]}),
            ("/waitlist", {"patient_id": patient, "session_id": session, "priority": chance.randint(1, 5)}),
            (f"/sessions/{session}/participants", {"patient_id": patient}),
            (f"/sessions/{session}/reschedule", {"starts_at": moved}),
            *((f"/waitlist/{e['id']}/{verb}", {}) for e in entries[:2] for verb in ("accept", "decline", "cancel")),
            *((f"/participants/{p}/cancel", {}) for p in live),
            *((f"/participants/{p}/reschedule", {"session_id": sessions[0]["id"]}) for p in live[:1]),
        ]
        return chance.choice(choices)

    def work(seed: int) -> Counter[int]:
        chance, answers = random.Random(seed), Counter[int]()
        while time.monotonic() < deadline:
            answers[caller.post(*anything(chance)).status_code] += 1
        return answers

    before = deadlocks(desk.centre.kit)
    with ThreadPoolExecutor(8) as pool:
        answers = sum(pool.map(work, range(8)), Counter())
    assert set(answers) <= {200, 201, 409, 422}
    assert desk.count("WaitlistOffered") > 5
    assert broken(desk) == []
    check_events(desk)
    assert deadlocks(desk.centre.kit) == before


class Waitlist(RuleBasedStateMachine):
    """Any order of what frees, offers, takes and passes on places, with the clock going on."""

    def __init__(self, desk: WaitingDesk, patched: pytest.MonkeyPatch) -> None:
        super().__init__()
        self.desk, self.patched = desk, patched
        self.start = at(2)
        self.now = self.start - timedelta(days=2)
        travel(patched, self.now)
        self.provider = desk.centre.create_provider(desk.clinic)["id"]
        self.patients = desk.centre.create_patients(6)
        self.hours = count(24, 2)
        self.sessions = [self._full(hours) for hours in (0, 1)]

    which = st.integers(0, 10**6)

    @rule(session=which, patient=which)
    def book(self, session: int, patient: int) -> None:
        self._post(f"/sessions/{self._session(session)}/participants", patient_id=self._patient(patient))

    @rule(session=which, patient=which, priority=st.integers(1, 5))
    def wait_for_session(self, session: int, patient: int, priority: int) -> None:
        wanted = {"session_id": self._session(session), "priority": priority}
        self._post("/waitlist", patient_id=self._patient(patient), **wanted)

    @rule(patient=which)
    def wait_for_service_type(self, patient: int) -> None:
        self._post("/waitlist", patient_id=self._patient(patient), service_type=self.desk.service_type["code"])

    @rule(session=which, participant=which, verb=st.sampled_from(["cancel", "cancel", "reschedule"]))
    def leave(self, session: int, participant: int, verb: str) -> None:
        inside = ok(self.desk.centre.get(f"/sessions/{self._session(session)}/participants"))["items"]
        live = [p["id"] for p in inside if p["status"] == "BOOKED"]
        if live:
            elsewhere = {"session_id": self._session(session + 1)} if verb == "reschedule" else {}
            self._post(f"/participants/{live[participant % len(live)]}/{verb}", **elsewhere)

    @rule(entry=which, verb=st.sampled_from(["accept", "decline", "cancel"]))
    def answer(self, entry: int, verb: str) -> None:
        offered = ok(self.desk.centre.get("/waitlist", status="OFFERED"))["items"]
        if offered:
            self._post(f"/waitlist/{offered[entry % len(offered)]['id']}/{verb}")

    @rule(session=which, capacity=st.integers(1, 3))
    def resize(self, session: int, capacity: int) -> None:
        path = f"/sessions/{self._session(session)}"
        etag = self.desk.centre.get(path).headers["ETag"]
        assert self.desk.centre.client().patch(path, {"max_capacity": capacity}, etag).status_code in (200, 409)

    @rule(session=which, hours=st.integers(0, 20))
    def reschedule(self, session: int, hours: int) -> None:
        later = self.start + timedelta(hours=hours)
        self._post(f"/sessions/{self._session(session)}/reschedule", starts_at=later.isoformat())

    @rule(session=which, verb=st.sampled_from(["start", "cancel"]))
    def end_session(self, session: int, verb: str) -> None:
        """It is cancelled, or begins early. Another one takes its place in this game."""
        self._post(f"/sessions/{self._session(session)}/{verb}", **EARLY)
        self.sessions[session % 2] = self._full(next(self.hours))

    @rule(minutes=st.sampled_from([10, 130]), job=st.sampled_from(["offers", "waitlist"]))
    def pass_time(self, minutes: int, job: str) -> None:
        self.now += timedelta(minutes=minutes)
        travel(self.patched, self.now)
        self.desk.run(job)

    @invariant()
    def no_promise_is_broken(self) -> None:
        assert broken(self.desk) == []

    def teardown(self) -> None:
        check_events(self.desk)

    def _full(self, hours: int) -> dict[str, Any]:
        """A session of two places, both taken."""
        session = self.desk.create_session(
            max_capacity=2, provider_id=self.provider, starts_at=self.start + timedelta(hours=hours)
        )
        for patient in self.patients[:2]:
            self._post(f"/sessions/{session['id']}/participants", patient_id=patient)
        return session

    def _session(self, which: int) -> str:
        return str(self.sessions[which % 2]["id"])

    def _patient(self, which: int) -> str:
        return self.patients[which % len(self.patients)]

    def _post(self, path: str, **body: Any) -> None:
        answer = self.desk.centre.post(path, body)
        assert answer.status_code in (200, 201, 409, 422), answer.json


def test_in_any_order_of_operations_no_place_is_promised_twice_and_each_offer_ends_once(
    kit: Any, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = count()

    def machine() -> Any:
        with monkeypatch.context() as real_time:
            real_time.undo()
            desk = WaitingDesk(Centre(kit, f"{tenant}{next(runs)}"))
        return Waitlist(desk, monkeypatch)

    run_state_machine_as_test(
        cast(type[RuleBasedStateMachine], machine),  # it takes whatever makes a machine
        settings=settings(
            max_examples=12,
            stateful_step_count=40,
            deadline=None,
            database=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        ),
    )
