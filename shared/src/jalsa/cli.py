"""The command line of a service: `python -m scheduling web | worker | migrate | resume | config`."""

import argparse
import importlib
import os
import signal
import sys
import tempfile
import threading
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from jalsa.service.config import Config, ConfigError

if TYPE_CHECKING:
    from jalsa.service.declaration import Service


def main(package: str) -> None:
    """Run a command of the service whose composition root is `<package>.app:SERVICE`."""
    arguments = _parser(package).parse_args()
    if arguments.command == "web":
        # the metrics library chooses its storage when it is imported, so this comes before the service
        os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", tempfile.mkdtemp(prefix="jalsa-metrics-"))
    module = importlib.import_module(f"{package}.app")
    service: Service = module.SERVICE
    try:
        config = service.config.from_env(os.environ)
        _configure_logging(config, service.name)
        _COMMANDS[arguments.command](service, config, arguments)
    except ConfigError as error:
        sys.exit(f"{service.name}: {error}")


def _parser(package: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"python -m {package}")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("web", help="answer HTTP requests (gunicorn)")
    worker = commands.add_parser("worker", help="consume events, publish the outbox, do what is due")
    worker.add_argument("--start-empty", action="store_true", help="although others have had events of this service")
    resume = commands.add_parser(
        "resume", help="follow a source again that was stopped: docs/runbooks/restored-source.md"
    )
    resume.add_argument("source", help="its name, as /readyz of the worker shows it")
    migrate = commands.add_parser("migrate", help="bring the database to a revision")
    migrate.add_argument(
        "revision", nargs="?", default="head", help="head (default), base, a later revision, or steps back (-1)"
    )
    commands.add_parser("config", help="show the settings, where they come from, and their values but for secrets")
    return parser


def _configure_logging(config: Config, service: str) -> None:
    from jalsa.service import logging

    try:
        logging.configure(config.log_level, service)
    except ValueError:
        raise ConfigError("LOG_LEVEL must be DEBUG, INFO, WARNING or ERROR") from None


def _web(service: "Service", config: Config, _: argparse.Namespace) -> None:
    from prometheus_client import multiprocess

    from jalsa.http.app import create_app
    from jalsa.http.edge import Patience
    from jalsa.http.server import Server

    config.require("database_url", "jwks_url", "service_jwks_url")
    Server(
        lambda: create_app(service, config),
        stop_delay=config.stop_delay,
        bind=f"{config.host}:{config.port}",
        workers=config.web_workers,
        threads=Patience().threads(config.web_threads),
        proc_name=f"jalsa-{service.name}-web",
        child_exit=lambda _, worker: multiprocess.mark_process_dead(worker.pid),  # type: ignore[no-untyped-call]
    ).run()


def _worker(service: "Service", config: Config, arguments: argparse.Namespace) -> None:
    from jalsa.work.worker import Worker, serve_health

    stopping = threading.Event()

    def stop(_: int, __: FrameType | None) -> None:
        stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    worker = Worker(service, config, start_empty=arguments.start_empty)
    try:
        health = serve_health(worker, config.health_port)
    except OSError as error:
        raise ConfigError(f"HEALTH_PORT {config.health_port} cannot be opened: {error.strerror}") from None
    worker.start()
    stopping.wait()
    health.shutdown()
    worker.shut_down()
    _leave(service.name)


def _leave(service: str) -> None:
    """End although a loop still hangs, for example in a frozen database. The log names the loop."""
    from structlog import get_logger

    hanging = [each.name for each in threading.enumerate() if each is not threading.main_thread() and not each.daemon]
    if hanging:
        get_logger().warning("loops-left-behind", service=service, loops=hanging)
        sys.stdout.flush()
        os._exit(1)


def _migrate(service: "Service", config: Config, arguments: argparse.Namespace) -> None:
    from jalsa.db.migrate import MigrationError, migrate

    config.require("database_owner_url")
    try:
        found = migrate(migrations_folder(service), config.database_owner_url, arguments.revision)
    except MigrationError as error:
        sys.exit(f"{service.name}: {error}")
    print(f"{service.name}: the database is at {found}")


def _resume(service: "Service", config: Config, arguments: argparse.Namespace) -> None:
    from sqlalchemy.exc import DBAPIError

    from jalsa.db.transactions import Database, database_is_away
    from jalsa.events import sources

    config.require("database_relay_url")
    relay = Database(config.database_relay_url, name=f"{service.name}-resume")
    try:
        stopped = sources.resume(relay.engine, arguments.source)
    except DBAPIError as error:
        if database_is_away(error):
            raise ConfigError("the database cannot be reached; nothing was changed") from None
        raise
    relay.dispose()
    if not stopped:
        raise ConfigError(f"the source {arguments.source} is not stopped")
    print(f"{service.name}: {arguments.source} is followed again, from the start of its feed")


def migrations_folder(service: "Service") -> Path:
    """Where a service's migrations are: beside its `src`."""
    package = importlib.import_module(service.name.replace("-", "_"))
    return Path(str(package.__file__)).resolve().parents[2] / "migrations"


def _config(_: "Service", config: Config, __: argparse.Namespace) -> None:
    from dataclasses import fields

    for f in fields(config):
        value = getattr(config, f.name)
        shown = "(set)" if f.metadata["secret"] and value else value
        print(f"{f.name.upper():24} {shown!s:40} {f.metadata['help']}")


_COMMANDS = {"web": _web, "worker": _worker, "migrate": _migrate, "resume": _resume, "config": _config}
