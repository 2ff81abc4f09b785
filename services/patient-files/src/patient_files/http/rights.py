"""Under which right the caller reads what is not for everybody: asked once in a request, whatever depends on it."""

from collections.abc import Collection
from uuid import UUID

from flask import g

from jalsa.http import current_db, current_principal
from jalsa.service import clock
from patient_files import policy
from patient_files.access.rules import RECORD, Right


def right_to(patient_id: UUID) -> Right | None:
    """The caller's right to a patient's record, as if it were restricted, or None if a part of it is read at most."""
    known = _known(RECORD)
    if patient_id not in known:
        known[patient_id] = policy.right_to_record(current_db(), current_principal(), patient_id, clock.now())
    return known[patient_id]


def right_in(scope: str, patient_id: UUID) -> Right | None:
    """The caller's right to what a scope stands for, of a patient; None without one."""
    look_up(scope, [patient_id])
    return _known(scope)[patient_id]


def look_up(scope: str, patient_ids: Collection[UUID]) -> None:
    """Ask for the rights to many patients at once, so that nothing is asked for each of them later."""
    known = _known(scope)
    if wanted := set(patient_ids) - known.keys():
        found = policy.rights_to_read(current_db(), current_principal(), wanted, scope, clock.now())
        known.update({patient_id: found.get(patient_id) for patient_id in wanted})


def _known(scope: str) -> dict[UUID, Right | None]:
    known: dict[str, dict[UUID, Right | None]] = g.setdefault("rights", {})
    return known.setdefault(scope, {})
