"""Consents: given and revoked; and the standing that a patient's consents to treatment make together."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from jalsa.db.transactions import context_of
from jalsa.service.commands import given
from jalsa.service.errors import InvalidField, NotFound
from jalsa.service.ids import new_id
from patient_files import domain, events, queries
from patient_files.commands import GiveConsent, RevokeConsent
from patient_files.models import ClinicProjection, Consent, ConsentStanding
from patient_files.operations import patients


def give_consent(db: Session, command: GiveConsent, *, zone: str, now: datetime) -> Consent:
    """Store a consent of a patient whose row the caller locked before `now` was read.

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
    patients.lock_patient(db, consent.patient_id)
    db.refresh(consent)
    return consent


def revoke_consent(db: Session, consent: Consent, command: RevokeConsent, *, now: datetime) -> Consent:
    """End a consent that the caller has from `locked_consent`, with the patient's row.

    Publishes ConsentStandingChanged where the patient's standing changes. Raises 409 `invalid-transition` where it is
    revoked already.
    """
    state = domain.consent_state(consent.revoked_at, consent.ends_at, now)
    domain.CONSENT.check(state, domain.REVOKED)
    consent.revoked_at, consent.revoked_by, consent.revoke_reason = now, context_of(db).actor, command.reason
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
