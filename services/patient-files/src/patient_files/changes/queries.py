"""Which records have changed since a position of the event log, with nothing of what has changed."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

#: How many events one answer looks at. Several of them may be of one record.
MOST = 500

_LAST = text("SELECT coalesce(max(position), 0) FROM outbox WHERE tenant_id = current_setting('jalsa.tenant')")
# A subject is `kind/id`. The data of every kind but `patient` names the patient.
_CHANGED = text("""
    WITH told AS (
      SELECT position, split_part(subject, '/', 1) AS kind, split_part(subject, '/', 2) AS id,
             data ->> 'patient_id' AS patient
      FROM outbox WHERE tenant_id = current_setting('jalsa.tenant') AND position > :after AND position <= :upto)
    SELECT kind, CAST(id AS uuid) AS id, CAST(coalesce(min(patient), id) AS uuid) AS patient_id
    FROM told WHERE kind = ANY (CAST(:kinds AS text[]))
    GROUP BY kind, id ORDER BY max(position)
""")
_UPTO = text("""
    SELECT max(position) FROM (
      SELECT position FROM outbox WHERE tenant_id = current_setting('jalsa.tenant') AND position > :after
      ORDER BY position LIMIT :most) AS read
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedRecord:
    """A record that was changed, once however often that was."""

    kind: str
    id: UUID
    patient_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What has changed up to a position. Ask again with that position for what comes later."""

    position: int
    items: Sequence[ChangedRecord]


def last_position(db: Session) -> int:
    """The position of the tenant's latest event that has one; 0 if there is none."""
    return int(db.execute(_LAST).scalar_one())


def changes_since(db: Session, after: int, kinds: Collection[str]) -> Changes:
    """The records of these kinds of which events after a position tell, in the order of their last change.

    At most 500 events are read, so `position` may be short of the last one.
    """
    upto = db.execute(_UPTO, {"after": after, "most": MOST}).scalar()
    if upto is None:
        return Changes(position=after, items=())
    rows = db.execute(_CHANGED, {"after": after, "upto": upto, "kinds": sorted(kinds)})
    items = [ChangedRecord(kind=row.kind, id=row.id, patient_id=row.patient_id) for row in rows]
    return Changes(position=int(upto), items=items)
