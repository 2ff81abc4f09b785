"""The caller's own notices."""

from uuid import UUID

from flask import Response

from jalsa.http import (
    Everything,
    PageOf,
    PlainPageArgs,
    Routes,
    check_if_match,
    current_db,
    current_principal,
    json_with_etag,
    page,
)
from jalsa.http.fields import EmptyBody
from jalsa.http.paging import decode_id_cursor
from jalsa.service import clock
from jalsa.service.errors import NotFound
from jalsa.service.json_types import JsonObject
from notifications import queries
from notifications.http import represent, schemas
from notifications.operations import notices
from notifications.queries import NoticeRow

routes = Routes("inbox", "In-app notices")

_NOTICE = schemas.NoticeAnswer()


@routes.view("/inbox", permission="inbox.own", query=PlainPageArgs(), response=schemas.InboxAnswer())
def list_notices(query: PageOf[Everything]) -> JsonObject:
    """The notices for the caller's login and roles, the newest first, and how many the caller has not read."""
    db, person = current_db(), current_principal()
    before = decode_id_cursor(query.cursor)
    rows = queries.list_notices(db, person, before=before, limit=query.limit + 1)
    shown = page(rows, query.limit, lambda row: str(row.notice.id), represent.notice)
    return {**shown, "unread_count": queries.unread_notices(db, person)}


@routes.view("/inbox/<uuid:notice_id>", permission="inbox.own", response=_NOTICE)
def get_notice(notice_id: UUID) -> Response:
    """One of the caller's notices."""
    return json_with_etag(_shown(_own(notice_id)))


@routes.view("/inbox/<uuid:notice_id>/read", "POST", permission="inbox.own", body=EmptyBody(), response=_NOTICE)
def read_notice(_: object, notice_id: UUID) -> Response:
    """Mark one of the caller's notices as read."""
    row = _own(notice_id)
    check_if_match(_shown(row))
    notices.mark_read(current_db(), row.notice, current_principal().subject, now=clock.now())
    return json_with_etag(_shown(_own(notice_id)))


def _own(notice_id: UUID) -> NoticeRow:
    row = queries.find_notice(current_db(), current_principal(), notice_id)
    if row is None:
        raise NotFound("notice")
    return row


def _shown(row: NoticeRow) -> object:
    return _NOTICE.dump(represent.notice(row))
