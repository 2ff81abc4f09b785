"""Under which right the caller reads a restricted record: asked once in a request, however many fields depend on it."""

from uuid import UUID

from flask import g

from jalsa.http import current_db, current_principal
from jalsa.service import clock
from patient_files import policy
from patient_files.access.rules import Right


def right_to(patient_id: UUID) -> Right | None:
    """The caller's right to a patient's record, as if it were restricted, or None if a part of it is read at most."""
    known: dict[UUID, Right | None] = g.setdefault("rights", {})
    if patient_id not in known:
        known[patient_id] = policy.right_to_record(current_db(), current_principal(), patient_id, clock.now())
    return known[patient_id]
