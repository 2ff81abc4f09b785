"""`make bench`: the figures of this machine, each as a ratio to bare code measured in the same run."""

import argparse
import os
import platform
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import access
import booking
import bus
import duplicates
import encounters
import latency
import local
import psycopg
import schedule
import search

from jalsa.dev.issuer import Issuer
from jalsa.dev.servers import PrivatePostgres, Servers, private_postgres, private_rabbitmq

FIGURES = (
    "booking",
    "relay",
    "consumer",
    "latency",
    "schedule",
    "search",
    "duplicates",
    "access",
    "encounters",
    "local",
)


def main() -> None:
    """Measure what is asked for, and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("figures", nargs="*", default=[], metavar="FIGURE", help=f"any of {', '.join(FIGURES)} (all)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each comparison (5)")
    arguments = parser.parse_args()
    wanted = arguments.figures or FIGURES
    if unknown := set(wanted) - set(FIGURES):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    print(f"{os.cpu_count()} processors, {platform.platform()}, Python {platform.python_version()}\n")
    with private_postgres(durable=True) as postgres, private_rabbitmq() as rabbitmq:
        _keep_commit_times(postgres)
        servers = Servers(postgres, rabbitmq)
        with tempfile.TemporaryDirectory() as folder:
            issuer = Issuer.in_folder(Path(folder) / "keys")
            for figure in wanted:
                print(f"{figure} …", end=" ", flush=True, file=sys.stderr)
                _MEASURES[figure](servers, postgres, issuer, Path(folder), arguments.rounds)


def _keep_commit_times(postgres: PrivatePostgres) -> None:
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET track_commit_timestamp = on")
    postgres.restart()


def _rates(rates: list[float]) -> str:
    return f"{min(rates):,.0f}–{max(rates):,.0f}/s"


def _line(what: str, figure: str, target: str) -> None:
    print(f"{what:<62} {figure:<44} {target}", flush=True)


def _compared(what: str, found: dict[str, Any]) -> None:
    _line(what, f"{found['ratio']:.2f}  ({_rates(found['ours'])} against {_rates(found['bare'])})", "at least 0.5")


def _booking(servers: Servers, _: PrivatePostgres, issuer: Issuer, __: Path, rounds: int) -> None:
    found = booking.measure(servers, issuer, bookings=1000, rounds=rounds)
    _compared("bookings per second over HTTP / bare Flask and Core", found)
    for what, race in (("the last seat", found["race"]), ("one individual slot", found["slot"])):
        _line(f"200 clients for {what}", f"{race['seconds']:.2f} s, {race['statuses']}", "one 201, 2 s")


def _relay(servers: Servers, _: PrivatePostgres, issuer: Issuer, __: Path, rounds: int) -> None:
    found = bus.measure_relay(servers, issuer, events=10_000, rounds=rounds)
    _compared("events confirmed per second / bare pipelined pika", found)


def _consumer(servers: Servers, _: PrivatePostgres, issuer: Issuer, __: Path, rounds: int) -> None:
    found = bus.measure_consumer(servers, issuer, events=2_000, rounds=rounds)
    _compared("events applied per second / bare loop of the same SQL", found)


def _latency(servers: Servers, postgres: PrivatePostgres, issuer: Issuer, folder: Path, _: int) -> None:
    found = latency.measure(servers, postgres, issuer, folder, seconds=20, per_second=20)
    figure = f"median {found['median']:.0f} ms, 99 % {found['p99']:.0f} ms, all {found['max']:.0f} ms"
    _line(f"201 to the last consequence, {found['bookings']} bookings at 20/s", figure, "100 ms, 500 ms")


def _schedule(servers: Servers, _: PrivatePostgres, issuer: Issuer, __: Path, ___: int) -> None:
    found = schedule.measure(servers, issuer, seconds=30)
    few, many = found["few"], found["many"]
    for what, name, target in (
        (f"50 providers × 30 days, {many['slots']} hours free", "full", "50 ms, 1.5 times"),
        ("50 providers × 30 days, most hours free", "empty", "50 ms, 1.5 times"),
        ("calendar week of a full clinic of 10 providers", "calendar", "30 ms"),
        ("calendar week of a full clinic of 50 providers", "large", "30 ms"),
    ):
        figure = f"{many[name]:.0f} ms, {many[name] / few[name]:.2f} times that of {few['stored']:,}"
        _line(f"{what}, {many['stored']:,} stored", figure, target)
    seats = found["seats"]
    _line("200 clients for 20 seats", f"{seats['seconds']:.2f} s, {seats['statuses']}", "20 × 201, 2 s")
    booked = found["random"]
    figure = f"{dict(booked['statuses'])}, overlaps {sum(booked['overlaps'].values())}, deadlocks {booked['deadlocks']}"
    _line("16 clients booking at random for 30 s", figure, "no overlap, no 5xx")
    packaged = found["packages"]
    _line(f"a package of 100, planned and stored, {few['stored']:,} stored", f"{packaged['few']:.0f} ms", "300 ms")
    figure = f"{packaged['many']:.0f} ms, {packaged['many'] / packaged['few']:.2f} times that"
    _line(f"the same, {many['stored']:,} stored", figure, "at most 1.5 times")
    rush = found["rush"]
    figure = f"{rush['seconds']:.1f} s, {rush['statuses']}, {rush['sessions']}"
    _line("50 packages of 20 for the same 3 providers at once", figure, "no 5xx")
    figure = (
        f"overlaps {sum(rush['overlaps'].values())}, deadlocks {rush['deadlocks']}, untrue reasons {rush['untrue']}"
    )
    _line("", figure, "none")


def _search(servers: Servers, _: PrivatePostgres, issuer: Issuer, __: Path, ___: int) -> None:
    found = search.measure(servers, issuer)
    large, small, bare = found["large"], found["small"], found["bare"]
    figure = f"median {large['median']:.1f} ms, 95 % {large['p95']:.1f} ms, 99 % {large['p99']:.1f} ms"
    _line(f"1,000 typed texts, 500,000 patients, {found['terms']:,} terms", figure, "95 % 20 ms, 99 % 50 ms")
    figure = f"{bare['sum'] / large['sum']:.2f}  (median {bare['median']:.1f} ms, 95 % {bare['p95']:.1f} ms)"
    _line("the same / its statements in bare psycopg, no row-level security", figure, "at least 0.5")
    figure = f"{large['sum'] / small['sum']:.2f}  (95 % {large['p95']:.1f} ms against {small['p95']:.1f} ms)"
    _line("the same / 50,000 patients", figure, "at most 1.5")
    for text, milliseconds in found["common"].items():
        _line(f"«{text}»", f"{milliseconds:.1f} ms", "50 ms")
    figure = f"{found['bare_names'] / found['names']:.2f}  ({found['names']:.1f} against {found['bare_names']:.1f} ms)"
    _line("500 names / bare SELECT", figure, "at least 0.5, 30 ms")


def _duplicates(servers: Servers, _: PrivatePostgres, issuer: Issuer, __: Path, ___: int) -> None:
    found = duplicates.measure(servers, issuer)
    for name, what, target in (
        ("registered", "500 registrations, compared with 500,000 patients", "95 % 30 ms"),
        ("asked", "who 200 people may be, of 500,000", "none"),
        ("refused", "200 registrations that are refused with candidates", "none"),
    ):
        one = found[name]
        figure = f"median {one['median']:.1f} ms, 95 % {one['p95']:.1f} ms, 99 % {one['p99']:.1f} ms"
        _line(what, figure, target)


def _access(servers: Servers, _: PrivatePostgres, issuer: Issuer, __: Path, rounds: int) -> None:
    found = access.measure(servers, issuer, rounds=rounds)
    for what, name in (("a patient read", "record"), ("a list of 50 patients read", "list")):
        cost = found[name]
        figure = f"{cost['ratio']:.2f}  ({_rates(cost['ours'])} against {_rates(cost['bare'])})"
        _line(f"{what} per second / the same without access log", figure, "at least 0.85")
    for what, name in (("who saw this patient", "patient"), ("what this person saw", "person")):
        times = found["found"][name]
        figure = f"median {times['median']:.0f} ms, 95 % {times['p95']:.0f} ms, all {times['max']:.0f} ms"
        _line(f"{what}, of {found['rows']:,} rows over HTTP", figure, "30 ms")


def _encounters(servers: Servers, postgres: PrivatePostgres, issuer: Issuer, _: Path, rounds: int) -> None:
    found = encounters.measure(servers, postgres, issuer, rounds=rounds)
    _compared("arrivals to encounters per second / bare inbox loop", found["arrivals"])
    batches = found["references"]
    figure = f"{median(batches['seconds']):.2f} s, {batches['ratio']:.2f} (COPY {median(batches['bare']):.2f} s)"
    _line("10,000 references in 10 batches / COPY", figure, "5 s, at least 0.3")
    integrity = found["integrity"]
    figure = f"{median(integrity['seconds']):.2f} s, {sum(integrity['found'].values()):,} found"
    _line("integrity check of 1,000,000 references", figure, "2 s")
    timeline = found["timeline"]
    figure = f"median {timeline['median']:.1f} ms, 95 % {timeline['p95']:.1f} ms"
    _line("timeline of 5,000 entries, first page, 90 % hidden", figure, "20 ms")


def _local(*_: Any) -> None:
    found = local.measure()
    _line("make run, second start", f"{found['second']:.1f} s (first {found['first']:.1f} s)", "5 s")
    figure = f"{found['pss']:.0f} MB (shared pages counted per process: {found['rss']:.0f} MB)"
    _line("resident memory of everything", figure, "500 MB")


_MEASURES: dict[str, Callable[..., None]] = {
    "booking": _booking,
    "relay": _relay,
    "consumer": _consumer,
    "latency": _latency,
    "schedule": _schedule,
    "search": _search,
    "duplicates": _duplicates,
    "access": _access,
    "encounters": _encounters,
    "local": _local,
}

if __name__ == "__main__":
    main()
