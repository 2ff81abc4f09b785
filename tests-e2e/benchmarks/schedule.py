"""The schedule with a million sessions stored: free times, a week's calendar, and booking under contention."""

import random
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from statistics import median
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import centre
import load
import packages
import schedule_data as data
import urllib3
from booking import web
from sqlalchemy import make_url

from jalsa.dev.issuer import Issuer
from jalsa.dev.kit import ServiceKit, service_kit
from jalsa.dev.servers import Servers
from scheduling.app import SERVICE

WARM, ASKED = 32, 60  # requests: the first meet cold connections and plans


def measure(servers: Servers, issuer: Issuer, *, seconds: float) -> dict[str, Any]:
    """Medians in milliseconds with few and with a million sessions stored, then the races, for so many seconds."""
    with service_kit(SERVICE, servers, issuer) as kit:
        url = _superusers(kit, servers.postgres.url)
        token = issuer.token(data.TENANT, ["manager"])
        today = datetime.now(ZoneInfo("Asia/Riyadh")).date()
        data.set_up(url)
        with web(kit) as port:
            data.fill_ahead(url, today)
            few = _read(url, port, token, today)
            began = time.perf_counter()
            data.fill_all(url, today)
            filling = time.perf_counter() - began
            many = _read(url, port, token, today)
            packaged = _packages(servers, issuer, (url, port), token, today)
            rush = packages.rush(url, port, token, today)
            seats = _seats(url, port, token, today)
            random_bookings = _random_bookings(url, port, token, today, seconds)
    return {
        "few": few,
        "many": many,
        "filling": filling,
        "packages": packaged,
        "rush": rush,
        "seats": seats,
        "random": random_bookings,
    }


def _packages(servers: Servers, issuer: Issuer, many: tuple[str, int], token: str, today: date) -> dict[str, float]:
    """Packages beside a million sessions, and beside few, which are stored once more."""
    with service_kit(SERVICE, servers, issuer) as kit:
        url = _superusers(kit, servers.postgres.url)
        data.set_up(url)
        data.fill_ahead(url, today)
        with web(kit) as port:
            return packages.measure({"few": (url, port), "many": many}, token, today)


def _superusers(kit: ServiceKit, url: str) -> str:
    return f"{url.rsplit('/', 1)[0]}/{make_url(kit.config.database_url).database}"


def _read(url: str, port: int, token: str, today: date) -> dict[str, float]:
    """How many sessions are stored, the median of each question, and how many slots the full clinic has."""
    full, empty, ordinary = (centre.clinic(url, n)["clinic"] for n in data.ASKED)
    address = f"http://127.0.0.1:{port}{_availability(full, today)}&limit=200"
    slots = urllib3.request("GET", address, headers={"Authorization": f"Bearer {token}"}).json()["items"]
    return {
        "slots": len(slots),
        "stored": centre.row(url, "SELECT count(*) AS stored FROM sessions")["stored"],
        "full": _median(port, token, _availability(full, today)),
        "empty": _median(port, token, _availability(empty, today)),
        "calendar": _median(port, token, _calendar(ordinary, today)),
        "large": _median(port, token, _calendar(full, today)),
    }


def _availability(clinic: Any, today: date) -> str:
    asked = {
        "service_type": data.SERVICE_TYPE,
        "clinic_id": clinic,
        "from": today + timedelta(days=1),
        "to": today + data.AHEAD,
    }
    return f"/v1/availability?{urlencode(asked)}"


def _calendar(clinic: Any, today: date) -> str:
    week = {"clinic_id": clinic, "from": today + timedelta(days=1), "to": today + timedelta(days=7)}
    return f"/v1/calendar?{urlencode(week)}"


def _median(port: int, token: str, path: str) -> float:
    """Of one request after another, in milliseconds."""
    requests = [load.request(port, "GET", path, token, b"")]
    load.run(port, requests * WARM, clients=8)
    result = load.run(port, requests * ASKED, clients=1)
    if result.statuses != {200: ASKED}:
        raise RuntimeError(f"{path.split('?')[0]} was not answered: {dict(result.statuses)}")
    return median(result.latencies) * 1000


# The races are in the last clinics' time beyond what is filled, where bookings meet nobody but each other.


def _seats(url: str, port: int, token: str, today: date) -> dict[str, Any]:
    """200 clients for the 20 seats of a group."""
    where = centre.clinic(url, data.CLINICS)
    body = {
        "clinic_id": where["clinic"],
        "provider_id": where["providers"][0],
        "service_type": data.SERVICE_TYPE,
        "starts_at": _times(today)[0],
        "session_type": "GROUP",
        "max_capacity": 20,
    }
    made = load.run(port, [centre.post(port, "/v1/sessions", token, body)], clients=1)
    if made.statuses != {201: 1}:
        raise RuntimeError(f"no session was made: {dict(made.statuses)}")
    session = centre.row(url, "SELECT id FROM sessions WHERE max_capacity = 20")["id"]
    path = f"/v1/sessions/{session}/participants"
    wishes = [centre.post(port, path, token, {"patient_id": patient}) for patient in where["patients"]]
    result = load.run(port, wishes, clients=len(wishes))
    return {"seconds": result.seconds, "statuses": dict(result.statuses)}


def _random_bookings(url: str, port: int, token: str, today: date, seconds: float) -> dict[str, Any]:
    """16 clients book few providers, rooms and patients at random.

    Returns what overlaps in the end, and what deadlocked.
    """
    where = centre.clinic(url, data.CLINICS - 1)
    chance, times = random.Random(7), _times(today)
    wishes = [
        centre.post(
            port,
            "/v1/appointments",
            token,
            {
                "clinic_id": where["clinic"],
                "provider_id": chance.choice(where["providers"][:8]),
                "room_id": chance.choice([None, *where["rooms"][:6]]),
                "patient_id": chance.choice(where["patients"][:40]),
                "service_type": data.SERVICE_TYPE,
                "starts_at": chance.choice(times),
                "duration_minutes": chance.choice([15, 30, 45, 60]),
            },
        )
        for _ in range(int(seconds * 1000))
    ]
    before = centre.row(url, centre.DEADLOCKS)["deadlocks"]
    result = load.run(port, wishes, clients=16, seconds=seconds)
    time.sleep(1)  # a backend tells what it counted once a second
    return {
        "per_second": result.per_second,
        "statuses": Counter(result.statuses),
        "overlaps": centre.row(url, centre.OVERLAPS, {"from": today + data.AHEAD}),
        "deadlocks": centre.row(url, centre.DEADLOCKS)["deadlocks"] - before,
    }


def _times(today: date) -> list[datetime]:
    """Every quarter of an hour of the working days of three weeks that nothing is stored for."""
    first = today + data.AHEAD + timedelta(days=3)
    return [
        datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC)
        for day in _working_days(first, 15)
        for hour in range(6, 13)  # from nine on in Riyadh
        for minute in (0, 15, 30, 45)
    ]


def _working_days(first: date, count: int) -> Iterator[date]:
    while count:
        if first.isoweekday() % 7 < 5:
            yield first
            count -= 1
        first += timedelta(days=1)
