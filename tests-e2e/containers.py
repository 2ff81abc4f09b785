"""The container stack, brought up as a newcomer does it and looked at from outside (`make test-containers`).

It needs a Docker engine and has minutes of building before it. Its name keeps it out of `make test`. Asked for, it
never skips.
"""

import json
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import urllib3
from scene import Scene, eventually, new_tenant
from stack import SERVICES, Api, ApiFor
from test_booking import *  # noqa: F403 the same flow, here through the gateway

from jalsa.dev.issuer import Issuer
from jalsa.dev.servers.processes import free_ports

pytestmark = pytest.mark.timeout(1800)

ROOT = Path(__file__).parents[1]
ONE_SHOTS = {"keys", *(f"{service}-migrate" for service in SERVICES)}


@dataclass(frozen=True)
class Containers:
    """A running stack of its own project name, port and image tag, so that it touches nobody else's."""

    command: list[str]
    environment: Mapping[str, str]

    def compose(self, *arguments: str) -> str:
        """What a compose command prints."""
        return _run([*self.command, *arguments], self.environment)

    def keys(self, *arguments: str) -> str:
        """What a command of the `keys` container prints."""
        return self.compose("run", "--rm", "-T", "keys", *arguments).strip()

    def address(self, service: str) -> str:
        """Where the gateway publishes a service."""
        return f"http://127.0.0.1:{self.environment['JALSA_PORT']}/{service}"

    def get(self, path: str) -> urllib3.BaseHTTPResponse:
        """A GET without a token."""
        return urllib3.request("GET", self.address(path), retries=False, timeout=30)

    def inspect(self) -> dict[str, dict[str, Any]]:
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


@pytest.fixture(scope="module")
def containers() -> Iterator[Containers]:
    name = f"jalsa-test-{secrets.token_hex(4)}"
    settings = {"COMPOSE_PROJECT_NAME": name, "JALSA_PORT": str(free_ports(1)[0]), "JALSA_VERSION": name}
    containers = Containers(_compose_command(), {**os.environ, **settings})
    try:
        containers.compose("up", "-d")
        yield containers
    finally:
        containers.compose("down", "--volumes", "--remove-orphans")
        references = (f"jalsa/*:{name}", f"{name}*keys")
        listed = [_run(["docker", "images", "-q", "-f", f"reference={each}"], os.environ) for each in references]
        _run(
            ["docker", "image", "rm", "--force", *{image for images in listed for image in images.split()}], os.environ
        )


@pytest.fixture(scope="module")
def api_for(containers: Containers, tmp_path_factory: pytest.TempPathFactory) -> ApiFor:
    """Callers with tokens of the stack's own issuer: through this, the tests of test_booking.py run on containers."""
    folder = tmp_path_factory.mktemp("keys")
    key = containers.compose("run", "--rm", "-T", "--entrypoint", "cat", "keys", "/keys/issuer/issuer.pem")
    (folder / "issuer.pem").write_text(key)
    issuer = Issuer(folder)
    return lambda tenant, *roles, **claims: Api(
        containers.address, issuer.token(tenant, roles or ("manager",), **claims)
    )


def test_one_command_brings_up_a_stack_that_gets_healthy_and_stays_so(containers: Containers) -> None:
    expected = {"gateway", "postgres", "rabbitmq", "topology"} | {
        f"{s}-{kind}" for s in SERVICES for kind in ("web", "worker")
    }

    def states() -> dict[str, str]:
        return {name: each["State"].get("Health", {}).get("Status") for name, each in containers.inspect().items()}

    eventually(lambda: all(states()[name] == "healthy" for name in expected), within=120)

    for name, each in containers.inspect().items():
        assert each["RestartCount"] == 0, name
        if name in ONE_SHOTS:
            assert each["State"]["Status"] == "exited", name
            assert each["State"]["ExitCode"] == 0, name
    assert set(states()) == expected | ONE_SHOTS


def test_the_token_that_is_printed_opens_the_services(containers: Containers) -> None:
    tenant = new_tenant()
    manager = Api(containers.address, containers.keys("token", "--tenant", tenant, "--role", "manager"))
    biller = Api(containers.address, containers.keys("token", "--tenant", tenant, "--role", "biller"))
    clinic = {"code": "OT", "name_en": "Occupational therapy", "name_ar": "العلاج الوظيفي"}

    assert manager.call("POST", "/scheduling/v1/clinics", clinic).status == 201
    assert biller.call("POST", "/scheduling/v1/clinics", clinic).status == 403


