"""The whole system as five web and five worker processes on given PostgreSQL and RabbitMQ, and a caller of its HTTP."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import urllib3

from jalsa.dev.issuer import AUDIENCE, ISSUER, Issuer
from jalsa.dev.provision import Urls, drop_database, provision
from jalsa.dev.servers.processes import free_ports
from jalsa_local.services import NAMES

T = TypeVar("T")

SERVICES = NAMES
ROLES = ("web", "worker")


@dataclass(frozen=True)
class Answer:
    """An HTTP answer."""

    status: int
    body: Any
    headers: Mapping[str, str]

    @property
    def code(self) -> str | None:
        """The problem's code."""
        return self.body.get("code") if isinstance(self.body, dict) else None


class Api:
    """Calls every service as one person of one tenant."""

    def __init__(self, address: Callable[[str], str], token: str) -> None:
        self.address = address
        self.token = token
        self.http = urllib3.PoolManager(retries=False, maxsize=20, timeout=urllib3.Timeout(connect=2, read=30))

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """`/scheduling/v1/sessions` …. `Idempotency_Key="…"` is the header Idempotency-Key."""
        return self.send(method, path, None if body is None else json.dumps(body), **headers)

    def send(self, method: str, path: str, body: str | None, **headers: str) -> Answer:
        """The same with a body that is JSON already."""
        _, service, rest = path.split("/", 2)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        response = self.http.request(
            method,
            f"{self.address(service)}/{rest}",
            body=None if body is None else body.encode(),
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": "application/json", **named},
        )
        text = response.data.decode()
        return Answer(response.status, json.loads(text) if text else None, response.headers)

    def get(self, path: str) -> Any:
        """The body of a GET that must succeed."""
        return _must(self.call("GET", path))

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        """The body of a POST that must succeed."""
        return _must(self.call("POST", path, {} if body is None else body, **headers))

    def put(self, path: str, body: Any) -> Any:
        """The body of a PUT that must succeed."""
        return _must(self.call("PUT", path, body))


def _must(answer: Answer) -> Any:
    assert answer.status < 300, (answer.status, answer.body)
    return answer.body


#: `api_for(tenant, *roles, **claims)` is a caller, who is a manager unless roles are given.
ApiFor = Callable[..., Api]


@dataclass
class Stack:
    """The system's processes, each of which a test may end and start again."""

    urls: Mapping[str, Urls]
    amqp_url: str
    issuer: Issuer
    folder: Path
    extra: Mapping[str, str] = field(default_factory=dict)
    ports: dict[tuple[str, str], int] = field(default_factory=dict)
    processes: dict[tuple[str, str], "subprocess.Popen[bytes]"] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = [(service, role) for service in SERVICES for role in ROLES]
        self.ports = dict(zip(names, free_ports(len(names)), strict=True))

    def address(self, service: str) -> str:
        """Where a service's web process answers."""
        return f"http://127.0.0.1:{self.ports[service, 'web']}"

    def api(self, tenant: str, *roles: str, **claims: Any) -> Api:
        """A caller, who is a manager unless roles are given."""
        return Api(self.address, self.issuer.token(tenant, roles or ("manager",), **claims))

    def start(self, service: str, role: str) -> None:
        """Start one process. `worker-2` and `web-2` are seconds beside the first."""
        if (service, role) not in self.ports:
            [self.ports[service, role]] = free_ports(1)
        with (self.folder / f"{service}-{role}.log").open("ab") as log:
            self.processes[service, role] = subprocess.Popen(
                [sys.executable, "-m", service.replace("-", "_"), role.partition("-")[0]],
                env={**os.environ, **self._environment(service, role)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,
            )

    def kill(self, service: str, role: str) -> None:
        """SIGKILL to a process and its children."""
        process = self.processes.pop((service, role))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def stop_gently(self, service: str, role: str, *, within: float = 30) -> int:
        """SIGTERM to a process, as a container's engine sends it. Returns its exit code.

        30 s are the containers' grace.
        """
        process = self.processes.pop((service, role))
        process.terminate()
        try:
            return process.wait(within)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    def wait_ready(self, *, within: float = 60) -> None:
        """Wait until every process that was started answers its /readyz."""
        deadline = time.monotonic() + within
        for service, role in list(self.processes):
            while not self._answers(service, role):
                code = self.processes[service, role].poll()
                assert code is None, f"{service} {role} ended with {code}: {self.log(service, role)[-2000:]}"
                assert time.monotonic() < deadline, f"{service} {role} is not ready: {self.log(service, role)[-2000:]}"
                time.sleep(0.05)

    def log(self, service: str, role: str) -> str:
        """What a process has written."""
        return (self.folder / f"{service}-{role}.log").read_text()

    def stop(self) -> None:
        """End every process, without waiting for what it is at, because nothing of it is to be kept."""
        for service, role in list(self.processes):
            self.kill(service, role)

    def _answers(self, service: str, role: str) -> bool:
        try:
            port = self.ports[service, role]
            answer = urllib3.request("GET", f"http://127.0.0.1:{port}/readyz", retries=False, timeout=2)
        except urllib3.exceptions.HTTPError:
            return False
        return answer.status == 200

    def _environment(self, service: str, role: str) -> dict[str, str]:
        return {
            "TMPDIR": str(self.folder),  # what a killed process leaves goes with the folder
            "DATABASE_URL": self.urls[service].app,
            "DATABASE_RELAY_URL": self.urls[service].relay,
            "AMQP_URL": self.amqp_url,
            "PEER_URL": ",".join(f"{name}={self.address(name)}" for name in SERVICES),
            "JWT_ISSUER": ISSUER,
            "JWT_AUDIENCE": AUDIENCE,
            "JWKS_URL": self.issuer.jwks_url,
            "SERVICE_KEY": self.issuer.service_key(service),
            "SERVICE_JWKS_URL": self.issuer.service_jwks_url,
            "HOST": "127.0.0.1",
            "PORT": str(self.ports[service, role]),
            "HEALTH_PORT": str(self.ports[service, role]),
            "WEB_WORKERS": "1",
            **self.extra,
        }


@contextmanager
def running_stack(
    postgres_url: str, amqp_url: str, issuer: Issuer, folder: Path, name: str, **extra: str
) -> Iterator[Stack]:
    """A migrated, running system with databases of its own (`<service>_<name>`), gone at the end."""
    stems = {service: service.replace("-", "_") for service in SERVICES}
    urls = {s: provision(postgres_url, f"{stem}_{name}", secret="test", service=stem) for s, stem in stems.items()}
    stack = Stack(urls, amqp_url, issuer, folder, extra)
    try:
        for service in SERVICES:
            environment = {**os.environ, "DATABASE_OWNER_URL": urls[service].owner}
            subprocess.run(
                [sys.executable, "-m", stems[service], "migrate"], env=environment, check=True, capture_output=True
            )
        for service in SERVICES:
            for role in ROLES:
                stack.start(service, role)
        stack.wait_ready()
        yield stack
    finally:
        stack.stop()
        for stem in stems.values():
            drop_database(postgres_url, f"{stem}_{name}")
