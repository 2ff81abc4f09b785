"""Series of group sessions, and their rosters."""

from collections.abc import Sequence
from uuid import UUID

from flask import Response
from sqlalchemy.orm import Session

from jalsa.http import (
    Everything,
    PageOf,
    PlainPageArgs,
    Routes,
    check_if_match,
    current_db,
    json_with_etag,
    page,
    page_by_id,
    page_of,
)
from jalsa.http.paging import decode_id_cursor, decode_instant_cursor, instant_cursor
from jalsa.service import clock
from jalsa.service.errors import NotFound
from jalsa.service.json_types import JsonObject
from scheduling.appointments.commands.sessions import FindSessions
from scheduling.appointments.queries import session_records
from scheduling.directory import queries as directory
from scheduling.http import represent
from scheduling.http.answers import response_with_extras
from scheduling.http.permissions import check_override, check_schedules
from scheduling.http.problems import refused_sessions
from scheduling.http.schemas import series as schemas
from scheduling.http.schemas.sessions import SessionAnswer
from scheduling.models import Participant, SeriesMember, SessionSeries
from scheduling.series import queries as read
from scheduling.series.commands import CreateSeries, FindSeries, JoinSeries, LeaveSeries
from scheduling.timetable.hours import day_of
from scheduling.use_cases import roster
from scheduling.use_cases import series as operations

routes = Routes("series", "Recurring group sessions, and their rosters")

_PLAN = schemas.Plan()
_SERIES = schemas.SeriesAnswer()
_OCCURRENCE = schemas.NewOccurrence()
_MEMBER = schemas.MemberAnswer()


@routes.view("/series/plan", "POST", permission="sessions.write", body=schemas.SeriesBody(), response=_PLAN, kept=False)
def plan_series(command: CreateSeries) -> JsonObject:
    """Preview the occurrences of a series and their conflicts. Nothing is stored."""
    check_override(command.override)
    planned = operations.plan_series(current_db(), command, now=clock.now())
    return {"occurrences": [{**_occurrence(p), "conflicts": refused_sessions(p.refusals())} for p in planned]}


@routes.view(
    "/series",
    "POST",
    permission="sessions.write",
    body=schemas.SeriesBody(),
    response=schemas.NewSeriesAnswer(),
    status=201,
)
def create_series(command: CreateSeries) -> Response:
    """Schedule a group session for every occurrence of a rule.

    Either all are scheduled or none (409 `series-conflicts`).
    """
    check_override(command.override)
    check_schedules(command.provider_id)
    db = current_db()
    created = operations.create_series(db, command, now=clock.now())
    made = [{**_occurrence(planned), "session_id": session.id} for planned, session in created.sessions]
    occurrences = _OCCURRENCE.dump(made, many=True)
    return response_with_extras(
        _shown(created.series), 201, occurrences=occurrences, skipped=refused_sessions(created.skipped)
    )


@routes.view("/series", permission="sessions.read", query=schemas.SeriesArgs(), response=page_of(schemas.SeriesAnswer))
def list_series(query: PageOf[FindSeries]) -> JsonObject:
    """List series in the order in which they were created."""
    db = current_db()
    rows = read.list_series(db, query.asked, after=decode_id_cursor(query.cursor), limit=query.limit + 1)
    shown = _represent(db, rows)
    return page_by_id(rows, query.limit, lambda row: shown[row.id])


@routes.view("/series/<uuid:series_id>", permission="sessions.read", response=_SERIES)
def get_series(series_id: UUID) -> Response:
    """Return one series."""
    return json_with_etag(_shown(_found(series_id)))


@routes.view(
    "/series/<uuid:series_id>/sessions",
    permission="sessions.read",
    query=PlainPageArgs(),
    response=page_of(SessionAnswer),
)
def list_series_sessions(query: PageOf[Everything], series_id: UUID) -> JsonObject:
    """List the sessions of a series in any state, in the order of their start."""
    db, after = current_db(), decode_instant_cursor(query.cursor)
    only = FindSessions(series_id=_found(series_id).id)
    rows = session_records.list_sessions(db, only, after=after, limit=query.limit + 1)
    shown = represent.sessions(db, rows)
    return page(rows, query.limit, lambda row: instant_cursor(row.starts_at, row.id), lambda row: shown[row.id])


