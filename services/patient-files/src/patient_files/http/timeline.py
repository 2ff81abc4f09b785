"""The timeline of a patient."""

from typing import Any
from uuid import UUID

from jalsa.http import PageOf, Routes, current_db, current_principal, page, page_of, shows_list, shows_record
from jalsa.http.paging import decode_instant_cursor, instant_cursor
from jalsa.service.errors import NotFound
from patient_files.access.rules import TIMELINE
from patient_files.http.rights import right_in
from patient_files.http.schemas import timeline as schemas
from patient_files.patients import queries as patients
from patient_files.policy import timeline_classes
from patient_files.timeline import queries
from patient_files.timeline.commands import FindEntries

routes = Routes("timeline", "Timelines of patients")


@routes.view(
    "/patients/<uuid:patient_id>/timeline",
    permission="timeline.read",
    reads="timeline",
    query=schemas.TimelineArgs(),
    response=page_of(schemas.TimelineAnswer),
)
def list_timeline(query: PageOf[FindEntries], patient_id: UUID) -> dict[str, Any]:
    """What happened to a patient, the newest first, as far as you may read it. Nothing shows that there is more."""
    db = current_db()
    if patients.find_patient(db, patient_id) is None:
        raise NotFound("patient")
    right, after = right_in(TIMELINE, patient_id), decode_instant_cursor(query.cursor)
    classes = timeline_classes(current_principal(), right)
    if right is not None and right.grant_id is not None:
        shows_record(patient_id, reason=right.reason, grant_id=right.grant_id)
    else:
        shows_list([patient_id])
    rows = queries.list_entries(db, patient_id, classes, query.asked, after=after, limit=query.limit + 1)
    return page(rows, query.limit, lambda row: instant_cursor(row.at, row.id), lambda row: row)
