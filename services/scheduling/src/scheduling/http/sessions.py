"""Sessions, and participants of one."""

from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Response

from jalsa import clock
from jalsa.errors import not_found
from jalsa.web import PageArgs, Routes, check_if_match, current_db, page, page_of, tagged
from jalsa.web.fields import EmptyBody
from jalsa.web.paging import decode_id_cursor, decode_instant_cursor, instant_cursor
from scheduling import queries
from scheduling.http import represent
from scheduling.http.answers import told_beside
from scheduling.http.overrides import check_override
from scheduling.http.schedules import check_schedules, check_session
from scheduling.http.schemas import sessions as schemas
from scheduling.models import ClinicalSession
from scheduling.operations import decisions, participants, scopes, sessions

routes = Routes("sessions", "Sessions and who takes part in them")

_SESSION = schemas.SessionAnswer()
_CHANGED = schemas.ChangedSessionAnswer()
_PARTICIPANT = schemas.ParticipantAnswer()


@routes.view("/sessions", "POST", permission="sessions.write", body=schemas.SessionBody(), answer=_SESSION, status=201)
def create_session(body: dict[str, Any]) -> Response:
    """Schedule a session; it may start empty."""
    check_override(body)
    check_schedules(body["provider_id"])
    session = sessions.create_session(current_db(), body, now=clock.now())
    return tagged(_shown(session), 201)


@routes.view(
    "/sessions", permission="sessions.read", query=schemas.SessionArgs(), answer=page_of(schemas.SessionAnswer)
)
def list_sessions(args: dict[str, Any]) -> dict[str, Any]:
    """Sessions in the order of their start; `from` and `to` bound the start."""
    return _list(args, None)


@routes.view(
    "/sessions/available",
    permission="sessions.read",
    query=schemas.SessionArgs(),
    answer=page_of(schemas.SessionAnswer),
)
def list_available_sessions(args: dict[str, Any]) -> dict[str, Any]:
    """Sessions that have not begun and have a free place."""
    return _list(args, clock.now())


@routes.view("/sessions/<uuid:session_id>", permission="sessions.read", answer=_SESSION)
def get_session(session_id: UUID) -> Response:
    """One session."""
    return tagged(_shown(_found(session_id)))


@routes.view(
    "/sessions/<uuid:session_id>",
    "PATCH",
    permission="sessions.write",
    body=schemas.SessionPatch(),
    answer=_CHANGED,
)
def update_session(body: dict[str, Any], session_id: UUID) -> Response:
    """Change a session's capacity, minimum, time of decision or group notes."""
    now, chosen = _chosen(body, session_id)
    return _changed(chosen, scopes.update(current_db(), chosen, body, now=now))


@routes.view(
    "/sessions/<uuid:session_id>/reschedule",
    "POST",
    permission="sessions.write",
    body=schemas.RescheduleSessionBody(),
    answer=_CHANGED,
)
def reschedule_session(body: dict[str, Any], session_id: UUID) -> Response:
    """Move a session, with all its participants, to another time, provider or room."""
    check_override(body)
    now, chosen = _chosen(body, session_id, moving=True)
    check_schedules(body.get("provider_id", chosen.session.provider_id))
    return _changed(chosen, scopes.reschedule(current_db(), chosen, body, now=now))


@routes.view(
    "/sessions/<uuid:session_id>/start", "POST", permission="sessions.write", body=EmptyBody(), answer=_SESSION
)
def start_session(_: dict[str, Any], session_id: UUID) -> Response:
    """The session begins."""
    return tagged(_shown(sessions.start_session(current_db(), _matched(session_id), now=clock.now())))


@routes.view(
    "/sessions/<uuid:session_id>/complete", "POST", permission="sessions.write", body=EmptyBody(), answer=_SESSION
)
def complete_session(_: dict[str, Any], session_id: UUID) -> Response:
    """The session ends: who has arrived attended, who has not is a no-show."""
    return tagged(_shown(sessions.complete_session(current_db(), _matched(session_id), now=clock.now())))


