"""gunicorn as Jalsa runs it. It stops without losing a request, answers in problem documents, and logs no address."""

import ctypes
import io
import json
import logging
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import structlog
from gunicorn import glogging
from gunicorn.app.base import BaseApplication
from gunicorn.http import errors
from gunicorn.workers.gthread import ThreadWorker

from jalsa.service.problems import Problem

log = structlog.get_logger()

#: The longest request line, in bytes. The gateway's buffers of 8 KiB hold the same (deploy/gateway/nginx.conf).
MAX_REQUEST_LINE = 8190
#: How long requests that are under way may take after the signal to stop: less than the containers' 30 seconds.
GRACEFUL_SECONDS = 20
#: How long a handshake that has begun may need to become a connection: longer than any round trip in one network.
HANDSHAKE_SECONDS = 0.2

#: The longest body that any view takes. The gateway refuses more, too.
MAX_BODY_BYTES = 1 << 20

_REFUSALS: dict[type[Exception], tuple[int, str, str]] = {
    errors.LimitRequestLine: (414, "request-uri-too-large", "The address is too long."),
    errors.LimitRequestHeaders: (431, "request-header-fields-too-large", "The headers are too long, or too many."),
    errors.ExpectationFailed: (417, "expectation-failed", "The expectation cannot be met."),
    errors.UnsupportedTransferCoding: (501, "not-implemented", "This transfer coding is not supported."),
    errors.InvalidHTTPVersion: (505, "http-version-not-supported", "This version of HTTP is not supported."),
    errors.ParseException: (400, "malformed-request", "The request cannot be read."),
}


class Server(BaseApplication):  # type: ignore[misc]
    """A gunicorn with our settings. `load` makes the application in each of its processes.

    For `stop_delay` seconds after the signal to stop it is not ready but serves everybody. This is for load balancers
    that look at readiness only. Ours turns to the next copy as soon as a connection is refused, and needs no delay.
    """

    def __init__(self, load: Callable[[], WSGIApplication], *, stop_delay: float = 0.0, **settings: object) -> None:
        self._load = load
        self._stop_delay = stop_delay
        self._settings = settings
        super().__init__()

    def load_config(self) -> None:
        """Ours, and then the caller's."""
        settings = {
            "worker_class": type("Worker", (Worker,), {"stop_delay": self._stop_delay}),
            "logger_class": Logger,
            "loglevel": "warning",
            "control_socket_disable": True,  # it would be written to $HOME, which is read-only
            "worker_tmp_dir": "/dev/shm" if Path("/dev/shm").is_dir() else None,  # noqa: S108
            "graceful_timeout": GRACEFUL_SECONDS + int(self._stop_delay),
            "keepalive": 75,  # longer than the gateway's, so that it is never the one that closes
            "limit_request_line": MAX_REQUEST_LINE,
            "forwarder_headers": "",  # No header says what the path is, because a caller on loopback would be believed.
            **self._settings,
        }
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self) -> WSGIApplication:
        """The application, behind what the server knows better."""
        return _Guarded(self._load())


class Logger(glogging.Logger):  # type: ignore[misc]
    """gunicorn's messages are handled as every library's, without their arguments, which may hold an address."""

    def setup(self, cfg: object) -> None:
        """Leave writing to the handlers of this process."""
        super().setup(cfg)
        self.error_log.handlers = []
        self.error_log.propagate = True
        self.error_log.setLevel(logging.WARNING)


