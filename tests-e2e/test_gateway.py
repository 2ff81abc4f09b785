"""What the gateway refuses itself is a problem document, what it publishes is listed, and nobody asks too often."""

import json
import re
import secrets
import socket
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
import urllib3
from gateway import CONFIGURATION, Gateway, running_gateway
from stack import SERVICES
from werkzeug.test import Client

from jalsa.dev.servers.processes import free_ports
from jalsa.dev.serving import serving
from jalsa.http.server import MAX_REQUEST_LINE
from jalsa_local.gateway import gateway as local_gateway


def echo(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """What a service was asked."""
    start_response("200 OK", [("Content-Type", "application/json")])
    size = int(environ.get("CONTENT_LENGTH") or 0)
    body = len(environ["wsgi.input"].read(size))
    return [json.dumps({"path": environ["PATH_INFO"], "query": environ["QUERY_STRING"], "body": body}).encode()]


@contextmanager
def echoing() -> Iterator[int]:
    """A service that tells what it was asked. Yields its port."""
    with serving(echo) as address:
        yield int(address.rpartition(":")[2])


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Billing has a copy that is away and one that is there. Nobody is there for notifications."""
    [away] = free_ports(1)
    with echoing() as port:
        copies = {service: [port] for service in SERVICES} | {"billing": [away, port], "notifications": [away]}
        with running_gateway(tmp_path_factory.mktemp("gateway"), copies) as running:
            yield running


def send(gateway: Gateway, request: bytes) -> tuple[int, dict[str, str], bytes]:
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=20) as client:
        client.sendall(request)
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    return int(first.split(" ")[1]), {n.lower(): v for n, _, v in (line.partition(": ") for line in lines)}, body


def close(head: bytes) -> bytes:
    return head + b"\r\nHost: x\r\nConnection: close\r\n\r\n"


LINE = b"GET /scheduling/v1/%s HTTP/1.1"
LONGEST = LINE % (b"a" * (MAX_REQUEST_LINE - len(LINE) + 2))
CHUNKED = close(b"POST /scheduling/v1/x HTTP/1.1\r\nTransfer-Encoding: chunked")


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        (close(b"GET /scheduling/v1/MARK%00 HTTP/1.1"), 400, "malformed-request"),
        (close(b"GET /scheduling/v1/MARK%zz HTTP/1.1"), 400, "malformed-request"),
        (close(b"GET /../../MARK HTTP/1.1"), 400, "malformed-request"),
        (close(b"GET MARK HTTP/1.1"), 400, "malformed-request"),
        (close(b"get /scheduling/v1/MARK HTTP/1.1"), 400, "malformed-request"),
        (close(b"GET /scheduling/v1/MARK HTTP/1.1\r\nHost: y"), 400, "malformed-request"),
        (b"GET /scheduling/v1/MARK HTTP/1.1\r\nHost: a b\r\n\r\n", 400, "malformed-request"),
        (b"GET /scheduling/v1/MARK HTTP/1.1\r\nConnection: close\r\n\r\n", 400, "malformed-request"),
        (close(b"GET /scheduling/v1/MARK HTTP/1.1\r\nA\x00: b"), 400, "malformed-request"),
        (close(b"POST /scheduling/v1/MARK HTTP/1.1\r\nContent-Length: x"), 400, "malformed-request"),
        (
            close(b"POST /scheduling/v1/MARK HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked"),
            400,
            "malformed-request",
        ),
        (CHUNKED + b"zz\r\nhello\r\n0\r\n\r\n", 400, "malformed-request"),
        (CHUNKED + b"5\r\nhelloworld\r\n0\r\n\r\n", 400, "malformed-request"),
        (close(b"TRACE /scheduling/v1/MARK HTTP/1.1"), 405, "method-not-allowed"),
        (close(b"POST /scheduling/v1/MARK HTTP/1.1\r\nContent-Length: 9999999"), 413, "request-entity-too-large"),
        (CHUNKED + b"100001\r\n" + b"a" * 0x100001 + b"\r\n0\r\n\r\n", 413, "request-entity-too-large"),
        (close(b"GET /scheduling/v1/MARK" + b"a" * 9000 + b" HTTP/1.1"), 414, "request-uri-too-large"),
        (close(LONGEST.replace(b" HTTP", b"a HTTP")), 414, "request-uri-too-large"),
        (close(b"GET /scheduling/v1/MARK HTTP/1.1\r\nA: " + b"a" * 9000), 431, "request-header-fields-too-large"),
        (close(b"POST /scheduling/v1/MARK HTTP/1.1\r\nTransfer-Encoding: odd"), 501, "not-implemented"),
        (close(b"GET /notifications/v1/MARK HTTP/1.1"), 502, "bad-gateway"),
        (close(b"GET /scheduling/v1/MARK HTTP/3.0"), 505, "http-version-not-supported"),
        (close(b"GET /.problem HTTP/1.1"), 404, "not-found"),
    ],
)
def test_what_nginx_refuses_is_a_problem_with_its_own_status(
    gateway: Gateway, request_: bytes, status: int, code: str
) -> None:
    mark = secrets.token_hex(8)
    got, headers, body = send(gateway, request_.replace(b"MARK", mark.encode()))
    assert (got, headers["content-type"]) == (status, "application/problem+json"), body
    problem = json.loads(body)
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["type"] == f"urn:jalsa:problem:{code}"
    assert mark not in gateway.log()


def test_a_request_line_of_the_limit_is_passed_on(gateway: Gateway) -> None:
    assert len(LONGEST) == MAX_REQUEST_LINE
    assert send(gateway, close(LONGEST))[0] == 200


def test_a_chunked_body_is_passed_on_whole(gateway: Gateway) -> None:
    _, _, body = send(gateway, CHUNKED + b"5\r\nhello\r\n3\r\nyou\r\n0\r\n\r\n")
    assert b'"body": 8' in body


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_the_next_copy_is_asked_where_one_is_away(gateway: Gateway, method: str) -> None:
    for _ in range(4):
        assert urllib3.request(method, f"{gateway.address('billing')}/v1/x", retries=False).status == 200


PUBLISHED = ("/v1/x", "/v1/docs", "/livez", "/readyz", "/v1/%D8%B9", "/v1/a%2Fb")
HIDDEN = (
    *("/metrics", "//metrics", "/./metrics", "/%2fmetrics", "/%2Fmetrics", "/%6detrics", "/metrics/", "/METRICS"),
    *("/v1/../metrics", "/v1/%2e%2e/metrics", "/v1/%2e%2e%2fmetrics", "/v1//..//metrics", "/livez/../metrics"),
    *("/livez/x", "/readyz/", "/livez%2f..%2fmetrics", ";/metrics", "/metrics;v1", "/V1/x", "/v1", ""),
)


def through_nginx(gateway: Gateway, path: str) -> int:
    return send(gateway, close(f"GET {path} HTTP/1.1".encode()))[0]


def through_local(_: Gateway, path: str) -> int:
    return Client(local_gateway(dict.fromkeys(SERVICES, echo))).get(f"http://x{path}").status_code


@pytest.mark.parametrize("through", [through_nginx, through_local])
def test_what_is_published_is_listed_and_no_spelling_finds_another_path(gateway: Gateway, through: Any) -> None:
    answers = {path: through(gateway, f"/scheduling{path}") for path in (*PUBLISHED, *HIDDEN)}
    assert answers == dict.fromkeys(PUBLISHED, 200) | dict.fromkeys(HIDDEN, 404)
    elsewhere = {
        path: through(gateway, path) for path in ("//scheduling/metrics", "/x/v1/x", "/metrics", "/SCHEDULING/v1/x")
    }
    assert set(elsewhere.values()) == {404}
    assert through(gateway, "/") == 200


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """With the limits that are deployed, but ten times as narrow and far slower, so that any machine meets them."""
    deployed = (CONFIGURATION / "limits.conf").read_text()
    narrow = (
        re.sub(r"rate=\d+r/s", "rate=1r/m", deployed).replace("burst=600", "burst=60").replace("burst=200", "burst=20")
    )
    assert narrow.count("burst=60") == narrow.count("burst=20") == 1
    with echoing() as port, running_gateway(tmp_path_factory.mktemp("limited"), {"scheduling": [port]}, narrow) as made:
        yield made


def statuses(gateway: Gateway, count: int, token: str | None = None) -> Counter[int]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    http = urllib3.PoolManager(retries=False, maxsize=8)

    def ask(_: int) -> urllib3.BaseHTTPResponse:
        return http.request("GET", f"{gateway.address('scheduling')}/v1/x", headers=headers)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(count)))
    for answer in answers:
        if answer.status == 429:
            assert answer.headers["Retry-After"] == "1"
            assert answer.headers["Content-Type"] == "application/problem+json"
            assert answer.json()["code"] == "too-many-requests"
    return Counter(answer.status for answer in answers)


def token() -> str:
    return f"{secrets.token_urlsafe(40)}.{secrets.token_urlsafe(40)}.{secrets.token_urlsafe(64)}"


def test_a_token_and_an_address_that_ask_too_often_are_told_to_wait(limited: Gateway) -> None:
    mine = token()
    assert statuses(limited, 30, mine) == {200: 21, 429: 9}
    assert statuses(limited, 1, f"{mine}x") == {429: 1}  # told by the beginning of its signature
    assert statuses(limited, 15, token()) == {200: 15}
    assert statuses(limited, 40)[429] > 10  # the address, with no token at all
    assert statuses(limited, 1, token()) == {429: 1}
    assert send(limited, close(b"GET /livez HTTP/1.1"))[0] == 200


def test_the_deployed_limits_leave_a_busy_desk_alone(tmp_path: Path) -> None:
    with echoing() as port, running_gateway(tmp_path, {"scheduling": [port]}, None) as gateway:
        assert statuses(gateway, 200, token()) == {200: 200}
