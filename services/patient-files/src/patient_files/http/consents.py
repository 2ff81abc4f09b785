"""Consents of patients."""

from dataclasses import replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from flask import Response

from jalsa.db.aliases import aliases_of
from jalsa.http import (
    PageOf,
    Routes,
    check_if_match,
    current_db,
    current_principal,
    json_with_etag,
    page,
    page_by_id,
    page_of,
)
from jalsa.http.paging import decode_cursor, decode_id_cursor
from jalsa.service import clock
from jalsa.service.errors import InvalidField, NotFound
from jalsa.service.policy import authorise
from patient_files.consents import operations, queries, rules
from patient_files.consents.commands import FindConsents, FindDueConsents, GiveConsent, RevokeConsent
from patient_files.consents.queries import due, setup
from patient_files.http import records
from patient_files.http.schemas import consents as schemas
from patient_files.models import Consent, Patient
from patient_files.patients import operations as patients
from patient_files.policy import POLICY

routes = Routes("consents", "Consents of patients")

_CONSENT = schemas.ConsentAnswer()
_STANDINGS = schemas.StandingsAnswer()
_STORED = (
    *("id", "patient_id", "consent_type", "clinic_id", "signed_by", "signed_at", "expires_on", "wording_id"),
    *("language", "method", "evidence", "revoked_at", "revoked_by", "revoke_reason", "created_at", "created_by"),
)


@routes.view(
    "/consents", "POST", permission="consents.write", body=schemas.ConsentBody(), response=_CONSENT, status=201
)
def give_consent(command: GiveConsent) -> Response:
    """Store a signed consent. A consent to treatment counts for check-in immediately."""
    db = current_db()
    command = replace(command, patient_id=patients.lock_patient(db, command.patient_id))
    now = clock.now()
    return json_with_etag(_shown(operations.give_consent(db, command, zone=records.zone(), now=now), now), 201)


@routes.view(
    "/consents",
    permission="consents.read",
    reads="consent",
    query=schemas.ConsentArgs(),
    response=page_of(schemas.ConsentAnswer),
)
def list_consents(query: PageOf[FindConsents]) -> dict[str, Any]:
    """Consents, of one patient or of all, in the order in which they were stored.

    Those of all are for who lists the registry: they name the patients, or who may sign for them. Those of restricted
    records are left out, unless you read these in full.
    """
    if query.asked.patient_id is None:
        authorise(POLICY, "patients.list", current_principal())
    db, now, after = current_db(), clock.now(), decode_id_cursor(query.cursor)
    if query.asked.patient_id is not None and (patient := db.get(Patient, query.asked.patient_id)):
        records.check(patient)
    hidden = records.hidden() if query.asked.patient_id is None else ()
    rows = queries.list_consents(db, query.asked, without=hidden, now=now, after=after, limit=query.limit + 1)
    records.shows_each((row.patient_id, row.id) for row in rows[: query.limit])
    return page_by_id(rows, query.limit, lambda row: _values(row, now))


@routes.view(
    "/consents/due",
    permission="consents.due",
    reads="consent",
    query=schemas.DueArgs(),
    response=page_of(schemas.DueConsentAnswer),
)
def list_due_consents(query: PageOf[FindDueConsents]) -> dict[str, Any]:
    """The consents that should be given again, the first due first; those that were given again are not listed.

    They end soon, or the right of the guardian who signed does, which does not end the consent itself. Those of
    restricted records are left out, unless you read these in full.
    """
    now, after = clock.now(), _day_and_id(query.cursor)
    rows = due.due_consents(
        current_db(),
        query.asked,
        without=records.hidden(),
        today=records.today(),
        now=now,
        after=after,
        limit=query.limit + 1,
    )
    records.shows_each((row.consent.patient_id, row.consent.id) for row in rows[: query.limit])

    def shown(row: due.DueConsent) -> dict[str, Any]:
        return {**_values(row.consent, now), "due_on": row.due_on, "due_reason": row.reason}

    return page(rows, query.limit, lambda row: f"{row.due_on} {row.consent.id}", shown)


@routes.view("/consents/<uuid:consent_id>", permission="consents.read", reads="consent", response=_CONSENT)
def get_consent(consent_id: UUID) -> Response:
    """One consent."""
    consent = current_db().get(Consent, consent_id)
    if consent is None:
        raise NotFound("consent")
    records.shows(_checked(consent), consent.id)
    return json_with_etag(_shown(consent, clock.now()))


@routes.view(
    "/consents/<uuid:consent_id>/revoke",
    "POST",
    permission="consents.write",
    body=schemas.RevokeBody(),
    response=_CONSENT,
)
def revoke_consent(command: RevokeConsent, consent_id: UUID) -> Response:
    """Revoke a consent. A consent to treatment immediately stops counting for check-in."""
    db = current_db()
    consent = operations.locked_consent(db, consent_id)
    _checked(consent)  # the answer shows all of it
    now = clock.now()
    check_if_match(_shown(consent, now))
    return json_with_etag(_shown(operations.revoke_consent(db, consent, command, now=now), now))


@routes.view(
    "/patients/<uuid:patient_id>/consent-standing", permission="consents.read", reads="consent", response=_STANDINGS
)
def get_consent_standing(patient_id: UUID) -> Response:
    """What a patient consents to now, type by type: all valid consents of all merged records together."""
    db, now = current_db(), clock.now()
    records.shows_some(records.readable(patient_id))
    valid = queries.valid_consents(db, aliases_of(db, patient_id), None, now)
    standings = []
    for code in sorted(
        {each.code for each in setup.consent_types(db) if each.active} | {c.consent_type for c in valid}
    ):
        of_type = [consent for consent in valid if consent.consent_type == code]
        standing = rules.standing_of(consent.clinic_id for consent in of_type)
        standings.append(
            {
                "consent_type": code,
                "consented": standing.consented,
                "clinic_ids": standing.clinic_ids,
                "changes_at": min((consent.ends_at for consent in of_type if consent.ends_at), default=None),
            }
        )
    return json_with_etag(_STANDINGS.dump({"patient_id": patient_id, "standings": standings}))


def _checked(consent: Consent) -> Patient:
    """The patient of a consent whose record the caller reads in full. Raises 403."""
    patient = current_db().get_one(Patient, consent.patient_id)
    records.check(patient)
    return patient


def _shown(consent: Consent, now: datetime) -> dict[str, Any]:
    shown: dict[str, Any] = _CONSENT.dump(_values(consent, now))
    return shown


def _values(consent: Consent, now: datetime) -> dict[str, Any]:
    state = rules.consent_state(consent.revoked_at, consent.ends_at, now)
    days = rules.LastDays(consent.expires_on, consent.resign_through, consent.outgrown_through)
    return {
        **{name: getattr(consent, name) for name in _STORED},
        "signer": {"kind": consent.signer_kind, "guardian_id": consent.guardian_id},
        "status": state,
        "counts": state == rules.VALID,
        "counts_until": rules.counts_until(consent.revoked_at, consent.ends_at),
        "counts_reason": rules.counts_reason(consent.revoked_at, consent.ends_at, days),
    }


def _day_and_id(cursor: str | None) -> tuple[date, UUID] | None:
    if cursor is None:
        return None
    day, _, consent_id = decode_cursor(cursor).partition(" ")
    try:
        return date.fromisoformat(day), UUID(consent_id)
    except ValueError:
        raise InvalidField("cursor", "This cursor does not belong to this list.") from None
