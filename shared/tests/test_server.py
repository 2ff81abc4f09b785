"""Our gunicorn stops without losing a request, and what never becomes a request gets a problem document."""

import json
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from jalsa.dev.kit import eventually
from jalsa.dev.servers.processes import free_ports
from jalsa.http.server import MAX_REQUEST_LINE

REFUSED = "refused"
LOST = "lost"


@dataclass
class Served:
    """A running server."""

    port: int
    process: "subprocess.Popen[bytes]"
    output: Path

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def send(self, request: bytes) -> bytes:
        """The whole answer to one request, until the connection is closed."""
        with self.connect() as client:
            client.sendall(request)
            return b"".join(iter(lambda: client.recv(65536), b""))

    def get(self, path: str) -> bytes:
        return self.send(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def fate_of(self, path: str) -> str:
        """Whether a request is answered, refused before it was sent, or lost after it."""
        try:
            client = self.connect()
        except ConnectionRefusedError:
            return REFUSED
        with client:
            try:
                client.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
                return client.recv(12).decode() or LOST
            except ConnectionResetError:
                return LOST


@contextmanager
def serving(folder: Path, *, stop_delay: float = 0.0) -> Iterator[Served]:
    [port] = free_ports(1)
    output = folder / "output"
    script = Path(__file__).with_name("served.py")
    with output.open("wb") as log:
        process = subprocess.Popen([sys.executable, script, str(port), str(stop_delay)], stdout=log, stderr=log)
    served = Served(port, process, output)
    try:
        eventually(lambda: answers(served), within=30)
        yield served
    finally:
        process.terminate()
        try:
            process.wait(30)
        finally:
            process.kill()


def answers(served: Served) -> bool:
    with suppress(OSError):
        return status_of(served.get("/wait")) == 200
    return False


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One that is never told to stop."""
    with serving(tmp_path_factory.mktemp("server")) as served:
        yield served


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def problem_of(answer: bytes) -> Any:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head.lower(), head
    problem = json.loads(body)
    assert problem["status"] == status_of(answer)
    return problem


def test_whoever_is_let_in_is_answered_and_others_are_refused_from_the_signal_on(tmp_path: Path) -> None:
    """Many clients connect at every moment of the stop, while one request holds it up."""
    with serving(tmp_path) as served, ThreadPoolExecutor(9) as pool:
        slow = pool.submit(served.fate_of, "/wait?seconds=3")
        ends = time.monotonic() + 2.5

        def keep_asking(_: int) -> list[str]:
            fates = []
            while time.monotonic() < ends:
                fates.append(served.fate_of("/wait?seconds=0.05"))
            return fates

        asking = [pool.submit(keep_asking, number) for number in range(8)]
        time.sleep(0.3)
        served.stop()
        fates = [fate for each in asking for fate in each.result()]
        assert slow.result() == "HTTP/1.1 200"
        assert set(fates) == {"HTTP/1.1 200", REFUSED}
        assert served.process.wait(10) == 0


def test_the_port_is_closed_while_a_request_is_still_under_way(tmp_path: Path) -> None:
    with serving(tmp_path) as served, ThreadPoolExecutor(1) as pool:
        slow = pool.submit(served.fate_of, "/wait?seconds=4")
        time.sleep(0.3)
        served.stop()
        told = time.monotonic()
        eventually(lambda: served.fate_of("/wait") == REFUSED, within=3)
        assert time.monotonic() - told < 2.5
        assert not slow.done()
        assert slow.result() == "HTTP/1.1 200"


def test_a_kept_connection_is_answered_once_more_and_closed(tmp_path: Path) -> None:
    with serving(tmp_path) as served, served.connect() as kept:
        kept.sendall(b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"keep-alive" in kept.recv(65536).lower()
        served.stop()
        time.sleep(0.5)
        kept.sendall(b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"connection: close" in b"".join(iter(lambda: kept.recv(65536), b"")).lower()


def test_a_connection_that_says_nothing_holds_no_stop_up(tmp_path: Path) -> None:
    with serving(tmp_path) as served, served.connect():
        time.sleep(5.5)  # it is put aside after five seconds, and was then kept for 75
        served.stop()
        assert served.process.wait(8) == 0


def test_it_is_not_ready_first_where_balancers_need_time_to_see_it(tmp_path: Path) -> None:
    with serving(tmp_path, stop_delay=3) as served:
        assert status_of(served.get("/scheduling/readyz")) == 200
        served.stop()
        eventually(lambda: status_of(served.get("/scheduling/readyz")) == 503, within=2)
        assert status_of(served.get("/wait")) == 200
        eventually(lambda: served.fate_of("/wait") == REFUSED, within=6)
        assert served.process.wait(10) == 0


LONG = b"a" * (MAX_REQUEST_LINE - len("GET / HTTP/1.1"))


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        (b"GET /MARK\r\n\r\n", 400, "malformed-request"),
        (b"get /MARK HTTP/1.1\r\n\r\n", 400, "malformed-request"),
        (b"GET /MARK HTTP/9.9\r\n\r\n", 505, "http-version-not-supported"),
        (b"GET /MARK HTTP/1.1\r\nHost: x\r\nBad header: MARK\r\n\r\n", 400, "malformed-request"),
        (b"GET /MARK HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 9000 + b"\r\n\r\n", 431, "request-header-fields-too-large"),
        (b"GET /MARK HTTP/1.1\r\nHost: x\r\n" + b"A: a\r\n" * 200 + b"\r\n", 431, "request-header-fields-too-large"),
        (b"GET /MARK" + LONG + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414, "request-uri-too-large"),
        (b"POST /MARK HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: odd\r\n\r\n", 501, "not-implemented"),
    ],
)
def test_what_is_no_request_is_refused_with_a_problem_and_not_logged(
    server: Served, request_: bytes, status: int, code: str
) -> None:
    mark = secrets.token_hex(8)
    problem = problem_of(server.send(request_.replace(b"MARK", f"patients?name={mark}".encode())))
    assert (problem["status"], problem["code"]) == (status, code)
    eventually(lambda: "request-refused" in server.output.read_text())
    assert mark not in server.output.read_text()


def test_a_request_line_of_the_limit_is_taken(server: Served) -> None:
    line = b"GET /" + LONG + b" HTTP/1.1"
    assert len(line) == MAX_REQUEST_LINE
    assert status_of(server.send(line + b"\r\nHost: x\r\nConnection: close\r\n\r\n")) == 404


@pytest.mark.parametrize(
    ("chunks", "status"),
    [
        (b"5\r\nhello\r\n0\r\n\r\n", 200),
        (b"zz\r\nhello\r\n0\r\n\r\n", 400),
        (b"5\r\nhelloworld\r\n0\r\n\r\n", 400),
        (b"-5\r\nhello\r\n0\r\n\r\n", 400),
        (b"5;" + b"x" * 20_000 + b"\r\nhello\r\n0\r\n\r\n", 400),
        (b"10001\r\n" + b"a" * 0x10001 + b"\r\n0\r\n\r\n", 413),
        (b"100001\r\n" + b"a" * 0x100001 + b"\r\n0\r\n\r\n", 413),
    ],
    ids=["whole", "no number", "too long", "negative", "long extension", "too large here", "too large anywhere"],
)
def test_chunks_that_are_broken_are_400_and_too_many_are_413(server: Served, chunks: bytes, status: int) -> None:
    head = b"POST /body HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert status_of(server.send(head + chunks)) == status


def test_no_header_says_what_the_path_is(server: Served) -> None:
    answer = server.send(b"GET /other HTTP/1.1\r\nHost: x\r\nPATH_INFO: /wait\r\nConnection: close\r\n\r\n")
    assert status_of(answer) == 404
