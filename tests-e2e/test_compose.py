"""The container stack, brought up as a newcomer does it and looked at from outside (`make test-containers`).

It needs a Docker engine and has minutes of building before it, so `make test` leaves it out; asked for, it never skips.
"""

import json
import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
import urllib3

pytestmark = [pytest.mark.containers, pytest.mark.timeout(1800)]

ROOT = Path(__file__).parents[1]
SERVICES = ("scheduling", "patient-files", "clinical-notes", "billing", "notifications")
ONE_SHOTS = {"keys", *(f"{service}-migrate" for service in SERVICES)}
T = TypeVar("T")


@dataclass(frozen=True)
class Stack:
    """A running stack of its own project name, port and image tag, so that it touches nobody else's."""

    command: list[str]
    environment: Mapping[str, str]
    tokens: dict[str, str] = field(default_factory=dict)
    http: urllib3.PoolManager = field(default_factory=lambda: urllib3.PoolManager(retries=False, timeout=30))

    def compose(self, *arguments: str) -> str:
        return _run([*self.command, *arguments], self.environment)

    def token(self, role: str) -> str:
        if role not in self.tokens:
            printed = self.compose("run", "--rm", "-T", "keys", "token", "--tenant", "agdar", "--role", role)
            self.tokens[role] = printed.split()[-1]
        return self.tokens[role]

    def call(self, method: str, path: str, body: object = None, role: str | None = None) -> urllib3.BaseHTTPResponse:
        headers = {"Authorization": f"Bearer {self.token(role)}"} if role else {}
        address = f"http://127.0.0.1:{self.environment['JALSA_PORT']}{path}"
        return self.http.request(method, address, json=body, headers=headers)

    def created(self, path: str, body: object, role: str = "manager") -> Any:
        answer = self.call("POST", path, body, role)
        assert answer.status == 201, answer.data
        return answer.json()

    def items(self, path: str, role: str = "manager") -> Any:
        answer = self.call("GET", path, role=role)
        assert answer.status == 200, answer.data
        return answer.json()["items"]

    def containers(self) -> dict[str, dict[str, Any]]:
        """What the engine says about each container, by the service's name in the compose file."""
        found = json.loads(_run(["docker", "inspect", *self.compose("ps", "-q", "-a").split()], self.environment))
        return {each["Config"]["Labels"]["com.docker.compose.service"]: each for each in found}


def _run(command: list[str], environment: Mapping[str, str]) -> str:
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def _compose_command() -> list[str]:
    if not shutil.which("docker"):
        pytest.fail("These tests need a Docker engine.")
    plugin = subprocess.run(["docker", "compose", "version"], capture_output=True)
    return ["docker", "compose"] if plugin.returncode == 0 else ["docker-compose"]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _eventually(check: Callable[[], T], within: float = 30) -> T:
    """What `check` returns once it is true; its last answer fails the test after `within` seconds."""
    deadline = time.monotonic() + within
    while not (found := check()):
        assert time.monotonic() < deadline, f"not within {within} seconds: {found!r}"
        time.sleep(0.25)
    return found


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    name = f"jalsa-test-{secrets.token_hex(4)}"
    environment = {
        **os.environ,
        "COMPOSE_PROJECT_NAME": name,
        "JALSA_PORT": str(_free_port()),
        "JALSA_VERSION": name,
    }
    stack = Stack(_compose_command(), environment)
    try:
        stack.compose("up", "-d")
        yield stack
    finally:
        stack.compose("down", "--volumes", "--remove-orphans")
        images = _run(["docker", "images", "-q", "--filter", f"reference=jalsa/*:{name}"], environment).split()
        images += _run(["docker", "images", "-q", "--filter", f"reference={name}*keys"], environment).split()
        _run(["docker", "image", "rm", "--force", *sorted(set(images))], environment)


