"""`jalsa run`: the five services in one process behind one port, their workers beside them."""

import fcntl
import os
import secrets
import signal
import socket
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, Any
from wsgiref.types import WSGIApplication

import urllib3
from prometheus_client import start_http_server

from jalsa.cli import migrations_folder
from jalsa.dev.issuer import AUDIENCE, ISSUER, Issuer
from jalsa.dev.provision import provision
from jalsa.http.edge import Patience
from jalsa.service.config import ConfigError
from jalsa.service.declaration import Service
from jalsa_local.database import EmbeddedPostgres
from jalsa_local.gateway import gateway
from jalsa_local.services import NAMES, load_all
from jalsa_local.settings import Running, Settings

#: How many requests of each service use its database at once, and how they wait: all five share the threads.
_PLACES, _PATIENCE = 4, Patience(waiting=60)


def run() -> None:
    """Start everything and serve until Ctrl-C. State is kept in the data folder."""
    settings = Settings.from_env()
    began = time.monotonic()
    _keep_private(settings.data)
    with _alone_on(settings.data):
        _await_port(settings.port)
        _run(settings, began)


def _keep_private(data: Path) -> None:
    """What is written from now on is its owner's alone: records, keys, the log. What an older run left follows."""
    os.umask(0o077)
    data.mkdir(parents=True, exist_ok=True)
    data.chmod(0o700)
    for path in data.iterdir():
        if path.is_file():
            path.chmod(0o600)


def _alone_on(data: Path) -> IO[str]:
    """Take the data folder for as long as this process lives. Raises SystemExit with one line where another has it."""
    lock = (data / "lock").open("w")
    try:
        fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        sys.exit(f"jalsa: it runs already on {data}; a second one needs a JALSA_DATA and a JALSA_PORT of its own.")
    return lock


def _await_port(port: int) -> None:
    """Wait for the port, which a run that was killed keeps for some seconds. Raises SystemExit where it stays taken."""
    deadline = time.monotonic() + 8
    while True:
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError as error:
            if time.monotonic() > deadline:
                sys.exit(f"jalsa: port {port} cannot be used ({error.strerror}); choose another one with JALSA_PORT.")
            time.sleep(0.2)
        else:
            return


def _run(settings: Settings, began: float) -> None:
    issuer = Issuer.in_folder(settings.data / "keys")
    _say("PostgreSQL starts")
    postgres = EmbeddedPostgres(settings.data / "postgres")
    postgres.start()
    _say("the five databases are brought up to date")
    services = load_all()
    secret = password_secret(issuer.folder)
    environments = {
        name: _prepare(service, settings, issuer, secret, postgres.url) for name, service in services.items()
    }
    _say("the services start")
    _serve(settings, services, environments, issuer, began)


def password_secret(keys: Path) -> str:
    """What the database roles' passwords follow from. Before services had keys of their own it was their shared key."""
    path = keys / "service.pem"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(32))
    return path.read_text()


def _prepare(service: Service, settings: Settings, issuer: Issuer, secret: str, superuser_url: str) -> dict[str, str]:
    """Database, roles and migrations of a service. Returns its environment."""
    from jalsa.db.migrate import migrate

    prepared = environment(service.name, settings, issuer, secret, superuser_url)
    migrate(migrations_folder(service), prepared["DATABASE_OWNER_URL"])
    return prepared


def environment(service: str, settings: Settings, issuer: Issuer, secret: str, superuser_url: str) -> dict[str, str]:
    """What a service's processes are told in the local run. Its database and roles are made where they are missing."""
    urls = provision(superuser_url, service.replace("-", "_"), secret=secret)
    return {
        **{name: value for name, value in os.environ.items() if name != "PORT"},
        "DATABASE_OWNER_URL": urls.owner,
        "DATABASE_URL": urls.app,
        "DATABASE_RELAY_URL": urls.relay,
        "AMQP_URL": settings.amqp_url,
        "PEER_URL": f"{settings.base_url}/{{service}}",
        "JWT_ISSUER": ISSUER,
        "JWT_AUDIENCE": AUDIENCE,
        "JWKS_URL": issuer.jwks_url,
        "SERVICE_KEY": issuer.service_key(service),
        "SERVICE_JWKS_URL": issuer.service_jwks_url,
        "WEB_THREADS": str(_PLACES),
    }


def _serve(
    settings: Settings,
    services: dict[str, Service],
    environments: dict[str, dict[str, str]],
    issuer: Issuer,
    began: float,
) -> None:
    from jalsa.http.server import Server

    _log_to(settings.data / "jalsa.log")
    Server(
        lambda: _assemble(services, environments),
        bind=f"127.0.0.1:{settings.port}",
        workers=1,
        threads=_PATIENCE.threads(_PLACES, len(services)),
        graceful_timeout=5,
        post_worker_init=lambda _: _announce(settings, issuer, began),
        worker_exit=lambda _, __: _stop_workers(),
    ).run()


_workers: list[Any] = []


def _assemble(services: dict[str, Service], environments: dict[str, dict[str, str]]) -> WSGIApplication:
    """One WSGI application of all five, after the fork. Their workers' threads start beside it once it answers."""
    from jalsa.http import create_app
    from jalsa.work.worker import Worker

    mounts: dict[str, WSGIApplication] = {}
    for name, service in services.items():
        config = service.config.from_env(environments[name])
        mounts[name] = create_app(service, config, patience=_PATIENCE)
        _workers.append(Worker(service, config))
    return gateway(mounts)


def _start_workers() -> None:
    """Start what stands beside the port. It asks the port (`jalsa.events.origin`), so the port must answer first.

    Where a service may not start, everything is stopped, with the one line that says why.
    """
    try:
        for worker in _workers:
            worker.start()
    except ConfigError as error:
        print(f"jalsa: {error}", file=sys.stderr, flush=True)
        os.kill(os.getppid(), signal.SIGTERM)
        raise SystemExit from None


def _stop_workers() -> None:
    for worker in _workers:
        worker.stop.set()
    for worker in _workers:
        worker.shut_down(5)


def _log_to(path: Path) -> None:
    from jalsa.service import logging

    logging.configure(os.environ.get("LOG_LEVEL", "INFO"), "jalsa", stream=path.open("a", buffering=1))


def _announce(settings: Settings, issuer: Issuer, began: float) -> None:
    """Once the port answers, start the workers, load the demonstration data (the first time), say how to use it."""

    def wait_and_tell() -> None:
        from jalsa_local.demo import seed
        from jalsa_local.walk import banner

        http = urllib3.PoolManager(retries=False, timeout=5)
        for name in NAMES:
            _wait_ready(http, f"{settings.base_url}/{name}/readyz")
        _start_workers()
        Running(settings.port, _serve_metrics()).write(settings.data)
        ready = time.monotonic() - began
        seed(settings, issuer)
        print(banner(settings.base_url, str(settings.data / "jalsa.log"), issuer, ready), flush=True)

    threading.Thread(target=wait_and_tell, name="announce", daemon=True).start()


def _serve_metrics() -> int:
    """Serve the metrics of all services to this machine, for `jalsa metrics`. Returns the port."""
    server, _ = start_http_server(0, addr="127.0.0.1")
    return int(server.server_port)


def _wait_ready(http: urllib3.PoolManager, url: str) -> None:
    while True:
        with suppress(urllib3.exceptions.HTTPError):
            if http.request("GET", url).status == 200:
                return
        time.sleep(0.05)


def _say(what: str) -> None:
    print(f"jalsa: {what} …", flush=True)
