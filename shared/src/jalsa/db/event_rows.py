"""The events of a transaction as rows: stored as its last statement, numbered per subject."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

if TYPE_CHECKING:
    from jalsa.service.context import Context

# This is one statement. The heads are locked in the order of their subjects, and only then are events numbered and
# stored.
_STORE = text("""
    WITH event AS (
      SELECT * FROM jsonb_to_recordset(CAST(:events AS jsonb))
      AS event (id uuid, subject text, type text, time timestamptz, data jsonb, place int)
    ), head AS (
      INSERT INTO outbox_heads (tenant_id, subject, last)
      SELECT :tenant, subject, count(*) FROM event GROUP BY subject ORDER BY subject
      ON CONFLICT (tenant_id, subject) DO UPDATE SET last = outbox_heads.last + EXCLUDED.last
      RETURNING subject, last
    )
    INSERT INTO outbox (id, tenant_id, subject, sequence, type, time, correlation_id, causation_id, traceparent, data)
    SELECT event.id, :tenant, subject,
           head.last + 1 - row_number() OVER (PARTITION BY subject ORDER BY event.place DESC),
           event.type, event.time, :correlation, :causation, :traceparent, event.data
    FROM event JOIN head USING (subject) ORDER BY event.place
""")


@dataclass(frozen=True)
class PendingEvent:
    """An event that was published in a transaction that has not ended yet. `data` fits the schema of its type."""

    id: UUID
    type: str
    subject: str
    data: Mapping[str, object]
    time: datetime


def keep_event(db: Session, event: PendingEvent) -> None:
    """Keep an event until the transaction commits."""
    db.info.setdefault("outbox", []).append(event)


def flush_events(db: Session) -> None:
    """Store the kept events, with their sequence per subject. It is called once, before the commit.

    The subjects' heads are locked last and in order, so that no two transactions wait for each other.
    """
    pending: list[PendingEvent] = db.info.pop("outbox", [])
    if not pending:
        return
    context: Context = db.info["context"]
    db.execute(
        _STORE,
        {
            "tenant": context.tenant,
            "correlation": context.correlation_id,
            "causation": context.causation_id,
            "traceparent": context.traceparent,
            "events": json.dumps([_row(item, place) for place, item in enumerate(pending)], ensure_ascii=False),
        },
    )


def _row(item: PendingEvent, place: int) -> dict[str, object]:
    return {
        "id": str(item.id),
        "subject": item.subject,
        "type": item.type,
        "time": item.time.isoformat(),
        "data": item.data,
        "place": place,
    }
