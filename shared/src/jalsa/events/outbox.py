"""The outbox keeps each event as a row, written in the transaction that made it true.

The rows are also the event log.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.orm import Session

from jalsa.db.event_rows import PendingEvent, keep_event
from jalsa.events.contracts import EventType, missing
from jalsa.events.envelope import Envelope
from jalsa.service.ids import new_id

if TYPE_CHECKING:
    pass

#: The columns from which `envelope_of` makes an envelope.
COLUMNS = (
    "id, position, tenant_id, subject, sequence, type, time, correlation_id, causation_id, traceparent, "
    "compacted_to IS NOT NULL AS compacted, data"
)


def publish(db: Session, event: EventType, subject_id: object, data: Mapping[str, object], *, now: datetime) -> UUID:
    """Publish an event with the transaction. It becomes true if and when that commits. Returns the event's id.

    `data` is checked against the event's schema. Raises ValueError where it does not fit, which is our own fault.
    """
    dumped = event.schema.dump(data)
    if lacking := missing(event.schema, dumped):
        raise ValueError(f"{event.type} does not fit its schema: it lacks {lacking}")
    subject = f"{event.aggregate}/{subject_id}"
    event_id = new_id()
    keep_event(db, PendingEvent(event_id, event.type, subject, dumped, now))
    return event_id


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
        compacted=row.compacted,
        data=row.data,
    )
