"""Consents of patients."""

from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Response, current_app

from jalsa.http import PageOf, Routes, check_if_match, current_db, current_principal, json_with_etag, page, page_of
from jalsa.http.paging import decode_id_cursor
from jalsa.service import clock
from jalsa.service.errors import NotFound
from jalsa.service.policy import authorise
from patient_files.consents import operations, queries, rules
from patient_files.consents.commands import FindConsents, GiveConsent, RevokeConsent
from patient_files.http.schemas import consents as schemas
from patient_files.models import Consent
from patient_files.patients import operations as patients
from patient_files.policy import POLICY

routes = Routes("consents", "Consents of patients")

_CONSENT = schemas.ConsentAnswer()


@routes.view(
    "/consents", "POST", permission="consents.write", body=schemas.ConsentBody(), response=_CONSENT, status=201
)
def give_consent(command: GiveConsent) -> Response:
    """Store a signed consent. A consent to treatment counts for check-in immediately."""
    db, zone = current_db(), current_app.extensions["jalsa"].config.default_timezone
    command = replace(command, patient_id=patients.lock_patient(db, command.patient_id))
    now = clock.now()
    return json_with_etag(_shown(operations.give_consent(db, command, zone=zone, now=now), now), 201)


@routes.view(
    "/consents", permission="consents.read", query=schemas.ConsentArgs(), response=page_of(schemas.ConsentAnswer)
)
def list_consents(query: PageOf[FindConsents]) -> dict[str, Any]:
    """Consents, of one patient or of all, in the order in which they were stored.

    Those of all are for who lists the registry: they name the patients, or who may sign for them.
    """
    if query.asked.patient_id is None:
        authorise(POLICY, "patients.list", current_principal())
    now, after = clock.now(), decode_id_cursor(query.cursor)
    rows = queries.list_consents(current_db(), query.asked, now=now, after=after, limit=query.limit + 1)
    return page(rows, query.limit, lambda row: str(row.id), lambda row: _values(row, now))


@routes.view("/consents/<uuid:consent_id>", permission="consents.read", response=_CONSENT)
def get_consent(consent_id: UUID) -> Response:
    """One consent."""
    consent = current_db().get(Consent, consent_id)
    if consent is None:
        raise NotFound("consent")
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
    now = clock.now()
    check_if_match(_shown(consent, now))
    return json_with_etag(_shown(operations.revoke_consent(db, consent, command, now=now), now))


def _shown(consent: Consent, now: datetime) -> dict[str, Any]:
    shown: dict[str, Any] = _CONSENT.dump(_values(consent, now))
    return shown


def _values(consent: Consent, now: datetime) -> dict[str, Any]:
    stored = {name: getattr(consent, name, None) for name in _CONSENT.fields if name != "status"}
    return {**stored, "status": rules.consent_state(consent.revoked_at, consent.ends_at, now)}
