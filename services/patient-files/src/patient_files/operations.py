"""What can be done: verb functions over a transaction (`db`), that never commit."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from jalsa.db import projections
from jalsa.db.numbers import gapless_number
from jalsa.db.transactions import context_of
from jalsa.service.errors import InvalidField, NotFound
from jalsa.service.ids import new_id
from patient_files import domain, events, queries
from patient_files.errors import UnknownPatient
from patient_files.models import (
    ClinicProjection,
    Consent,
    ConsentStanding,
    MainFile,
    Patient,
    SubFile,
)

# By the right zone, the day of signing may have been over before: what was signed then has ended with its signature.
_RECKON_ENDS = text("""
    UPDATE consents c SET ends_at = greatest(reckoned.ends_at, c.signed_at + interval '1 microsecond')
    FROM unnest(CAST(:days AS date[]), CAST(:ends AS timestamptz[])) AS reckoned (day, ends_at)
    WHERE c.clinic_id = :clinic_id AND c.expires_on = reckoned.day
      AND c.ends_at <> greatest(reckoned.ends_at, c.signed_at + interval '1 microsecond')
    RETURNING c.patient_id
""")
# in one order, so that no two clinics wait for each other
_MAKE_DUE = text("""
    UPDATE consent_standings SET due_at = :now
    WHERE id IN (SELECT id FROM consent_standings WHERE id = ANY(:patients) ORDER BY id FOR UPDATE)
""")


def register_patient(db: Session, data: Mapping[str, Any], *, zone: str, now: datetime) -> Patient:
    """Store a patient, open the main file, and publish PatientRegistered.

    The file number's year is the one that `now` has in `zone`, an IANA name. Raises a 422 problem for a date of birth
    after that day; the constraint `patients_national_id_key` is violated where another patient has the national id.
    """
    today = domain.local_date(now, zone)
    if data["date_of_birth"] > today:
        raise InvalidField("date_of_birth", "Must not be in the future.")
    patient = Patient(id=new_id(), **data, active=True, created_at=now)
    number = domain.file_number(today.year, gapless_number(db, f"FILE-{today.year}"))
    patient.file = MainFile(id=new_id(), file_number=number, opened_at=now)
    db.add(patient)
    db.flush()
    events.patient_registered(db, patient, now)
    return patient


def update_patient(db: Session, patient: Patient, data: Mapping[str, Any], *, now: datetime) -> Patient:
    """Change a patient and publish PatientUpdated, unless nothing is different."""
    changes = {name: value for name, value in data.items() if getattr(patient, name) != value}
    if changes:
        for name, value in changes.items():
            setattr(patient, name, value)
        db.flush()
        events.patient_updated(db, patient, now)
    return patient


def open_sub_file(
    db: Session, patient_id: UUID, *, clinic_id: UUID, clinic_code: str, provider_id: UUID, now: datetime
) -> SubFile:
    """The patient's sub-file in a clinic: the one that there is, else a new one, which publishes SubFileOpened.

    The main file stays locked until the transaction ends, so that two bookings cannot both find none. Raises 404 for
    an unknown patient.
    """
    main_file = queries.find_main_file(db, patient_id, lock=True)
    if main_file is None:
        raise NotFound("patient")
    existing = queries.list_sub_files(db, main_file.id)
    for sub_file in existing:
        if sub_file.clinic_id == clinic_id:
            return sub_file
    opened = SubFile(
        id=new_id(),
        sub_file_number=domain.sub_file_number(main_file.file_number, clinic_code, len(existing) + 1),
        main_file_id=main_file.id,
        clinic_id=clinic_id,
        clinic_code=clinic_code,
        assigned_provider_id=provider_id,
        status=domain.ACTIVE,
        opened_at=now,
    )
    db.add(opened)
    db.flush()
    events.sub_file_opened(db, opened, main_file, now)
    return opened


def lock_patient(db: Session, patient_id: UUID) -> None:
    """Lock a patient's row until the transaction ends, as every change of consents must.

    Raises 422 `unknown-patient`.
    """
    if queries.find_patient(db, patient_id, lock=True) is None:
        raise UnknownPatient


def give_consent(db: Session, data: Mapping[str, Any], *, zone: str, now: datetime) -> Consent:
    """Store a consent of a patient whose row the caller locked before `now` was read.

    Days are those of the clinic's zone; of `zone`, an IANA name, where the consent is for every clinic or the clinic's
    zone is not known. The clinic's row stays locked until the transaction ends, so that a correction of its zone sees
    the consent, or the consent sees the correction. Publishes ConsentStandingChanged where the patient's standing
    changes. Raises a 422 problem for an unknown clinic, a signature in the future, and an expiry before the day of
    signing.
    """
    if data["clinic_id"] is not None:
        clinic = db.get(ClinicProjection, data["clinic_id"], with_for_update={"read": True})
        if clinic is None:
            raise InvalidField("clinic_id", "There is no such clinic.")
        zone = clinic.timezone or zone
    if data["signed_at"] > now:
        raise InvalidField("signed_at", "Must not be in the future.")
    expires_on = data["expires_on"]
    if expires_on is not None and expires_on < domain.local_date(data["signed_at"], zone):
        raise InvalidField("expires_on", "Must not be before the day of signing.")
    consent = Consent(
        id=new_id(),
        **data,
        ends_at=domain.end_of_day(expires_on, zone) if expires_on else None,
        created_at=now,
        created_by=context_of(db).actor,
    )
    db.add(consent)
    _consents_changed(db, consent, now)
    return consent


def locked_consent(db: Session, consent_id: UUID) -> Consent:
    """A consent as it is once its patient's row is locked, until the transaction ends. Raises 404."""
    consent = db.get(Consent, consent_id)
    if consent is None:
        raise NotFound("consent")
    lock_patient(db, consent.patient_id)
    db.refresh(consent)
    return consent


