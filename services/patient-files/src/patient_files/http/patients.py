"""Patients."""

from typing import Any
from uuid import UUID

from flask import Response

from jalsa.http import (
    PageOf,
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
from jalsa.service.commands import UNSET
from jalsa.service.policy import authorise
from patient_files.errors import PatientExists
from patient_files.http import duplicates, records
from patient_files.http.schemas import patients as schemas
from patient_files.patients import queries
from patient_files.patients.commands import FindPatients, IdentifyPatient, RegisterPatient, UpdatePatient
from patient_files.policy import POLICY, authorise_correction
from patient_files.use_cases import records as use_cases
from patient_files.use_cases import registration

routes = Routes("patients", "Patients")

_PATIENT = schemas.PatientAnswer()


@routes.view(
    "/patients", "POST", permission="patients.write", body=schemas.PatientBody(), response=_PATIENT, status=201
)
def register_patient(command: RegisterPatient) -> Response:
    """Register a patient; the main file is opened with it.

    Somebody who is certainly a patient already is refused with the candidates: those who have one of the identifiers,
    or whose names, birth, sex and a contact are equal. A `duplicate_override` says why it is somebody else.
    """
    try:
        patient = registration.register_patient(current_db(), command, zone=records.zone(), now=clock.now())
    except PatientExists as refusal:
        raise type(refusal)(duplicates.shown(refusal)) from None
    return json_with_etag(records.shown(patient), 201)


@routes.view(
    "/patients",
    permission="patients.read",
    reads="patient",
    query=schemas.PatientArgs(),
    response=page_of(schemas.PatientAnswer),
)
def list_patients(query: PageOf[FindPatients]) -> dict[str, Any]:
    """The tenant's patients, in the order of their registration, or the one with a file number.

    Without a file number it is for front-desk, records and managers: it gives everybody's identifiers.
    """
    if query.asked.file_number is None:
        authorise(POLICY, "patients.list", current_principal())
    after = decode_id_cursor(query.cursor)
    rows = queries.list_patients(current_db(), query.asked, after=after, limit=query.limit + 1)
    records.shows_all(rows[: query.limit])
    return page_by_id(rows, query.limit, records.values)


@routes.view("/patients/<uuid:patient_id>", permission="patients.read", reads="patient", response=_PATIENT)
def get_patient(patient_id: UUID) -> Response:
    """One patient."""
    patient = records.readable(patient_id, whole=False)
    records.shows(patient, patient.id)
    return json_with_etag(records.shown(patient))


@routes.view(
    "/patients/<uuid:patient_id>",
    "PATCH",
    permission="patients.write",
    reads="patient",
    body=schemas.PatientPatch(),
    response=_PATIENT,
)
def update_patient(command: UpdatePatient, patient_id: UUID) -> Response:
    """Change a patient's record, or end the patient's care here.

    What tells a patient from others is corrected by records, managers and integrations, and within a day of the
    registration by the front desk. Whoever corrects a restricted record reads all of it. Records and managers restrict
    a record.
    """
    patient, now = records.locked(patient_id, whole=command.corrects), clock.now()
    if command.corrects:
        authorise_correction(current_principal(), patient.created_at, now)
    if command.restricted is not UNSET:
        authorise(POLICY, "patients.restrict", current_principal())
    records.shows(patient, patient.id)  # a change of nothing leaves no audit row, and shows the record
    check_if_match(records.shown(patient))
    use_cases.update_patient(current_db(), patient, command, zone=records.zone(), now=now)
    return json_with_etag(records.shown(patient))


@routes.view(
    "/patients/<uuid:patient_id>/identify",
    "POST",
    permission="patients.write",
    body=schemas.IdentifyBody(),
    response=_PATIENT,
)
def identify_patient(command: IdentifyPatient, patient_id: UUID) -> Response:
    """Say who a newborn or somebody unknown is. What is not given stays as it was registered."""
    patient = records.locked(patient_id)
    check_if_match(records.shown(patient))
    use_cases.identify_patient(current_db(), patient, command, zone=records.zone(), now=clock.now())
    return json_with_etag(records.shown(patient))
