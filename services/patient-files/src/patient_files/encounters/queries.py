"""The read side of encounters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import exists, select, text, tuple_
from sqlalchemy.orm import Session

from jalsa.db.aliases import stands_for
from jalsa.db.keyset import keyset
from patient_files.config import ZONE_OF_NO_CLINIC
from patient_files.encounters.commands import FindEncounters
from patient_files.encounters.rules import ENTERED_IN_ERROR
from patient_files.models import (
    AppointmentProjection,
    ClinicProjection,
    Encounter,
    EncounterText,
    ProviderProjection,
)

# Two ranges of indexes, of which the later row counts: one condition with OR would be served by neither.
_DOCUMENTED = text("""
    SELECT complete, at, id FROM (
      (SELECT complete, at, id FROM signed_notes
       WHERE appointment_id = :appointment_id AND complete IS NOT NULL ORDER BY at DESC LIMIT 1)
      UNION ALL
      (SELECT complete, at, id FROM signed_notes
       WHERE session_id = :session_id AND appointment_id IS NULL AND complete IS NOT NULL ORDER BY at DESC LIMIT 1)
    ) AS last ORDER BY at DESC, id DESC LIMIT 1
""")

# The encounter, those that were merged into it, and those merged into these.
_FAMILY = """
    WITH RECURSIVE family (id) AS (
      SELECT CAST(:id AS uuid)
      UNION SELECT e.id FROM encounters e JOIN family ON e.replaced_by = family.id
    )
"""
_OF_FAMILY = text(f"{_FAMILY} SELECT id FROM family")  # noqa: S608 a constant
_REFERRED_TO = text(f"""
    {_FAMILY} SELECT EXISTS (SELECT FROM family JOIN encounter_references r ON r.encounter_id = family.id
                             WHERE r.live)
""")  # noqa: S608 a constant


def find_encounter(db: Session, encounter_id: UUID, *, lock: bool = False) -> Encounter | None:
    """An encounter; with `lock` as it is once its row is locked, until the transaction ends."""
    query = select(Encounter).where(Encounter.id == encounter_id)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    return db.scalar(query)


def find_encounters(db: Session, ids: Sequence[UUID]) -> Mapping[UUID, Encounter]:
    """Encounters by their ids, each locked until the transaction ends, in one order."""
    query = select(Encounter).where(Encounter.id.in_(ids)).order_by(Encounter.id).with_for_update()
    found = db.scalars(query.execution_options(populate_existing=True)).all()
    return {encounter.id: encounter for encounter in found}


def of_appointment(db: Session, appointment_id: UUID, *, lock: bool = False) -> Encounter | None:
    """The encounter of an appointment that was not entered in error."""
    query = select(Encounter).where(Encounter.appointment_id == appointment_id, Encounter.status != ENTERED_IN_ERROR)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    return db.scalar(query)


def lock_appointment(db: Session, appointment_id: UUID) -> AppointmentProjection | None:
    """An appointment, its row locked until the transaction ends: whoever opens an encounter for it holds it."""
    query = select(AppointmentProjection).where(AppointmentProjection.id == appointment_id).with_for_update()
    return db.scalar(query.execution_options(populate_existing=True))


def list_encounters(
    db: Session, asked: FindEncounters, *, after: tuple[datetime, UUID] | None, limit: int
) -> Sequence[Encounter]:
    """Encounters in the order of their start. Those of a patient are those of all records of the patient."""
    query = keyset(select(Encounter), Encounter.started_at, Encounter.id, after=after, limit=limit)
    if asked.patient_id is not None:
        query = query.where(stands_for(Encounter.patient_id, asked.patient_id))
    for name in ("provider_id", "clinic_id", "appointment_id", "encounter_number", "status"):
        if (value := getattr(asked, name)) is not None:
            query = query.where(getattr(Encounter, name) == value)
    if asked.ids is not None:
        query = query.where(Encounter.id.in_(asked.ids))
    if asked.from_ is not None:
        query = query.where(Encounter.started_at >= asked.from_)
    if asked.until is not None:
        query = query.where(Encounter.started_at < asked.until)
    return db.scalars(query).all()


@dataclass(frozen=True, slots=True)
class ClinicalText:
    """The clinical text of an encounter; what was not said is None."""

    chief_complaint: str | None = None
    reason_for_visit: str | None = None


def texts_of(db: Session, encounters: Sequence[Encounter]) -> Mapping[UUID, ClinicalText]:
    """The clinical texts that count, by encounter; an encounter without any is left out."""
    versions = [(each.id, each.text_version) for each in encounters if each.text_version]
    if not versions:
        return {}
    query = select(EncounterText).where(tuple_(EncounterText.encounter_id, EncounterText.version).in_(versions))
    return {row.encounter_id: _text(row) for row in db.scalars(query)}


def text_of(db: Session, encounter_id: UUID, version: int) -> ClinicalText:
    """A version of an encounter's clinical text."""
    row = db.get(EncounterText, (encounter_id, version))
    return _text(row) if row is not None else ClinicalText()


def _text(row: EncounterText) -> ClinicalText:
    return ClinicalText(row.chief_complaint, row.reason_for_visit)


def documented(db: Session, appointment_id: UUID, session_id: UUID | None) -> bool | None:
    """What the notes of an appointment, or of its whole session, said last; None where they say nothing."""
    row = db.execute(_DOCUMENTED, {"appointment_id": appointment_id, "session_id": session_id}).one_or_none()
    return None if row is None else bool(row.complete)


def of_session(db: Session, session_id: UUID) -> Sequence[UUID]:
    """The appointments of a session."""
    query = select(AppointmentProjection.id).where(AppointmentProjection.session_id == session_id)
    return db.scalars(query.order_by(AppointmentProjection.id)).all()


def zone_of(db: Session, clinic_id: UUID | None) -> str:
    """The IANA zone of a clinic; that of no clinic where it is not known."""
    zone = db.scalar(select(ClinicProjection.timezone).where(ClinicProjection.id == clinic_id)) if clinic_id else None
    return zone or ZONE_OF_NO_CLINIC


def knows_provider(db: Session, provider_id: UUID) -> bool:
    """Whether there is such a provider."""
    return bool(db.scalar(select(exists().where(ProviderProjection.id == provider_id))))


def knows_clinic(db: Session, clinic_id: UUID) -> bool:
    """Whether there is such a clinic."""
    return bool(db.scalar(select(exists().where(ClinicProjection.id == clinic_id))))


def family_of(db: Session, encounter_id: UUID) -> Sequence[UUID]:
    """An encounter, and all that were merged into it."""
    return db.execute(_OF_FAMILY, {"id": encounter_id}).scalars().all()


def is_referred_to(db: Session, encounter_id: UUID) -> bool:
    """Whether any record of another system belongs to an encounter, whose row the caller has locked."""
    return bool(db.execute(_REFERRED_TO, {"id": encounter_id}).scalar_one())
