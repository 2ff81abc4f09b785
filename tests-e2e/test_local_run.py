"""`jalsa run`: one machine, one port, one folder of data, as a newcomer uses it."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
import urllib3
from scene import Scene, eventually, new_tenant
from stack import SERVICES, Api

from jalsa import VERSION
from jalsa.dev.issuer import Issuer
from jalsa.dev.servers.processes import free_ports

pytestmark = pytest.mark.timeout(240)

JALSA = Path(sys.executable).with_name("jalsa")


class LocalRun:
    """A data folder, with spaces in its path, and the run on it: stopped and started again by the tests."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "a clinic's machine" / "my data"
        [self.port] = free_ports(1)
        self.output = folder / "output"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> Mapping[str, str]:
        inherited = {name: value for name, value in os.environ.items() if name != "AMQP_URL"}
        return {**inherited, "JALSA_PORT": str(self.port), "JALSA_DATA": str(self.data)}

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self, *, within: float = 90) -> str:
        """Start it, and return what it has printed when it is ready."""
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [JALSA, "run"],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                process_group=0,
            )
        eventually(self._is_ready_or_over, within=within)
        assert self.is_running, self.printed()
        return self.printed()

    def interrupt(self, *, within: float) -> None:
        """Ctrl-C sends SIGINT to everything that runs in the terminal's foreground. All of it must end in that time."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGINT)
        self.process.wait(within)

    def kill(self) -> None:
        """SIGKILL to the process that was started, and to no other."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def kill_everything(self) -> None:
        """SIGKILL to all of it at once, the database first: as if the power had failed."""
        for process in sorted(self.processes(), key=lambda process: process.pid, reverse=True):
            with suppress(psutil.NoSuchProcess):  # the database's own processes end with one another
                process.kill()
        self.kill()

    def printed(self) -> str:
        return self.output.read_text()

    def run(self, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        """Another command beside it, on the same data."""
        changed = {**self.environment, **environment}
        return subprocess.run([JALSA, *arguments], env=changed, capture_output=True, text=True, timeout=60, check=False)

    def api(self, tenant: str) -> Api:
        token = Issuer(self.data / "keys").token(tenant, ["manager"])
        return Api(lambda service: f"http://127.0.0.1:{self.port}/{service}", token)

    def processes(self) -> list[psutil.Process]:
        """Whatever runs on its data, the embedded PostgreSQL above all, or on its behalf."""
        return [process for process in psutil.process_iter() if self._is_ours(process)]

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            return any(str(self.data) in argument for argument in process.cmdline()) or (
                process.environ().get("JALSA_DATA") == str(self.data)
            )
        except psutil.Error:
            return False

    def _is_ready_or_over(self) -> bool:
        return "3. the confirmation" in self.printed() or not self.is_running


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalRun]:
    run = LocalRun(tmp_path_factory.mktemp("local"))
    yield run
    if run.is_running:
        run.interrupt(within=30)
    for process in run.processes():
        process.kill()


@pytest.fixture
def run(data: LocalRun) -> LocalRun:
    """The run, at work whatever the test before has done to it."""
    if not data.is_running:
        data.start()
    return data


def test_the_printed_lines_work_when_they_are_pasted(run: LocalRun) -> None:
    lines = [line for line in run.printed().splitlines() if re.match(r"export |curl |# \d", line)]
    assert [line.split()[0] for line in lines] == ["export", *["#", "curl"] * 5]
    participant, *_, free, plan = pasted(lines)
    assert len(free["items"]) == 3
    assert [session["scheduled_time"] for session in plan["sessions"]] == ["10:00"] * 10
    assert participant["status"] == "BOOKED"
    eventually(lambda: all(is_told_of(participant, answer) for answer in pasted([lines[0], *lines[3:7]])))


def test_at_the_first_start_its_services_ask_each_other_and_none_waits_for_itself(run: LocalRun) -> None:
    """Whether others know events of an empty database is asked over the port, which must answer by then."""
    log = (run.data / "jalsa.log").read_text()
    assert "/v1/events/heads" in log
    assert "follower-away" not in log


