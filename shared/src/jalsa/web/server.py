"""gunicorn as Jalsa runs it: it stops without losing a request, answers in problem documents, and logs no address."""

import ctypes
import errno
import io
import json
import logging
import selectors
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import structlog
from gunicorn import glogging
from gunicorn.app.base import BaseApplication
from gunicorn.http import errors
from gunicorn.workers.gthread import TConn, ThreadWorker

from jalsa.errors import Problem
from jalsa.web.incoming import Incoming

log = structlog.get_logger()

#: The longest request line, in bytes; the gateway's buffers of 8 KiB hold the same (deploy/gateway/nginx.conf).
MAX_REQUEST_LINE = 8190
#: How long requests that are under way may take after the signal to stop: less than the containers' 30 seconds.
GRACEFUL_SECONDS = 20
#: How long a handshake that has begun may need to become a connection: longer than any round trip in one network.
HANDSHAKE_SECONDS = 0.2

#: The longest body that any view takes; the gateway refuses more, too.
MAX_BODY_BYTES = 1 << 20

#: How long a request may take to arrive whole, and how long a client may take in nothing of its answer.
ARRIVAL_SECONDS, STALLED_SECONDS = 15, 15
#: How much of requests that have not arrived whole is kept, all of them together.
MAX_ARRIVING_BYTES = 32 << 20
#: How long a client that is refused may go on sending, so that it finds the answer.
LINGER_SECONDS = 2.0
_PIECE_BYTES = 64 << 10
_TOO_LONG = (413, "request-entity-too-large", "A body may have 1 MiB at most.")
_BROKEN = (400, "malformed-request", "The body cannot be read: its chunks are broken.")
_TOO_SLOW = (408, "request-timeout", "The request did not arrive in time.")
_TOO_MANY = (503, "temporarily-unavailable", "Too many requests arrive at once; try again.")

_REFUSALS: dict[type[Exception], tuple[int, str, str]] = {
    errors.LimitRequestLine: (414, "request-uri-too-large", "The address is too long."),
    errors.LimitRequestHeaders: (431, "request-header-fields-too-large", "The headers are too long, or too many."),
    errors.ExpectationFailed: (417, "expectation-failed", "The expectation cannot be met."),
    errors.UnsupportedTransferCoding: (501, "not-implemented", "This transfer coding is not supported."),
    errors.InvalidHTTPVersion: (505, "http-version-not-supported", "This version of HTTP is not supported."),
    errors.ParseException: (400, "malformed-request", "The request cannot be read."),
}


class Server(BaseApplication):  # type: ignore[misc]
    """A gunicorn with our settings; `load` makes the application in each of its processes.

    For `stop_delay` seconds after the signal to stop it is not ready but serves everybody: for load balancers that look
    at readiness only. Ours turns to the next copy as soon as a connection is refused, and needs no delay.
    """

    def __init__(self, load: Callable[[], WSGIApplication], *, stop_delay: float = 0.0, **settings: Any) -> None:
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
            "forwarder_headers": "",  # no header says what the path is: a caller on loopback would be believed
            **self._settings,
        }
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self) -> WSGIApplication:
        """The application, behind what the server knows better."""
        return _Guarded(self._load())


class Logger(glogging.Logger):  # type: ignore[misc]
    """gunicorn's messages go the way of every library's: without their arguments, which may hold an address."""

    def setup(self, cfg: Any) -> None:
        """Leave writing to the handlers of this process."""
        super().setup(cfg)
        self.error_log.handlers = []
        self.error_log.propagate = True
        self.error_log.setLevel(logging.WARNING)


