"""What is due, of every tenant: read by the relay role, and handled by the application role for each tenant."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection, text

from scheduling.domain import DEFAULT_SETTINGS


class DueRow(NamedTuple):
    """A row on which work is due since an instant (in UTC), and whose it is."""

    tenant_id: str
    id: UUID
    due_at: datetime


_OVERDUE = text("""
    SELECT p.tenant_id, p.id, p.starts_at + coalesce(s.no_show_grace_minutes, :grace) * interval '1 minute' AS due_at
    FROM participants p LEFT JOIN settings s ON s.tenant_id = p.tenant_id
    WHERE p.status IN ('BOOKED', 'CONFIRMED') AND p.booked_at < p.starts_at AND p.id <> ALL (CAST(:passed AS uuid[]))
      AND p.starts_at <= :now - coalesce(s.no_show_grace_minutes, :grace) * interval '1 minute'
    ORDER BY p.starts_at, p.id LIMIT :limit
""")
_TO_DECIDE = text("""
    SELECT tenant_id, id, decision_at AS due_at FROM sessions
    WHERE decision IS NULL AND decision_at <= :now AND status = 'SCHEDULED' AND id <> ALL (CAST(:passed AS uuid[]))
    ORDER BY decision_at, id LIMIT :limit
""")


def overdue_participants(conn: Connection, now: datetime, passed: Sequence[UUID], limit: int) -> list[DueRow]:
    """Those who have not arrived within the grace after the start; read by the relay role."""
    asked = {"now": now, "passed": passed, "limit": limit, "grace": DEFAULT_SETTINGS["no_show_grace_minutes"]}
    return [DueRow(*row) for row in conn.execute(_OVERDUE, asked)]


def sessions_to_decide(conn: Connection, now: datetime, passed: Sequence[UUID], limit: int) -> list[DueRow]:
    """The sessions whose time of decision has come; read by the relay role."""
    asked = {"now": now, "passed": passed, "limit": limit}
    return [DueRow(*row) for row in conn.execute(_TO_DECIDE, asked)]
