"""Those who speak for patients."""

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
    json_with_etag,
    page_by_id,
    page_of,
)
from jalsa.http.paging import decode_id_cursor
from jalsa.service import clock
from jalsa.service.errors import NotFound
from patient_files.http import records
from patient_files.http.schemas import guardians as schemas
from patient_files.models import Guardian, Patient
from patient_files.patients import queries
from patient_files.patients.commands import AddGuardian, EndGuardian, GiveRight, UpdateGuardian
from patient_files.patients.operations import guardians as operations

routes = Routes("guardians", "Those who speak for patients")

_GUARDIAN = schemas.GuardianAnswer()
_OF_A_PATIENT = "/patients/<uuid:patient_id>/guardians"


@routes.view(
    _OF_A_PATIENT,
    permission="patients.read",
    reads="guardian",
    query=PlainPageArgs(),
    response=page_of(schemas.GuardianAnswer),
)
def list_guardians(query: PageOf[Everything], patient_id: UUID) -> dict[str, Any]:
    """A patient's guardians, with those who have ended, in the order in which they were named."""
    records.shows_some(records.readable(patient_id))
    after = decode_id_cursor(query.cursor)
    rows = queries.list_guardians(current_db(), patient_id, after=after, limit=query.limit + 1)
    return page_by_id(rows, query.limit)


@routes.view(
    _OF_A_PATIENT,
    "POST",
    permission="patients.write",
    body=schemas.GuardianBody(),
    response=_GUARDIAN,
    status=201,
)
def add_guardian(command: AddGuardian, patient_id: UUID) -> Response:
    """Let somebody speak for a patient: a patient of the tenant, or anybody by name."""
    patient = records.locked_survivor(patient_id)
    added = operations.add_guardian(current_db(), patient, command, today=records.today(), now=clock.now())
    return json_with_etag(_GUARDIAN.dump(added), 201)


@routes.view("/guardians/<uuid:guardian_id>", permission="patients.read", reads="guardian", response=_GUARDIAN)
def get_guardian(guardian_id: UUID) -> Response:
    """One guardian."""
    found = queries.find_guardian(current_db(), guardian_id)
    if found is None:
        raise NotFound("guardian")
    records.shows(records.readable(found.patient_id), found.id)
    return json_with_etag(_GUARDIAN.dump(found))


@routes.view(
    "/guardians/<uuid:guardian_id>",
    "PATCH",
    permission="patients.write",
    reads="guardian",
    body=schemas.GuardianPatch(),
    response=_GUARDIAN,
)
def update_guardian(command: UpdateGuardian, guardian_id: UUID) -> Response:
    """Change a guardian's name, contacts or relation."""
    guardian, patient = _locked(guardian_id)
    records.shows(patient, guardian.id)  # a change of nothing leaves no audit row, and shows the record
    operations.update_guardian(current_db(), guardian, patient, command, today=records.today(), now=clock.now())
    return json_with_etag(_GUARDIAN.dump(guardian))


@routes.view(
    "/guardians/<uuid:guardian_id>/rights",
    "POST",
    permission="patients.write",
    body=schemas.RightBody(),
    response=_GUARDIAN,
    status=201,
)
def give_right(command: GiveRight, guardian_id: UUID) -> Response:
    """Give a guardian a right to consent for the patient."""
    guardian, _ = _locked(guardian_id)
    return json_with_etag(_GUARDIAN.dump(operations.give_right(current_db(), guardian, command, now=clock.now())), 201)


@routes.view(
    "/guardians/<uuid:guardian_id>/end",
    "POST",
    permission="patients.write",
    body=schemas.GuardianEndBody(),
    response=_GUARDIAN,
)
def end_guardian(command: EndGuardian, guardian_id: UUID) -> Response:
    """Let a guardian speak for the patient no longer. All rights to consent end with it."""
    guardian, patient = _locked(guardian_id)
    operations.end_guardian(current_db(), guardian, patient, command, today=records.today(), now=clock.now())
    return json_with_etag(_GUARDIAN.dump(guardian))


def _locked(guardian_id: UUID) -> tuple[Guardian, Patient]:
    guardian, patient = operations.locked_guardian(current_db(), guardian_id)
    records.check(patient)
    check_if_match(_GUARDIAN.dump(guardian))
    return guardian, patient
