"""A rolling restart of every process amid bookings. Each is answered at the first attempt, and nothing is lost."""

import itertools
import secrets
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from faults.invariant import assert_settles
from gateway import Gateway, running_gateway
from scene import Scene, new_tenant
from stack import SERVICES, Answer, Api, Stack, running_stack

from jalsa.dev.issuer import Issuer
from jalsa.dev.servers import Servers, Vhost

pytestmark = pytest.mark.timeout(600)

PER_SECOND = 10
#: The services that the desk asks while it books. Each has two copies of its web process.
ASKED = ("scheduling", "patient-files")


@pytest.fixture
def stack(servers: Servers, vhost: Vhost, issuer: Issuer, tmp_path: Path) -> Iterator[Stack]:
    folder = tmp_path / "stack"
    folder.mkdir()
    with running_stack(servers.postgres.url, vhost.amqp_url, issuer, folder, secrets.token_hex(4)) as running:
        for service in ASKED:
            running.start(service, "web-2")
        running.wait_ready()
        yield running


@pytest.fixture
def gateway(stack: Stack, tmp_path: Path) -> Iterator[Gateway]:
    copies = {
        service: [port for (name, role), port in stack.ports.items() if name == service and role.startswith("web")]
        for service in SERVICES
    }
    folder = tmp_path / "gateway"
    folder.mkdir()
    with running_gateway(folder, copies) as running:
        yield running


@dataclass
class Desk:
    """Books through the gateway, never repeats a request, and looks a patient up each time."""

    api: Api
    scene: Scene
    patients: Sequence[str]

    @contextmanager
    def at_work(self) -> Iterator[list["Future[Answer]"]]:
        """Ten bookings a second until the block ends, whatever becomes of the ones before."""
        answers: list[Future[Answer]] = []
        done = Event()
        with ThreadPoolExecutor(17) as pool:
            clock = pool.submit(self._tick, pool, answers, done)
            try:
                yield answers
            finally:
                done.set()
                clock.result()

    def _tick(self, pool: ThreadPoolExecutor, answers: list["Future[Answer]"], done: Event) -> None:
        began = time.monotonic()
        for number, patient in enumerate(itertools.cycle(self.patients)):
            if done.wait(max(0.0, began + number / PER_SECOND - time.monotonic())):
                return
            booking = {"patient_id": patient, **self.scene.place()}
            answers.append(pool.submit(self.api.call, "POST", "/scheduling/v1/appointments", booking))
            answers.append(pool.submit(self.api.call, "GET", f"/patient-files/v1/patients/{patient}"))


def restart(stack: Stack, processes: Sequence[tuple[str, str]]) -> list[Any]:
    """Stop these at once, and start them again. Returns what did not end well, by its exit code."""
    began = time.monotonic()
    with ThreadPoolExecutor(len(processes)) as pool:
        codes = list(pool.map(lambda each: stack.stop_gently(*each), processes))
    stopped = time.monotonic()
    for each in processes:
        stack.start(*each)
    stack.wait_ready()
    print(f"{len(processes)} stopped in {stopped - began:.1f} s, ready again in {time.monotonic() - stopped:.1f} s")
    return [(*each, code, left_behind(stack, *each)) for each, code in zip(processes, codes, strict=True) if code != 0]


def left_behind(stack: Stack, service: str, role: str) -> list[str]:
    """What a process said of loops that did not end in time."""
    return [line for line in stack.log(service, role).splitlines() if "loops-left-behind" in line]


def test_a_rolling_restart_loses_no_answer_and_no_consequence(stack: Stack, gateway: Gateway) -> None:
    tenant = new_tenant()
    api = Api(gateway.address, stack.api(tenant).token)
    scene = Scene(api, tenant)
    desk = Desk(api, scene, [scene.patient() for _ in range(20)])
    others = [each for each in stack.processes if each[0] not in ASKED and each[1] == "web"]
    waves: list[list[tuple[str, str]]] = [
        [(service, "web") for service in ASKED],
        [(service, "web-2") for service in ASKED],
        [*others, *((service, "worker") for service in SERVICES)],
    ]
    with desk.at_work() as answers:
        time.sleep(1)
        ended_badly = [each for wave in waves for each in restart(stack, wave)]
        time.sleep(1)
    outcomes: list[Any] = [answer.exception() or answer.result().status for answer in answers]
    bookings = [answer.result().body for answer in answers if answer.result().status == 201]
    print(f"{len(bookings)} bookings, {len(answers) - len(bookings)} other answers")
    assert (set(outcomes), ended_badly) == ({200, 201}, [])
    assert len(bookings) == len(answers) / 2
    assert_settles(stack, scene, list(desk.patients), bookings, within=120)
