"""The outbox: an event is a row written in the transaction that made it true. It is kept: it is also the event log."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from jalsa.events.contracts import EventType, missing
from jalsa.events.envelope import Envelope
from jalsa.service.ids import new_id

if TYPE_CHECKING:
    from jalsa.service.context import Context

# One statement: the heads are locked in the order of their subjects, and only then are events numbered and stored.
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
#: The columns from which `envelope_of` makes an envelope.
COLUMNS = "id, position, tenant_id, subject, sequence, type, time, correlation_id, causation_id, traceparent, data"


@dataclass(frozen=True)
class _Pending:
    id: UUID
    type: EventType
    subject: str
    data: Mapping[str, Any]
    time: datetime


def publish(db: Session, event: EventType, subject_id: object, data: Mapping[str, Any], *, now: datetime) -> UUID:
    """Publish an event with the transaction: it becomes true if and when that commits. Returns the event's id.

    `data` is checked against the event's schema; raises ValueError where it does not fit, which is our own fault.
    """
    dumped = event.schema.dump(data)
    if lacking := missing(event.schema, dumped):
        raise ValueError(f"{event.type} does not fit its schema: it lacks {lacking}")
    subject = f"{event.aggregate}/{subject_id}"
    pending = _Pending(new_id(), event, subject, dumped, now)
    db.info.setdefault("outbox", []).append(pending)
    return pending.id


def flush_events(db: Session) -> None:
    """Store what was published, with its sequence per subject; called once, before the commit.

    The subjects' heads are locked last and in order, so that no two transactions wait for each other.
    """
    pending: list[_Pending] = db.info.pop("outbox", [])
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


def _row(item: _Pending, place: int) -> dict[str, Any]:
    return {
        "id": str(item.id),
        "subject": item.subject,
        "type": item.type.type,
        "time": item.time.isoformat(),
        "data": item.data,
        "place": place,
    }


def envelope_of(row: Row[Any]) -> Envelope:
    """The envelope of a stored event that has its position."""
    return Envelope(
        id=row.id,
        source=f"/jalsa/{row.type.split('.')[1]}",
        type=row.type,
        subject=row.subject,
        time=row.time,
        tenant=row.tenant_id,
        sequence=row.sequence,
        position=row.position,
        correlation_id=row.correlation_id,
        causation_id=row.causation_id,
        traceparent=row.traceparent,
        data=row.data,
    )
