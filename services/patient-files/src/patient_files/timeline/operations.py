"""What is written into the timelines of patients. What is told twice is there once."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from jalsa.service.ids import new_id
from patient_files.models import AppointmentProjection, Encounter, TimelineEntry
from patient_files.timeline.commands import AddEntry
from patient_files.timeline.rules import APPOINTMENT_REF, ENCOUNTER_REF, INVOICE_REF, NOTE, NOTE_REF, VISIBILITY

# The notes of an appointment, or of all of its session, that were known before it was.
_NOTES_SO_FAR = text("""
    INSERT INTO timeline_entries (id, patient_id, at, kind, visibility, ref_kind, ref_id, clinic_id, provider_id)
    SELECT gen_random_uuid(), :patient_id, at, 'NOTE_SIGNED', :visibility, :ref_kind, id, :clinic_id, :provider_id
    FROM (
      SELECT id, at FROM signed_notes WHERE appointment_id = :appointment_id AND complete IS NOT NULL
      UNION ALL
      SELECT id, at FROM signed_notes WHERE session_id = :session_id AND appointment_id IS NULL
    ) AS note
    ON CONFLICT DO NOTHING
""")


def add(db: Session, entry: AddEntry) -> None:
    """Write an entry, unless it is there."""
    values = {
        "id": new_id(),
        "patient_id": entry.patient_id,
        "at": entry.at,
        "kind": entry.kind,
        "visibility": VISIBILITY[entry.kind],
        "ref_kind": entry.ref_kind,
        "ref_id": entry.ref_id,
        "clinic_id": entry.clinic_id,
        "provider_id": entry.provider_id,
    }
    db.execute(insert(TimelineEntry).values(values).on_conflict_do_nothing())


def tell_of_appointment(db: Session, appointment: AppointmentProjection, kind: str, at: datetime) -> None:
    """Something became of an appointment."""
    _tell(db, appointment, kind, at, APPOINTMENT_REF, appointment.id)


def tell_of_note(db: Session, appointment: AppointmentProjection, note_id: UUID, at: datetime) -> None:
    """A note was signed: that of an appointment, or that of its session."""
    _tell(db, appointment, "NOTE_SIGNED", at, NOTE_REF, note_id)


def tell_of_earlier_notes(db: Session, appointment: AppointmentProjection) -> None:
    """An appointment has become known, perhaps after its notes."""
    values = {
        "patient_id": appointment.patient_id,
        "visibility": NOTE,
        "ref_kind": NOTE_REF,
        "clinic_id": appointment.clinic_id,
        "provider_id": appointment.provider_id,
        "appointment_id": appointment.id,
        "session_id": appointment.session_id,
    }
    db.execute(_NOTES_SO_FAR, values)


def tell_of_invoice(db: Session, invoice_id: UUID, patient_id: UUID, kind: str, at: datetime) -> None:
    """Something became of an invoice."""
    add(db, AddEntry(patient_id=patient_id, at=at, kind=kind, ref_kind=INVOICE_REF, ref_id=invoice_id))


def tell_of_encounter(db: Session, encounter: Encounter, kind: str, at: datetime) -> None:
    """Something became of an encounter."""
    entry = AddEntry(
        patient_id=encounter.patient_id,
        at=at,
        kind=kind,
        ref_kind=ENCOUNTER_REF,
        ref_id=encounter.id,
        clinic_id=encounter.clinic_id,
        provider_id=encounter.provider_id,
    )
    add(db, entry)


def move_encounter(db: Session, encounter_id: UUID, from_patient: UUID, to_patient: UUID) -> None:
    """An encounter is another patient's, with all that was told of it."""
    of_encounter = (TimelineEntry.patient_id == from_patient, TimelineEntry.ref_id == encounter_id)
    db.execute(update(TimelineEntry).where(*of_encounter).values(patient_id=to_patient))


def _tell(
    db: Session, appointment: AppointmentProjection, kind: str, at: datetime, ref_kind: str, ref_id: UUID
) -> None:
    entry = AddEntry(
        patient_id=appointment.patient_id,
        at=at,
        kind=kind,
        ref_kind=ref_kind,
        ref_id=ref_id,
        clinic_id=appointment.clinic_id,
        provider_id=appointment.provider_id,
    )
    add(db, entry)