@routes.view(
    "/sessions/<uuid:session_id>/cancel",
    "POST",
    permission="sessions.write",
    body=schemas.CancelSessionBody(),
    answer=_CHANGED,
)
def cancel_session(body: dict[str, Any], session_id: UUID) -> Response:
    """Cancel a session and every place in it."""
    now, chosen = _chosen(body, session_id)
    return _changed(chosen, scopes.cancel(current_db(), chosen, body["reason"], now=now))


@routes.view(
    "/sessions/<uuid:session_id>/decision",
    "POST",
    permission="sessions.write",
    body=schemas.DecisionBody(),
    answer=_SESSION,
)
def decide_session(body: dict[str, Any], session_id: UUID) -> Response:
    """Decide what becomes of a session with too few participants: run it, merge it into another, cancel it."""
    session = decisions.held_for_decision(current_db(), session_id, body.get("into_session_id"))
    check_schedules(session.provider_id)
    check_session(body.get("into_session_id"))
    check_if_match(_shown(session))
    return tagged(_shown(decisions.decide(current_db(), session, body, now=clock.now())))


@routes.view(
    "/sessions/<uuid:session_id>/participants",
    "POST",
    permission="appointments.write",
    body=schemas.ParticipantBody(),
    answer=_PARTICIPANT,
    status=201,
)
def book_participant(body: dict[str, Any], session_id: UUID) -> Response:
    """Book a patient into a session."""
    check_session(session_id)
    db, now = current_db(), clock.now()
    booking = participants.book(db, session_id, body["patient_id"], body["notes"], now=now)
    return tagged(_PARTICIPANT.dump(represent.participant(booking.participant, booking.standing, now)), 201)


@routes.view(
    "/sessions/<uuid:session_id>/participants",
    permission="appointments.read",
    query=PageArgs(),
    answer=page_of(schemas.ParticipantAnswer),
)
def list_participants(args: dict[str, Any], session_id: UUID) -> dict[str, Any]:
    """A session's participants, in the order of booking."""
    db = current_db()
    _found(session_id)
    after = decode_id_cursor(args["cursor"])
    rows = queries.list_participants(db, session_id, after=after, limit=args["limit"] + 1)
    shown = represent.participants(db, rows, clock.now())
    return page(rows, args["limit"], lambda row: str(row.id), lambda row: shown[row.id])


def _list(args: dict[str, Any], open_at: datetime | None) -> dict[str, Any]:
    db = current_db()
    rows = queries.list_sessions(
        db, args, after=decode_instant_cursor(args["cursor"]), limit=args["limit"] + 1, open_at=open_at
    )
    shown = represent.sessions(db, rows)
    return page(rows, args["limit"], lambda row: instant_cursor(row.starts_at, row.id), lambda row: shown[row.id])


def _found(session_id: UUID) -> ClinicalSession:
    session = queries.find_session(current_db(), session_id)
    if session is None:
        raise not_found("session")
    return session


def _matched(session_id: UUID) -> ClinicalSession:
    session = sessions.locked_session(current_db(), session_id)
    check_schedules(session.provider_id)
    check_if_match(_shown(session))
    return session


def _chosen(body: dict[str, Any], session_id: UUID, *, moving: bool = False) -> tuple[datetime, scopes.Chosen]:
    """The instant of the request, and the sessions in its scope, which is taken out of the body."""
    now = clock.now()
    chosen = scopes.choose(current_db(), session_id, body.pop("scope"), now=now, moving=moving)
    check_schedules(*(session.provider_id for session in chosen.sessions))
    check_if_match(_shown(chosen.session))
    return now, chosen


def _changed(chosen: scopes.Chosen, count: int) -> Response:
    return told_beside(_shown(chosen.session), changed_sessions=count)


def _shown(session: ClinicalSession) -> Any:
    return _SESSION.dump(represent.sessions(current_db(), [session])[session.id])
