"""A provider's sessions as iCalendar (RFC 5545).

The feed contains how many participants a session has, and never who they are.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from icalendar import Calendar, Event, vText

from scheduling.calendar.queries import FeedSession
from scheduling.domain import GROUP
from scheduling.models import Provider

#: How often a calendar program should read the feed.
REFRESH = timedelta(minutes=15)
#: The characters that must not occur in a text of a calendar. Line ends are written as RFC 5545 requires.
_LINE_END = re.compile("\r\n?|[\x85\u2028\u2029]")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def calendar_of(provider: Provider, sessions: Sequence[FeedSession], changed_at: datetime, language: str) -> bytes:
    """Return the feed in `en` or `ar`. It stays the same until something in it changes."""
    calendar = Calendar()
    calendar.add("prodid", "-//Jalsa//Scheduling//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", _text(getattr(provider, f"name_{language}")))
    calendar.add("refresh-interval", REFRESH, parameters={"VALUE": "DURATION"})
    calendar.add("last-modified", changed_at.astimezone(UTC))
    for session in sessions:
        calendar.add_component(_event(session, language))
    return bytes(calendar.to_ical())


def _event(session: FeedSession, language: str) -> Event:
    event = Event()
    event.add("uid", str(session.id))
    event.add("sequence", session.sequence)
    event.add("dtstamp", session.changed_at.astimezone(UTC))
    event.add("last-modified", session.changed_at.astimezone(UTC))
    event.add("dtstart", session.starts_at.astimezone(UTC))
    event.add("dtend", session.ends_at.astimezone(UTC))
    event.add("summary", _text(_summary(session, language)))
    place = (session.room, session.clinic_ar if language == "ar" else session.clinic_en)
    event.add("location", _text(", ".join(filter(None, place))))
    event.add("status", "CANCELLED" if session.status == "CANCELLED" else "CONFIRMED")
    return event


def _summary(session: FeedSession, language: str) -> str:
    service = session.service_ar if language == "ar" else session.service_en
    places = f" ({session.taken}/{session.max_capacity})" if session.session_type == GROUP else ""
    return f"{service} {session.session_number}{places}"


def _text(text: str) -> vText:
    """Return a TEXT value, which the library escapes and folds. Imported names may contain any character."""
    return vText(_CONTROL.sub("", _LINE_END.sub("\n", text)))