class Worker(ThreadWorker):  # type: ignore[misc]
    """gunicorn's threaded worker, but for how it takes requests in, stops, and refuses what it cannot read.

    A request is collected in the loop, and gets a thread when it is whole: gunicorn reads it in its thread, so as many
    clients that send slowly as there are threads would leave none for readiness.
    """

    stop_delay = 0.0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._arriving: dict[Any, Incoming] = {}
        self._arriving_bytes = 0

    def accept(self, listener: socket.socket) -> None:
        """Let a client in, and collect what it sends; if need be in the place of the one that is slowest."""
        try:
            client, address = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE) or not self.pending_conns:
                raise
            self._give_up(self.pending_conns[0])
            return
        stalled = struct.pack("ll", STALLED_SECONDS, 0)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, stalled)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, stalled)
        self.nr_conns += 1
        self._collect(TConn(self.cfg, client, address, listener.getsockname()))
        if self.nr_conns >= self.worker_connections and self.pending_conns:
            self._give_up(self.pending_conns[0])

    def on_client_socket_readable(self, conn: Any, client: socket.socket) -> None:
        """A kept connection has a further request."""
        self.poller.unregister(client)
        self.keepalived_conns.remove(conn)
        self._collect(conn)
        self._read(conn)

    def finish_request(self, conn: Any, fs: Any) -> None:
        """Keep a connection or close it; what came behind the request before is the beginning of the next one.

        gunicorn would wait here, in the loop, until a client that is told to close its connection has done so.
        """
        if fs.cancelled() or fs.exception() or not fs.result():
            self._close_gently(conn)
            return
        unread = conn.parser.unreader.take_buffered()
        super().finish_request(conn, fs)
        if unread and conn in self.keepalived_conns:
            self.poller.unregister(conn.sock)
            self.keepalived_conns.remove(conn)
            self._collect(conn)
            self._take(conn, unread)

    def handle(self, conn: Any) -> Any:
        """Answer a request that has arrived. It runs in a thread."""
        conn.init()
        conn.parser.unreader.unread(conn.arrived)
        return super().handle(conn)

    def murder_pending(self) -> None:
        """Give those up whose request has not arrived in time."""
        now = time.monotonic()
        for conn in [conn for conn in self.pending_conns if conn.timeout <= now]:
            self._give_up(conn, _TOO_SLOW)

    def _collect(self, conn: Any) -> None:
        self._arriving[conn] = Incoming(MAX_BODY_BYTES)
        self._wait_for(conn, ARRIVAL_SECONDS, self._read)

    def _wait_for(self, conn: Any, seconds: float, read: Callable[[Any], None]) -> None:
        conn.timeout = time.monotonic() + seconds
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, lambda _: read(conn))

    def _read(self, conn: Any) -> None:
        try:
            piece = conn.sock.recv(_PIECE_BYTES)
        except BlockingIOError:
            return
        except OSError:
            piece = b""
        if piece:
            self._take(conn, piece)
        else:
            self._give_up(conn)

    def _take(self, conn: Any, piece: bytes) -> None:
        incoming = self._arriving[conn]
        incoming.add(piece)
        self._arriving_bytes += len(piece)
        if incoming.too_long:
            self._give_up(conn, _TOO_LONG)
        elif incoming.broken:
            self._give_up(conn, _BROKEN)
        elif incoming.whole:
            self._forget(conn)
            conn.arrived = bytes(incoming.data)
            self.enqueue_req(conn)
        elif self._arriving_bytes > MAX_ARRIVING_BYTES:
            self._give_up(conn, _TOO_MANY)
        elif incoming.expects:
            incoming.expects = False
            with suppress(OSError):
                conn.sock.send(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _forget(self, conn: Any) -> Incoming | None:
        """Wait no more for what a client sends; returns what it has sent."""
        self.poller.unregister(conn.sock)
        self.pending_conns.remove(conn)
        incoming = self._arriving.pop(conn, None)
        self._arriving_bytes -= incoming.received if incoming else 0
        return incoming

    def _give_up(self, conn: Any, refusal: tuple[int, str, str] | None = None) -> None:
        """Wait no more for a client; who has begun a request is told why."""
        incoming = self._forget(conn)
        if refusal and incoming and incoming.data:
            _refuse(conn.sock, refusal, reason="Arrival")
            self._close_gently(conn)
        else:
            self.nr_conns -= 1
            conn.close()

    def _close_gently(self, conn: Any) -> None:
        """Give the client a moment to read its answer: a connection closed with bytes unread would take it back."""
        try:
            conn.sock.setblocking(False)
            conn.sock.shutdown(socket.SHUT_WR)
            self._wait_for(conn, LINGER_SECONDS, self._discard)
        except (OSError, ValueError):  # it is closed already
            self.nr_conns -= 1
            conn.close()

    def _discard(self, conn: Any) -> None:
        with suppress(BlockingIOError):
            try:
                ended = not conn.sock.recv(_PIECE_BYTES)
            except ConnectionError:
                ended = True
            if ended:
                self._give_up(conn)

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
        """Let nobody in any more, and take in everybody who was let in."""
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
        for conn in self.pending_conns:
            if not (conn in self._arriving and self._arriving[conn].data):  # connected, and never said anything
                conn.timeout = min(conn.timeout, deadline)

    def _keepalive_after(self, conn: Any, keepalive: bool) -> bool:
        try:
            return bool(super()._keepalive_after(conn, keepalive))
        except errors.ParseException:
            return False  # the rest of its body is broken; the request has its answer already

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: Exception) -> None:
        """Answer what never became a request, with a problem document; gunicorn would log its address."""
        refusal = next((known for kind, known in _REFUSALS.items() if isinstance(exc, kind)), None)
        if refusal is None:
            refusal = (500, "internal-error", "The request failed; the fault is ours and was logged.")
            log.error("request-failed", exc_info=exc)
            with suppress(OSError):
                client.sendall(_answer(*refusal))
        else:
            _refuse(client, refusal, reason=type(exc).__name__)


def _refuse(client: socket.socket, refusal: tuple[int, str, str], *, reason: str) -> None:
    log.warning("request-refused", reason=reason, status=refusal[0])
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
        raise Problem(*_BROKEN) from None
    if len(body) > MAX_BODY_BYTES:
        raise Problem(*_TOO_LONG)
    del environ["HTTP_TRANSFER_ENCODING"]
    environ |= {"CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body), "wsgi.input_terminated": False}


def _answer(status: int, code: str, detail: str) -> bytes:
    problem = Problem(status, code, detail).document()
    body = json.dumps(problem).encode()
    headers = [*_PROBLEM_HEADERS, ("Content-Length", str(len(body))), ("Connection", "close")]
    head = "".join(f"{name}: {value}\r\n" for name, value in headers)
    return f"HTTP/1.1 {status} {problem['title']}\r\n{head}\r\n".encode() + body


def _refuse_handshakes(listener: socket.socket) -> None:
    """Drop every SYN that arrives at a listening TCP socket from now on; handshakes that have begun are finished.

    Closing it at once would reset those who have just connected and may have sent a request, which nobody may then
    repeat. Who is dropped tries again after a second, finds the port closed, and has sent nothing. Where the system
    has no such filters, what is left of the race is the moment between the last look at the queue and its closing.
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
