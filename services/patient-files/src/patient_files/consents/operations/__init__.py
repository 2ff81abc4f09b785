"""Consents: given and revoked; and the standing that those of one type make together."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from jalsa.db.aliases import aliases_of
from jalsa.db.transactions import context_of
from jalsa.service.errors import InvalidField, NotFound
from jalsa.service.ids import new_id
from patient_files import domain
from patient_files.consents import events, queries, rules
from patient_files.consents.commands import GiveConsent, RevokeConsent
from patient_files.consents.operations import terms
from patient_files.consents.queries import setup
from patient_files.models import ClinicProjection, Consent, ConsentStanding
from patient_files.patients import operations as patients


def give_consent(db: Session, command: GiveConsent, *, zone: str, now: datetime) -> Consent:
    """Store a consent of a patient whom the caller locked before `now` was read (`patients.lock_patient`).

    Days are those of the clinic's zone; of `zone`, an IANA name, where the consent is for every clinic or the clinic's
    zone is not known. The clinic's row stays locked until the transaction ends, so that a correction of its zone sees
    the consent, or the consent sees the correction; and so does the type, for its wordings. A signature of the next
    five minutes is taken for one of `now`, because the clocks of devices differ.

    Publishes ConsentStandingChanged or ConsentTypeStandingChanged where the patient's standing changes. Raises a 422
    problem for an unknown clinic, type or wording, a wording that was replaced, a signature in the future, and an
    expiry before the day of signing or later than the type allows; and 422 `signer-may-not-consent`.
    """
    if command.clinic_id is not None:
        clinic = db.get(ClinicProjection, command.clinic_id, with_for_update={"read": True})
        if clinic is None:
            raise InvalidField("clinic_id", "There is no such clinic.")
        zone = clinic.timezone or zone
    setup.lock_type_for_signing(db, command.consent_type)
    consent_type = setup.find_type(db, command.consent_type)
    if consent_type is None or not consent_type.active:
        raise InvalidField("consent_type", "There is no such type of consent.")
    if command.signed_at > now + rules.CLOCK_TOLERANCE:
        raise InvalidField("signed_at", "Must not be in the future.")
    signed_at = min(command.signed_at, now)
    signed_on = domain.local_date(signed_at, zone)
    days = rules.LastDays(
        terms.expires_on(command.expires_on, signed_on, consent_type),
        terms.resign_through(db, command, signed_on),
        terms.outgrown_through(db, command, signed_on),
    )
    consent = _consent(db, command, days, signed_at, now)
    consent.ends_at = rules.end_of_consent(days.last, zone, signed_at)
    db.add(consent)
    db.flush()
    refresh_standing(db, consent.patient_id, consent.consent_type, now=now)
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
    """End a consent that the caller has from `locked_consent`, with the patient.

    Publishes ConsentStandingChanged or ConsentTypeStandingChanged where the patient's standing changes. Raises 409
    `invalid-transition` where it is revoked already.
    """
    state = rules.consent_state(consent.revoked_at, consent.ends_at, now)
    rules.CONSENT.check(state, rules.REVOKED)
    consent.revoked_at, consent.revoked_by, consent.revoke_reason = now, context_of(db).actor, command.reason
    db.flush()
    refresh_standing(db, consent.patient_id, consent.consent_type, now=now)
    return consent


def refresh_standing(
    db: Session, patient_id: UUID, consent_type: str, *, now: datetime, tell_anew: UUID | None = None
) -> None:
    """Bring a patient's standing for a type up to `now`, and publish the event of the type if it is another one.

    All records that stand for the patient have the same standing, so that it is right for whoever has not heard of
    their merge. `tell_anew` is a record of which it is published in any case, unless nothing was ever.

    The caller holds the rows of these records, locked before `now` was read: without it, two changes at the same time
    announce what each of them sees, and the one announced last may have seen the less. The standings' rows are locked
    before the consents are read, so that whatever changes their ends makes them due again if it was not seen.
    """
    records = aliases_of(db, patient_id)
    known = {standing.patient_id: standing for standing in queries.locked_standings(db, records, consent_type)}
    valid = queries.valid_consents(db, records, consent_type, now)
    standing = rules.standing_of(consent.clinic_id for consent in valid)
    ended = {} if standing.consented else _ended(db, records, consent_type, now)
    for record in records:
        # no consent is what everybody takes for granted: it is not announced
        announced = known.get(record) or _nothing_announced(db, record, consent_type)
        announced.due_at = min((consent.ends_at for consent in valid if consent.ends_at), default=None)
        changed = standing != rules.Standing(announced.consented, tuple(announced.clinic_ids))
        if changed or (record in known and record == tell_anew):
            announced.consented, announced.clinic_ids = standing.consented, list(standing.clinic_ids)
            _announce(db, announced, standing, ended, now)
    db.flush()


def refresh_standings(db: Session, patient_id: UUID, *, now: datetime, tell_anew: UUID | None = None) -> None:
    """The same for every type of which a record of the patient has a consent or a standing."""
    records = aliases_of(db, patient_id)
    # the standings of several types are locked in one order with those of all others who lock several
    queries.locked_standings(db, records, None)
    for consent_type in queries.types_of(db, records):
        refresh_standing(db, patient_id, consent_type, now=now, tell_anew=tell_anew)


def _nothing_announced(db: Session, patient_id: UUID, consent_type: str) -> ConsentStanding:
    standing_id = patient_id if consent_type == rules.TREATMENT else new_id()
    standing = ConsentStanding(
        id=standing_id, patient_id=patient_id, consent_type=consent_type, consented=False, clinic_ids=[]
    )
    db.add(standing)
    return standing


def _announce(
    db: Session,
    announced: ConsentStanding,
    standing: rules.Standing,
    ended: Mapping[UUID | None, str],
    now: datetime,
) -> None:
    if announced.consent_type == rules.TREATMENT:
        events.consent_standing_changed(db, announced.patient_id, standing, ended, now)
    else:
        events.consent_type_standing_changed(db, announced.patient_id, announced.consent_type, standing, ended, now)


def _consent(db: Session, command: GiveConsent, days: rules.LastDays, signed_at: datetime, now: datetime) -> Consent:
    signer = command.signer
    return Consent(
        id=new_id(),
        patient_id=command.patient_id,
        consent_type=command.consent_type,
        clinic_id=command.clinic_id,
        wording_id=command.wording_id,
        language=command.language,
        signed_by=command.signed_by,
        signer_kind=signer.kind if signer else rules.UNVERIFIED,
        guardian_id=signer.guardian_id if signer else None,
        method=command.method,
        evidence=command.evidence,
        signed_at=signed_at,
        expires_on=days.expires_on,
        resign_through=days.resign_through,
        outgrown_through=days.outgrown_through,
        created_at=now,
        created_by=context_of(db).actor,
    )


def _ended(db: Session, records: Sequence[UUID], consent_type: str, now: datetime) -> dict[UUID | None, str]:
    """How the last consent ended in each clinic, with None for that to every clinic; the latest last."""
    ended: dict[UUID | None, str] = {}
    for consent in queries.ended_consents(db, records, consent_type, now):
        ended.pop(consent.clinic_id, None)
        ended[consent.clinic_id] = rules.consent_state(consent.revoked_at, consent.ends_at, now).lower()
    return ended
