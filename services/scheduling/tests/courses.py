"""A desk that plans packages, with days and hours by the clinic's clock, counted from the day on which they begin."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from .factories import Desk, as_json, at, hours_on, ok

RIYADH = ZoneInfo("Asia/Riyadh")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
START = at().date()
WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
#: A session of a package as a plan tells it, and as the package does.
PLACE = ("session_number", "starts_at", "ends_at", "scheduled_date", "scheduled_time", "provider_id", "room_id")
REASON = ("session_number", "scheduling_error_code", "scheduling_error", "scheduling_error_ar")


def nine(day: int, hour: int = 9) -> datetime:
    """Nine o'clock by the clinic's clock, so many days after the start."""
    return datetime.combine(START + day * DAY, time(hour), RIYADH).astimezone(UTC)


def week(clinic: dict[str, Any], start: str = "09:00", end: str = "17:00") -> list[dict[str, Any]]:
    return [hours_on(day, clinic, start, end) for day in range(7)]


def weekday(day: date) -> int:
    """0 = Sunday."""
    return day.isoweekday() % 7


@pytest.fixture
def office(desk: Desk) -> Desk:
    """A desk whose provider works from nine to five."""
    path = f"/providers/{desk.provider['id']}/working-hours"
    ok(desk.centre.client().put(path, {"items": week(desk.clinic)}))
    return desk


def colleague(desk: Desk, name: str = "Zaid Omar", **overrides: Any) -> dict[str, Any]:
    """Another provider with the same hours, who is last by name unless said otherwise."""
    return desk.centre.create_provider(desk.clinic, **{"hours": week(desk.clinic), "name_en": name, **overrides})


def shown(desk: Desk, **overrides: Any) -> dict[str, Any]:
    """A plan."""
    return ok(desk.centre.post("/packages/plan", desk.package_body(**overrides)))


def schedule(desk: Desk, package: dict[str, Any], **body: Any) -> dict[str, Any]:
    return ok(desk.centre.post(f"/packages/{package['id']}/schedule", as_json(body)))


def block(desk: Desk, *days: int, hour: int = 9, hours: int = 8, **overrides: Any) -> list[dict[str, Any]]:
    """Sessions of others that take the provider's time on some days."""
    taken = {"duration_minutes": 60 * hours, **overrides}
    return [desk.create_session(starts_at=nine(day, hour), **taken) for day in days]


def when(answer: dict[str, Any]) -> list[str | None]:
    """Each session's day after the start and its local time, or the reason why there is none."""
    return [
        f"{(date.fromisoformat(s['scheduled_date']) - START).days} {s['scheduled_time']}"
        if s["scheduled_date"]
        else s["scheduling_error_code"]
        for s in answer["sessions"]
    ]


def picked(session: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: session[name] for name in names}


def of(answer: dict[str, Any], *names: str) -> list[Any]:
    rows = [tuple(session[name] for name in names) for session in answer["sessions"]]
    return [row[0] for row in rows] if len(names) == 1 else rows
