"""P4: for any duplication, reordering, crash and interleaving, the end state equals that of a perfect run."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from unittest.mock import patch
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from jalsa.dev.kit import ServiceKit
from jalsa.events.envelope import Envelope
from jalsa.events.inbox import Inbox, Received
from jalsa.service import clock
from jalsa.service.ids import new_id

from .lamps import STREAM, MakeKit, beta, kept, lamp_event, on_lamp_switched, trail

LAMPS, EVENTS = 3, 4
#: What happens at a delivery: nothing, a failing handler, or `kill -9` at a step.
FAULTS = [None, None, None, "handler fails", "killed in handler", "killed before commit", "killed after commit"]

deliveries = st.tuples(st.integers(0, LAMPS - 1), st.integers(1, EVENTS), st.sampled_from(FAULTS))
schedules = st.lists(deliveries, min_size=1, max_size=25)


class Killed(BaseException):
    """Nothing in the code under test handles it, as nothing handles `kill -9`."""


class Failed(Exception):
    pass


class Worker:
    """A worker that suffers one fault at its next step that can."""

    def __init__(self, kit: ServiceKit) -> None:
        self.fault: str | None = None
        self.inbox = Inbox("beta", kit.database, kit.relay, [STREAM], {"alpha.LampSwitched.v1": self.handle})
        self.inbox.max_attempts = 1000

    def handle(self, db: Session, event: Received[Any]) -> None:
        on_lamp_switched(db, event)
        if self.fault in ("handler fails", "killed in handler"):
            fault, self.fault = self.fault, None
            db.flush()
            raise Failed if fault == "handler fails" else Killed

    def receive(self, event: Envelope, fault: str | None) -> None:
        self.fault = fault
        with patch("jalsa.events.inbox.commit", self.commit):
            try:
                self.inbox.receive(event)
            except Killed:
                return

    def commit(self, db: Session) -> None:
        from jalsa.db.transactions import commit

        if self.fault == "killed before commit":
            db.flush()
            raise Killed
        commit(db)
        if self.fault == "killed after commit":
            raise Killed

    def recover(self) -> None:
        """What the retry loop does in time."""
        self.fault = None
        real = clock.now
        with patch("jalsa.service.clock.database_now", lambda _: real() + timedelta(hours=1)):
            while self.inbox.retry_due():
                pass


def lamps() -> list[UUID]:
    return [new_id() for _ in range(LAMPS)]


PERFECT = ",".join(str(sequence) for sequence in range(1, EVENTS + 1))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(schedule=schedules)
def test_any_schedule_of_deliveries_and_faults_ends_in_the_same_state(
    schedule: list[tuple[int, int, Any]], follower: ServiceKit
) -> None:
    tenant, subjects = f"t{new_id().hex[-12:]}", lamps()
    events = {(i, n): lamp_event(tenant, subjects[i], n) for i in range(LAMPS) for n in range(1, EVENTS + 1)}
    worker = Worker(follower)
    for i, n, fault in schedule:
        worker.receive(events[i, n], fault)
    worker.recover()
    for i, subject in enumerate(subjects):
        applied = trail(follower, tenant, subject)
        assert applied == PERFECT[: len(applied)], "always the beginning of a perfect run"
        assert applied == "" or (i, 1) in {(j, n) for j, n, _ in schedule}
    for event in events.values():  # the feed brings, in the end, what the bus lost or a killed worker had taken
        worker.receive(event, None)
    worker.recover()
    assert [trail(follower, tenant, subject) for subject in subjects] == [PERFECT] * LAMPS
    assert kept(follower, tenant) == []


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parts=st.lists(schedules, min_size=2, max_size=4), order=st.permutations(range(EVENTS)))
def test_any_interleaving_of_workers_ends_in_the_same_state(
    parts: list[list[tuple[int, int, Any]]], order: list[int], follower: ServiceKit
) -> None:
    tenant, subjects = f"t{new_id().hex[-12:]}", lamps()
    events = {(i, n): lamp_event(tenant, subjects[i], n) for i in range(LAMPS) for n in range(1, EVENTS + 1)}

    def work(part: list[tuple[int, int, Any]]) -> None:
        worker = Worker(follower)
        for i, n, fault in part:
            worker.fault = fault if fault in (None, "handler fails", "killed in handler") else None
            try:
                worker.inbox.receive(events[i, n])
            except Killed:
                continue
        for n in order:
            worker.fault = None
            worker.inbox.receive(events[len(part) % LAMPS, n + 1])

    with ThreadPoolExecutor(len(parts)) as pool:
        list(pool.map(work, parts))
    last = Worker(follower)
    for event in events.values():
        last.receive(event, None)
    last.recover()
    assert [trail(follower, tenant, subject) for subject in subjects] == [PERFECT] * LAMPS
    assert kept(follower, tenant) == []


def test_the_property_fails_without_the_head(make_kit: MakeKit, tenant: str) -> None:
    """The control handles the same deliveries as they come."""
    kit = make_kit(beta())
    subject = new_id()
    for sequence in (2, 1, 2, 3, 4):
        with kit.transaction(tenant) as db:
            kit.inbox._handle(db, lamp_event(tenant, subject, sequence))
    assert trail(kit, tenant, subject) != PERFECT
