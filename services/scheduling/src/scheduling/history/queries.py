"""Queries that read every change of a record from the audit log, in order."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

#: The tables by the kind of their records. The kinds are used in requests and responses.
KINDS = {
    "session": "sessions",
    "participant": "participants",
    "provider": "providers",
    "working-hours": "working_hours",
    "provider-clinic": "provider_clinics",
    "calendar-link": "calendar_links",
    "clinic": "clinics",
    "room": "rooms",
    "service-type": "service_types",
    "series": "session_series",
    "series-member": "series_members",
    "waitlist-entry": "waitlist_entries",
    "waitlist-offer": "waitlist_offers",
    "time-off": "time_off",
    "closure": "closures",
    "settings": "settings",
    "package": "packages",
    "package-session": "package_sessions",
    "provider-assignment": "provider_assignments",
}
#: Rows of other tables that belong to a record: the column that refers to it, and the tables.
_PARTS = {
    "provider": ("provider_id", ["working_hours", "provider_clinics", "calendar_links", "time_off"]),
    "series": ("series_id", ["series_members"]),
    "waitlist-entry": ("entry_id", ["waitlist_offers"]),
}
#: Columns that are not shown: generated columns, surrogate keys, and the reason, which has a field of its own.
_NOISE = {
    *("id", "tenant_id", "during", "live", "closes_when_empty", "token_hash", "change_reason"),
    *("folded", "user_folded", "twin"),
}
#: Columns that contain a reason, in the order in which they are searched.
REASONS = (
    "change_reason",
    "cancel_reason",
    "no_show_reason",
    "check_in_override_reason",
    "leave_reason",
    "pause_reason",
    "override_reason",
    "booking_override_reason",
    "reason",
)

#: If one of these columns changes, the change_reason was given with the change, even if it has the same text as before.
_WITH_A_REASON = ("reschedule_count", "corrected_at", "started_at", "completed_by", "no_show_at")

# A union, because each branch then finds its rows by the index of the audit log. `later` is the next change of the same
# record by the same request, which may contain the reason.
_CHANGES = text("""
    SELECT changed.id, changed.at, changed.actor, changed.request_id, changed.table_name, changed.row_id,
           changed.action, changed.before, changed.after,
           (SELECT next.after FROM audit_log next
                       WHERE next.table_name = changed.table_name AND next.row_id = changed.row_id
                         AND next.id > changed.id AND next.request_id = changed.request_id
                       ORDER BY next.id LIMIT 1) AS later
    FROM (
      SELECT * FROM audit_log WHERE table_name = :table AND row_id = :row_id AND id > :after
      UNION ALL
      SELECT * FROM audit_log WHERE table_name = ANY (:parts) AND id > :after
        AND coalesce(after, before) ->> :column = :row_id
      UNION ALL
      SELECT * FROM audit_log WHERE table_name = ANY (:tables) AND row_id = ANY (:rows) AND id > :after
      ORDER BY id LIMIT :limit
    ) AS changed
    ORDER BY id
""")
#: What can be included with the records of a kind: that kind, the tables, and a statement that finds the ids of the
#: rows.
INCLUDED = {
    "participants": (
        "session",
        ["participants"],
        text("SELECT id::text FROM participants WHERE session_id = CAST(:record AS uuid)"),
    ),
    "sessions": (
        "package",
        ["package_sessions", "provider_assignments"],
        text("""
            SELECT id::text FROM package_sessions WHERE package_id = CAST(:record AS uuid)
            UNION ALL
            SELECT a.id::text FROM provider_assignments a JOIN package_sessions s ON s.id = a.package_session_id
            WHERE s.package_id = CAST(:record AS uuid)
        """),
    ),
}
_KNOWN = text("SELECT EXISTS (SELECT FROM audit_log WHERE table_name = :table AND row_id = :row_id)")
_SETTINGS = text("SELECT id FROM settings")


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """A row of the audit log, with a record before and after a change as JSON.

    `later` is the record after the next change by the same request.
    """

    id: int
    at: datetime
    actor: str
    request_id: str
    table_name: str
    row_id: str
    action: str
    before: Mapping[str, object] | None
    after: Mapping[str, object] | None
    later: Mapping[str, object] | None


def changes(
    db: Session, kind: str, record_id: UUID, *, after: int, limit: int, include: str | None = None
) -> list[AuditEntry]:
    """Return the rows of the audit log about a record and its parts, in order, after the row with the id `after`.

    `include`, one of `INCLUDED`, adds other rows. For a session, these are the rows of its present and former
    participants. For a package, they are those of its sessions and of their assignments.
    """
    column, parts = _PARTS.get(kind, ("", []))
    _, tables, ids = INCLUDED[include] if include else ("", [], None)
    rows = [] if ids is None else list(db.scalars(ids, {"record": record_id}))
    asked = {
        "table": KINDS[kind],
        "row_id": str(record_id),
        "column": column,
        "parts": parts,
        "tables": tables,
        "rows": rows,
        "after": after,
        "limit": limit,
    }
    return [AuditEntry(**row) for row in db.execute(_CHANGES, asked).mappings()]


def is_known(db: Session, kind: str, record_id: UUID) -> bool:
    """Whether such a record exists or has existed."""
    return bool(db.scalar(_KNOWN, {"table": KINDS[kind], "row_id": str(record_id)}))


def settings_id(db: Session) -> UUID | None:
    """Return the id of the tenant's settings, or None if the tenant has not set any."""
    found: UUID | None = db.scalar(_SETTINGS)
    return found


@dataclass(frozen=True)
class Difference:
    """A field that changed. A new record has None before, and a removed one has None after."""

    field: str
    before: object
    after: object


def differences(row: AuditEntry) -> list[Difference]:
    """Return the fields that a change has changed, without those that are not shown."""
    before, after = row.before or {}, row.after or {}
    return [
        Difference(name, before.get(name), after.get(name))
        for name in sorted({*before, *after} - _NOISE)
        if before.get(name) != after.get(name)
    ]


def reason(row: AuditEntry) -> tuple[str, str] | None:
    """Return why a change was made, or None.

    The reason came with the change or with the next change by the same request. It is returned after the name of the
    column that contains it.
    """
    given = _new_reason(row.before or {}, row.after or {})
    if given is None and row.action == "UPDATE":
        given = _new_reason(row.after or {}, row.later or {})
    return given


def _new_reason(before: Mapping[str, object], after: Mapping[str, object]) -> tuple[str, str] | None:
    """Return a reason that is new. A reason that is given twice, such as for two reschedulings, is new each time."""
    again = any(before.get(name) != after.get(name) for name in _WITH_A_REASON)
    for name in REASONS:
        given = after.get(name)
        if isinstance(given, str) and given and (given != before.get(name) or (again and name == "change_reason")):
            return name, given
    return None
