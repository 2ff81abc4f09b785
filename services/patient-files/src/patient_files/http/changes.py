"""What has changed, for a screen that shows records and asks again every few seconds."""

from jalsa.http import Routes, current_db, current_principal
from patient_files.changes import queries
from patient_files.changes.commands import FindChanges
from patient_files.changes.queries import Changes
from patient_files.http.schemas import changes as schemas
from patient_files.policy import readable_kinds

routes = Routes("changes", "What has changed")


@routes.view("/changes", permission="changes.read", query=schemas.ChangesArgs(), response=schemas.ChangesAnswer())
def list_changes(query: FindChanges) -> Changes:
    """The records that changed after a position, as far as you may read their kind.

    Start without `after` and with what you show. Nothing is said of what has changed, so read such a record again.
    """
    db = current_db()
    if query.after is None:
        return Changes(position=queries.last_position(db), items=())
    return queries.changes_since(db, query.after, readable_kinds(current_principal()))
