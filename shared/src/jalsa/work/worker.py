"""The worker process: consumer, relay, retries, reconciliation and jobs, each a loop in a thread of its own."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import structlog
from prometheus_client import CONTENT_TYPE_LATEST
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from jalsa import VERSION
from jalsa.db.transactions import Database
from jalsa.events import origin, sources
from jalsa.events import topology as bus
from jalsa.events.consumer import BusConsumer
from jalsa.events.inbox import Inbox
from jalsa.events.lookout import Lookout
from jalsa.events.publishers import publisher_for
from jalsa.events.reconcile import Reconciler
from jalsa.events.relay import Relay
from jalsa.events.tokens import ServiceTokens
from jalsa.service import metrics
from jalsa.service.backoff import backoff
from jalsa.service.config import Config, ConfigError
from jalsa.service.declaration import Service
from jalsa.service.stopping import Round, Stop
from jalsa.work import jobs, watch

log = structlog.get_logger()

Loop = Callable[[Stop], None]
#: A loop that has not completed a round for so many seconds counts as hung.
HANGING_SECONDS = 120.0


class Worker:
    """All the loops of one service's worker. A loop that fails is logged, counted and started again."""

    def __init__(self, service: Service, config: Config, *, start_empty: bool = False) -> None:
        config.require("database_url", "database_relay_url", "amqp_url", "service_key")
        self.service = service
        self.config = config
        self.start_empty = start_empty
        held = sum(job.holds for job in service.jobs)
        self.app = Database(config.database_url, pool_size=4 + held, name=f"{service.name}-worker")
        self.relay = Database(config.database_relay_url, pool_size=4, name=f"{service.name}-relay")
        self.stop = threading.Event()
        self.consumer: BusConsumer | None = None
        self._threads: list[threading.Thread] = []
        self._rounds: dict[str, Round] = {}
        metrics.BUILD.labels(service.name, VERSION).set(1)

    def start(self) -> None:
        """Start every loop. Raises ConfigError for a database that is empty, although others know events of it."""
        if self.service.publishes:
            self._check_origin()
        for name, loop in self._loops().items():
            thread_name = f"{self.service.name}-{name}"
            self._rounds[thread_name] = stop = Round(self.stop)
            thread = threading.Thread(target=self._keep, args=(name, loop, stop), name=thread_name)
            thread.start()
            self._threads.append(thread)

    def _check_origin(self) -> None:
        name, engine = self.service.name, self.relay.engine
        try:
            if not self.start_empty:
                origin.check(name, engine, self._tokens(), self.config.peer_url, bus.load())
        except ConfigError:
            self.relay.dispose()
            raise
        sources.resume(engine, name)  # it may have been stopped by an earlier start

    def shut_down(self, seconds: float = 10.0) -> None:
        """Tell the loops to finish what they are at, and wait for them."""
        self.stop.set()
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self.app.dispose()
        self.relay.dispose()

    def checks(self) -> dict[str, str]:
        """The state of each dependency and loop, by name."""
        states = {thread.name: self._state(thread) for thread in self._threads}
        try:
            with self.relay.engine.connect() as conn:
                stopped = sources.stopped(conn)
            states["database"] = "ok"
            states |= {f"source-{source}": f"stopped: see {sources.RUNBOOK}" for source in stopped}
        except SQLAlchemyError as error:
            states["database"] = type(error).__name__
        if self.consumer is not None:
            states["bus"] = "ok" if self.consumer.bus_up.is_set() else "away"
        return states

    def _state(self, thread: threading.Thread) -> str:
        if not thread.is_alive():
            return "ended"
        return "hanging" if self._rounds[thread.name].late() > HANGING_SECONDS else "ok"

    def _loops(self) -> dict[str, Loop]:
        publisher = publisher_for(self.config.amqp_url, self.service.name, self._topology())
        relay = Relay(self.service.name, self.relay.engine, publisher)
        reconciler = self._reconciler() if self.service.streams else None
        lookout = Lookout(reconciler) if reconciler else None
        tools = jobs.JobTools(self.app, self.relay, self.config, self.service.name, lookout=lookout)
        purge = jobs.Job("purge-idempotency-keys", 3600, jobs.purge_idempotency_keys)
        loops: dict[str, Loop] = {"place": relay.assign_positions_loop, "publish": relay.publish_loop}
        if reconciler:
            loops |= self._inbox_loops(reconciler)
        followed = {stream.service for stream in self.service.streams}
        measure = jobs.Job("measure", 5, partial(watch.measure, followed=followed))
        for job in (*self.service.jobs, purge, measure):
            loops[job.name] = _job_loop(job, tools)
        return loops

    def _topology(self) -> bus.Topology:
        return replace(bus.load(), declares=self.config.amqp_declare == "yes")

    def _reconciler(self) -> Reconciler:
        service, config = self.service, self.config
        inbox = Inbox(service.name, self.app, self.relay, service.streams, service.handlers)
        return Reconciler(inbox, self._tokens(), config.peer_url)

    def _inbox_loops(self, reconciler: Reconciler) -> dict[str, Loop]:
        config, inbox = self.config, reconciler.inbox
        self.consumer = consumer = BusConsumer(
            config.amqp_url, inbox, topology=self._topology(), management_url=config.amqp_management_url
        )
        reconciler.on_missed = consumer.declare_soon
        consumer.on_bound_again = reconciler.read_soon
        retry = jobs.Job("retry", 0.5, lambda _: inbox.retry_due())

        def reconcile(stop: Stop) -> None:
            reconciler.loop(stop, consumer.connection, config.reconcile_seconds, config.reconcile_down_seconds)

        return {
            "consume": consumer.loop,
            "retry": _job_loop(retry, jobs.JobTools(self.app, self.relay, config)),
            "reconcile": reconcile,
        }

    def _tokens(self) -> ServiceTokens:
        config = self.config
        return ServiceTokens(self.service.name, audience=config.jwt_audience, service_key=config.service_key)

    def _keep(self, name: str, loop: Loop, stop: Stop) -> None:
        structlog.contextvars.bind_contextvars(service=self.service.name, loop=name)
        failures = 0
        while not stop.is_set():
            began = time.monotonic()
            try:
                loop(stop)
            except DBAPIError as error:
                log.warning("loop-lost-database", exc_info=error)
            except Exception as error:  # A fault in one loop must not end the others. It is logged and counted
                log.error("loop-failed", exc_info=error)
            else:
                continue
            metrics.LOOP_FAILURES.labels(self.service.name, name).inc()
            failures = 1 if time.monotonic() - began > 60 else failures + 1
            stop.wait(backoff(failures, first=0.5, longest=10.0))


def _job_loop(job: jobs.Job, tools: jobs.JobTools) -> Loop:
    return lambda stop: jobs.loop(job, replace(tools, stop=stop), stop)


def serve_health(worker: Worker, port: int) -> ThreadingHTTPServer:
    """Serve the worker's /livez, /readyz and /metrics in a thread."""

    class HealthHandler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/metrics":
                self._answer(200, metrics.exposition(), CONTENT_TYPE_LATEST)
            elif self.path in ("/livez", "/readyz"):
                checks = worker.checks()
                ill = {state for state in checks.values() if state != "ok"}
                well = not (ill if self.path == "/readyz" else ill & {"ended", "hanging"})
                answer = {"status": "ok" if well else "unavailable", "version": VERSION, "checks": checks}
                body = json.dumps(answer).encode()
                self._answer(200 if well else 503, body, "application/json")
            else:
                self._answer(404, b"", "text/plain")

        def _answer(self, status: int, body: bytes, content_type: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Health checks are not logged."""

    server = ThreadingHTTPServer(("0.0.0.0", port), HealthHandler)  # noqa: S104 a container's own
    threading.Thread(target=server.serve_forever, name="health", daemon=True).start()
    return server
