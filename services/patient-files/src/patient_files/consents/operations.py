"""Consents: given and revoked, their ends reckoned again; and the standing that those to treatment make together."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from jalsa.db.aliases import aliases_of
from jalsa.db.transactions import context_of
from jalsa.service.commands import given
from jalsa.service.errors import InvalidField, NotFound
from jalsa.service.ids import new_id
from patient_files import domain
from patient_files.consents import events, queries, rules
from patient_files.consents.commands import GiveConsent, RevokeConsent
from patient_files.models import ClinicProjection, Consent, ConsentStanding
from patient_files.patients import operations as patients

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


def give_consent(db: Session, command: GiveConsent, *, zone: str, now: datetime) -> Consent:
    """Store a consent of a patient whom the caller locked before `now` was read (`patients.lock_patient`).

    Days are those of the clinic's zone; of `zone`, an IANA name, where the consent is for every clinic or the clinic's
    zone is not known. The clinic's row stays locked until the transaction ends, so that a correction of its zone sees
    the consent, or the consent sees the correction. Publishes ConsentStandingChanged where the patient's standing
    changes. Raises a 422 problem for an unknown clinic, a signature in the future, and an expiry before the day of
    signing.
    """
    if command.clinic_id is not None:
        clinic = db.get(ClinicProjection, command.clinic_id, with_for_update={"read": True})
        if clinic is None:
            raise InvalidField("clinic_id", "There is no such clinic.")
        zone = clinic.timezone or zone
    if command.signed_at > now:
        raise InvalidField("signed_at", "Must not be in the future.")
    expires_on = command.expires_on
    if expires_on is not None and expires_on < domain.local_date(command.signed_at, zone):
        raise InvalidField("expires_on", "Must not be before the day of signing.")
    consent = Consent(
        id=new_id(),
        **given(command),
        ends_at=rules.end_of_day(expires_on, zone) if expires_on else None,
        created_at=now,
        created_by=context_of(db).actor,
    )
    db.add(consent)
    _consents_changed(db, consent, now)
    return consent


def locked_consent(db: Session, consent_id: UUID) -> Consent:
    """A consent as it is once its patient is locked, until the transaction ends. Raises 404."""
    consent = db.get(Consent, consent_id)
    if consent is None:
        raise NotFound("consent")
    patients.lock_patient(db, consent.patient_id)
    db.refresh(consent)
    return consent


def revoke_consent(db: Session, consent: Consent, command: RevokeConsent, *, now: datetime) -> Consent:
    """End a consent that the caller has from `locked_consent`, with the patient's row.

    Publishes ConsentStandingChanged where the patient's standing changes. Raises 409 `invalid-transition` where it is
    revoked already.
    """
    state = rules.consent_state(consent.revoked_at, consent.ends_at, now)
    rules.CONSENT.check(state, rules.REVOKED)
    consent.revoked_at, consent.revoked_by, consent.revoke_reason = now, context_of(db).actor, command.reason
    _consents_changed(db, consent, now)
    return consent


def refresh_standing(db: Session, patient_id: UUID, *, now: datetime, tell_anew: UUID | None = None) -> None:
    """Bring a patient's consent standing up to `now`, and publish ConsentStandingChanged if it is another one.

    All records that stand for the patient have the same standing, so that it is right for whoever has not heard of
    their merge. `tell_anew` is a record of which it is published in any case, unless nothing was ever.

    The caller holds the rows of these records, locked before `now` was read: without it, two changes at the same time
    announce what each of them sees, and the one announced last may have seen the less. The standings' rows are locked
    before the consents are read, so that a correction of a clinic's zone makes them due again if it was not seen.
    """
    records = aliases_of(db, patient_id)
    known = {record: queries.locked_standing(db, record) for record in records}
    valid = queries.valid_treatment_consents(db, records, now)
    standing = rules.standing_of(consent.clinic_id for consent in valid)
    ended = {} if standing.consented else _ended(db, records, now)
    for record, last in known.items():
        # no consent is what everybody takes for granted: it is not announced
        announced = last or ConsentStanding(id=record, consented=False, clinic_ids=[])
        db.add(announced)
        announced.due_at = min((consent.ends_at for consent in valid if consent.ends_at), default=None)
        changed = standing != rules.Standing(announced.consented, tuple(announced.clinic_ids))
        if changed or (last is not None and record == tell_anew):
            announced.consented, announced.clinic_ids = standing.consented, list(standing.clinic_ids)
            events.consent_standing_changed(db, record, standing, ended, now)
    db.flush()


def reckon_ends(db: Session, clinic_id: UUID, zone: str, *, now: datetime) -> None:
    """Reckon the ends of a clinic's consents by its zone, an IANA name, which this transaction has stored.

    If a consent to treatment now ends at another instant, the patient's standing becomes due immediately. The worker
    brings it up to date and announces what has become of it.
    """
    # storing the clinic has locked its row, and `give_consent` holds it while a consent is stored
    days = db.scalars(select(Consent.expires_on).where(Consent.clinic_id == clinic_id).distinct()).all()
    ends = {day: rules.end_of_day(day, zone) for day in days if day is not None}
    reckoned = {"clinic_id": clinic_id, "days": list(ends), "ends": list(ends.values())}
    affected = sorted(set(db.scalars(_RECKON_ENDS, reckoned)))
    db.execute(_MAKE_DUE, {"patients": affected, "now": now})


def _ended(db: Session, records: Sequence[UUID], now: datetime) -> dict[UUID | None, str]:
    """How the last consent to treatment ended in each clinic, with None for that to every clinic; the latest last."""
    ended: dict[UUID | None, str] = {}
    for consent in queries.ended_treatment_consents(db, records, now):
        ended.pop(consent.clinic_id, None)
        ended[consent.clinic_id] = rules.consent_state(consent.revoked_at, consent.ends_at, now).lower()
    return ended


def _consents_changed(db: Session, consent: Consent, now: datetime) -> None:
    db.flush()
    if consent.consent_type == rules.TREATMENT:
        refresh_standing(db, consent.patient_id, now=now)
