"""Patients."""

from typing import Any
from uuid import UUID

from flask import Response, current_app

from jalsa.http import PageOf, Routes, check_if_match, current_db, current_principal, json_with_etag, page, page_of
from jalsa.http.paging import decode_id_cursor
from jalsa.service import clock
from jalsa.service.errors import NotFound
from jalsa.service.policy import authorise
from patient_files.http.schemas import patients as schemas
from patient_files.models import Patient
from patient_files.patients import operations, queries
from patient_files.patients.commands import FindPatients, RegisterPatient, UpdatePatient
from patient_files.policy import POLICY

routes = Routes("patients", "Patients")

_PATIENT = schemas.PatientAnswer()


@routes.view(
    "/patients", "POST", permission="patients.write", body=schemas.PatientBody(), response=_PATIENT, status=201
)
def register_patient(command: RegisterPatient) -> Response:
    """Register a patient; the main file is opened with it."""
    zone = current_app.extensions["jalsa"].config.default_timezone
    patient = operations.register_patient(current_db(), command, zone=zone, now=clock.now())
    return json_with_etag(_PATIENT.dump(patient), 201)


@routes.view(
    "/patients", permission="patients.read", query=schemas.PatientArgs(), response=page_of(schemas.PatientAnswer)
)
def list_patients(query: PageOf[FindPatients]) -> dict[str, Any]:
    """The tenant's patients, in the order of their registration, or the one with a file number.

    Without a file number it is for front-desk, records and managers: it gives everybody's identifiers.
    """
    if query.asked.file_number is None:
        authorise(POLICY, "patients.list", current_principal())
    after = decode_id_cursor(query.cursor)
    rows = queries.list_patients(current_db(), query.asked, after=after, limit=query.limit + 1)
    return page(rows, query.limit, lambda row: str(row.id), lambda row: row)


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
def update_patient(command: UpdatePatient, patient_id: UUID) -> Response:
    """Change a patient's names, contacts or language, or end the patient's care here."""
    patient = _found(patient_id, lock=True)
    check_if_match(_PATIENT.dump(patient))
    return json_with_etag(_PATIENT.dump(operations.update_patient(current_db(), patient, command, now=clock.now())))


def _found(patient_id: UUID, *, lock: bool = False) -> Patient:
    patient = queries.find_patient(current_db(), patient_id, lock=lock)
    if patient is None:
        raise NotFound("patient")
    return patient