def pasted(lines: list[str]) -> list[Any]:
    """The answers, one a line, of what a shell was given."""
    done = subprocess.run(
        ["bash", "-e"], input="\n".join(lines), capture_output=True, text=True, check=True, timeout=60
    )
    return [json.loads(line) for line in done.stdout.splitlines() if line]


def is_told_of(participant: Any, answer: Any) -> bool:
    return participant["appointment_number"] in [item["appointment_number"] for item in answer["items"]]


def test_the_command_token_prints_a_token_that_is_good(run: LocalRun) -> None:
    done = run.run("token", "--tenant", "rahma", "--role", "manager")
    assert done.returncode == 0, done.stderr
    api = Api(lambda service: f"http://127.0.0.1:{run.port}/{service}", done.stdout.strip())
    [clinic] = api.get("/scheduling/v1/clinics")["items"]
    assert clinic["name_ar"] == "علم النفس"
    too_long = run.run("token", "--tenant", "rahma", "--role", "manager", "--hours", "25")
    assert (too_long.returncode, "24 hours at most" in too_long.stderr) == (1, True)


def test_the_demonstration_books_and_shows_what_follows(run: LocalRun) -> None:
    """It needs no JALSA_PORT, because the run has written down where it answers."""
    done = run.run("demo", JALSA_PORT="1")
    assert done.returncode == 0, done.stderr
    head, rule, booked, invoice, message, *_ = done.stdout.splitlines()
    assert head.split() == ["call", "answer", "after"]
    assert set(rule) == {"-", " "}
    [number] = re.findall(r"(APT-AGDAR-\d{4}-\d{5}) is BOOKED", booked)
    assert re.search(r"INV-AGDAR-\d{4}-\d{5} is ISSUED, \d+\.\d\d SAR", invoice)
    assert "BOOKING_CONFIRMATION by WHATSAPP is SENT" in message
    assert "10 of 10 sessions have a time" in done.stdout
    asked = f"SELECT status FROM participants WHERE appointment_number = '{number}'"
    assert run.run("psql", "scheduling", "-At", "-c", asked).stdout == "BOOKED\n"


def test_databases_metrics_log_and_commands_of_a_run_are_a_command_away(run: LocalRun) -> None:
    service = "clinical-notes"
    database = run.run("psql", service, "-At", "-c", "SELECT current_database(), current_user")
    assert database.stdout == "clinical_notes|jalsa\n", database.stderr
    assert run.run("psql", service, "-c", "no such statement").returncode != 0
    everything = run.run("metrics").stdout
    assert set(re.findall(r'service="([a-z-]+)"', everything)) == set(SERVICES)
    metrics = run.run("metrics", service).stdout
    assert f'jalsa_build_info{{service="{service}",version="{VERSION}"}} 1.0' in metrics
    assert set(re.findall(r'service="([a-z-]+)"', metrics)) == {service}
    lines = run.run("logs", service, "--json").stdout.splitlines()
    assert {json.loads(line)["service"] for line in lines} == {service}
    assert f"http://127.0.0.1:{run.port}/{{service}}" in run.run("service", service, "config", JALSA_PORT="1").stdout
    assert run.run("service", service, "migrate").stdout.startswith(f"{service}: the database is at ")


@pytest.mark.parametrize("kill", [LocalRun.kill, LocalRun.kill_everything])
def test_what_was_booked_a_moment_before_kill_9_is_there_and_has_its_consequences(
    run: LocalRun, kill: Callable[[LocalRun], None]
) -> None:
    tenant = new_tenant()
    scene = Scene(run.api(tenant), tenant)
    session, patient_id = scene.group(), scene.patient()
    participant = scene.book(session["id"], patient_id)
    kill(run)
    began = time.monotonic()
    banner = run.start()
    print(f"started again after {time.monotonic() - began:.1f} s;", *re.findall(r"Jalsa is ready.*? s ", banner))
    found = run.api(tenant).get(f"/scheduling/v1/participants/{participant['id']}")
    assert found["appointment_number"] == participant["appointment_number"]
    eventually(lambda: scene.has_followed(participant))


