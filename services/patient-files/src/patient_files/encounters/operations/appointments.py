"""What becomes of an encounter by what becomes of its appointment, and by the notes of its session.

The caller's transaction has written the appointment's row, and so has locked it: no other opens an encounter for it.
"""

from datetime import datetime

from sqlalchemy.orm import Session

from jalsa.service.ids import new_id
from patient_files.config import ZONE_OF_NO_CLINIC
from patient_files.encounters import queries, rules
from patient_files.encounters.operations import moves, records
from patient_files.models import AppointmentProjection, Encounter


def arrived(
    db: Session,
    appointment: AppointmentProjection,
    at: datetime,
    *,
    now: datetime,
    source: str = rules.FROM_APPOINTMENT,
) -> None:
    """A patient arrived for an appointment: its encounter is opened, or the planned one begins.

    A cancelled one, of a patient who was thought not to come, is replaced by a new one.
    """
    encounter = queries.of_appointment(db, appointment.id, lock=True)
    if encounter is None:
        _open(db, appointment, at, source, now)
    elif encounter.status == rules.PLANNED:
        encounter.status, encounter.started_at = rules.ARRIVED, at
        records.changed(db, encounter, now)
    elif encounter.status == rules.CANCELLED:
        encounter.status = rules.ENTERED_IN_ERROR
        db.flush()  # from now on the appointment may have another one
        encounter.replaced_by = _open(db, appointment, at, source, now).id
        records.in_error(db, encounter, now)


def attended(db: Session, appointment: AppointmentProjection, at: datetime, *, now: datetime) -> bool:
    """A patient took part: the encounter ends, unless it has ended already. Returns whether it was open."""
    encounter = queries.of_appointment(db, appointment.id, lock=True)
    if encounter is None or encounter.status not in rules.OPEN:
        return False
    moves.finish(db, encounter, at, now=now)
    return True


def given_up(db: Session, appointment: AppointmentProjection, *, now: datetime) -> None:
    """A patient did not come, or the appointment was cancelled: an encounter that nothing refers to is cancelled.

    Otherwise it stays, and is one of the findings: `appointment-contradicts`.
    """
    encounter = queries.of_appointment(db, appointment.id, lock=True)
    if encounter is None or encounter.status not in (rules.PLANNED, rules.ARRIVED):
        return
    if queries.is_referred_to(db, encounter.id):
        return
    records.cancelled(db, encounter, now)


def arrival_taken_back(db: Session, appointment: AppointmentProjection, *, now: datetime) -> None:
    """An arrival was recorded by mistake: the encounter that it opened never was, if nothing refers to it.

    Otherwise it stays, and is one of the findings.
    """
    encounter = queries.of_appointment(db, appointment.id, lock=True)
    opened = encounter is not None and encounter.source in (rules.FROM_APPOINTMENT, rules.BACKFILL)
    if encounter is None or not opened or encounter.status != rules.ARRIVED:
        return
    if queries.is_referred_to(db, encounter.id):
        return
    records.in_error(db, encounter, now)


def document(db: Session, appointment: AppointmentProjection, *, now: datetime) -> None:
    """Keep what the notes of an appointment said last, and publish EncounterUpdated where it is something else."""
    encounter = queries.of_appointment(db, appointment.id, lock=True)
    complete = queries.documented(db, appointment.id, appointment.session_id)
    if encounter is None or complete is None or encounter.documentation_complete == complete:
        return
    encounter.documentation_complete = complete
    records.changed(db, encounter, now)


def _open(db: Session, appointment: AppointmentProjection, at: datetime, source: str, now: datetime) -> Encounter:
    opened = Encounter(
        id=new_id(),
        patient_id=appointment.patient_id,
        provider_id=appointment.provider_id,
        clinic_id=appointment.clinic_id,
        encounter_type=appointment.service_type or rules.UNKNOWN_SERVICE,
        encounter_class=rules.AMBULATORY,
        started_at=at,
        status=rules.ARRIVED,
        room_number=appointment.room_name,
        appointment_id=appointment.id,
        priority=rules.ROUTINE,
        documentation_complete=bool(queries.documented(db, appointment.id, appointment.session_id)),
        signed_off=False,
        billable=True,
        billing_codes=[],
        quality_measures={},
        text_version=0,
        source=source,
    )
    return records.store(db, opened, appointment.timezone or ZONE_OF_NO_CLINIC, now)