def test_no_log_of_any_container_names_the_patient(scene: Scene, containers: Containers) -> None:
    mark = f"Zz{secrets.token_hex(6)}"
    patient = scene.patient(first_name_en=mark, email=f"{mark}@example.com")
    scene.api.call("GET", f"/patient-files/v1/patients?name={mark}")
    scene.api.call("GET", f"/patient-files/v1/{mark}")
    participant = scene.book(scene.group()["id"], patient)
    scene.await_consequences(participant)

    assert mark.lower() not in containers.compose("logs", "--no-color").lower()


def test_nothing_but_the_services_interfaces_is_published(containers: Containers) -> None:
    assert set(containers.get("").json()["services"]) == set(SERVICES)
    for service in SERVICES:
        assert containers.get(f"{service}/livez").status == 200
        assert containers.get(f"{service}/readyz").status == 200
        assert containers.get(f"{service}/v1/openapi.json").status == 200
        for path in ("metrics", "v1/../metrics", "v1/%2e%2e%2fmetrics", "livez/../metrics"):
            _assert_problem(containers.get(f"{service}/{path}"), 404, "not-found")
    published = [name for name, each in containers.inspect().items() if any(each["NetworkSettings"]["Ports"].values())]
    assert published == ["gateway"]


def test_a_body_beyond_one_mebibyte_is_refused_with_a_problem_document(containers: Containers) -> None:
    answer = urllib3.request(
        "POST", containers.address("scheduling/v1/clinics"), body=bytes((1 << 20) + 1), retries=False
    )

    _assert_problem(answer, 413, "request-entity-too-large")


def test_what_nginx_itself_refuses_is_a_problem_document(containers: Containers) -> None:
    _assert_problem(containers.get("scheduling/v1/%00"), 400, "malformed-request")
    _assert_problem(containers.get(f"scheduling/v1/{'a' * 9000}"), 414, "request-uri-too-large")


def test_the_gateway_reports_a_missing_service_and_finds_it_again(containers: Containers) -> None:
    assert containers.get("billing/livez").status == 200
    containers.compose("rm", "--stop", "--force", "billing-web")
    try:
        answer = containers.get("billing/livez")
    finally:
        containers.compose("up", "-d")

    assert answer.status in (502, 504)
    assert answer.headers["Content-Type"] == "application/problem+json"
    eventually(lambda: containers.get("billing/readyz").status == 200, within=60)


def test_containers_have_no_rights_beyond_their_work(containers: Containers) -> None:
    as_root_until_started = {"postgres", "keys"}
    for name, each in containers.inspect().items():
        host = each["HostConfig"]
        assert host["ReadonlyRootfs"], name
        assert host["CapDrop"] == ["ALL"], name
        assert host["SecurityOpt"] == ["no-new-privileges:true"], name
        assert host["Memory"] > 0, name
        if name not in as_root_until_started:
            assert each["Config"]["User"] not in ("", "0", "root", "0:0"), name
            assert not host["CapAdd"], name


def test_a_web_process_can_not_read_the_secrets_of_the_worker_or_of_migrations(containers: Containers) -> None:
    tell = "import os; print([os.access('/keys/' + name, os.R_OK) for name in ('web', 'worker', 'migrate')])"

    printed = containers.compose("exec", "-T", "scheduling-web", "python", "-c", tell)

    assert printed.strip() == "[True, False, False]"


def test_a_second_start_keeps_keys_and_passwords(containers: Containers, api_for: ApiFor) -> None:
    caller, password = api_for(new_tenant()), containers.keys("password", "billing_app")

    containers.keys("make")

    assert containers.keys("password", "billing_app") == password
    assert caller.call("GET", "/scheduling/v1/clinics").status == 200


def _assert_problem(answer: urllib3.BaseHTTPResponse, status: int, code: str) -> None:
    assert answer.status == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["code"] == code
    assert problem["type"] == f"urn:jalsa:problem:{code}"