class Worker(ThreadWorker):  # type: ignore[misc]
    """gunicorn's threaded worker, but for how it stops and how it refuses what it cannot read."""

    stop_delay = 0.0

    def set_accept_enabled(self, enabled: bool) -> None:
        """gunicorn keeps the port open until the last request is done, and who connects meanwhile is reset then."""
        ending = not enabled and not self.alive
        if ending:
            self._hand_on()
        super().set_accept_enabled(enabled)
        if ending:
            for listener in self.sockets:
                listener.close()

    def _hand_on(self) -> None:
        """Stop accepting connections, and take in those that were accepted."""
        _stopping.set()
        self._serve_for(self.stop_delay)
        for listener in self.sockets:
            _refuse_handshakes(listener)
        self._serve_for(HANDSHAKE_SECONDS)

    def _serve_for(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self.notify()
            self.wait_for_and_dispatch_events(timeout=min(left, 1.0))

    def _cap_keepalive(self, deadline: float) -> None:
        super()._cap_keepalive(deadline)
        for conn in self.pending_conns:  # connected, and never said anything
            conn.timeout = min(conn.timeout, deadline)

    def _keepalive_after(self, conn: object, keepalive: bool) -> bool:
        try:
            return bool(super()._keepalive_after(conn, keepalive))
        except errors.ParseException:
            return False  # The rest of its body is broken. The request has its answer already.

    def handle_error(self, req: object, client: socket.socket, addr: object, exc: Exception) -> None:
        """Answer what never became a request, with a problem document. Gunicorn would log its address."""
        refusal = next((known for kind, known in _REFUSALS.items() if isinstance(exc, kind)), None)
        if refusal is None:
            refusal = (500, "internal-error", "The request failed; the fault is ours and was logged.")
            log.error("request-failed", exc_info=exc)
        else:
            log.warning("request-refused", reason=type(exc).__name__, status=refusal[0])
        with suppress(OSError):
            client.sendall(_answer(*refusal))


class _Guarded:
    """The application as callers of a real server meet it."""

    def __init__(self, application: WSGIApplication) -> None:
        self._application = application

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if _stopping.is_set() and environ.get("PATH_INFO", "").endswith("/readyz"):
            start_response("503 Service Unavailable", [("Content-Type", "application/json")])
            return [b'{"status":"unavailable","checks":{"process":"stopping"}}']
        try:
            _measure_body(environ)
        except Problem as problem:
            start_response(f"{problem.status} {problem.document()['title']}", [*_PROBLEM_HEADERS])
            return [json.dumps(problem.document()).encode()]
        return self._application(environ, start_response)


_PROBLEM_HEADERS = (("Content-Type", "application/problem+json"), ("Cache-Control", "no-store"))
_stopping = threading.Event()


def _measure_body(environ: WSGIEnvironment) -> None:
    """Read a body that comes in chunks, so that what follows has its length as that of any other.

    werkzeug cuts such a body off at the limit instead of refusing it. Raises Problem for one that is broken or longer
    than any view takes.
    """
    if "HTTP_TRANSFER_ENCODING" not in environ:
        return
    try:
        body = environ["wsgi.input"].read(MAX_BODY_BYTES + 1)
    except (errors.ParseException, OSError):
        raise Problem(400, "malformed-request", "The body cannot be read because its chunks are malformed.") from None
    if len(body) > MAX_BODY_BYTES:
        raise Problem(413, "request-entity-too-large", "A body may have 1 MiB at most.")
    del environ["HTTP_TRANSFER_ENCODING"]
    environ |= {"CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body), "wsgi.input_terminated": False}


def _answer(status: int, code: str, detail: str) -> bytes:
    problem = Problem(status, code, detail).document()
    body = json.dumps(problem).encode()
    headers = [*_PROBLEM_HEADERS, ("Content-Length", str(len(body))), ("Connection", "close")]
    head = "".join(f"{name}: {value}\r\n" for name, value in headers)
    return f"HTTP/1.1 {status} {problem['title']}\r\n{head}\r\n".encode() + body


def _refuse_handshakes(listener: socket.socket) -> None:
    """Drop every SYN that arrives at a listening TCP socket from now on. Handshakes that have begun are finished.

    Closing it at once would reset those who have just connected and may have sent a request, which nobody may then
    repeat. Who is dropped tries again after a second, finds the port closed, and has sent nothing. Where the system has
    no such filters, what is left of the race is the moment between the last look at the queue and its closing.
    """
    byte_of_flags, syn, ack = 13, 0x02, 0x10
    instructions = [
        (0x30, 0, 0, byte_of_flags),  # load the byte
        (0x54, 0, 0, syn | ack),  # keep the two flags
        (0x15, 0, 1, syn),  # a SYN and no ACK:
        (0x06, 0, 0, 0),  # drop it
        (0x06, 0, 0, 0xFFFFFFFF),  # else let it pass
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *each) for each in instructions))
    program = struct.pack("HL", len(instructions), ctypes.addressof(code))
    so_attach_filter = getattr(socket, "SO_ATTACH_FILTER", 26)
    with suppress(OSError):
        listener.setsockopt(socket.SOL_SOCKET, so_attach_filter, program)
