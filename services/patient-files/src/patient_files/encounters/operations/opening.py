"""Encounters that a person opens, and changes of what is said of one."""

from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from jalsa.db.aliases import survivor_of
from jalsa.service.commands import given, value_or
from jalsa.service.errors import InvalidField
from jalsa.service.ids import new_id
from patient_files import errors
from patient_files.encounters import queries, rules
from patient_files.encounters.commands import OpenEncounter, UpdateEncounter
from patient_files.encounters.operations import records
from patient_files.models import AppointmentProjection, Encounter
from patient_files.patients import queries as patients

#: How far the clock of a caller may be ahead of ours.
_AHEAD = timedelta(minutes=5)
_TEXTS = ("chief_complaint", "reason_for_visit")


def open_encounter(db: Session, command: OpenEncounter, *, now: datetime) -> Encounter:
    """Open an encounter by hand, and publish EncounterOpened.

    The row of its appointment stays locked until the transaction ends, so that an arrival finds this encounter, or this
    finds that of the arrival. Raises 422 for an unknown patient, provider, clinic or appointment, for an appointment of
    another patient, and for an arrival in the future; 409 `appointment-has-encounter`.

    It is the survivor's where the patient's record was merged; with an appointment, it is of the appointment's record.
    """
    command = replace(command, patient_id=survivor_of(db, command.patient_id))
    if patients.find_patient(db, command.patient_id) is None:
        raise errors.UnknownPatient
    _check_known(db, command)
    started_at = _started(command, now)
    appointment = _free_appointment(db, command) if command.appointment_id is not None else None
    encounter = Encounter(
        id=new_id(),
        **{name: value for name, value in given(command).items() if name not in _TEXTS},
        signed_off=False,
        text_version=0,
        source=rules.MANUAL,
    )
    encounter.started_at = started_at
    encounter.billing_codes = list(command.billing_codes)
    clinic_id = command.clinic_id
    if appointment is not None:
        encounter.documentation_complete = bool(queries.documented(db, appointment.id, appointment.session_id))
        encounter.clinic_id = clinic_id = clinic_id or appointment.clinic_id
        encounter.provider_id = command.provider_id or appointment.provider_id
        encounter.patient_id = appointment.patient_id
    records.store(db, encounter, queries.zone_of(db, clinic_id), now)
    if command.chief_complaint is not None or command.reason_for_visit is not None:
        records.write_text(db, encounter, command.chief_complaint, command.reason_for_visit, now)
    return encounter


def update_encounter(db: Session, encounter: Encounter, command: UpdateEncounter, *, now: datetime) -> Encounter:
    """Change an encounter that the caller has locked; publish EncounterUpdated, unless nothing is different.

    Raises 409 `encounter-signed-off`, and `invalid-transition` for one in error; 422 for an unknown provider or clinic,
    for a start after the end or in the future, and for `documentation_complete` of an appointment's encounter.
    """
    records.check_changeable(encounter)
    changes = {
        name: list(value) if name == "billing_codes" else value
        for name, value in given(command).items()
        if name not in _TEXTS
    }
    changes = {name: value for name, value in changes.items() if getattr(encounter, name) != value}
    _check_changes(db, encounter, command, changes, now)
    for name, value in changes.items():
        setattr(encounter, name, value)
    rewritten = _rewrite(db, encounter, command, now)
    return records.changed(db, encounter, now) if changes or rewritten else encounter


def _rewrite(db: Session, encounter: Encounter, command: UpdateEncounter, now: datetime) -> bool:
    """Store a new version of the clinical text if it differs. Returns whether it does."""
    present = queries.text_of(db, encounter.id, encounter.text_version)
    complaint = value_or(command.chief_complaint, present.chief_complaint)
    reason = value_or(command.reason_for_visit, present.reason_for_visit)
    if queries.ClinicalText(complaint, reason) == present:
        return False
    records.write_text(db, encounter, complaint, reason, now)
    return True


def _check_changes(
    db: Session, encounter: Encounter, command: UpdateEncounter, changes: dict[str, object], now: datetime
) -> None:
    _check_known(db, command)
    if "documentation_complete" in changes and encounter.appointment_id is not None:
        raise InvalidField("documentation_complete", "The notes of the appointment say it.")
    started_at = value_or(command.started_at, encounter.started_at)
    if encounter.ended_at is not None and started_at > encounter.ended_at:
        raise InvalidField("started_at", "Must not be after the end.")
    if "started_at" in changes and encounter.status != rules.PLANNED and started_at > now + _AHEAD:
        raise InvalidField("started_at", "Must not be in the future.")


def _check_known(db: Session, command: OpenEncounter | UpdateEncounter) -> None:
    provider_id, clinic_id = value_or(command.provider_id, None), value_or(command.clinic_id, None)
    if provider_id is not None and not queries.knows_provider(db, provider_id):
        raise InvalidField("provider_id", "There is no such provider.")
    if clinic_id is not None and not queries.knows_clinic(db, clinic_id):
        raise InvalidField("clinic_id", "There is no such clinic.")


def _started(command: OpenEncounter, now: datetime) -> datetime:
    started_at = command.started_at or now
    if command.status != rules.PLANNED and started_at > now + _AHEAD:
        raise InvalidField("started_at", "Must not be in the future.")
    return started_at


def _free_appointment(db: Session, command: OpenEncounter) -> AppointmentProjection:
    """The appointment of an encounter that is opened by hand, its row locked until the transaction ends."""
    appointment_id = command.appointment_id
    appointment = queries.lock_appointment(db, appointment_id) if appointment_id is not None else None
    if appointment is None:
        raise InvalidField("appointment_id", "There is no such appointment.")
    if survivor_of(db, appointment.patient_id) != command.patient_id:
        raise InvalidField("appointment_id", "The appointment is another patient's.")
    if (existing := queries.of_appointment(db, appointment.id)) is not None:
        raise errors.AppointmentHasEncounter(existing.id)
    return appointment
