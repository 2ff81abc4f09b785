"""Time off, closures and public holidays, and the tenant's settings."""

from datetime import datetime
from uuid import UUID

from flask import Response

from jalsa.http import (
    Everything,
    PageOf,
    PlainPageArgs,
    Routes,
    check_if_match,
    current_db,
    json_with_etag,
    page_by_id,
    page_of,
)
from jalsa.http.paging import decode_id_cursor
from jalsa.service import clock
from jalsa.service.errors import NotFound
from jalsa.service.json_types import JsonObject
from scheduling.absences.commands import AddClosure, AddTimeOff
from scheduling.absences.queries import affected_sessions
from scheduling.absences.queries.proposals import Proposal, propose
from scheduling.directory import queries as directory
from scheduling.directory.commands import PutSettings
from scheduling.http.answers import response_with_extras
from scheduling.http.permissions import check_schedules
from scheduling.http.schemas import setup as schemas
from scheduling.http.schemas.proposals import NewClosureAnswer, NewTimeOffAnswer, ProposedFor
from scheduling.http.zones import left_out
from scheduling.models import Closure, Provider, TimeOff
from scheduling.use_cases import absences

routes = Routes("absences", "Time off, closures and public holidays, settings")

_TIME_OFF = schemas.TimeOffAnswer()
_PROPOSED_FOR = ProposedFor()
_CLOSURE = schemas.ClosureAnswer()
_SETTINGS = schemas.SettingsAnswer()


@routes.view(
    "/providers/<uuid:provider_id>/time-off",
    "POST",
    permission="absences.write",
    body=schemas.TimeOffBody(),
    response=NewTimeOffAnswer(),
    status=201,
)
def add_time_off(command: AddTimeOff, provider_id: UUID) -> Response:
    """Record that a provider is away. The answer lists the sessions booked at that time, each with a proposal."""
    db, now = current_db(), clock.now()
    provider = _provider(provider_id)
    check_schedules(provider.id)
    absence = absences.add_time_off(db, provider, command, now=now)
    return response_with_extras(shown_time_off(absence), 201, affected_sessions=_proposed(absence, now))


@routes.view(
    "/providers/<uuid:provider_id>/time-off",
    permission="setup.read",
    query=PlainPageArgs(),
    response=page_of(schemas.TimeOffAnswer),
)
def list_time_off(query: PageOf[Everything], provider_id: UUID) -> JsonObject:
    """List a provider's absences, in the order in which they were entered."""
    after, provider = decode_id_cursor(query.cursor), _provider(provider_id)
    rows = directory.list_by_id(current_db(), TimeOff, after=after, limit=query.limit + 1, provider_id=provider.id)
    return page_by_id(rows, query.limit, _with_affected)


@routes.view("/providers/<uuid:provider_id>/time-off/<uuid:time_off_id>", permission="setup.read", response=_TIME_OFF)
def get_time_off(provider_id: UUID, time_off_id: UUID) -> Response:
    """Return one absence."""
    return json_with_etag(shown_time_off(found_time_off(provider_id, time_off_id)))


@routes.view(
    "/providers/<uuid:provider_id>/time-off/<uuid:time_off_id>", "DELETE", permission="absences.write", status=204
)
def remove_time_off(provider_id: UUID, time_off_id: UUID) -> Response:
    """Delete an absence, because the provider is not away after all."""
    absence = found_time_off(provider_id, time_off_id, lock=True)
    check_schedules(absence.provider_id)
    check_if_match(shown_time_off(absence))
    absences.remove(current_db(), absence, now=clock.now())
    return Response(status=204)


@routes.view(
    "/closures", "POST", permission="setup.write", body=schemas.ClosureBody(), response=NewClosureAnswer(), status=201
)
def add_closure(command: AddClosure) -> Response:
    """Close a clinic, or all of them, for some days. The answer proposes a new slot for each affected session."""
    now = clock.now()
    left_out(command.clinic_id)
    closure = absences.add_closure(current_db(), command, now=now)
    return response_with_extras(shown_closure(closure), 201, affected_sessions=_proposed(closure, now))