def test_one_command_brings_up_a_stack_that_gets_healthy_and_stays_so(stack: Stack) -> None:
    expected = {"gateway", "postgres", "rabbitmq"} | {f"{s}-{kind}" for s in SERVICES for kind in ("web", "worker")}

    def states() -> dict[str, str]:
        return {name: each["State"].get("Health", {}).get("Status") for name, each in stack.containers().items()}

    _eventually(lambda: all(states()[name] == "healthy" for name in expected), within=120)

    for name, each in stack.containers().items():
        assert each["RestartCount"] == 0, name
        if name in ONE_SHOTS:
            assert each["State"]["Status"] == "exited", name
            assert each["State"]["ExitCode"] == 0, name
    assert set(states()) == expected | ONE_SHOTS


def test_a_booking_through_the_gateway_reaches_all_five_services(stack: Stack) -> None:
    mark = secrets.token_hex(4)
    clinic, provider = _clinic_with_provider(stack, mark)
    patient = stack.created("/patient-files/v1/patients", _patient(mark))
    session = stack.created(
        "/scheduling/v1/sessions",
        {
            "session_type": "GROUP",
            "clinic_id": clinic["id"],
            "provider_id": provider["id"],
            "service_type": _service_type(mark),
            "starts_at": (datetime.now(UTC) + timedelta(days=3)).replace(microsecond=0).isoformat(),
            "duration_minutes": 45,
            "max_capacity": 4,
        },
    )

    booked = stack.created(f"/scheduling/v1/sessions/{session['id']}/participants", {"patient_id": patient["id"]})

    number = booked["appointment_number"]
    sub_files = f"/patient-files/v1/patients/{patient['id']}/sub-files"
    invoices = f"/billing/v1/invoices?appointment_number={number}"
    reminders = f"/notifications/v1/reminders?appointment_number={number}"
    messages = f"/notifications/v1/messages?patient_id={patient['id']}"
    (sub_file,) = _eventually(lambda: stack.items(sub_files))
    assert sub_file["assigned_provider_id"] == provider["id"]
    (invoice,) = _eventually(lambda: stack.items(invoices))
    assert invoice["total"] == {"amount": "345.00", "currency": "SAR"}
    assert {each["kind"] for each in _eventually(lambda: stack.items(reminders))} == {"24H", "2H"}
    assert _eventually(lambda: [each for each in stack.items(messages) if each["status"] == "SENT"])


def test_no_log_of_any_container_names_the_patient(stack: Stack) -> None:
    mark = secrets.token_hex(4)
    patient = stack.created("/patient-files/v1/patients", _patient(mark))
    stack.call("GET", f"/patient-files/v1/patients?name=Zz{mark}", role="manager")
    stack.call("GET", f"/patient-files/v1/Zz{mark}", role="manager")
    _eventually(lambda: patient["id"] in json.dumps(stack.items("/patient-files/v1/events?limit=500")))

    assert mark not in stack.compose("logs", "--no-color")


def test_nothing_but_the_services_interfaces_is_published(stack: Stack) -> None:
    assert set(stack.call("GET", "/").json()["services"]) == set(SERVICES)
    for service in SERVICES:
        assert stack.call("GET", f"/{service}/livez").status == 200
        assert stack.call("GET", f"/{service}/readyz").status == 200
        assert stack.call("GET", f"/{service}/v1/openapi.json").status == 200
        for path in ("metrics", "v1/../metrics", "v1/%2e%2e%2fmetrics", "livez/../metrics"):
            _assert_problem(stack.call("GET", f"/{service}/{path}"), 404, "not-found")
    published = [name for name, each in stack.containers().items() if any(each["NetworkSettings"]["Ports"].values())]
    assert published == ["gateway"]


def test_a_body_beyond_one_mebibyte_is_refused_with_a_problem_document(stack: Stack) -> None:
    answer = stack.call("POST", "/scheduling/v1/clinics", "x" * (1 << 20), role="manager")

    _assert_problem(answer, 413, "request-entity-too-large")


