"""Merges of two records of one patient, and their undoing. No row that names a patient is changed by either."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from jalsa.db.aliases import aliases_of, follow_merge, follow_unmerge
from jalsa.db.transactions import context_of
from jalsa.service.ids import new_id
from patient_files.consents import operations as consents
from patient_files.duplicates import operations as duplicates
from patient_files.errors import MergeRefused, NotMerged, UnknownPatient
from patient_files.merges import events, queries, rules
from patient_files.merges.commands import MergePatients, UndoMerge
from patient_files.models import Patient, PatientMerge
from patient_files.patients import events as patient_events
from patient_files.patients import operations as patients
from patient_files.patients import queries as patient_queries
from patient_files.patients import record


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a merge, or would come of it where `merge` is None.

    `counts` are the records that name the loser, or a record that was merged into it before, by their kind.
    """

    loser: Patient
    survivor: Patient
    counts: Mapping[str, int]
    merge: PatientMerge | None


@dataclass(frozen=True, slots=True)
class Undone:
    """What came of the undoing of a merge: `to_review` was written in between, for whichever of the two."""

    merge: PatientMerge
    to_review: Sequence[rules.Written]


def merge_patients(db: Session, loser: Patient, command: MergePatients, *, now: datetime) -> Outcome:
    """Merge a record, and publish PatientsMerged and what becomes of the identity and the consents of both.

    The open pair of the two is decided, if there is one.

    The caller has locked both with all that stands for them (`patients.lock_records`) before `now` was read. So of
    merges that would lead in a circle the last one finds that its survivor is merged already. Raises 422
    `unknown-patient` where there is no record to merge into, and 409 `merge-refused`.
    """
    survivor = patient_queries.find_patient(db, command.into)
    if survivor is None:
        raise UnknownPatient
    refused = rules.refusals(_record(db, loser), _record(db, survivor), overridden=command.override is not None)
    if refused:
        raise MergeRefused(list(refused))
    outcome = Outcome(loser, survivor, queries.counts(db, aliases_of(db, loser.id)), None)
    if command.dry_run:
        return outcome
    merge = PatientMerge(
        id=new_id(),
        loser_id=loser.id,
        survivor_id=survivor.id,
        reason=command.reason,
        override_reason=command.override and command.override.reason,
        merged_at=now,
        merged_by=context_of(db).actor,
    )
    db.add(merge)
    before = patients.identities(db, loser) | patients.identities(db, survivor)
    loser.merged_into = survivor.id
    follow_merge(db, loser.id, survivor.id, now)
    db.flush()
    events.patients_merged(db, loser, survivor, now)
    patients.tell_identities(db, survivor, before, now)
    duplicates.decide_merged(db, loser.id, survivor.id, command.reason, now=now)
    consents.refresh_standings(db, survivor.id, now=now)
    return Outcome(loser, survivor, outcome.counts, merge)


def undo_merge(db: Session, loser: Patient, command: UndoMerge, *, now: datetime) -> Undone:
    """Undo the merge of a record, and publish PatientsUnmerged, then all that holds of both. Their pair is open again.

    The caller has locked the record with all that stands for it before `now` was read. Raises 409 `not-merged`.
    """
    merge = queries.current_merge(db, loser.id)
    survivor = patient_queries.find_patient(db, merge.survivor_id) if merge else None
    if merge is None or survivor is None:
        raise NotMerged
    to_review = queries.written_since(db, aliases_of(db, loser.id), merge.merged_at)
    before = patients.identities(db, loser)
    merge.undone_at, merge.undone_by, merge.undo_reason = now, context_of(db).actor, command.reason
    loser.merged_into = None
    follow_unmerge(db, loser.id)
    db.flush()
    events.patients_unmerged(db, loser, survivor, now)
    duplicates.reopen_merged(db, loser.id, survivor.id)
    for patient in (loser, survivor):
        patient_events.patient_told(db, patient, now)
        patients.tell_identities(db, patient, before, now, told_again=[patient.id])
        consents.refresh_standings(db, patient.id, now=now, tell_anew=patient.id)
    return Undone(merge, to_review)


def locked_patient(db: Session, patient_id: UUID, *others: UUID) -> Patient:
    """A record as it is once it is locked, with all that stands for it and for the others. Raises 404."""
    patients.lock_records(db, patient_id, *others)
    return patients.locked_patient(db, patient_id)


def _record(db: Session, patient: Patient) -> rules.Record:
    records = [patient, *patient_queries.others_of(db, [patient]).get(patient.id, ())]
    types = frozenset(each.type for one in records for each in record.current_identifiers(one))
    return rules.Record(patient.id, patient.merged_into is not None, patient.identity_status, types, patient.sex)
