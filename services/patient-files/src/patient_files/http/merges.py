"""Merges of two records of one patient, and their undoing."""

from typing import Any
from uuid import UUID

from flask import Response, jsonify

from jalsa.http import Routes, check_if_match, current_db
from jalsa.service import clock
from patient_files.http import records
from patient_files.http.schemas import merges as schemas
from patient_files.merges import operations, rules
from patient_files.merges.commands import MergePatients, UndoMerge
from patient_files.merges.queries import MOST_TO_REVIEW
from patient_files.models import Patient

routes = Routes("merges", "Merges of two records of one patient")

_MERGE = schemas.MergeAnswer()
_UNMERGE = schemas.UnmergeAnswer()


@routes.view(
    "/patients/<uuid:patient_id>/merge",
    "POST",
    permission="patients.merge",
    body=schemas.PatientMergeBody(),
    response=_MERGE,
)
def merge_patients(command: MergePatients, patient_id: UUID) -> Response:
    """Merge this record into another one of the same patient. No other record is changed by it."""
    loser = _matched(patient_id, command.into)
    outcome = operations.merge_patients(current_db(), loser, command, now=clock.now())
    survivor, merge = outcome.survivor, outcome.merge
    shown: dict[str, Any] = {
        "loser_id": loser.id,
        "survivor_id": survivor.id,
        "loser_file_number": loser.file.file_number,
        "survivor_file_number": survivor.file.file_number,
        "dry_run": merge is None,
        "merged_at": merge and merge.merged_at,
        "merged_by": merge and merge.merged_by,
        "records": {
            "sub_files": outcome.counts[rules.SUB_FILE],
            "consents": outcome.counts[rules.CONSENT],
            "appointments": outcome.counts[rules.APPOINTMENT],
            "encounters": outcome.counts[rules.ENCOUNTER],
        },
    }
    return jsonify(_MERGE.dump(shown))


@routes.view(
    "/patients/<uuid:patient_id>/unmerge",
    "POST",
    permission="patients.merge",
    body=schemas.UnmergeBody(),
    response=_UNMERGE,
)
def unmerge_patients(command: UndoMerge, patient_id: UUID) -> Response:
    """Undo the merge of this record: whatever names it is its own again."""
    loser = _matched(patient_id)
    undone = operations.undo_merge(current_db(), loser, command, now=clock.now())
    stored = {name: getattr(undone.merge, name, None) for name in _UNMERGE.fields}
    more = len(undone.to_review) > MOST_TO_REVIEW
    review = {"to_review": undone.to_review[:MOST_TO_REVIEW], "more_to_review": more}
    return jsonify(_UNMERGE.dump({**stored, **review}))


def _matched(patient_id: UUID, *others: UUID) -> Patient:
    patient = operations.locked_patient(current_db(), patient_id, *others)
    check_if_match(lambda: records.shown(patient))
    return patient
