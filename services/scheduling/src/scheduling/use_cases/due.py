"""Queries for the due work of all tenants. The relay role reads it, and the application role of each tenant does it."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection, text

from scheduling.domain import DEFAULT_SETTINGS
from scheduling.timetable.hours import earliest_today


class DueRow(NamedTuple):
    """A row with work that has been due since an instant (in UTC), and its tenant."""

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

_EXPIRED = text("""
    SELECT tenant_id, id, expires_at AS due_at FROM waitlist_offers
    WHERE status = 'OPEN' AND expires_at <= :now AND id <> ALL (CAST(:passed AS uuid[]))
    ORDER BY expires_at, id LIMIT :limit
""")
_PAST = text("""
    SELECT e.tenant_id, e.id, least(s.starts_at, e.until_date + 2, :now) AS due_at
    FROM waitlist_entries e LEFT JOIN sessions s ON (s.tenant_id, s.id) = (e.tenant_id, e.session_id)
    WHERE e.status = 'WAITING' AND (e.until_date < :today OR s.status <> 'SCHEDULED' OR s.starts_at <= :now)
      AND e.id <> ALL (CAST(:passed AS uuid[]))
    ORDER BY due_at, e.id LIMIT :limit
""")


def overdue_participants(conn: Connection, now: datetime, passed: Sequence[UUID], limit: int) -> list[DueRow]:
    """Return the participants who have not arrived within the grace period after the start.

    The relay role reads them.
    """
    asked = {"now": now, "passed": passed, "limit": limit, "grace": DEFAULT_SETTINGS["no_show_grace_minutes"]}
    return [DueRow(*row) for row in conn.execute(_OVERDUE, asked)]


def sessions_to_decide(conn: Connection, now: datetime, passed: Sequence[UUID], limit: int) -> list[DueRow]:
    """Return the sessions for which a decision is due. The relay role reads them."""
    asked = {"now": now, "passed": passed, "limit": limit}
    return [DueRow(*row) for row in conn.execute(_TO_DECIDE, asked)]


def expired_offers(conn: Connection, now: datetime, passed: Sequence[UUID], limit: int) -> list[DueRow]:
    """Return the open offers that were not accepted in time. The relay role reads them."""
    asked = {"now": now, "passed": passed, "limit": limit}
    return [DueRow(*row) for row in conn.execute(_EXPIRED, asked)]


def past_entries(conn: Connection, now: datetime, passed: Sequence[UUID], limit: int) -> list[DueRow]:
    """Return the waitlist entries that only wait for past sessions or days. The relay role reads them."""
    asked = {"now": now, "today": earliest_today(now), "passed": passed, "limit": limit}
    return [DueRow(*row) for row in conn.execute(_PAST, asked)]
