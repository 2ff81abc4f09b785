"""What identifies patients to the authorities."""

from typing import Any
from uuid import UUID

from flask import Response

from jalsa.http import (
    Everything,
    PageOf,
    PlainPageArgs,
    Routes,
    check_if_match,
    current_db,
    current_principal,
    json_with_etag,
    page_by_id,
    page_of,
)
from jalsa.http.paging import decode_id_cursor
from jalsa.service import clock
from jalsa.service.errors import NotFound
from patient_files.http import records
from patient_files.http.schemas import identity as schemas
from patient_files.models import Patient, PatientIdentifier
from patient_files.patients import queries
from patient_files.patients.commands import CorrectIdentifier, Withdraw
from patient_files.patients.operations import identifiers as operations
from patient_files.patients.rules.identifiers import Identifier
from patient_files.policy import authorise_correction

routes = Routes("identifiers", "Identifiers of patients")

_IDENTIFIER = schemas.IdentifierAnswer()
_OF_A_PATIENT = "/patients/<uuid:patient_id>/identifiers"


@routes.view(
    _OF_A_PATIENT,
    permission="patients.read",
    reads="identifier",
    query=PlainPageArgs(),
    response=page_of(schemas.IdentifierAnswer),
)
def list_identifiers(query: PageOf[Everything], patient_id: UUID) -> dict[str, Any]:
    """A patient's identifiers, with those that have ended, in the order in which they were given."""
    records.shows_some(records.readable(patient_id))
    after = decode_id_cursor(query.cursor)
    rows = queries.list_identifiers(current_db(), patient_id, after=after, limit=query.limit + 1)
    return page_by_id(rows, query.limit)


@routes.view(
    _OF_A_PATIENT,
    "POST",
    permission="patients.write",
    body=schemas.IdentifierBody(),
    response=_IDENTIFIER,
    status=201,
)
def add_identifier(given: Identifier, patient_id: UUID) -> Response:
    """Give a patient a further identifier."""
    patient = records.locked_survivor(patient_id)
    added = operations.add_identifier(current_db(), patient, given, today=records.today(), now=clock.now())
    return json_with_etag(_IDENTIFIER.dump(added), 201)


@routes.view("/identifiers/<uuid:identifier_id>", permission="patients.read", reads="identifier", response=_IDENTIFIER)
def get_identifier(identifier_id: UUID) -> Response:
    """One identifier."""
    found = queries.find_identifier(current_db(), identifier_id)
    if found is None:
        raise NotFound("identifier")
    records.shows(records.readable(found.patient_id), found.id)
    return json_with_etag(_IDENTIFIER.dump(found))


@routes.view(
    "/identifiers/<uuid:identifier_id>/correct",
    "POST",
    permission="patients.write",
    body=schemas.CorrectionBody(),
    response=_IDENTIFIER,
    status=201,
)
def correct_identifier(command: CorrectIdentifier, identifier_id: UUID) -> Response:
    """End an identifier that was wrong and give the patient the right one, which is answered.

    The front desk may within a day of the registration.
    """
    identifier, patient = _locked(identifier_id)
    corrected = operations.correct_identifier(
        current_db(), identifier, patient, command, today=records.today(), now=clock.now()
    )
    return json_with_etag(_IDENTIFIER.dump(corrected), 201)


@routes.view(
    "/identifiers/<uuid:identifier_id>/withdraw",
    "POST",
    permission="patients.write",
    body=schemas.WithdrawBody(),
    response=_IDENTIFIER,
)
def withdraw_identifier(command: Withdraw, identifier_id: UUID) -> Response:
    """End an identifier that was never the patient's. It stays as history, and its number is free."""
    identifier, patient = _locked(identifier_id)
    operations.withdraw_identifier(current_db(), identifier, patient, command, today=records.today(), now=clock.now())
    return json_with_etag(_IDENTIFIER.dump(identifier))


def _locked(identifier_id: UUID) -> tuple[PatientIdentifier, Patient]:
    """An identifier under its patient's lock, which the caller may correct."""
    identifier, patient = operations.locked_identifier(current_db(), identifier_id)
    records.check(patient)
    authorise_correction(current_principal(), patient.created_at, clock.now())
    check_if_match(_IDENTIFIER.dump(identifier))
    return identifier, patient
