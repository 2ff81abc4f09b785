"""The history of a record: what was changed, by whom, and why."""

from typing import Any
from uuid import UUID

from jalsa.http import Everything, PageOf, PlainPageArgs, Routes, current_db, current_principal, page, page_of
from jalsa.http.paging import decode_cursor
from jalsa.http.restricted import readers_of
from jalsa.service.errors import InvalidField, NotFound
from scheduling.history import queries as history
from scheduling.history.commands import FindHistory
from scheduling.http.schemas import reading as schemas
from scheduling.http.schemas.packages import AssignmentAnswer, PackageAnswer
from scheduling.http.schemas.series import MemberAnswer, SeriesAnswer
from scheduling.http.schemas.sessions import CheckIn, ParticipantAnswer, SessionAnswer
from scheduling.http.schemas.setup import TimeOffAnswer
from scheduling.http.schemas.waitlist import WaitlistEntryAnswer
from scheduling.policy import CARE

routes = Routes("history", "Every change of a record")

_KIND_OF = {table: kind for kind, table in history.KINDS.items()}
_ACTIONS = {"INSERT": "CREATED", "UPDATE": "CHANGED", "DELETE": "REMOVED"}
#: Who may read which column, as the schemas of the answers declare it for the field.
_READERS = {
    "sessions": readers_of(SessionAnswer()),
    "participants": {
        **readers_of(ParticipantAnswer()),
        "check_in_override_reason": readers_of(CheckIn())["override_reason"],
    },
    "packages": readers_of(PackageAnswer()),
    "provider_assignments": readers_of(AssignmentAnswer()),
    "session_series": readers_of(SeriesAnswer()),
    "series_members": readers_of(MemberAnswer()),
    "time_off": readers_of(TimeOffAnswer()),
    "waitlist_entries": readers_of(WaitlistEntryAnswer()),
}


@routes.view(
    "/history/<kind>/<uuid:record_id>",
    permission="history.read",
    query=schemas.HistoryArgs(),
    response=page_of(schemas.HistoryEntry),
)
def read_history(query: PageOf[FindHistory], kind: str, record_id: UUID) -> dict[str, Any]:
    """List every change of a record and its parts, the oldest first. Removed records are included."""
    kind = "participant" if kind == "appointment" else kind
    if kind not in history.KINDS:
        raise InvalidField("kind", "Must be one of: {choices}.", choices=", ".join(history.KINDS))
    include = query.asked.include
    if include is not None and history.INCLUDED[include][0] != kind:
        raise InvalidField("include", "Only a session has participants, and only a package has sessions.")
    return _page(query, kind, record_id, include)


@routes.view(
    "/history/settings", permission="history.read", query=PlainPageArgs(), response=page_of(schemas.HistoryEntry)
)
def read_settings_history(query: PageOf[Everything]) -> dict[str, Any]:
    """List every change of the tenant's settings, the oldest first. There is none while the defaults apply."""
    settings = history.settings_id(current_db())
    return _page(query, "settings", settings) if settings else {"items": [], "next_cursor": None}


def _page(
    query: PageOf[FindHistory] | PageOf[Everything], kind: str, record_id: UUID, include: str | None = None
) -> dict[str, Any]:
    db, limit = current_db(), query.limit
    rows = history.changes(
        db,
        kind,
        record_id,
        after=_after(query.cursor),
        limit=limit + 1,
        include=include,
    )
    if not rows and not history.is_known(db, kind, record_id):
        raise NotFound(kind)
    return page(rows, limit, lambda row: str(row.id), _entry)


def _after(cursor: str | None) -> int:
    """Return the position in the log up to which it was read."""
    try:
        return int(decode_cursor(cursor)) if cursor else 0
    except ValueError:
        raise InvalidField("cursor", "This cursor does not belong to this list.") from None


def _entry(row: history.AuditEntry) -> dict[str, Any]:
    column, reason = history.reason(row) or (None, None)
    withheld = column is not None and not _may_read(row, column)
    return {
        "at": row.at,
        "by": row.actor,
        "request_id": row.request_id,
        "kind": _KIND_OF[row.table_name],
        "id": row.row_id,
        "action": _ACTIONS[row.action],
        "changes": [_change(change, withheld=not _may_read(row, change.field)) for change in history.differences(row)],
        "reason": None if withheld else reason,
        "withheld": ["reason"] if withheld else [],
    }


def _may_read(row: history.AuditEntry, column: str) -> bool:
    # A reason that no answer shows as a field of its own is restricted as well.
    readers = _READERS.get(row.table_name, {}).get(column, CARE if column in history.REASONS else None)
    return readers is None or readers.include(current_principal(), row.after or row.before or {})


def _change(change: history.Difference, *, withheld: bool) -> dict[str, Any]:
    return {
        "field": change.field,
        "before": None if withheld else change.before,
        "after": None if withheld else change.after,
        "withheld": withheld,
    }
