"""Packages: a hundred sessions planned and stored, and fifty packages for the same providers at once."""

import time
from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from statistics import median
from typing import Any
from urllib.parse import urlencode

import centre
import load
import schedule_data as data
import urllib3

_WARM, _ASKED = 4, 16  # packages: the first meet cold connections and plans
_RUSH, _SESSIONS, _PROVIDERS = 50, 20, 3
# The working days of these weeks have fewer hours than the packages ask for.
_RUSH_DAYS = timedelta(days=45)


def measure(stored: Mapping[str, tuple[str, int]], token: str, today: date) -> dict[str, float]:
    """The median milliseconds in which a package of 100 is planned and stored, in a clinic that is full for weeks.

    In turn beside what each of the databases (URL and port) has stored, so that they share what else the machine does.
    """
    clinics = {name: centre.clinic(url, data.ORDINARY) for name, (url, _) in stored.items()}
    found: dict[str, list[float]] = {name: [] for name in stored}
    for n in range(_WARM + _ASKED):
        for name, (_, port) in stored.items():
            result = load.run(port, [_package(port, token, clinics[name], n, today)], clients=1)
            if result.statuses != {201: 1}:
                raise RuntimeError(f"a package was not stored: {dict(result.statuses)}")
            found[name] += result.latencies
    return {name: median(latencies[_WARM:]) * 1000 for name, latencies in found.items()}


def _package(port: int, token: str, where: Mapping[str, Any], n: int, today: date) -> bytes:
    body = {
        "patient_id": where["patients"][n],
        "clinic_id": where["clinic"],
        "provider_id": where["providers"][n % len(where["providers"])],
        "service_type": data.SERVICE_TYPE,
        "total_sessions": 100,
        "start_date": today + timedelta(days=1),
        "end_date": today + timedelta(days=240),
        "all_or_nothing": True,
    }
    return centre.post(port, "/v1/packages", token, body)


def rush(url: str, port: int, token: str, today: date) -> dict[str, Any]:
    """What becomes of packages that are submitted at once, and of how many FAILED sessions the reason is not true."""
    where = centre.clinic(url, data.CLINICS - 2)
    start = today + data.AHEAD + timedelta(days=3)
    wishes = [
        {
            "patient_id": patient,
            "clinic_id": where["clinic"],
            "service_type": data.SERVICE_TYPE,
            "total_sessions": _SESSIONS,
            "start_date": start,
            "end_date": start + _RUSH_DAYS,
            "use_multiple_providers": True,
            "provider_assignments": [
                {"session_number": n, "provider_id": str(where["providers"][n % _PROVIDERS])}
                for n in range(1, _SESSIONS + 1)
            ],
        }
        for patient in where["patients"][:_RUSH]
    ]
    before = centre.row(url, centre.DEADLOCKS)["deadlocks"]
    result = load.run(port, [centre.post(port, "/v1/packages", token, wish) for wish in wishes], clients=_RUSH)
    time.sleep(1)  # a backend tells what it counted once a second
    made = _packages(port, token, where["clinic"])
    sessions = Counter(s["scheduling_error_code"] or s["status"] for package in made for s in package["sessions"])
    return {
        "seconds": result.seconds,
        "statuses": dict(result.statuses),
        "sessions": dict(sessions),
        "untrue": _untrue(port, token, made),
        "overlaps": centre.row(url, centre.OVERLAPS, {"from": start}),
        "deadlocks": centre.row(url, centre.DEADLOCKS)["deadlocks"] - before,
    }


def _packages(port: int, token: str, clinic: Any) -> list[Any]:
    listed = _get(port, token, f"/v1/packages?{urlencode({'clinic_id': clinic, 'limit': 200})}")["items"]
    return [_get(port, token, f"/v1/packages/{package['id']}") for package in listed]


def _untrue(port: int, token: str, made: list[Any]) -> int:
    """How many FAILED sessions have a free hour after all, on a day after those of the lower numbers."""
    found = 0
    for package in made:
        placed = {s["session_number"]: s["scheduled_date"] for s in package["sessions"] if s["status"] == "SCHEDULED"}
        for session in package["sessions"]:
            if session["status"] != "FAILED":
                continue
            days = [datetime.fromisoformat(day).date() for n, day in placed.items() if n < session["session_number"]]
            first = max([datetime.fromisoformat(package["start_date"]).date(), *(d + timedelta(days=1) for d in days)])
            found += first.isoformat() <= package["end_date"] and _is_free(port, token, package, session, first)
    return found


def _is_free(port: int, token: str, package: Any, session: Any, first: date) -> bool:
    asked = {
        "service_type": package["service_type"],
        "clinic_id": package["clinic_id"],
        "provider_id": session["provider_id"],
        "patient_id": package["patient_id"],
        "from": first,
        "to": package["end_date"],
    }
    return bool(_get(port, token, f"/v1/availability?{urlencode(asked)}")["items"])


def _get(port: int, token: str, path: str) -> Any:
    return urllib3.request("GET", f"http://127.0.0.1:{port}{path}", headers={"Authorization": f"Bearer {token}"}).json()
