"""Past appointments: what was not kept of them, their encounters, and their entries in the timeline.

Everything is looked up before it is written, so that it can be done again, also beside a worker.
"""

from datetime import datetime

from sqlalchemy.orm import Session

from patient_files.encounters import queries, rules
from patient_files.encounters.operations import appointments
from patient_files.events.streams import AppointmentArrived, AppointmentAttended, AppointmentPlaced
from patient_files.projections import operations as projections
from patient_files.timeline import operations as timeline

_CAME = ("ARRIVED", "ATTENDED")


def complete_appointment(db: Session, placed: AppointmentPlaced, kind: str, at: datetime) -> bool:
    """Keep of a known appointment what was not read when it was placed. Returns whether there was anything."""
    appointment = queries.lock_appointment(db, placed.appointment_id)
    if appointment is None:
        return False
    timeline.tell_of_appointment(db, appointment, kind, at)
    completed = projections.complete_appointment(appointment, placed)
    db.flush()
    return completed


def open_for_arrival(db: Session, event: AppointmentArrived, at: datetime, *, now: datetime) -> bool:
    """Open the encounter of an arrival that still holds, unless there is one. Returns whether one was opened."""
    appointment = queries.lock_appointment(db, event.appointment_id)
    if appointment is None or appointment.status not in _CAME:
        return False
    timeline.tell_of_appointment(db, appointment, "APPOINTMENT_ARRIVED", at)
    if queries.of_appointment(db, appointment.id) is not None:
        return False
    appointments.arrived(db, appointment, event.arrived_at, now=now, source=rules.BACKFILL)
    return True


def close_for_attendance(db: Session, event: AppointmentAttended, at: datetime, *, now: datetime) -> bool:
    """Close the open encounter of an appointment that was attended. Returns whether it was open."""
    appointment = queries.lock_appointment(db, event.appointment_id)
    if appointment is None or appointment.status != "ATTENDED":
        return False
    timeline.tell_of_appointment(db, appointment, "APPOINTMENT_ATTENDED", at)
    return appointments.attended(db, appointment, event.attended_at, now=now)