@routes.view(
    "/series/<uuid:series_id>/members",
    "POST",
    permission="appointments.write",
    body=schemas.MemberBody(),
    response=schemas.NewMemberAnswer(),
    status=201,
)
def join_series(command: JoinSeries, series_id: UUID) -> Response:
    """Book a patient into every later session of a series. Either all are booked or none (409 `series-conflicts`)."""
    check_override(command.override)
    series = _found(series_id)
    _check_own(series)
    joined = roster.join(current_db(), series, command, now=clock.now())
    return response_with_extras(_shown_member(series, joined.member), 201, skipped=refused_sessions(joined.skipped))


@routes.view(
    "/series/<uuid:series_id>/members",
    permission="appointments.read",
    query=PlainPageArgs(),
    response=page_of(schemas.MemberAnswer),
)
def list_members(query: PageOf[Everything], series_id: UUID) -> JsonObject:
    """List the present and former members of a series' roster, in the order of joining."""
    after, series = decode_id_cursor(query.cursor), _found(series_id)
    rows = directory.list_by_id(current_db(), SeriesMember, after=after, limit=query.limit + 1, series_id=series.id)
    shown = _represent_members(series, rows)
    return page_by_id(rows, query.limit, lambda row: shown[row.id])


@routes.view("/series/<uuid:series_id>/members/<uuid:member_id>", permission="appointments.read", response=_MEMBER)
def get_member(series_id: UUID, member_id: UUID) -> Response:
    """Return one patient's membership."""
    series, member = _found(series_id), current_db().get(SeriesMember, member_id)
    if member is None or member.series_id != series.id:
        raise NotFound("member")
    return json_with_etag(_shown_member(series, member))


@routes.view(
    "/series/<uuid:series_id>/members/<uuid:member_id>/leave",
    "POST",
    permission="appointments.write",
    body=schemas.LeaveBody(),
    response=_MEMBER,
)
def leave_series(command: LeaveSeries, series_id: UUID, member_id: UUID) -> Response:
    """Remove a patient from the later sessions of a series."""
    db, series = current_db(), _found(series_id)
    _check_own(series)
    member = roster.held_member(db, series.id, member_id)
    check_if_match(_shown_member(series, member))
    return json_with_etag(_shown_member(series, roster.leave(db, series, member, command, now=clock.now())))


def _found(series_id: UUID) -> SessionSeries:
    series = current_db().get(SessionSeries, series_id)
    if series is None:
        raise NotFound("series")
    return series


def _check_own(series: SessionSeries) -> None:
    """Check that a clinician who changes a roster holds all future sessions of the series."""
    check_schedules(series.provider_id, *read.providers_to_come(current_db(), series.id, now=clock.now()))


def _occurrence(planned: operations.Planned) -> JsonObject:
    occurrence, placement = planned.occurrence, planned.placement
    return {
        "occurs_on": occurrence.occurs_on,
        "shifted": occurrence.shifted,
        "starts_at": placement.starts_at,
        "ends_at": placement.ends_at,
    }


def _shown(series: SessionSeries) -> JsonObject:
    shown: JsonObject = _SERIES.dump(_represent(current_db(), [series])[series.id])
    return shown


def _represent(db: Session, rows: Sequence[SessionSeries]) -> dict[UUID, JsonObject]:
    counts = read.count_sessions(db, [row.id for row in rows])
    return {
        row.id: {
            **{name: getattr(row, name, None) for name in _SERIES.fields},
            "service_type": row.service_type.code,
            "timezone": row.clinic.timezone,
            "sessions": counts[row.id],
        }
        for row in rows
    }


def _shown_member(series: SessionSeries, member: SeriesMember) -> JsonObject:
    shown: JsonObject = _MEMBER.dump(_represent_members(series, [member])[member.id])
    return shown


def _represent_members(series: SessionSeries, rows: Sequence[SeriesMember]) -> dict[UUID, JsonObject]:
    spots = read.spots(current_db(), series.id, [row.patient_id for row in rows])

    def during(member: SeriesMember) -> list[Participant]:
        days = ((spot, day_of(spot.starts_at, series.clinic.timezone)) for spot in spots.get(member.patient_id, ()))
        return [s for s, day in days if member.joined_on <= day and (member.left_on is None or day < member.left_on)]

    fields = set(_MEMBER.fields) - {"appointments", "withheld"}
    return {row.id: {**{name: getattr(row, name) for name in fields}, "appointments": during(row)} for row in rows}
