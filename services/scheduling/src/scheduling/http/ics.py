"""A provider's sessions as iCalendar (RFC 5545). Of those who take part it tells how many they are, never who."""

from collections.abc import Iterable
from datetime import UTC, timedelta
from typing import Any

from icalendar import Calendar, Event
from sqlalchemy import Row

from scheduling.domain import GROUP
from scheduling.models import Provider

#: How often a calendar program should look again.
REFRESH = timedelta(minutes=15)


def calendar_of(provider: Provider, sessions: Iterable[Row[Any]], language: str) -> bytes:
    """The feed, in `en` or `ar`. It is the same until something in it changes."""
    calendar = Calendar()
    calendar.add("prodid", "-//Jalsa//Scheduling//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", getattr(provider, f"name_{language}"))
    calendar.add("refresh-interval", REFRESH, parameters={"VALUE": "DURATION"})
    for session in sessions:
        calendar.add_component(_event(session, language))
    return bytes(calendar.to_ical())


def _event(session: Row[Any], language: str) -> Event:
    event = Event()
    event.add("uid", str(session.id))
    event.add("sequence", session.reschedule_count)
    event.add("dtstamp", session.changed_at.astimezone(UTC))
    event.add("last-modified", session.changed_at.astimezone(UTC))
    event.add("dtstart", session.starts_at.astimezone(UTC))
    event.add("dtend", session.ends_at.astimezone(UTC))
    event.add("summary", _summary(session, language))
    place = (session.room, session.clinic_ar if language == "ar" else session.clinic_en)
    event.add("location", ", ".join(filter(None, place)))
    event.add("status", "CANCELLED" if session.status == "CANCELLED" else "CONFIRMED")
    return event


def _summary(session: Row[Any], language: str) -> str:
    service = session.service_ar if language == "ar" else session.service_en
    places = f" ({session.taken}/{session.max_capacity})" if session.session_type == GROUP else ""
    return f"{service} {session.session_number}{places}"
