"""The terms of a consent that is given: how long it counts, for each reason for which it may end."""

from datetime import date, timedelta

from sqlalchemy.orm import Session

from jalsa.service.errors import InvalidField
from patient_files.consents import rules
from patient_files.consents.commands import GiveConsent
from patient_files.consents.queries import setup, signers
from patient_files.consents.rules import TypeOfConsent
from patient_files.errors import SignerMayNotConsent
from patient_files.models import ConsentWording
from patient_files.settings import queries as settings


def expires_on(asked: date | None, signed_on: date, consent_type: TypeOfConsent) -> date | None:
    """The last day of a consent that is signed on a local day: the one asked for, within what its type allows.

    Raises a 422 problem for a day before the signature, or after the type's last one.
    """
    days = consent_type.validity_days
    longest = min(signed_on + timedelta(days=days), rules.LATEST_EXPIRY) if days is not None else None
    if asked is None:
        return longest
    if asked < signed_on:
        raise InvalidField("expires_on", "Must not be before the day of signing.")
    if longest is not None and asked > longest:
        raise InvalidField("expires_on", "Must be at most {days} days after the day of signing.", days=days)
    return asked


def resign_through(db: Session, command: GiveConsent, signed_on: date) -> date | None:
    """The last day before a newer wording than that of the signature has to be signed, as far as it is published.

    A wording may be signed once it is published, even before it holds: so nobody is without a consent on its first
    day. Raises a 422 problem for a wording that is unknown, of another type, not published, not written in the
    language of the signature, or no longer signed on that day.
    """
    wording = None if command.wording_id is None else db.get(ConsentWording, command.wording_id)
    if command.wording_id is not None:
        if wording is None or wording.type != command.consent_type or wording.published_at is None:
            raise InvalidField("wording_id", "There is no such published wording of this type.")
        if command.language is not None and not _is_written_in(wording, command.language):
            raise InvalidField("language", "The wording is not written in this language.")
    demands = setup.demands(db, command.consent_type)
    through = rules.resign_through(wording.version if wording else None, signed_on, demands)
    if through is not None and through < signed_on:
        raise InvalidField("wording_id", "A newer wording has to be signed.")
    return through


def outgrown_through(db: Session, command: GiveConsent, signed_on: date) -> date | None:
    """The last day on which a guardian's signature counts. Raises 422 `signer-may-not-consent`.

    A signer of whom only a name is given is 422, too, where the tenant asks for a known one.
    """
    stored = settings.settings(db)
    kind = command.signer.kind if command.signer else rules.UNVERIFIED
    guardian_id = command.signer.guardian_id if command.signer else None
    authority = signers.authority(db, command.patient_id, kind, guardian_id, signed_on)
    if kind == rules.UNVERIFIED and stored.known_signer_required:
        raise InvalidField("signer", "Must be given.")
    if not authority.may_consent:
        raise SignerMayNotConsent
    return rules.outgrown_through(authority.of_age_on, stored.days_after_majority)


def _is_written_in(wording: ConsentWording, language: str) -> bool:
    return (wording.text_ar if language == "ar" else wording.text_en) is not None
