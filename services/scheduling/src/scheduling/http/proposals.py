"""Proposals and decisions for the sessions that an absence affects."""

from typing import Any
from uuid import UUID

from flask import Response

from jalsa.http import Routes, check_if_match, current_db
from jalsa.service import clock
from scheduling.absences.commands import ApplyProposals
from scheduling.absences.queries import proposals as queries
from scheduling.absences.queries.affected_sessions import sessions_hit
from scheduling.http import represent
from scheduling.http.absences import found_closure, found_time_off, shown_closure, shown_time_off, with_proposal
from scheduling.http.answers import response_with_extras
from scheduling.http.permissions import check_override, check_schedules
from scheduling.http.schemas import proposals as schemas
from scheduling.models import Closure, TimeOff
from scheduling.use_cases import proposals as operations

routes = Routes("proposals", "What happens to the sessions that an absence affects")

_APPLIED = schemas.Applied()


@routes.view(
    "/providers/<uuid:provider_id>/time-off/<uuid:time_off_id>/proposals",
    permission="sessions.read",
    response=schemas.ProposalsAnswer(),
)
def list_proposals(provider_id: UUID, time_off_id: UUID) -> dict[str, Any]:
    """Propose a substitute and a new time for each session that the absence affects. Nothing is reserved."""
    return _proposals(found_time_off(provider_id, time_off_id))


@routes.view("/closures/<uuid:closure_id>/proposals", permission="sessions.read", response=schemas.ProposalsAnswer())
def list_closure_proposals(closure_id: UUID) -> dict[str, Any]:
    """Propose a new time with the same provider for each session that the closure affects. Nothing is reserved."""
    return _proposals(found_closure(closure_id))


def _proposals(absence: TimeOff | Closure) -> dict[str, Any]:
    db, now = current_db(), clock.now()
    hit = sessions_hit(db, absence)
    proposals = queries.propose(db, absence, hit, now=now)
    items = [with_proposal(session, proposals[session.id]) for session in hit if session.id in proposals]
    return {"items": items, "remaining": len(queries.to_come(hit, now)) - len(items)}


@routes.view(
    "/providers/<uuid:provider_id>/time-off/<uuid:time_off_id>/apply",
    "POST",
    permission="sessions.write",
    body=schemas.ApplyBody(),
    response=schemas.AppliedAnswer(),
)
def apply_to_time_off(command: ApplyProposals, provider_id: UUID, time_off_id: UUID) -> Response:
    """Substitute, move, cancel or keep the sessions of a list.

    Either all are changed or none (409 `absence-conflicts`). An item without `provider_id` (SUBSTITUTE) or `starts_at`
    (MOVE) gets the proposal of the current moment. To apply a proposal that was shown before, give its values.
    """
    check_override(command.override)
    absence = found_time_off(provider_id, time_off_id, lock=True)
    check_schedules(absence.provider_id)
    check_if_match(lambda: shown_time_off(absence))
    applied = _applied(absence, command)
    return response_with_extras(shown_time_off(absence), applied=applied)


@routes.view(
    "/closures/<uuid:closure_id>/apply",
    "POST",
    permission="sessions.write",
    body=schemas.ApplyBody(),
    response=schemas.AppliedToClosureAnswer(),
)
def apply_to_closure(command: ApplyProposals, closure_id: UUID) -> Response:
    """Move, substitute, cancel or keep the sessions of a list.

    Either all are changed or none (409 `absence-conflicts`). A closure affects many providers, so only the front desk
    and managers can do this. A MOVE without `starts_at` gets the proposal of the current moment. To apply a proposal
    that was shown before, give its values. A substitute is not proposed and must be given. It keeps the time of the
    session, which is in the closure, so it needs an override.
    """
    check_override(command.override)
    check_schedules(None)
    closure = found_closure(closure_id, lock=True)
    check_if_match(lambda: shown_closure(closure))
    applied = _applied(closure, command)
    return response_with_extras(shown_closure(closure), applied=applied)


def _applied(absence: TimeOff | Closure, command: ApplyProposals) -> list[dict[str, Any]]:
    """Return what was done for each item of a list, as answers show it."""
    db = current_db()
    changed = operations.apply(db, absence, command, now=clock.now())
    check_schedules(*(session.provider_id for session in changed))
    shown = represent.sessions(db, changed)
    applied = [{"action": item.action, "session": shown[item.session_id]} for item in command.items]
    answer: list[dict[str, Any]] = _APPLIED.dump(applied, many=True)
    return answer
