"""The outbox: an event is a row written in the transaction that made it true. It is kept: it is also the event log."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from jalsa.contracts import EventType
from jalsa.envelope import Envelope
from jalsa.ids import new_id

if TYPE_CHECKING:
    from jalsa.context import Context

_HEADS = text("""
    INSERT INTO outbox_heads (tenant_id, subject, last)
    SELECT :tenant, subject, n FROM unnest(CAST(:subjects AS text[]), CAST(:counts AS bigint[])) AS wanted (subject, n)
    ON CONFLICT (tenant_id, subject) DO UPDATE SET last = outbox_heads.last + EXCLUDED.last
    RETURNING subject, last
""")
_INSERT = text("""
    INSERT INTO outbox (id, tenant_id, subject, sequence, type, time, correlation_id, causation_id, traceparent, data)
    VALUES (:id, :tenant, :subject, :sequence, :type, :time, :correlation, :causation, :traceparent,
            CAST(:data AS jsonb))
""")
#: The columns from which `envelope_of` makes an envelope.
COLUMNS = "id, position, tenant_id, subject, sequence, type, time, correlation_id, causation_id, traceparent, data"


@dataclass(frozen=True)
class _Pending:
    id: UUID
    type: EventType
    subject: str
    data: str
    time: datetime


def publish(db: Session, event: EventType, subject_id: object, data: Mapping[str, Any], *, now: datetime) -> UUID:
    """Publish an event with the transaction: it becomes true if and when that commits. Returns the event's id.

    `data` is checked against the event's schema; raises ValueError where it does not fit, which is our own fault.
    """
    dumped = event.schema.dump(data)
    if errors := event.schema.validate(dumped):
        raise ValueError(f"{event.type} does not fit its schema: {sorted(errors)}")
    subject = f"{event.aggregate}/{subject_id}"
    pending = _Pending(new_id(), event, subject, json.dumps(dumped, ensure_ascii=False), now)
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
    counts = Counter(item.subject for item in pending)
    subjects = sorted(counts)
    rows = db.execute(_HEADS, {"tenant": context.tenant, "subjects": subjects, "counts": [counts[s] for s in subjects]})
    following = {subject: last - counts[subject] + 1 for subject, last in rows}
    stored = []
    for item in pending:
        stored.append(_row(item, following[item.subject], context))
        following[item.subject] += 1
    db.execute(_INSERT, stored)


def _row(item: _Pending, sequence: int, context: "Context") -> dict[str, Any]:
    return {
        "id": item.id,
        "tenant": context.tenant,
        "subject": item.subject,
        "sequence": sequence,
        "type": item.type.type,
        "time": item.time,
        "correlation": context.correlation_id,
        "causation": context.causation_id,
        "traceparent": context.traceparent,
        "data": item.data,
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
