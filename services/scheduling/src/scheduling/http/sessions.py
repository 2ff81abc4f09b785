"""Sessions, and the participants of one session."""

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
    page,
    page_by_id,
    page_of,
)
from jalsa.http.paging import decode_id_cursor, decode_instant_cursor, instant_cursor
from jalsa.service import clock
from jalsa.service.commands import value_or
from jalsa.service.errors import NotFound
from jalsa.service.json_types import JsonObject
from scheduling.appointments.commands.appointments import BookParticipant
from scheduling.appointments.commands.sessions import (
    CancelSession,
    ChangeSession,
    CreateSession,
    DecideSession,
    FindSessions,
    Reason,
    RescheduleSession,
    Untimely,
)
from scheduling.appointments.operations import sessions
from scheduling.appointments.queries import participant_records, session_records
from scheduling.http import represent
from scheduling.http.answers import response_with_extras
from scheduling.http.permissions import check_entry, check_may_undo, check_override, check_schedules, check_session
from scheduling.http.schemas import sessions as schemas
from scheduling.http.schemas.zones import days_of
from scheduling.http.zones import told_of_days
from scheduling.models import ClinicalSession
from scheduling.use_cases import appointments as use_cases
from scheduling.use_cases import corrections, minimum_attendance, series_edits

routes = Routes("sessions", "Sessions and their participants")

_SESSION = schemas.SessionAnswer()
_CHANGED = schemas.ChangedSessionAnswer()
_KEPT = schemas.KeptSession()
_PARTICIPANT = schemas.ParticipantAnswer()


@routes.view(
    "/sessions", "POST", permission="schedule.enter", body=schemas.SessionBody(), response=_SESSION, status=201
)
def create_session(command: CreateSession) -> Response:
    """Schedule a session, which may be empty, or enter a session that has started or taken place."""
    now = clock.now()
    needed = check_entry(command, command.starts_at, "sessions.write", now=now)
    check_schedules(command.provider_id, permission=needed)
    session = sessions.create_session(current_db(), command, now=now)
    return json_with_etag(_shown(session), 201)


@routes.view(
    "/sessions", permission="sessions.read", query=schemas.SessionArgs(), response=days_of(schemas.SessionAnswer)
)
def list_sessions(query: PageOf[FindSessions]) -> JsonObject:
    """List sessions in the order of their start. `from` and `to` are bounds of the start."""
    return _list(query, None)


@routes.view(
    "/sessions/available",
    permission="sessions.read",
    query=schemas.SessionArgs(),
    response=days_of(schemas.SessionAnswer),
)
def list_available_sessions(query: PageOf[FindSessions]) -> JsonObject:
    """List the sessions that have not started, have a free spot and are not affected by an absence."""
    return _list(query, clock.now())


@routes.view("/sessions/<uuid:session_id>", permission="sessions.read", response=_SESSION)
def get_session(session_id: UUID) -> Response:
    """Return one session."""
    return json_with_etag(_shown(_found(session_id)))


@routes.view(
    "/sessions/<uuid:session_id>",
    "PATCH",
    permission="sessions.write",
    body=schemas.SessionPatch(),
    response=_CHANGED,
)
def update_session(command: ChangeSession, session_id: UUID) -> Response:
    """Change a session's capacity, minimum, time of decision or group notes."""
    now, selection = _selection(command.scope, session_id)
    return _changed(series_edits.update(current_db(), selection, command, now=now))


@routes.view(
    "/sessions/<uuid:session_id>/reschedule",
    "POST",
    permission="sessions.write",
    body=schemas.RescheduleSessionBody(),
    response=_CHANGED,
)
def reschedule_session(command: RescheduleSession, session_id: UUID) -> Response:
    """Move a session, with all its participants, to another time, provider or room."""
    check_override(command.override)
    now, selection = _selection(command.scope, session_id, moving=True)
    check_schedules(value_or(command.provider_id, selection.session.provider_id))
    return _changed(series_edits.reschedule(current_db(), selection, command, now=now))


@routes.view(
    "/sessions/<uuid:session_id>/start",
    "POST",
    permission="sessions.write",
    body=schemas.UntimelyBody(),
    response=_SESSION,
)
def start_session(command: Untimely, session_id: UUID) -> Response:
    """Start a session. This is possible from the tenant's `early_start_minutes` before its start on."""
    override_reason, session = check_override(command.override), _acted_on(session_id)
    return json_with_etag(_shown(use_cases.start_session(current_db(), session, override_reason, now=clock.now())))


@routes.view(
    "/sessions/<uuid:session_id>/complete",
    "POST",
    permission="sessions.write",
    body=schemas.UntimelyBody(),
    response=_SESSION,
)
def complete_session(command: Untimely, session_id: UUID) -> Response:
    """Complete a session after its start. Patients who have arrived become ATTENDED, and the others become no-shows."""
    override_reason, session = check_override(command.override), _acted_on(session_id)
    return json_with_etag(_shown(use_cases.complete_session(current_db(), session, override_reason, now=clock.now())))