def test_the_gateway_reports_a_missing_service_and_finds_it_again(stack: Stack) -> None:
    assert stack.call("GET", "/billing/livez").status == 200
    stack.compose("rm", "--stop", "--force", "billing-web")
    try:
        answer = stack.call("GET", "/billing/livez")
    finally:
        stack.compose("up", "-d")

    assert answer.status in (502, 504)
    assert answer.headers["Content-Type"] == "application/problem+json"
    _eventually(lambda: stack.call("GET", "/billing/readyz").status == 200, within=60)


def test_containers_have_no_rights_beyond_their_work(stack: Stack) -> None:
    as_root_until_started = {"postgres", "keys"}
    for name, each in stack.containers().items():
        host = each["HostConfig"]
        assert host["ReadonlyRootfs"], name
        assert host["CapDrop"] == ["ALL"], name
        assert host["SecurityOpt"] == ["no-new-privileges:true"], name
        assert host["Memory"] > 0, name
        if name not in as_root_until_started:
            assert each["Config"]["User"] not in ("", "0", "root", "0:0"), name
            assert not host["CapAdd"], name


def test_a_web_process_can_not_read_the_secrets_of_the_worker_or_of_migrations(stack: Stack) -> None:
    tell = "import os; print([os.access('/keys/' + name, os.R_OK) for name in ('web', 'worker', 'migrate')])"

    printed = stack.compose("exec", "-T", "scheduling-web", "python", "-c", tell)

    assert printed.strip() == "[True, False, False]"


def test_a_second_start_keeps_keys_and_passwords(stack: Stack) -> None:
    def password() -> str:
        return stack.compose("run", "--rm", "-T", "keys", "password", "billing_app").split()[-1]

    before = password()
    stack.token("manager")

    stack.compose("run", "--rm", "-T", "keys", "make")

    assert password() == before
    assert stack.call("GET", "/scheduling/v1/clinics", role="manager").status == 200


def _assert_problem(answer: urllib3.BaseHTTPResponse, status: int, code: str) -> None:
    assert answer.status == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["code"] == code
    assert problem["type"] == f"urn:jalsa:problem:{code}"


def _patient(mark: str) -> dict[str, object]:
    return {
        "first_name_en": f"Zz{mark}",
        "last_name_en": "Alharbi",
        "date_of_birth": "2018-03-04",
        "sex": "F",
        "phone": f"+9665{int(mark, 16) % 10**8:08d}",
        "email": f"{mark}@example.com",
        "preferred_language": "ar",
    }


def _service_type(mark: str) -> str:
    return f"S{mark.upper()}"


def _clinic_with_provider(stack: Stack, mark: str) -> tuple[Any, Any]:
    """A clinic, a provider who works there around the clock, a service type and its price."""
    clinic = stack.created(
        "/scheduling/v1/clinics",
        {"code": f"C{mark[:6].upper()}", "name_en": "Occupational therapy", "name_ar": "العلاج الوظيفي"},
    )
    provider = stack.created(
        "/scheduling/v1/providers",
        {
            "name_en": "Dr. Huda",
            "name_ar": "د. هدى",
            "user_id": f"huda-{mark}",
            "discipline": "OT",
            "clinic_ids": [clinic["id"]],
        },
    )
    hours = [{"weekday": weekday, "start": "00:00", "end": "00:00", "clinic_id": clinic["id"]} for weekday in range(7)]
    answer = stack.call("PUT", f"/scheduling/v1/providers/{provider['id']}/working-hours", {"items": hours}, "manager")
    assert answer.status == 200, answer.data
    stack.created(
        "/scheduling/v1/service-types",
        {
            "code": _service_type(mark),
            "name_en": "Group session",
            "name_ar": "جلسة جماعية",
            "discipline": "OT",
            "default_duration_minutes": 45,
        },
    )
    price = {"service_type": _service_type(mark), "amount": "300.00", "currency": "SAR", "vat_category": "S"}
    stack.created("/billing/v1/prices", price)
    return clinic, provider
