"""Rows that are due, as the relay role finds them for all tenants: of each only its id, its tenant and its time."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection, TextClause


class DueRow(NamedTuple):
    """A row that is due since an instant."""

    id: UUID
    tenant_id: str
    due_at: datetime


def due_rows(conn: Connection, query: TextClause, **values: object) -> Sequence[DueRow]:
    """What a query with the columns `id`, `tenant_id` and `due_at` finds."""
    return [DueRow(row.id, row.tenant_id, row.due_at) for row in conn.execute(query, values)]
