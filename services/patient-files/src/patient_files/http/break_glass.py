"""Break-glass: a grant to read what is not for everybody, and its review by another person."""

from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Response

from jalsa.http import (
    PageOf,
    Routes,
    check_if_match,
    current_db,
    current_principal,
    json_with_etag,
    page_by_id,
    page_of,
    shows_list,
    shows_record,
)
from jalsa.http.paging import decode_id_cursor
from jalsa.service import clock
from jalsa.service.errors import Forbidden, NotFound
from patient_files.access import operations, queries, rules
from patient_files.access.commands import FindGrants, OpenGrant, ReviewGrant
from patient_files.http.schemas import access as schemas
from patient_files.models import BreakGlass
from patient_files.policy import POLICY

routes = Routes("break-glass", "Reading in an emergency what is not for everybody")

_GRANT = schemas.BreakGlassAnswer()


@routes.view(
    "/break-glass", "POST", permission="break-glass.open", body=schemas.BreakGlassBody(), response=_GRANT, status=201
)
def open_break_glass(command: OpenGrant) -> Response:
    """Take a grant to read of one patient what is not for everybody. Whatever is read under it is marked.

    Records and managers are told, and another person reviews it.
    """
    now = clock.now()
    return json_with_etag(_shown(operations.open_grant(current_db(), command, now=now), now), 201)


@routes.view(
    "/break-glass",
    permission="break-glass.review",
    reads="break-glass",
    query=schemas.BreakGlassArgs(),
    response=page_of(schemas.BreakGlassAnswer),
)
def list_break_glass(query: PageOf[FindGrants]) -> dict[str, Any]:
    """Grants, the newest first."""
    now, after = clock.now(), decode_id_cursor(query.cursor)
    rows = queries.list_grants(current_db(), query.asked, now=now, after=after, limit=query.limit + 1)
    shows_list([row.patient_id for row in rows[: query.limit]])
    return page_by_id(rows, query.limit, lambda row: _values(row, now))


@routes.view("/break-glass/<uuid:grant_id>", permission="break-glass.read", reads="break-glass", response=_GRANT)
def get_break_glass(grant_id: UUID) -> Response:
    """One grant: for whoever reviews grants, and for the person who took it."""
    grant = queries.find_grant(current_db(), grant_id)
    if grant is None:
        raise NotFound("emergency access")
    shows_record(grant.patient_id, grant.id)
    if grant.opened_by != current_principal().subject and not _reviews():
        raise Forbidden
    return json_with_etag(_shown(grant, clock.now()))


@routes.view("/break-glass/<uuid:grant_id>/close", "POST", permission="break-glass.close", response=_GRANT)
def close_break_glass(grant_id: UUID) -> Response:
    """End a grant before its time: an own one, or any for whoever reviews grants."""
    grant = operations.locked_grant(current_db(), grant_id)
    now = clock.now()
    check_if_match(_shown(grant, now))
    closed = operations.close_grant(current_db(), grant, may_close_others=_reviews(), now=now)
    return json_with_etag(_shown(closed, now))


@routes.view(
    "/break-glass/<uuid:grant_id>/review",
    "POST",
    permission="break-glass.review",
    body=schemas.ReviewBody(),
    response=_GRANT,
)
def review_break_glass(command: ReviewGrant, grant_id: UUID) -> Response:
    """Say whether another person's grant was justified. A grant that still holds is closed first."""
    grant = operations.locked_grant(current_db(), grant_id)
    now = clock.now()
    check_if_match(_shown(grant, now))
    return json_with_etag(_shown(operations.review_grant(current_db(), grant, command, now=now), now))


def _reviews() -> bool:
    return bool(POLICY["break-glass.review"] & current_principal().roles)


def _shown(grant: BreakGlass, now: datetime) -> dict[str, Any]:
    shown: dict[str, Any] = _GRANT.dump(_values(grant, now))
    return shown


def _values(grant: BreakGlass, now: datetime) -> dict[str, Any]:
    stored = {name: getattr(grant, name) for name in _GRANT.fields if name != "state"}
    return {**stored, "state": rules.grant_state(grant.until, grant.closed_at, grant.reviewed_at, now)}
