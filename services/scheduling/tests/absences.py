"""Absences over booked sessions: short calls for all that the tests of proposals need."""

from datetime import datetime
from typing import Any

from werkzeug.test import TestResponse

from .factories import Desk, as_json, created, hours_on, ok, problem


def away(desk: Desk, start: datetime, end: datetime, **body: Any) -> dict[str, Any]:
    """The desk's provider is away. Returns the answer, with its path."""
    path = f"/providers/{desk.provider['id']}/time-off"
    absence = created(desk.centre.post(path, as_json({"starts_at": start, "ends_at": end, **body})))
    return {**absence, "path": f"{path}/{absence['id']}"}


def proposed(absence: dict[str, Any]) -> list[dict[str, Any]]:
    """The proposals for the sessions that are hit, by start."""
    return [hit["proposal"] for hit in absence["affected_sessions"]]


def apply(desk: Desk, absence: dict[str, Any], *items: dict[str, Any], **body: Any) -> TestResponse:
    return desk.centre.post(f"{absence['path']}/apply", {"items": [as_json(item) for item in items], **body})


def item(session: dict[str, Any], action: str, **named: Any) -> dict[str, Any]:
    return {"session_id": session["id"], "action": action, **named}


def refused(answer: TestResponse) -> list[tuple[str, str]]:
    """The session and the code of each conflict in the answer."""
    return [(c["session_id"], c["code"]) for c in problem(answer, 409, "absence-conflicts")["conflicts"]]


def start_of(shown: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(shown["starts_at"])


def office(desk: Desk, start: str = "09:00", end: str = "17:00", *days: int) -> list[dict[str, Any]]:
    """A week of these hours in the desk's clinic, three hours east of `at`."""
    return [hours_on(day, desk.clinic, start, end) for day in days or range(7)]


def set_hours(desk: Desk, hours: list[dict[str, Any]]) -> None:
    ok(desk.centre.client().put(f"/providers/{desk.provider['id']}/working-hours", {"items": hours}))


def provider(desk: Desk, name: str = "Noor", **overrides: Any) -> dict[str, Any]:
    return desk.centre.create_provider(desk.clinic, name_en=name, **overrides)
