"""Looking into a local run: its databases, its log and its metrics, and the commands of its services."""

import json
import os
import signal
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import urllib3

from jalsa.dev.cluster import ServerError
from jalsa.dev.issuer import Issuer
from jalsa_local.database import EmbeddedPostgres
from jalsa_local.run import environment, password_secret
from jalsa_local.settings import Running, Settings

#: What a line of the log says first. The rest follows by name.
_FIRST = ("timestamp", "service", "level", "event")
#: Of use to programs alone.
_LEFT_OUT = frozenset({*_FIRST, "traceparent"})


def psql(data: Path, service: str, arguments: list[str]) -> None:
    """Become psql on a service's database, as the superuser, whom row-level security does not bind.

    Raises SystemExit with one line where no run answers or psql is not there.
    """
    Running.on(data)
    program, where = _database_of(data).psql(service.replace("-", "_"))
    os.execve(program, [str(program), *arguments], {**os.environ, **where})  # noqa: S606


def command(settings: Settings, service: str, arguments: list[str]) -> None:
    """Become `python -m <service> <arguments>` with the environment that the run gives to the service.

    Raises SystemExit with one line where no run answers.
    """
    running = Running.on(settings.data)
    url = _database_of(settings.data).url
    here = replace(settings, port=running.port)
    issuer = Issuer(settings.data / "keys")
    prepared = environment(service, here, issuer, password_secret(issuer.folder), url)
    os.execve(sys.executable, [sys.executable, "-m", service.replace("-", "_"), *arguments], prepared)  # noqa: S606


def _database_of(data: Path) -> EmbeddedPostgres:
    try:
        postgres = EmbeddedPostgres(data / "postgres")
        postgres.find()
    except ServerError as error:
        raise SystemExit(f"jalsa: {error}") from None
    return postgres


def end_with_the_reader() -> None:
    """End quietly where nobody reads on, as in `jalsa metrics | head`."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)


def metrics(data: Path, service: str | None) -> None:
    """Print the metrics in Prometheus' format. Of one service, only those that have samples of it."""
    url = f"http://127.0.0.1:{Running.on(data).metrics_port}/metrics"
    try:
        text = urllib3.request("GET", url, retries=False, timeout=10).data.decode()
    except urllib3.exceptions.HTTPError as error:
        raise SystemExit(f"jalsa: the metrics cannot be read: {error}") from None
    print("\n".join(text.splitlines() if service is None else of_service(text.splitlines(), service)))


def of_service(lines: Iterable[str], service: str) -> Iterator[str]:
    """The samples of one service, each metric below its own comments."""
    marks = (f'service="{service}"', f'pool="{service}-')
    comments: list[str] = []
    for line in lines:
        if line.startswith("#"):
            comments = [*(comments if line.startswith("# TYPE") else []), line]
        elif any(mark in line for mark in marks):
            yield from comments
            comments = []
            yield line


def logs(data: Path, service: str | None, *, lines: int, follow: bool, as_json: bool) -> None:
    """Print the last lines of the run's log, of one service or of all, and with `follow` those to come until Ctrl-C.

    The log of a run that has ended can be read, too. Raises SystemExit with one line where there is no log.
    """
    path = data / "jalsa.log"
    try:
        log = path.open()
    except OSError:
        raise SystemExit(f"jalsa: there is no log in {data}; start a run with `make run`.") from None
    with log:
        chosen = [line for line in log if _is_of(line, service)]
        for line in chosen[-lines:] if lines else []:
            print(line.rstrip() if as_json else readable(line))
        try:
            for line in _to_come(log) if follow else ():
                if _is_of(line, service):
                    print(line.rstrip() if as_json else readable(line), flush=True)
        except KeyboardInterrupt:
            return


def readable(line: str) -> str:
    """A line of the log for people. One that is not JSON stays as it is."""
    entry = _entry(line)
    if entry is None:
        return line.rstrip()
    first = " ".join(str(entry[name]) for name in _FIRST if name in entry)
    rest = (f"{name}={value}" for name, value in entry.items() if name not in _LEFT_OUT)
    return " ".join([first, *rest])


def _to_come(log: IO[str]) -> Iterator[str]:
    """Whole lines, as they are written."""
    begun = ""
    while True:
        begun += log.readline()
        if begun.endswith("\n"):
            yield begun
            begun = ""
        else:
            time.sleep(0.2)


def _is_of(line: str, service: str | None) -> bool:
    return service is None or (_entry(line) or {}).get("service") == service


def _entry(line: str) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None
