"""The calendar view, and the feed of a provider's sessions for calendar programs."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from flask import Response, request, url_for

from jalsa.http import Routes, check_if_match, current_db, current_principal, json_with_etag, run_as
from jalsa.http.etags import etag_of
from jalsa.http.fields import EmptyBody
from jalsa.service import clock
from jalsa.service.errors import Forbidden, InvalidField, NotFound
from jalsa.service.policy import PUBLIC, Principal
from scheduling.calendar import operations as calendar_links
from scheduling.calendar import queries as calendar
from scheduling.calendar.commands import ReadFeed, ShowCalendar
from scheduling.http.answers import response_with_extras
from scheduling.http.ics import calendar_of
from scheduling.http.schemas import reading as schemas
from scheduling.models import CalendarLink, Clinic, Provider
from scheduling.timetable.hours import local_day, zone_of

routes = Routes("calendar", "The calendar and its feeds")

PAST, AHEAD = timedelta(days=30), timedelta(days=180)
_ICALENDAR = "text/calendar; charset=utf-8"
_LINK = schemas.LinkAnswer()
#: The roles that may create a link for any provider. A clinician may create one only for himself or herself.
_ANY_PROVIDER = {"manager", "front-desk"}
_PATH = "/providers/<uuid:provider_id>/calendar-link"


@routes.view("/calendar", permission="sessions.read", query=schemas.CalendarArgs(), response=schemas.CalendarAnswer())
def get_calendar(asked: ShowCalendar) -> Response:
    """Return all data of a day's or a week's view: sessions, rooms, providers with hours and absences, closures."""
    clinics = _clinics(asked.clinic_id, asked.provider_id)
    starts_at, ends_at = _bounds(asked.first, asked.last, clinics)
    window = calendar.Window(
        starts_at=starts_at,
        ends_at=ends_at,
        clinics=clinics,
        clinic_id=asked.clinic_id,
        provider_id=asked.provider_id,
        room_id=asked.room_id,
        with_cancelled=asked.cancelled,
    )
    return Response(calendar.calendar(current_db(), window), content_type="application/json")


@routes.view(
    _PATH,
    "POST",
    permission="calendar-links.write",
    body=EmptyBody(),
    response=schemas.NewLinkAnswer(),
    status=201,
    kept=False,
)
def make_link(_: dict[str, Any], provider_id: UUID) -> Response:
    """Create a new secret address for a provider's feed. The previous address stops working.

    The address is not stored, so a repeated request with the same Idempotency-Key creates another one.
    """
    made = calendar_links.make(current_db(), _own_provider(provider_id), now=clock.now())
    path = url_for("calendar.read_calendar_feed", provider_id=provider_id, token=made.token)
    return response_with_extras(_LINK.dump(made.link), 201, path=path)


@routes.view(_PATH, permission="calendar-links.write", response=_LINK)
def get_link(provider_id: UUID) -> Response:
    """Return whether a provider's feed has an address, and since when. The address itself is not shown."""
    return json_with_etag(_LINK.dump(_link(provider_id)))


@routes.view(_PATH, "DELETE", permission="calendar-links.write", status=204)
def withdraw_link(provider_id: UUID) -> Response:
    """Close a provider's feed."""
    link = _link(provider_id)
    check_if_match(_LINK.dump(link))
    calendar_links.withdraw(current_db(), link)
    return Response(status=204)


@routes.view(
    "/providers/<uuid:provider_id>/calendar.ics",
    permission=PUBLIC,
    query=schemas.FeedArgs(),
    text_types=("text/calendar",),
)
def read_calendar_feed(asked: ReadFeed, provider_id: UUID) -> Response:
    """Return a provider's sessions from 30 days ago to 180 days ahead, as iCalendar.

    The secret in the address authorises the request.
    """
    tenant = calendar_links.tenant_of(asked.token)
    if tenant is None:
        raise NotFound("calendar")
    reader = Principal("calendar-link", tenant, frozenset())
    return run_as(reader, lambda: _feed(provider_id, asked.token, asked.language))


def _feed(provider_id: UUID, token: str, language: str) -> Response:
    db, now = current_db(), clock.now()
    provider = calendar_links.reader_of(db, provider_id, token)
    if provider is None:
        raise NotFound("calendar")
    sessions = calendar.feed(db, provider, now - PAST, now + AHEAD)
    changed_at = calendar.feed_changed_at(db, provider, sessions)
    # The tag is made of the data of the feed, because calendar programs ask often and writing the feed takes much
    # longer.
    tag = etag_of([provider.name_en, provider.name_ar, language, str(changed_at), *map(str, sessions)])
    # A program may keep the feed, but must check its tag each time.
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if request.if_none_match.contains_weak(tag.strip('"')):
        return Response(status=304, headers=headers)
    return Response(calendar_of(provider, sessions, changed_at, language), 200, headers, content_type=_ICALENDAR)


def _clinics(clinic_id: UUID | None, provider_id: UUID | None) -> Sequence[Clinic]:
    """Return the clinics whose days are shown. Raises a 422 problem for an unknown clinic or provider."""
    db = current_db()
    if provider_id and db.get(Provider, provider_id) is None:
        raise InvalidField("provider_id", "There is no such provider.")
    clinics = calendar.clinics(db, clinic_id=clinic_id, provider_id=provider_id)
    if not clinics:
        raise InvalidField("clinic_id", "There is no such clinic.")
    return clinics


def _bounds(first: date | datetime, last: date | datetime, clinics: Sequence[Clinic]) -> tuple[datetime, datetime]:
    """Return the instants of the requested period. A day is complete in the zone of every clinic.

    Raises a 422 problem.
    """
    zones = [zone_of(clinic.timezone) for clinic in clinics]
    starts_at = first if isinstance(first, datetime) else min(local_day(first, zone)[0] for zone in zones)
    ends_at = last if isinstance(last, datetime) else max(local_day(last, zone)[1] for zone in zones)
    if ends_at <= starts_at:
        raise InvalidField("to", "Must be after from.")
    # A day is an hour longer where the clock is set back, and starts at another instant in another zone.
    if ends_at - starts_at >= timedelta(days=schemas.MAX_CALENDAR_DAYS + 1):
        raise InvalidField("to", "Must be at most {days} days after from.", days=schemas.MAX_CALENDAR_DAYS)
    return starts_at, ends_at


def _own_provider(provider_id: UUID) -> Provider:
    """Return the provider with its row locked. Raises 404, and 403 for a clinician who is another provider."""
    provider = current_db().get(Provider, provider_id, with_for_update=True)
    if provider is None:
        raise NotFound("provider")
    caller = current_principal()
    if not caller.roles & _ANY_PROVIDER and caller.provider_id != str(provider_id):
        raise Forbidden("This is the calendar of another provider.")
    return provider


def _link(provider_id: UUID) -> CalendarLink:
    link = calendar_links.find(current_db(), _own_provider(provider_id).id)
    if link is None:
        raise NotFound("calendar link")
    return link