@routes.view("/closures", permission="setup.read", query=PlainPageArgs(), response=page_of(schemas.ClosureAnswer))
def list_closures(query: PageOf[Everything]) -> JsonObject:
    """List the tenant's closures and public holidays, in the order in which they were entered."""
    after = decode_id_cursor(query.cursor)
    rows = directory.list_by_id(current_db(), Closure, after=after, limit=query.limit + 1)
    return page_by_id(rows, query.limit, _with_affected)


@routes.view("/closures/<uuid:closure_id>", permission="setup.read", response=_CLOSURE)
def get_closure(closure_id: UUID) -> Response:
    """Return one closure."""
    return json_with_etag(shown_closure(found_closure(closure_id)))


@routes.view("/closures/<uuid:closure_id>", "DELETE", permission="setup.write", status=204)
def remove_closure(closure_id: UUID) -> Response:
    """Delete a closure, because the clinic is open after all."""
    closure = found_closure(closure_id, lock=True)
    check_if_match(shown_closure(closure))
    absences.remove(current_db(), closure, now=clock.now())
    return Response(status=204)


@routes.view("/settings", permission="setup.read", response=_SETTINGS)
def get_settings() -> Response:
    """Return the tenant's settings, or the defaults."""
    return json_with_etag(_SETTINGS.dump(directory.settings(current_db())))


@routes.view("/settings", "PUT", permission="setup.write", body=schemas.SettingsBody(), response=_SETTINGS)
def put_settings(command: PutSettings) -> Response:
    """Set all of the tenant's settings."""
    check_if_match(_SETTINGS.dump(directory.settings(current_db())))
    return json_with_etag(_SETTINGS.dump(absences.put_settings(current_db(), command)))


def _provider(provider_id: UUID) -> Provider:
    provider = current_db().get(Provider, provider_id)
    if provider is None:
        raise NotFound("provider")
    return provider


def found_time_off(provider_id: UUID, time_off_id: UUID, *, lock: bool = False) -> TimeOff:
    """Return a provider's absence. With `lock`, it is locked until the transaction ends, before all other locks.

    Raises 404.
    """
    absence = current_db().get(TimeOff, time_off_id, with_for_update=lock or None)
    if absence is None or absence.provider_id != provider_id:
        raise NotFound("time off")
    return absence


def found_closure(closure_id: UUID, *, lock: bool = False) -> Closure:
    """Return a closure. With `lock`, it is locked until the transaction ends, before all other locks. Raises 404."""
    closure = current_db().get(Closure, closure_id, with_for_update=lock or None)
    if closure is None:
        raise NotFound("closure")
    return closure


def shown_time_off(absence: TimeOff) -> JsonObject:
    """Return an absence as answers show it, with the sessions that it currently affects."""
    shown: JsonObject = _TIME_OFF.dump(_with_affected(absence))
    return shown


def shown_closure(closure: Closure) -> JsonObject:
    """Return a closure as answers show it, with the sessions that it currently affects."""
    shown: JsonObject = _CLOSURE.dump(_with_affected(closure))
    return shown


def _proposed(absence: TimeOff | Closure, now: datetime) -> list[JsonObject]:
    """Return the sessions that an absence affects, each with its proposal."""
    db = current_db()
    hit = affected_sessions.sessions_hit(db, absence)
    proposals = propose(db, absence, hit, now=now)
    affected = [with_proposal(session, proposals.get(session.id)) for session in hit]
    shown: list[JsonObject] = _PROPOSED_FOR.dump(affected, many=True)
    return shown


def with_proposal(session: affected_sessions.AffectedSession, proposal: Proposal | None) -> JsonObject:
    """Return a session that an absence affects as answers show it, with its proposal if there is one."""
    return {
        "id": session.id,
        "session_number": session.session_number,
        "starts_at": session.starts_at,
        "ends_at": session.ends_at,
        "proposal": proposal,
    }


def _with_affected(absence: TimeOff | Closure) -> JsonObject:
    columns = {column.key: getattr(absence, column.key) for column in type(absence).__table__.columns}
    return {**columns, "affected_sessions": affected_sessions.sessions_hit(current_db(), absence)}
