"""Those who book while something breaks. They repeat what was not answered, under the same Idempotency-Key."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import urllib3
from scene import Scene, eventually
from stack import Answer, Api, Stack

#: What stands for the status of a request whose connection broke.
LOST = 0
CAPACITY = 4


@dataclass(frozen=True)
class Outcome:
    """How one booking went: the status of each attempt, and the last answer."""

    statuses: tuple[int, ...]
    answer: Answer


def insist(api: Api, path: str, body: Any, *, within: float = 60) -> Outcome:
    """POST until there is an answer other than 503, again after a lost connection, always under one key."""
    key = uuid4().hex
    statuses: list[int] = []
    deadline = time.monotonic() + within
    while True:
        answer = _attempt(api, path, body, key)
        statuses.append(answer.status if answer else LOST)
        if answer and answer.status != 503:
            return Outcome(tuple(statuses), answer)
        assert time.monotonic() < deadline, f"no answer within {within} s: {statuses}"
        time.sleep(0.2)


def _attempt(api: Api, path: str, body: Any, key: str) -> Answer | None:
    try:
        return api.call("POST", path, body, Idempotency_Key=key)
    except urllib3.exceptions.HTTPError:
        return None


class Centre:
    """A centre with five patients, and group sessions that each have a place too few for them."""

    def __init__(self, stack: Stack, tenant: str) -> None:
        self.stack = stack
        self.tenant = tenant
        self.scene = Scene(stack.api(tenant), tenant)
        self.patients = [self.scene.patient() for _ in range(CAPACITY + 1)]
        eventually(lambda: all(map(self._is_known, self.patients)))
        self.bookings: list[Any] = []

    def book(self) -> Any:
        """One booking, which must succeed at the first attempt."""
        participant = self.scene.book(self.scene.group()["id"], self.patients[0])
        self.bookings.append(participant)
        return participant

    @contextmanager
    def booking(self, sessions: int, *, every: float = 0.25) -> Iterator[list["Future[Outcome]"]]:
        """Every patient books into every session, one request each `every` seconds, four clients at once.

        At the end each session's places are taken, and whoever came last was told that it is full.
        """
        paths = [f"/scheduling/v1/sessions/{self.scene.group(CAPACITY)['id']}/participants" for _ in range(sessions)]
        requests = [(path, {"patient_id": patient_id}) for path in paths for patient_id in self.patients]
        with ThreadPoolExecutor(4) as pool:
            began = time.monotonic()
            futures = [
                pool.submit(self._book_at, began + number * every, path, body)
                for number, (path, body) in enumerate(requests)
            ]
            yield futures
            outcomes = [future.result() for future in futures]
        self._take_in(outcomes, sessions)

    def messages(self) -> list[Any]:
        """What its patients were sent."""
        return [message for patient_id in self.patients for message in self.scene.messages(patient_id)]

    def _book_at(self, at: float, path: str, body: Any) -> Outcome:
        time.sleep(max(0.0, at - time.monotonic()))
        return insist(self.stack.api(self.tenant), path, body)

    def _take_in(self, outcomes: Sequence[Outcome], sessions: int) -> None:
        refused = [outcome.answer for outcome in outcomes if outcome.answer.status != 201]
        assert {(answer.status, answer.code) for answer in refused} == {(409, "session-full")}
        assert len(refused) == sessions
        self.bookings += [outcome.answer.body for outcome in outcomes if outcome.answer.status == 201]

    def _is_known(self, patient_id: str) -> bool:
        """Whether scheduling has heard of a patient. If so, it is the session that it does not find."""
        path = f"/scheduling/v1/sessions/{uuid4()}/participants"
        return self.scene.api.call("POST", path, {"patient_id": patient_id}).status == 404


def statuses(futures: Sequence["Future[Outcome]"]) -> set[int]:
    """Every status that any attempt got."""
    return {status for future in futures for status in future.result().statuses}