def test_with_a_frozen_database_health_is_answered_and_requests_are_refused_until_it_returns(run: LocalRun) -> None:
    api = run.api("agdar")
    paths = [f"/{service}/v1/events?limit=1" for service in SERVICES]
    assert {api.call("GET", path).status for path in paths} == {200}
    [server] = [process for process in run.processes() if process.name() == "postgres"]
    frozen = [server, *server.children(recursive=True)]
    for process in frozen:
        process.suspend()
    try:
        eventually(lambda: {health(run, service, "readyz") for service in SERVICES} == {503}, within=5)
        began = time.monotonic()
        answers = [api.call("GET", path) for path in paths]
        assert time.monotonic() - began < 2
        assert {(answer.status, answer.code) for answer in answers} == {(503, "temporarily-unavailable")}
        assert {health(run, service, "livez") for service in SERVICES} == {200}
    finally:
        for process in frozen:
            process.resume()
    eventually(lambda: {health(run, service, "readyz") for service in SERVICES} == {200}, within=3)
    assert {api.call("GET", path).status for path in paths} == {200}


def health(run: LocalRun, service: str, path: str) -> int:
    return urllib3.request("GET", f"http://127.0.0.1:{run.port}/{service}/{path}", retries=False, timeout=2).status


def test_its_data_and_its_log_are_for_their_owner_alone(run: LocalRun) -> None:
    """Also those that an earlier version left open."""
    run.interrupt(within=30)
    run.data.chmod(0o755)
    (run.data / "jalsa.log").chmod(0o644)
    run.start()
    kept = [run.data, *run.data.iterdir(), *(run.data / "keys").iterdir()]
    assert {path.name: oct(path.stat().st_mode & 0o077) for path in kept} == dict.fromkeys(
        [p.name for p in kept], "0o0"
    )


def test_what_is_no_request_is_a_problem_and_its_address_is_not_logged(run: LocalRun) -> None:
    mark = f"Zz{time.monotonic_ns()}"
    with socket.create_connection(("127.0.0.1", run.port), timeout=10) as client:
        client.sendall(f"GET /patient-files/v1/patients?name={mark}\r\n\r\n".encode())
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"application/problem+json" in answer
    log = (run.data / "jalsa.log").read_text()
    assert "request-refused" in log
    assert mark not in log
    assert mark not in run.printed()


@pytest.mark.parametrize("path", ["metrics", "/metrics", "v1/..//metrics", "%2fmetrics"])
def test_metrics_are_not_published(run: LocalRun, path: str) -> None:
    with socket.create_connection(("127.0.0.1", run.port), timeout=10) as client:
        client.sendall(f"GET /scheduling/{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        assert client.recv(12) == b"HTTP/1.1 404"


def test_a_second_start_on_the_same_data_says_so_in_one_line_and_harms_nothing(run: LocalRun) -> None:
    done = run.run("run")
    assert done.returncode != 0
    assert done.stdout == ""
    [line] = done.stderr.splitlines()
    assert "runs already" in line
    assert str(run.data) in line
    assert run.api("agdar").get("/scheduling/v1/clinics")["items"]


def test_a_start_on_a_port_that_is_taken_says_so_in_one_line(run: LocalRun, tmp_path: Path) -> None:
    done = run.run("run", JALSA_DATA=str(tmp_path))
    assert done.returncode != 0
    assert done.stdout == ""
    [line] = done.stderr.splitlines()
    assert f"port {run.port} cannot be used" in line
    assert not (tmp_path / "postgres").exists()


def test_ctrl_c_ends_it_within_ten_seconds_and_leaves_nothing_behind(run: LocalRun) -> None:
    run.interrupt(within=10)
    eventually(lambda: not run.processes(), within=10)
    assert not (run.data / "postgres" / "data" / "postmaster.pid").exists()
    assert "Traceback" not in run.printed()
    ended = run.run("demo")
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert "no run answers" in ended.stderr