@routes.view(
    "/sessions/<uuid:session_id>/undo",
    "POST",
    permission="sessions.write",
    body=schemas.ReasonBody(),
    response=_SESSION,
)
def undo_session(command: Reason, session_id: UUID) -> Response:
    """Undo the start, or the completion with the outcomes that it recorded. After its day, only managers can do so."""
    db, seen = current_db(), _found(session_id).status
    session = _acted_on(session_id, corrections.held_for_undo(db, session_id))
    now = clock.now()
    check_may_undo(of_today=corrections.is_of_today(session, session.clinic.timezone, now), reason=command.reason)
    return json_with_etag(_shown(corrections.undo_session(db, session, command.reason, seen=seen, now=now)))


@routes.view(
    "/sessions/<uuid:session_id>/cancel",
    "POST",
    permission="sessions.write",
    body=schemas.CancelSessionBody(),
    response=_CHANGED,
)
def cancel_session(command: CancelSession, session_id: UUID) -> Response:
    """Cancel a session that has not started, with all its participants."""
    check_override(command.override)
    now, selection = _selection(command.scope, session_id)
    return _changed(series_edits.cancel(current_db(), selection, command, now=now))


@routes.view(
    "/sessions/<uuid:session_id>/decision",
    "POST",
    permission="sessions.write",
    body=schemas.DecisionBody(),
    response=_SESSION,
)
def decide_session(command: DecideSession, session_id: UUID) -> Response:
    """Decide what happens to a session with too few participants: run it, merge it into another one, or cancel it."""
    check_override(command.override)
    session = minimum_attendance.held_for_decision(current_db(), session_id, command.into_session_id)
    check_schedules(session.provider_id)
    check_session(command.into_session_id)
    check_if_match(_shown(session))
    return json_with_etag(_shown(minimum_attendance.decide(current_db(), session, command, now=clock.now())))


@routes.view(
    "/sessions/<uuid:session_id>/participants",
    "POST",
    permission="schedule.enter",
    body=schemas.ParticipantBody(),
    response=_PARTICIPANT,
    status=201,
)
def book_participant(command: BookParticipant, session_id: UUID) -> Response:
    """Book a patient into a session, or enter a visit to a session that has started or taken place."""
    db, now = current_db(), clock.now()
    # Most bookings do not need to know the start, because a booking into a session that has started is refused anyway.
    begins = _found(session_id).starts_at if command.walk_in or command.override else None
    check_session(session_id, check_entry(command, begins, "appointments.write", now=now))
    booked = use_cases.book_participant(db, session_id, command, now=now)
    return json_with_etag(_PARTICIPANT.dump(represent.participant(booked.participant, booked.standing, now)), 201)


@routes.view(
    "/sessions/<uuid:session_id>/participants",
    permission="appointments.read",
    query=PlainPageArgs(),
    response=page_of(schemas.ParticipantAnswer),
)
def list_participants(query: PageOf[Everything], session_id: UUID) -> JsonObject:
    """List a session's participants, in the order of booking."""
    db = current_db()
    _found(session_id)
    after = decode_id_cursor(query.cursor)
    rows = participant_records.list_participants(db, session_id, after=after, limit=query.limit + 1)
    shown = represent.participants(db, rows, clock.now())
    return page_by_id(rows, query.limit, lambda row: shown[row.id])


def _list(query: PageOf[FindSessions], open_at: datetime | None) -> JsonObject:
    db, beside = current_db(), told_of_days(query.asked)
    after = decode_instant_cursor(query.cursor)
    rows = session_records.list_sessions(db, query.asked, after=after, limit=query.limit + 1, open_at=open_at)
    shown = represent.sessions(db, rows)
    found = page(rows, query.limit, lambda row: instant_cursor(row.starts_at, row.id), lambda row: shown[row.id])
    return {**found, **beside}


def _found(session_id: UUID) -> ClinicalSession:
    session = session_records.find_session(current_db(), session_id)
    if session is None:
        raise NotFound("session")
    return session


def _acted_on(session_id: UUID, held: ClinicalSession | None = None) -> ClinicalSession:
    """Return the locked session if the caller may change its schedule."""
    session = held or sessions.locked_session(current_db(), session_id)
    check_schedules(session.provider_id)
    check_if_match(_shown(session))
    return session


def _selection(scope: str, session_id: UUID, *, moving: bool = False) -> tuple[datetime, series_edits.SeriesSelection]:
    """Return the instant of the request, and the sessions in its scope."""
    now = clock.now()
    selection = series_edits.choose(current_db(), session_id, scope, now=now, moving=moving)
    check_schedules(*(session.provider_id for session in selection.sessions))
    check_if_match(_shown(selection.session))
    return now, selection


def _changed(done: series_edits.Changed) -> Response:
    return response_with_extras(
        _shown(done.session), changed_sessions=done.count, kept=_KEPT.dump(done.kept, many=True)
    )


def _shown(session: ClinicalSession) -> JsonObject:
    shown: JsonObject = _SESSION.dump(represent.sessions(current_db(), [session])[session.id])
    return shown
