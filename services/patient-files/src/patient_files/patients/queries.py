"""The read side of patients."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection, select, text
from sqlalchemy.orm import Session, joinedload, selectinload

from jalsa.db.aliases import aliases_of_all, groups_of, stands_for
from jalsa.db.keyset import keyset
from patient_files.models import Alert, Guardian, MainFile, Patient, PatientIdentifier
from patient_files.patients.commands import FindPatients

_WITH_ITS_FILE = joinedload(Patient.file, innerjoin=True)
# Read by the relay role, which sees of whom something is due, and nothing else.
_DUE_IDENTITIES = text("""
    SELECT id, tenant_id, due_at FROM identities_due
    WHERE due_at <= :now AND id <> ALL (CAST(:passed AS uuid[])) ORDER BY due_at, id LIMIT :limit
""")
#: What an answer or an event about a patient tells.
_WHOLE = (
    _WITH_ITS_FILE,
    selectinload(Patient.phones),
    selectinload(Patient.identifiers),
    selectinload(Patient.guardians).selectinload(Guardian.rights),
    selectinload(Patient.alerts),
)


class DueIdentity(NamedTuple):
    """A patient of whose identity billing has not been told, of any tenant."""

    id: UUID
    tenant_id: str
    due_at: datetime


def due_identities(conn: Connection, now: datetime, passed: Sequence[UUID], limit: int) -> list[DueIdentity]:
    """Patients of whose identity billing has not been told, of all tenants, longest due first."""
    rows = conn.execute(_DUE_IDENTITIES, {"now": now, "passed": passed, "limit": limit})
    return [DueIdentity(row.id, row.tenant_id, row.due_at) for row in rows]


def find_patient(db: Session, patient_id: UUID, *, lock: bool = False) -> Patient | None:
    """A patient with the main file and all that belongs to the record; `lock` keeps the row until the end."""
    query = select(Patient).where(Patient.id == patient_id).options(*_WHOLE)
    if lock:
        query = query.with_for_update(of=Patient).execution_options(populate_existing=True)
    return db.scalar(query)


def others_of(db: Session, patients: Collection[Patient]) -> dict[UUID, list[Patient]]:
    """The other records that stand for the same patients, by the id; a patient with one record is left out."""
    groups = groups_of(db, [patient.id for patient in patients])
    if not groups:
        return {}
    ids = {one for group in groups.values() for one in group.ids}
    query = select(Patient).where(Patient.id.in_(ids)).options(*_WHOLE)
    found = {patient.id: patient for patient in db.scalars(query)}
    return {
        one: [found[other] for other in group.ids if other != one and other in found] for one, group in groups.items()
    }


def restricted_patients(db: Session, among: Collection[UUID] | None = None) -> Collection[UUID]:
    """The patients whose records are restricted; with `among`, those of these.

    What is merged with a restricted record is restricted, because both are read together.
    """
    query = select(Patient.id).where(Patient.restricted)
    if among is None:
        return aliases_of_all(db, db.scalars(query))
    groups = groups_of(db, among)
    ids = {one: groups[one].ids if one in groups else (one,) for one in among}
    everybody = {one for group in ids.values() for one in group}
    restricted = set(db.scalars(query.where(Patient.id.in_(everybody))))
    return [one for one, group in ids.items() if restricted.intersection(group)]


def list_patients(db: Session, asked: FindPatients, *, after: UUID | None, limit: int) -> Sequence[Patient]:
    """Patients in the order of their registration."""
    query = keyset(select(Patient).options(*_WHOLE), Patient.id, after=after, limit=limit)
    if asked.file_number is not None:
        query = query.where(Patient.file.has(MainFile.file_number == asked.file_number))
    return db.scalars(query).all()


def lock_rows(db: Session, patient_ids: Iterable[UUID]) -> None:
    """Lock rows of patients until the transaction ends, in the order of their ids."""
    db.execute(select(Patient.id).where(Patient.id.in_(patient_ids)).order_by(Patient.id).with_for_update())


def claim_rows(db: Session, patient_ids: Iterable[UUID]) -> int:
    """Lock those rows of patients that no other transaction holds now; returns how many."""
    query = select(Patient.id).where(Patient.id.in_(patient_ids)).with_for_update(skip_locked=True)
    return len(db.scalars(query).all())


def list_identifiers(db: Session, patient_id: UUID, *, after: UUID | None, limit: int) -> Sequence[PatientIdentifier]:
    """The identifiers of all records of a patient in the order in which they were given, with those that have ended."""
    query = keyset(select(PatientIdentifier), PatientIdentifier.id, after=after, limit=limit)
    return db.scalars(query.where(stands_for(PatientIdentifier.patient_id, patient_id))).all()


def list_guardians(db: Session, patient_id: UUID, *, after: UUID | None, limit: int) -> Sequence[Guardian]:
    """The guardians of all records of a patient as they were named, with those that have ended, and their rights."""
    query = keyset(select(Guardian), Guardian.id, after=after, limit=limit).options(selectinload(Guardian.rights))
    return db.scalars(query.where(stands_for(Guardian.patient_id, patient_id))).all()


def list_alerts(
    db: Session, patient_id: UUID, audiences: Collection[str], *, after: UUID | None, limit: int
) -> Sequence[Alert]:
    """The alerts of all records of a patient for some audiences as they were raised, with those that have ended."""
    query = keyset(select(Alert), Alert.id, after=after, limit=limit)
    return db.scalars(query.where(stands_for(Alert.patient_id, patient_id), Alert.audience.in_(audiences))).all()


def find_identifier(db: Session, identifier_id: UUID) -> PatientIdentifier | None:
    """An identifier."""
    return db.get(PatientIdentifier, identifier_id)


def find_guardian(db: Session, guardian_id: UUID) -> Guardian | None:
    """A guardian with the rights to consent."""
    query = select(Guardian).where(Guardian.id == guardian_id).options(selectinload(Guardian.rights))
    return db.scalar(query)
