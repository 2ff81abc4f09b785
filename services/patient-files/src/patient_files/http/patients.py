"""Patients."""

from typing import Any
from uuid import UUID

from flask import Response, current_app

from jalsa.http import Routes, check_if_match, current_db, current_principal, json_with_etag, page, page_of
from jalsa.http.paging import decode_id_cursor
from jalsa.service import clock
from jalsa.service.errors import NotFound
from jalsa.service.policy import authorise
from patient_files import operations, queries
from patient_files.http import schemas
from patient_files.models import Patient
from patient_files.policy import POLICY

routes = Routes("patients", "Patients")

_PATIENT = schemas.PatientAnswer()


@routes.view(
    "/patients", "POST", permission="patients.write", body=schemas.PatientBody(), response=_PATIENT, status=201
)
def register_patient(body: dict[str, Any]) -> Response:
    """Register a patient; the main file is opened with it."""
    zone = current_app.extensions["jalsa"].config.default_timezone
    patient = operations.register_patient(current_db(), body, zone=zone, now=clock.now())
    return json_with_etag(_PATIENT.dump(patient), 201)


@routes.view(
    "/patients", permission="patients.read", query=schemas.PatientArgs(), response=page_of(schemas.PatientAnswer)
)
def list_patients(args: dict[str, Any]) -> dict[str, Any]:
    """The tenant's patients, in the order of their registration, or the one with a file number.

    Without a file number it is for front-desk, records and managers: it gives everybody's identifiers.
    """
    if args["file_number"] is None:
        authorise(POLICY, "patients.list", current_principal())
    after, limit = decode_id_cursor(args["cursor"]), args["limit"]
    rows = queries.list_patients(current_db(), file_number=args["file_number"], after=after, limit=limit + 1)
    return page(rows, limit, lambda row: str(row.id), lambda row: row)


@routes.view("/patients/<uuid:patient_id>", permission="patients.read", response=_PATIENT)
def get_patient(patient_id: UUID) -> Response:
    """One patient."""
    return json_with_etag(_PATIENT.dump(_found(patient_id)))


@routes.view(
    "/patients/<uuid:patient_id>",
    "PATCH",
    permission="patients.write",
    body=schemas.PatientPatch(),
    response=_PATIENT,
)
def update_patient(body: dict[str, Any], patient_id: UUID) -> Response:
    """Change a patient's names, contacts or language, or end the patient's care here."""
    patient = _found(patient_id, lock=True)
    check_if_match(_PATIENT.dump(patient))
    return json_with_etag(_PATIENT.dump(operations.update_patient(current_db(), patient, body, now=clock.now())))


def _found(patient_id: UUID, *, lock: bool = False) -> Patient:
    patient = queries.find_patient(current_db(), patient_id, lock=lock)
    if patient is None:
        raise NotFound("patient")
    return patient