def revoke_consent(db: Session, consent: Consent, reason: str | None, *, now: datetime) -> Consent:
    """End a consent that the caller has from `locked_consent`, with the patient's row.

    Publishes ConsentStandingChanged where the patient's standing changes. Raises 409 `invalid-transition` where it is
    revoked already.
    """
    state = domain.consent_state(consent.revoked_at, consent.ends_at, now)
    domain.CONSENT.check(state, domain.REVOKED)
    consent.revoked_at, consent.revoked_by, consent.revoke_reason = now, context_of(db).actor, reason
    _consents_changed(db, consent, now)
    return consent


def refresh_standing(db: Session, patient_id: UUID, *, now: datetime) -> None:
    """Bring a patient's consent standing up to `now`, and publish ConsentStandingChanged if it is another one.

    The caller holds the patient's row, locked before `now` was read: without it, two changes at the same time announce
    what each of them sees, and the one announced last may have seen the less. The standing's row is locked before the
    consents are read, so that a correction of a clinic's zone makes it due again if it was not seen.
    """
    known = queries.locked_standing(db, patient_id)
    valid = queries.valid_treatment_consents(db, patient_id, now)
    standing = domain.standing_of(consent.clinic_id for consent in valid)
    if known is None:
        # no consent is what everybody takes for granted: it is not announced
        known = ConsentStanding(id=patient_id, consented=False, clinic_ids=[])
        db.add(known)
    known.due_at = min((consent.ends_at for consent in valid if consent.ends_at), default=None)
    if standing != domain.Standing(known.consented, tuple(known.clinic_ids)):
        known.consented, known.clinic_ids = standing.consented, list(standing.clinic_ids)
        ended = {} if standing.consented else _ended(db, patient_id, now)
        events.consent_standing_changed(db, patient_id, standing, ended, now)
    db.flush()


def _ended(db: Session, patient_id: UUID, now: datetime) -> dict[UUID | None, str]:
    """How the last consent to treatment ended in each clinic, with None for that to every clinic; the latest last."""
    ended: dict[UUID | None, str] = {}
    for consent in queries.ended_treatment_consents(db, patient_id, now):
        ended.pop(consent.clinic_id, None)
        ended[consent.clinic_id] = domain.consent_state(consent.revoked_at, consent.ends_at, now).lower()
    return ended


def _consents_changed(db: Session, consent: Consent, now: datetime) -> None:
    db.flush()
    if consent.consent_type == domain.TREATMENT:
        refresh_standing(db, consent.patient_id, now=now)


def save_clinic(db: Session, clinic_id: UUID, values: Mapping[str, Any], *, now: datetime) -> None:
    """Store or replace what is known of a clinic, and reckon the ends of its consents by its zone.

    Where a consent to treatment ends at another instant now, the patient's standing is due at once: the worker brings
    it up to date and announces what has become of it.
    """
    # the clinic's row is locked by this, and `give_consent` holds it while a consent is stored
    projections.save(db, ClinicProjection, clinic_id, values)
    days = db.scalars(select(Consent.expires_on).where(Consent.clinic_id == clinic_id).distinct()).all()
    ends = {day: domain.end_of_day(day, values["timezone"]) for day in days if day is not None}
    reckoned = {"clinic_id": clinic_id, "days": list(ends), "ends": list(ends.values())}
    patients = sorted(set(db.scalars(_RECKON_ENDS, reckoned)))
    db.execute(_MAKE_DUE, {"patients": patients, "now": now})
