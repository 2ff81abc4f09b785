"""The read side of the timeline."""

from collections.abc import Collection, Sequence
from datetime import datetime
from itertools import product
from uuid import UUID

from sqlalchemy import select, union_all
from sqlalchemy.orm import Session, aliased

from jalsa.db.aliases import aliases_of
from jalsa.db.keyset import keyset
from patient_files.models import TimelineEntry
from patient_files.timeline.commands import FindEntries
from patient_files.timeline.rules import VISIBILITY


def list_entries(
    db: Session,
    patient_id: UUID,
    classes: Collection[str],
    asked: FindEntries,
    *,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> Sequence[TimelineEntry]:
    """The entries of these classes of all records that stand for a patient, the newest first.

    Each class of a record is one range of the index, of which no more than `limit` entries are read, so that it costs
    the same however much is hidden.
    """
    if asked.kind is not None:
        classes = {VISIBILITY[asked.kind]} & set(classes)
    if not classes:
        return []
    ranges = []
    for record, visibility in product(aliases_of(db, patient_id), sorted(classes)):
        query = select(TimelineEntry).where(TimelineEntry.patient_id == record, TimelineEntry.visibility == visibility)
        if asked.kind is not None:
            query = query.where(TimelineEntry.kind == asked.kind)
        if asked.from_ is not None:
            query = query.where(TimelineEntry.at >= asked.from_)
        if asked.until is not None:
            query = query.where(TimelineEntry.at < asked.until)
        ranges.append(keyset(query, TimelineEntry.at, TimelineEntry.id, after=after, limit=limit, descending=True))
    merged = aliased(TimelineEntry, union_all(*ranges).subquery())
    return db.scalars(select(merged).order_by(merged.at.desc(), merged.id.desc()).limit(limit)).all()
